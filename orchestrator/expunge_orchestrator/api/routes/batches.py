"""Batches: lists of people, planned; what came of them. A single erasure request becomes a batch of one."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from expunge_orchestrator import json_views
from expunge_orchestrator.api.answer_streams import StreamedAnswer, held
from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.batch_watches import BatchWatches, Progress, WatchedBatch
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.event_stream import BatchEventStream
from expunge_orchestrator.api.idempotency_header import IdempotencyKeyHeader
from expunge_orchestrator.api.openapi import repeated
from expunge_orchestrator.api.pagination import Cursor, Limit, after
from expunge_orchestrator.api.problems import not_received_then
from expunge_orchestrator.api.schemas.batches import (
    Batch,
    BatchPage,
    BatchResult,
    BatchResultPage,
    BatchSummary,
    Plan,
)
from expunge_orchestrator.api.schemas.common import NameText
from expunge_orchestrator.api.work_breaks import WorkBreaks
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.ledger import Transaction, batches, idempotency, items
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.failures import RefusedRowError
from expunge_orchestrator.ledger.page_cursors import cursor
from expunge_orchestrator.planning import planner
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError, TimesOfReceipt
from expunge_orchestrator.subjects.csv_input import checked_people
from expunge_orchestrator.subjects.sealed_spool import SealedSpool
from expunge_orchestrator.workspace import Workspace

router = APIRouter(prefix="/v1/batches", tags=["batches"], route_class=CredentialFirst)


@router.post("", status_code=HTTPStatus.CREATED, response_model=Plan, responses=repeated(Plan),
             openapi_extra={
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"},
                    "example": "email\nann@mail.example\n"}}}})  # fmt: skip
async def create_batch(  # noqa: PLR0913, PLR0917 - the parameters of the operation
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_CREATE))],
    idempotency_key: IdempotencyKeyHeader,
    answer: Response,
    controller: Annotated[str, Query(min_length=1, max_length=264)],
    data_type: Annotated[
        list[NameText] | None, Query(max_length=100, description="Only data of these types; default: everything.")
    ] = None,
    received_at: Annotated[
        str | None,
        Query(
            max_length=40,
            description="When these people asked, for whom no column `received_at` says it: a day (2026-11-20) or a"
            " time with its zone (2026-11-20T09:30:00Z). Deadlines run from there. Default: when it is planned, and the"
            " receipts say so.",
        ),
    ] = None,
) -> Plan:
    """Plan a list of people (CSV with a header, as for `expunge plan`): counted in every store, nothing touched.

    Returns when it is planned. With the same Idempotency-Key: the same plan (200).
    """
    return await run_in_threadpool(_create, call, idempotency_key, answer, controller, data_type, received_at)


def _create(  # noqa: PLR0913, PLR0917 - as create_batch
    call: CallContext,
    key: str,
    answer: Response,
    controller: str,
    data_types: list[str] | None,
    received_at: str | None,
) -> Plan:
    workspace = call.state.workspace
    scope = parse_scope(controller, workspace.data_map)
    call.own(scope)
    wish = idempotency.IdempotencyKey.of(call.principal.actor, key, call.digest, workspace.keys)
    with reading(workspace.ledger) as connection:
        made = idempotency.existing(connection, wish)
    if made is None:
        try:
            times = TimesOfReceipt.of(scope, workspace.data_map, call.at, received_at)
        except TimeOfReceiptError as refused:
            raise not_received_then("received_at", refused) from None
        people = checked_people(call.upload or SealedSpool(), workspace.data_map, times)

        def remember(connection: Transaction, batch_id: int) -> None:
            uid = batches.uid_of(connection, batch_id)
            idempotency.remember(connection, wish, uid, call.at)
            call.note(connection, uid)

        breaks = WorkBreaks()
        try:
            batch = planner.create_plan(
                workspace,
                people,
                scope,
                lambda _done: breaks.take(),
                None if data_types is None else frozenset(data_types),
                received_at=people.received_at,
                requested_by=call.principal.actor,
                frozen=remember,
            )
        except RefusedRowError:  # the same call came twice at once; the other one's plan counts
            with reading(workspace.ledger) as connection:
                made = idempotency.existing(connection, wish)
            if made is None:
                raise
        else:
            with reading(workspace.ledger) as connection:
                return Plan.model_validate(json_views.plan_view(connection, batch))
    answer.status_code = HTTPStatus.OK
    with reading(workspace.ledger) as connection:
        return Plan.model_validate(json_views.plan_view(connection, batch_by_uid(connection, made)))


@router.get("", response_model=BatchPage)
def list_batches(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))],
    cursor_: Cursor = None,
    limit: Limit = 50,
) -> BatchPage:
    """List the batches of your controllers, newest first. What is left where, and why: get the batch."""
    controllers = call.principal.controllers
    with call.reading() as connection:
        mine = None if controllers is None else sorted(controllers, key=str)
        found = batches.list_page(connection, mine, after(cursor_), limit + 1)
        told = json_views.batch_summaries(connection, call.state.workspace.sums, found[:limit])
        summaries = tuple(BatchSummary(**one) for one in told)
    return BatchPage(items=summaries, next_cursor=cursor(found[limit - 1].id) if len(found) > limit else None)


@router.get("/{batch_id}", response_model=Batch)
def get_batch(call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))], batch_id: str) -> Batch:
    """Get a batch: its progress, what was found and what is left."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    return shown(call.state.workspace, found.uid)


