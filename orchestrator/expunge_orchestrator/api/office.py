"""The office: what every call works with, built once when the server starts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from expunge_orchestrator.access.tokens import Issuers
from expunge_orchestrator.clock import now
from expunge_orchestrator.workspace import Workspace

Clock = Callable[[], datetime]


def _nothing() -> None:
    """Nobody is waiting to be told."""


@dataclass(frozen=True, slots=True)
class Office:
    """What every call works with.

    Attributes:
        clock: The API's own clock; stores have theirs.
        wake: Tells the worker that something is due at once.
    """

    workspace: Workspace
    issuers: Issuers
    clock: Clock = now
    wake: Callable[[], None] = field(default=_nothing, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction of the ledger that writes.

        SQLite has one writer, and whoever meets another sleeps a while before it looks again: calls of this process
        take turns here instead.
        """
        turn = self._turn if self.workspace.ledger.dialect.name == "sqlite" else nullcontext()
        with turn, self.workspace.ledger.begin() as connection:
            yield connection


def office_of(workspace: Workspace, clock: Clock = now, wake: Callable[[], None] = _nothing) -> Office:
    """The office of an installation."""
    return Office(workspace, Issuers.of(workspace.settings.api.issuers, workspace.keys.lookup), clock, wake)
