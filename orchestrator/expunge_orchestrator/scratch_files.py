"""Scratch files: what a long list lies in while it is worked with. That their disk is full is no defect of ours."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from expunge_config.errors import ConfigError


@contextmanager
def usable() -> Iterator[None]:
    """Work with one.

    Raises:
        ConfigError: It cannot be written or read.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"Temporary files cannot be written or read ({type(error).__name__}); nothing was changed.",
            remedy="Make room in the temporary directory, or name another one in TMPDIR.",
        ) from None


def database(owner: object, table: str) -> sqlite3.Connection:
    """A database with one table, in a file without a name, as long as its owner lives. Nothing of it is ever committed.

    Raises:
        ConfigError: It cannot be made.
    """
    with usable():
        made = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(owner, made.close)
        made.execute("PRAGMA journal_mode = OFF")
        made.execute(table)
        made.execute("BEGIN")  # it is nobody else's, and each row would be a transaction
    return made
