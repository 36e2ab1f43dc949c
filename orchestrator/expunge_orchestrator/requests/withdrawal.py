"""Request withdrawal: cancelled or denied before its batch starts; denied later if it can never be planned.

Each is one conditional UPDATE, so that of a race one side wins.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from expunge_config.errors import ExpungeError
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import audit_log
from expunge_orchestrator.ledger.request_tables import request, request_open
from expunge_orchestrator.requests import repository
from expunge_orchestrator.requests.repository import Request
from expunge_orchestrator.requests.request_states import RequestState

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


def cancel(connection: sa.Connection, wanted: Request, by: str, at: datetime) -> Request:
    """Take a request back that has not started. Taken back once more, it stays as it is.

    Raises:
        TooLateError: It has begun.
        AlreadyOverError: It was denied.
    """
    return _end(connection, wanted, RequestState.CANCELLED, by, at, None)


def deny(connection: sa.Connection, wanted: Request, by: str, at: datetime, reason: str) -> Request:
    """Refuse a request that has not started, for a reason of the list that the API knows.

    Raises:
        TooLateError: It has begun.
        AlreadyOverError: It was cancelled.
    """
    return _end(connection, wanted, RequestState.DENIED, by, at, reason)


def _end(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection, wanted: Request, after: RequestState, by: str, at: datetime, reason: str | None
) -> Request:
    ended = connection.execute(
        sa.update(request)
        .where(request.c.id == wanted.id, request.c.state == RequestState.SCHEDULED.value)
        .values(
            state=after.value,
            state_at=stamp(at),
            changed_by=by,
            reason=reason,
            wrapped_key=None,
            sealed_identifiers=None,
        )
    ).rowcount
    if ended:
        close(connection, wanted.id)
    now = repository.by_uid(connection, wanted.uid)
    if now.state in {RequestState.STARTING, RequestState.STARTED}:
        raise TooLateError
    if now.state is not after:
        raise AlreadyOverError
    return now


def deny_unplannable(connection: sa.Connection, wanted: Request, at: datetime, reason: str, failure: str) -> bool:
    """Deny what was to be planned and never can be; nothing was touched. False: another process was faster.

    Args:
        connection: In a transaction that writes.
        wanted: The request.
        at: When.
        reason: A word, for machines.
        failure: The same for people; names places, never values.
    """
    ended = connection.execute(
        sa.update(request)
        .where(request.c.id == wanted.id, request.c.state == RequestState.STARTING.value)
        .values(
            state=RequestState.DENIED.value,
            state_at=stamp(at),
            changed_by=WORKER,
            reason=reason,
            failure=failure,
            not_before=None,
            wrapped_key=None,
            sealed_identifiers=None,
        )
    ).rowcount
    if ended:
        close(connection, wanted.id)
        audit_log.append(connection, at, WORKER, DENIED, wanted.uid, reason)
    return bool(ended)


def close(connection: sa.Connection, request_id: int) -> None:
    """From now on the person can ask anew."""
    connection.execute(sa.delete(request_open).where(request_open.c.request_id == request_id))
