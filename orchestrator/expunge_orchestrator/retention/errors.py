"""Errors of retention, with their exit codes (docs/exit-codes.md)."""

from __future__ import annotations

from typing import ClassVar

from expunge_config.errors import ExpungeError
from expunge_orchestrator.errors import BatchBlockedError


class NotArmedError(BatchBlockedError):
    """Nothing is deleted by age: nobody armed it, or not under this data map."""


class RunawayError(BatchBlockedError):
    """More would go than somebody gave leave for: the sweep stopped, and asks."""


class RetentionBehindError(ExpungeError):
    """What is due is not going: nothing went although something could, or no sweep ran in time."""

    exit_code: ClassVar[int] = 15


class DriftError(ExpungeError):
    """A store keeps records for longer than the data map declares, or not for as long as a law or a hold demands."""

    exit_code: ClassVar[int] = 16
