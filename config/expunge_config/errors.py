"""Error hierarchy (`ExpungeError`): the class docstring is the default message, the class carries the exit code."""

from __future__ import annotations

import inspect
from typing import ClassVar


class ExpungeError(Exception):
    """Something went wrong.

    Messages name stores, collections, columns, line and item numbers; never a value that came from a person's record
    or from a request. Every error of Expunge derives from this class, so that one place prints and exits.

    Args:
        message: What happened; the first line of the class docstring when absent.
        remedy: What the reader can do next, in one sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        self.message = message or (inspect.getdoc(type(self)) or type(self).__name__).splitlines()[0]
        self.remedy = remedy
        super().__init__(self.message)


class UsageError(ExpungeError):
    """The command was called in a way that cannot be carried out."""

    exit_code = 2


class ConfigError(ExpungeError):
    """The settings cannot be used."""

    exit_code = 3


class DataMapError(ConfigError):
    """The data map cannot be used."""


class InputError(ExpungeError):
    """The list of people cannot be used."""

    exit_code = 4
