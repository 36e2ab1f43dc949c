"""Errors of the orchestrator with their exit codes (docs/exit-codes.md)."""

from __future__ import annotations

from typing import ClassVar

from expunge_config.errors import ExpungeError, UsageError


class NotErasedError(ExpungeError):
    """Not everything that was due is gone; the request is not done."""

    exit_code: ClassVar[int] = 1


class NotLocatedError(ExpungeError):
    """It cannot be said of everybody in the list what is held."""

    exit_code: ClassVar[int] = 1


class FindingsError(ExpungeError):
    """The data map and the live stores disagree; nothing was touched.

    Args:
        message: As of every error.
        remedy: As of every error.
        number: How many errors `check` shows.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, message: str | None = None, *, remedy: str | None = None, number: int = 1) -> None:
        self.number = number
        super().__init__(message, remedy=remedy)


class IncompleteSelectionError(UsageError):
    """These data types cannot be erased without others; nothing was touched."""


class PlanChangedError(ExpungeError):
    """What was planned is not what would be carried out now; nothing was touched."""

    exit_code: ClassVar[int] = 6


class StoreMismatchError(PlanChangedError):
    """A store is not the one that the plan was made for; nothing was touched."""


class NotConfirmedError(ExpungeError):
    """Nothing was touched: the plan was not confirmed."""

    exit_code: ClassVar[int] = 7


class BatchBlockedError(ExpungeError):
    """Nothing was done: the batch waits for somebody's word."""

    exit_code: ClassVar[int] = 11


class LeftoversFoundError(ExpungeError):
    """Something of the people stands where the data map allows nothing of them."""

    exit_code: ClassVar[int] = 14


class ErasedPeopleBackError(ExpungeError):
    """A store holds people again who were erased: it was restored from a copy."""

    exit_code: ClassVar[int] = 17


class PartlySearchedError(ExpungeError):
    """Nothing was found, but not everything could be searched."""

    exit_code: ClassVar[int] = 13


class LedgerError(ExpungeError):
    """The ledger cannot be used."""

    exit_code: ClassVar[int] = 9


class LedgerBusyError(LedgerError):
    """Another process is running batches of this ledger."""


class LedgerReplacedError(LedgerError):
    """The ledger's file was replaced or removed while it was open: nothing is written."""


class LedgerBehindError(LedgerError):
    """The ledger is older than its own log: it was restored or founded anew, and must be reconciled first."""


RECONCILE = "Restore a newer ledger, or reconcile it with the log, before anything is run."
"""The remedy of `LedgerBehindError`."""


class UnknownBatchError(ExpungeError):
    """There is no such batch in this ledger."""

    exit_code: ClassVar[int] = 2


class KeysError(ExpungeError):
    """The keys cannot be used."""

    exit_code: ClassVar[int] = 10


class DeadlineError(ExpungeError):
    """The clock of a request cannot be set like that."""

    exit_code: ClassVar[int] = 2


class ExtensionRefusedError(DeadlineError):
    """The deadline cannot be extended like that."""
