"""Transitions of a request: what writes its row. Each is one conditional UPDATE, so that of a race one side wins.

`scheduled` -> `starting` when it is due -> `started` in the transaction that freezes its plan; `scheduled` may end as
`cancelled` or `denied`, `starting` as `denied`. Identifiers go with the last state that needs them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.request_tables import request, request_open, request_tag

# Made once: to put a statement together takes longer than to carry it out.
_INSERT = sa.insert(request).returning(request.c.id)
_TAG = sa.insert(request_tag)
_OPEN = sa.insert(request_open)

_WITHOUT_IDENTIFIERS = {"wrapped_key": None, "sealed_identifiers": None}


def insert(connection: sa.Connection, row: Mapping[str, Any], tags: Sequence[bytes], open_tags: Sequence[bytes]) -> int:
    """A new request. Returns its number.

    Args:
        connection: In a transaction that writes.
        row: Its columns, but for its number.
        tags: Of its identifiers.
        open_tags: Under which the person has one open request at a time; a controller's has none.
    """
    number = int(connection.execute(_INSERT, row).scalar_one())
    connection.execute(_TAG, [{"tag": tag, "request_id": number} for tag in tags])
    if open_tags:
        connection.execute(_OPEN, [{"tag": tag, "request_id": number} for tag in open_tags])
    return number


def fence(connection: sa.Connection, ids: Collection[int], at: datetime) -> int:
    """`scheduled` -> `starting`: from here on they cannot be taken back. Returns how many moved."""
    return connection.execute(
        sa.update(request)
        .where(request.c.id.in_(ids), request.c.state == RequestState.SCHEDULED.value)
        .values(state=RequestState.STARTING.value, state_at=stamp(at))
    ).rowcount


def plan(connection: sa.Connection, number: int, batch_id: int, at: datetime) -> bool:
    """`starting` -> `started`: the request has this batch, and the batch alone has the identifiers.

    Returns False where another process was faster.
    """
    return _moved(
        connection,
        sa.update(request)
        .where(request.c.id == number, request.c.state == RequestState.STARTING.value)
        .values(
            state=RequestState.STARTED.value,
            state_at=stamp(at),
            batch_id=batch_id,
            failure=None,
            attempts=0,
            not_before=None,
            **_WITHOUT_IDENTIFIERS,
        ),
    )


def replace_batch(  # noqa: PLR0913, PLR0917 - which request, from and to which batch, when, and when it may begin
    connection: sa.Connection, number: int, old: int, new: int, at: datetime, not_before: datetime | None
) -> bool:
    """The request has a new batch in place of an old one. False: it has another one already.

    Args:
        connection: In the transaction that freezes the new plan.
        number: The request.
        old: Its batch so far.
        new: Its batch from now on.
        at: When.
        not_before: Until when it is put off, as one attempt more; None: it may begin at once.
    """
    return _moved(
        connection,
        sa.update(request)
        .where(request.c.id == number, request.c.batch_id == old)
        .values(
            batch_id=new,
            state_at=stamp(at),
            failure=None,
            attempts=0 if not_before is None else request.c.attempts + 1,
            not_before=None if not_before is None else stamp(not_before),
        ),
    )


def put_off(connection: sa.Connection, number: int, until: datetime, failure: str) -> None:
    """One attempt failed; the next one is made no earlier than then."""
    connection.execute(
        sa.update(request)
        .where(request.c.id == number)
        .values(attempts=request.c.attempts + 1, not_before=stamp(until), failure=_short(failure))
    )


def retry_now(connection: sa.Connection, number: int) -> bool:
    """What was put off before it was planned may be tried at once. False: it was planned since it was read."""
    return _moved(
        connection,
        sa.update(request)
        .where(request.c.id == number, request.c.state == RequestState.STARTING.value)
        .values(not_before=None, attempts=0),
    )


def withdraw(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection, number: int, after: RequestState, by: str, at: datetime, reason: str | None
) -> bool:
    """`scheduled` -> `cancelled` or `denied`. False: it is in another state."""
    return _ended(
        connection,
        sa.update(request)
        .where(request.c.id == number, request.c.state == RequestState.SCHEDULED.value)
        .values(state=after.value, state_at=stamp(at), changed_by=by, reason=reason, **_WITHOUT_IDENTIFIERS),
        number,
    )


def deny_fenced(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection, number: int, by: str, at: datetime, reason: str, failure: str
) -> bool:
    """`starting` -> `denied`: it can never be planned. False: another process was faster.

    Args:
        connection: In a transaction that writes.
        number: The request.
        by: Who denies it.
        at: When.
        reason: A word, for machines.
        failure: The same for people; names places, never values.
    """
    return _ended(
        connection,
        sa.update(request)
        .where(request.c.id == number, request.c.state == RequestState.STARTING.value)
        .values(
            state=RequestState.DENIED.value,
            state_at=stamp(at),
            changed_by=by,
            reason=reason,
            failure=_short(failure),
            not_before=None,
            **_WITHOUT_IDENTIFIERS,
        ),
        number,
    )


def close(connection: sa.Connection, number: int) -> None:
    """From now on the person can ask anew."""
    connection.execute(sa.delete(request_open).where(request_open.c.request_id == number))


def set_deadlines(connection: sa.Connection, number: int, document: Mapping[str, Any]) -> None:
    """Its deadlines from now on."""
    connection.execute(sa.update(request).where(request.c.id == number).values(deadlines=document))


def tell(connection: sa.Connection, number: int, before: str | None, event: str) -> bool:
    """Note the last event of which the person was informed. False: another process noted one since it was read."""
    return _moved(
        connection,
        sa.update(request)
        .where(request.c.id == number, request.c.told.is_not_distinct_from(before))
        .values(told=event),
    )


def forget_contact(connection: sa.Connection, number: int) -> None:
    """Nobody is written to any more: the address goes from the ledger; older copies of it still hold it, sealed."""
    connection.execute(
        sa.update(request)
        .where(request.c.id == number, request.c.contact_key.is_not(None))
        .values(contact_key=None, sealed_contact=None)
    )


def _ended(connection: sa.Connection, update: sa.Update, number: int) -> bool:
    ended = _moved(connection, update)
    if ended:
        close(connection, number)
    return ended


def _moved(connection: sa.Connection, update: sa.Update) -> bool:
    return bool(connection.execute(update).rowcount)


def _short(failure: str) -> str:
    return failure.splitlines()[0][: tables.LONGEST_REASON]