@router.get("/{batch_id}/plan", response_model=Plan)
def get_batch_plan(call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))], batch_id: str) -> Plan:
    """Get its plan, counted before anything was touched."""
    with call.reading() as connection:
        return Plan.model_validate(json_views.plan_view(connection, found_for(call, connection, batch_id)))


@router.get("/{batch_id}/results", response_model=BatchResultPage)
def list_batch_results(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))],
    batch_id: str,
    cursor_: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> BatchResultPage:
    """List one outcome per line of the list, in its order, with the id of the receipt. No identifier is repeated."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
        rows = items.results_page(connection, found.id, after(cursor_) or 0, limit + 1)
    results = tuple(
        BatchResult(line=row.line, outcome=row.outcome, reason=row.reason, receipt_id=row.series)
        for row in rows[:limit]
    )
    return BatchResultPage(items=results, next_cursor=cursor(results[-1].line) if len(rows) > limit else None)


@router.get("/{batch_id}/events", response_class=Response, responses={
    200: {"description": "Server-sent events `progress` and `end`", "content": {"text/event-stream": {}}},
    204: {"description": "Nothing follows: the caller has had the `end`"}})  # fmt: skip
async def stream_batch_events(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))],
    batch_id: str,
    asked: Request,
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)] = None,
) -> Response:
    """Stream progress as server-sent events until the batch rests. The data of each is that of `GET /v1/batches/{id}`.

    The stream ends after a while even if the batch does not: call again with the id of the last event. An actor has ten
    streams at a time.
    """
    watches: BatchWatches = asked.app.state.watches
    workspace, ending = call.state.workspace, asked.app.state.ending
    watched = partial(WatchedBatch, partial(_progress, workspace, batch_id), ending)
    batch = held(asked).enter_context(watches.watching(call.principal.actor, batch_id, watched))
    if call.principal.token is not None:
        await run_in_threadpool(_use_token, call)
    first = await batch.look()
    call.own(first.scope)
    longest = workspace.settings.api.events_for.total_seconds()
    stream = BatchEventStream(first, batch, ending, longest, last)
    if stream.has_nothing:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # by this an EventSource does not come again
    return StreamedAnswer(stream, "text/event-stream")


def _use_token(call: CallContext) -> None:
    with call.reading():
        pass


def _progress(workspace: Workspace, uid: str) -> Progress:
    with reading(workspace.ledger) as connection:
        scope = batch_by_uid(connection, uid).scope
    return Progress.of(scope, shown(workspace, uid))


def shown(workspace: Workspace, uid: str) -> Batch:
    """The batch as it is shown by now."""
    with reading(workspace.ledger) as connection:
        again = batch_by_uid(connection, uid)
    told: dict[str, Any] = json_views.batch_view(workspace, again)
    return Batch.model_validate(told)


def found_for(call: CallContext, connection: Transaction, uid: str) -> batches.Batch:
    """The batch of that name.

    Raises:
        ProblemError: There is none, or the caller may not know of it.
    """
    found = batch_by_uid(connection, uid)
    call.own(found.scope)
    return found
