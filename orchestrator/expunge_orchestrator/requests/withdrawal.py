"""Request withdrawal: cancelled or denied before its batch starts; denied later if it can never be planned.

Each is one conditional UPDATE, so that of a race one side wins.
"""

from __future__ import annotations

from datetime import datetime

from expunge_config.errors import ExpungeError
from expunge_orchestrator.ledger import Transaction, audit_log, request_transitions, requests
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Request

WORKER = "worker"
"""Who did it, where nobody said it."""

DENIED = "erasure_request.deny"
"""In the audit trail, as when somebody denies it."""


class TooLateError(ExpungeError):
    """It has begun: it cannot be taken back any more."""

    exit_code = 11


class AlreadyOverError(ExpungeError):
    """It is over already: there is nothing to do."""

    exit_code = 11


def cancel(connection: Transaction, wanted: Request, by: str, at: datetime) -> Request:
    """Take a request back that has not started. Taken back once more, it stays as it is.

    Raises:
        TooLateError: It has begun.
        AlreadyOverError: It was denied.
    """
    return _end(connection, wanted, RequestState.CANCELLED, by, at, None)


def deny(connection: Transaction, wanted: Request, by: str, at: datetime, reason: str) -> Request:
    """Refuse a request that has not started, for a reason of the list that the API knows.

    Raises:
        TooLateError: It has begun.
        AlreadyOverError: It was cancelled.
    """
    return _end(connection, wanted, RequestState.DENIED, by, at, reason)


def _end(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: Transaction, wanted: Request, after: RequestState, by: str, at: datetime, reason: str | None
) -> Request:
    request_transitions.withdraw(connection, wanted.id, after, by, at, reason)
    now = requests.by_uid(connection, wanted.uid)
    if now.state in {RequestState.STARTING, RequestState.STARTED}:
        raise TooLateError
    if now.state is not after:
        raise AlreadyOverError
    return now


def deny_unplannable(connection: Transaction, wanted: Request, at: datetime, reason: str, failure: str) -> bool:
    """Deny what was to be planned and never can be; nothing was touched. False: another process was faster.

    Args:
        connection: In a transaction that writes.
        wanted: The request.
        at: When.
        reason: A word, for machines.
        failure: The same for people; names places, never values.
    """
    ended = request_transitions.deny_fenced(connection, wanted.id, WORKER, at, reason, failure)
    if ended:
        audit_log.append(connection, at, WORKER, DENIED, wanted.uid, reason)
    return ended
