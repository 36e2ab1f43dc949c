"""Response deadlines of requests: set at intake, and extended once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from expunge_config.datamap import DataMap, DeadlineSpec
from expunge_connectors.contract import Scope
from expunge_orchestrator import deadlines
from expunge_orchestrator.errors import ExtensionRefusedError
from expunge_orchestrator.ledger import Transaction, request_transitions, requests, requests_due
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import accepted_in, lock_chunks
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.receipts import statement_bodies, statement_issuer
from expunge_orchestrator.requests.withdrawal import AlreadyOverError
from expunge_orchestrator.rules import owed
from expunge_reports.keys import KeyRing
from expunge_reports.statement import OpenCopies

Clock = Literal["statute", "promise"]

REASONS = {
    "complexity": "The complexity of the request",
    "number-of-requests": "The number of requests",
}
"""What the law accepts as a reason (GDPR Art. 12(3)), as it stands on the receipt: no free text, so no name."""


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
    connection: Transaction,
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
    now = requests.by_uid(connection, wanted.uid)
    if now.state in {RequestState.CANCELLED, RequestState.DENIED} or requests_due.is_answered(connection, now.id):
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
    request_transitions.set_deadlines(connection, now.id, extended)
    if now.batch_uid is not None:
        _state(connection, batch_by_uid(connection, now.batch_uid), extended, signing, at)
    return requests.by_uid(connection, wanted.uid)


def _state(
    connection: Transaction, batch: Batch, extended: Mapping[str, object], signing: KeyRing, at: datetime
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


def _spec(scope: Scope, data_map: DataMap) -> DeadlineSpec | None:
    controller = data_map.controllers.get(scope.controller)
    return None if controller is None else controller.deadline_of(scope.member)
