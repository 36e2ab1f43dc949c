"""The office: what every call works with, built once when the server starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from expunge_orchestrator.api.write_queue import Clerk
from expunge_orchestrator.auth.jwt import Issuers
from expunge_orchestrator.clock import now
from expunge_orchestrator.workspace import Workspace

Clock = Callable[[], datetime]


def _nothing() -> None:
    """Nobody is waiting to be told."""


@dataclass(frozen=True, slots=True)
class Office:
    """What every call works with.

    Attributes:
        clerk: Writes for calls.
        clock: The API's own clock; stores have theirs.
        wake: Tells the worker that something is due at once.
    """

    workspace: Workspace
    issuers: Issuers
    clerk: Clerk = field(repr=False)
    clock: Clock = now
    wake: Callable[[], None] = field(default=_nothing, repr=False)


def office_of(workspace: Workspace, clock: Clock = now, wake: Callable[[], None] = _nothing) -> Office:
    """The office of an installation."""
    issuers = Issuers.of(workspace.settings.api.issuers, workspace.keys.lookup)
    return Office(workspace, issuers, Clerk(workspace.ledger), clock, wake)
