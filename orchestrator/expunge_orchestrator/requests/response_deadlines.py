"""Response deadlines of requests: set at intake, extended once, and listed when due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from expunge_config.datamap import DataMap, DeadlineSpec
from expunge_connectors.contract import Scope
from expunge_orchestrator import deadlines
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.errors import ExtensionRefusedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import accepted_in, lock_chunks
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.receipts import statement_bodies, statement_issuer
from expunge_orchestrator.requests import repository
from expunge_orchestrator.requests.repository import Request
from expunge_orchestrator.requests.request_states import RequestState
from expunge_orchestrator.requests.withdrawal import AlreadyOverError
from expunge_orchestrator.rules import owed
from expunge_orchestrator.rules.outcomes import Result
from expunge_reports.keys import KeyRing
from expunge_reports.statement import OpenCopies

Clock = Literal["statute", "promise"]

REASONS = {
    "complexity": "The complexity of the request",
    "number-of-requests": "The number of requests",
}
"""What the law accepts as a reason (GDPR Art. 12(3)), as it stands on the receipt: no free text, so no name."""

ANSWER_BY = request.c.deadlines["answerBy"].as_string()
"""When what ends first is over; null where no clock runs."""

_UNANSWERED = sa.exists().where(
    tables.item.c.batch_id == request.c.batch_id,
    sa.or_(tables.item.c.outcome.is_(None), tables.item.c.outcome.in_([Result.FAILED.value, Result.ON_HOLD.value])),
)
"""No end was stated to the person yet. What a settling check finds later is no new question."""


def clocks_of(
    scope: Scope, data_map: DataMap, received_at: datetime, controller_received_at: datetime | None
) -> dict[str, Any] | None:
    """The document about deadlines of a request that is taken in now; None where its controller has none.

    Raises:
        DeadlineError: The controller is said to have received it later than we did.
        CalendarEndsError: The calendar does not hold the years in question.
    """
    spec = _spec(scope, data_map)
    if spec is None:
        return None
    return deadlines.document(deadlines.calculate(spec, received_at, controller_received_at))


def extend(  # noqa: PLR0913 - which clock of what, until when, why, and when that was said
    connection: sa.Connection,
    wanted: Request,
    clock: Clock,
    *,
    reason: str,
    until: date | None,
    at: datetime,
    data_map: DataMap,
    signing: KeyRing,
) -> Request:
    """Extend one clock of a request that is not answered yet, and state it where the deadlines were stated already.

    Args:
        connection: In a transaction that writes.
        wanted: The request.
        clock: The law's, by what the law gives; or the promise, to a day.
        reason: A key of `REASONS`.
        until: The promise's new last day.
        at: When the person, or the client, was told.
        data_map: Its closing days count for a promise that is moved.
        signing: Signs the statement.

    Raises:
        AlreadyOverError: It is answered, or was taken back.
        ExtensionRefusedError: `deadlines.calculation` says why not.
    """
    if wanted.batch_id is not None:
        lock_chunks(connection, wanted.batch_id)  # as steps do: before the writers' lock
    serialise_writers(connection)  # of two extensions the second sees the first
    now = repository.by_uid(connection, wanted.uid)
    if now.state in {RequestState.CANCELLED, RequestState.DENIED} or _answered(connection, now):
        raise AlreadyOverError
    if now.deadlines is None:
        raise ExtensionRefusedError(
            "No deadline runs for this request.", remedy="The data map says whose requests have one: `deadline:`."
        )
    spec = _spec(now.scope, data_map)
    clocks = deadlines.restore(now.deadlines, () if spec is None else spec.closed)
    if clock == "statute":
        if until is not None:
            raise ExtensionRefusedError("The law says how long its clock is extended.", remedy="Leave `until` away.")
        clocks = deadlines.extend_statute(clocks, at=at, reason=REASONS[reason])
    elif until is None:
        raise ExtensionRefusedError("A promise is moved to a day.", remedy="Name it: `until`.")
    else:
        clocks = deadlines.extend_promise(clocks, to=until, at=at, reason=REASONS[reason])
    extended = deadlines.document(clocks)
    connection.execute(sa.update(request).where(request.c.id == now.id).values(deadlines=extended))
    if now.batch_uid is not None:
        _state(connection, batch_by_uid(connection, now.batch_uid), extended, signing, at)
    return repository.by_uid(connection, wanted.uid)


def _state(
    connection: sa.Connection, batch: Batch, extended: Mapping[str, object], signing: KeyRing, at: datetime
) -> None:
    people = accepted_in(connection, batch.id)
    if not people:  # `accepted` will say so
        return
    cited = statement_issuer.store_document(connection, extended)
    counted = statement_issuer.copies_counted(connection, [series for _, series, _ in people])
    drafts = []
    for number, series, subjects in people:
        copies, *lists = counted.get(series, (OpenCopies(),))
        body = statement_bodies.extended(batch, [cited, *lists])
        still_open = owed.answer([extended], copies)
        drafts.append(statement_issuer.StatementDraft(number, series, "extended", subjects, body, still_open))
    statement_issuer.issue(connection, signing, drafts, at)


def due(moment: datetime) -> sa.ColumnElement[bool]:
    """Requests that are to be answered by then and are not; in terms of `repository.QUERY`, which joins their batch."""
    waiting = sa.or_(
        request.c.state.in_([RequestState.SCHEDULED.value, RequestState.STARTING.value]),
        sa.and_(
            request.c.state == RequestState.STARTED.value,
            _UNANSWERED,
        ),
    )
    return sa.and_(waiting, stamp(moment) >= ANSWER_BY)


def how_many_due(connection: sa.Connection, moment: datetime) -> int:
    """How many requests are not answered and are to be by then, or were to be."""
    waiting = (
        sa.select(sa.func.count())
        .select_from(request.outerjoin(tables.batch, tables.batch.c.id == request.c.batch_id))
        .where(due(moment))
    )
    return int(connection.execute(waiting).scalar_one())


def _answered(connection: sa.Connection, wanted: Request) -> bool:
    started = sa.select(request.c.id).where(request.c.id == wanted.id, request.c.batch_id.is_not(None), ~_UNANSWERED)
    return connection.execute(started).first() is not None


def _spec(scope: Scope, data_map: DataMap) -> DeadlineSpec | None:
    controller = data_map.controllers.get(scope.controller)
    return None if controller is None else controller.deadline_of(scope.member)
