"""Application state shared by all calls, built once when the server starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from expunge_orchestrator.api.write_queue import GroupCommitWriter
from expunge_orchestrator.auth.jwt import TokenVerifier
from expunge_orchestrator.clock import now
from expunge_orchestrator.workspace import Workspace

Clock = Callable[[], datetime]


def _nothing() -> None:
    """Nobody is waiting to be told."""


@dataclass(frozen=True, slots=True)
class AppState:
    """What every call works with.

    Attributes:
        writer: Writes for calls.
        clock: The API's own clock; stores have theirs.
        wake: Tells the worker that something is due at once.
    """

    workspace: Workspace
    issuers: TokenVerifier
    writer: GroupCommitWriter = field(repr=False)
    clock: Clock = now
    wake: Callable[[], None] = field(default=_nothing, repr=False)


def build_state(workspace: Workspace, clock: Clock = now, wake: Callable[[], None] = _nothing) -> AppState:
    """The application state of an installation."""
    issuers = TokenVerifier.of(workspace.settings.api.issuers, workspace.keys.lookup)
    return AppState(workspace, issuers, GroupCommitWriter(workspace.ledger), clock, wake)
