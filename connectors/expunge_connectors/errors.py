"""Errors that may leave a connector: transient (retried) or terminal. Their text names places, never values (law 5).

What a driver raises is translated into them by `postgres/errors.py`, `redis/errors.py` and `s3/errors.py`.
"""

from __future__ import annotations

from typing import ClassVar

from expunge_config.errors import ExpungeError


class ConnectorError(ExpungeError):
    """A store could not be worked on.

    Raise one of the two families below, `from None`: a driver's own message may hold values of a record.
    """

    exit_code: ClassVar[int] = 8


class TransientError(ConnectorError):
    """The store did not answer as it should; the same call may succeed later."""


class TerminalError(ConnectorError):
    """The store refused; the same call will be refused again until somebody changes something."""


class AnswerLostError(TransientError):
    """The store was asked and its answer did not arrive: what it was asked to do may be done."""


class NotQuiescentError(TransientError):
    """Transactions older than the cutoff are still running, so nothing can be said about what they will commit."""


class StoreClockError(TransientError):
    """The store's clock differs by days from ours: what it dates would be no evidence."""


class SomeRecordsError(TransientError):
    """The store works and does not let go of some records now: whose they are can be found out."""


class TookTooLongError(SomeRecordsError):
    """The store ended what took too long: of fewer records at a time it may succeed."""


class LockTimeoutError(SomeRecordsError):
    """A lock was not to be had in time: others are at work on the same records."""


class StillReferencedError(TerminalError):
    """A record that should go is still referred to by one that stays.

    Or by one that came while the first was erased: so the call is made once more before the refusal is believed.
    """


class RightMissingError(TerminalError):
    """The store's role may not do what is needed."""


class UnknownMemberError(TerminalError):
    """No records of that member of a controller can be told by its name: the store spells members otherwise.

    Or a name of a record that holds it could be another member's.
    """

    exit_code: ClassVar[int] = 4


class DividedNameError(TerminalError):
    """A person's value holds the character that ends it in a name: what it names may be another person's.

    Args:
        message: As of any error.
        numbers: The subjects whose value it is.
        remedy: As of any error.
    """

    def __init__(self, message: str, *, numbers: frozenset[int], remedy: str | None = None) -> None:
        self.numbers = numbers
        super().__init__(message, remedy=remedy)


class IdentityChangedError(TerminalError):
    """The store behind this name is not the one that the plan was made for."""

    exit_code: ClassVar[int] = 6


class StructureChangedError(IdentityChangedError):
    """The store is not built any more as it was when the data map was held against it."""
