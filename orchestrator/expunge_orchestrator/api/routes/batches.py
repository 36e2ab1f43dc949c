"""Batches: lists of people, planned, approved, carried out. What a single request becomes is a batch of one."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from expunge_orchestrator import json_views
from expunge_orchestrator.api import event_stream
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.pagination import after, cursor
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.schemas.batches import (
    BatchPage,
    BatchView,
    Confirmation,
    Digest,
    ItemResult,
    PlanView,
    ResultPage,
)
from expunge_orchestrator.api.schemas.common import NameText, problem, there_already
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.execution import batch_control, operator_end
from expunge_orchestrator.ledger import batches, tables
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import approval, planner
from expunge_orchestrator.requests import idempotency
from expunge_orchestrator.requests import retry as retrying
from expunge_orchestrator.requests.repository import within
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import checked_people

router = APIRouter(prefix="/v1/batches", tags=["batches"])


@router.post("", status_code=HTTPStatus.CREATED, response_model=PlanView, responses=there_already(PlanView),
             openapi_extra={
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"},
                    "example": "email\nann@mail.example\n"}}}})  # fmt: skip
async def create(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_CREATE))],
    asked: Request,
    answer: Response,
    controller: Annotated[str, Query(min_length=1, max_length=264)],
    data_type: Annotated[list[NameText] | None, Query(max_length=100, description="Nothing else is touched.")] = None,
) -> PlanView:
    """Plan a list (CSV with a header, as for `expunge plan`): counted in every store, nothing touched.

    Answers when it is planned. With the same Idempotency-Key again: the plan that was made (200).
    """
    return await run_in_threadpool(_create, call, await asked.body(), answer, controller, data_type)


def _create(
    call: CallContext, body: bytes, answer: Response, controller: str, data_types: list[str] | None
) -> PlanView:
    workspace = call.office.workspace
    scope = parse_scope(controller, workspace.data_map)
    call.own(scope)
    wish = idempotency.IdempotencyKey.of(call.principal.actor, call.needs_key(), call.digest, workspace.keys)
    with reading(workspace.ledger) as connection:
        made = idempotency.existing(connection, wish)
    if made is None:
        people = checked_people(io.BytesIO(body), workspace.data_map)

        def remember(connection: sa.Connection, batch_id: int) -> None:
            uid = connection.execute(sa.select(tables.batch.c.uid).where(tables.batch.c.id == batch_id)).scalar_one()
            idempotency.remember(connection, wish, uid, call.at)
            call.note(connection, uid)

        try:
            batch = planner.create_plan(
                workspace,
                people,
                scope,
                lambda _done: None,
                None if data_types is None else frozenset(data_types),
                requested_by=call.principal.actor,
                frozen=remember,
            )
        except IntegrityError:  # the same call came twice at once; the other one's plan counts
            with reading(workspace.ledger) as connection:
                made = idempotency.existing(connection, wish)
            if made is None:
                raise
        else:
            with reading(workspace.ledger) as connection:
                return PlanView.model_validate(json_views.plan_view(connection, batch))
    answer.status_code = HTTPStatus.OK
    with reading(workspace.ledger) as connection:
        return PlanView.model_validate(json_views.plan_view(connection, batch_by_uid(connection, made)))


@router.get("", response_model=BatchPage)
def listed(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))],
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> BatchPage:
    """The batches of your controllers, the newest first."""
    controllers = call.principal.controllers
    with call.reading() as connection:
        mine = (
            sa.true()
            if controllers is None
            else within(tables.batch.c.controller, tables.batch.c.member, sorted(controllers, key=str))
        )
        found = batches.list_page(connection, mine, after(cursor_), limit + 1)
    items = tuple(BatchView.model_validate(json_views.batch_view(call.office.workspace, one)) for one in found[:limit])
    return BatchPage(items=items, next=cursor(found[limit - 1].id) if len(found) > limit else None)


@router.get("/{batch_id}", response_model=BatchView)
def one(call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))], batch_id: str) -> BatchView:
    """How far it is, what was found and what is left."""
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    return _batch_view(call, found)


@router.get("/{batch_id}/plan", response_model=PlanView)
def plan(call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))], batch_id: str) -> PlanView:
    """What it was planned to do, counted before anything was touched."""
    with call.reading() as connection:
        return PlanView.model_validate(json_views.plan_view(connection, _found(call, connection, batch_id)))


@router.post("/{batch_id}/approve", response_model=BatchView)
def approve(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_APPROVE))], batch_id: str, given: Digest
) -> BatchView:
    """Approve exactly this plan. Whoever asked for it cannot; of several one approves it, the others are told 409."""
    with call.writing() as connection:
        found = _found(call, connection, batch_id)
        if approval.approve(connection, found, given.digest, call.principal.actor):
            call.note(connection, found.uid)
    call.office.wake()
    return _batch_view(call, found)


@router.post("/{batch_id}/start", response_model=BatchView, status_code=HTTPStatus.ACCEPTED, responses={
    409: problem("Nothing was started: it is not this plan, the plan is void or waits for approval, or the batch is "
                 "paused, on hold, failed, withdrawn or over")})  # fmt: skip
def start(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_START))], batch_id: str, given: Digest
) -> BatchView:
    """Begin to carry out exactly this plan. This cannot be undone. While it runs, the same call is answered again."""
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    if given.digest != found.plan_digest:
        raise ProblemError(
            HTTPStatus.CONFLICT, "not-confirmed", "Nothing was touched: the digest given is not the plan's."
        )
    batch_control.start(call.office.workspace, found, call.noting(found.uid))
    call.office.wake()
    return _batch_view(call, found)


@router.post("/{batch_id}/pause", response_model=BatchView)
def pause(call: Annotated[CallContext, Depends(requires(Operation.BATCH_PAUSE))], batch_id: str) -> BatchView:
    """Let no further step begin."""
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    batch_control.pause(call.office.workspace.ledger, found, call.principal.actor, call.noting(found.uid))
    call.office.wake()
    return _batch_view(call, found)


@router.post("/{batch_id}/resume", response_model=BatchView)
def resume(call: Annotated[CallContext, Depends(requires(Operation.BATCH_RESUME))], batch_id: str) -> BatchView:
    """Let a paused batch go on; what was verified before is asked again."""
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    batch_control.resume(call.office.workspace, found, call.principal.actor, call.noting(found.uid))
    call.office.wake()
    return _batch_view(call, found)


@router.post("/{batch_id}/retry", response_model=BatchView)
def retry(call: Annotated[CallContext, Depends(requires(Operation.BATCH_RETRY))], batch_id: str) -> BatchView:
    """Take up what failed, and people whose hold is over. 409: nothing was."""
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    note = call.noting(found.uid)
    retrying.retry_batch(call.office.workspace, found, call.principal.actor, call.at, note)
    call.office.wake()
    return _batch_view(call, found)


@router.post("/{batch_id}/cancel", response_model=BatchView)
def cancel(call: Annotated[CallContext, Depends(requires(Operation.BATCH_CANCEL))], batch_id: str) -> BatchView:
    """Withdraw the people for whom no store was asked to erase. Everybody else is finished. 409: there are none."""
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    batch_control.cancel(call.office.workspace.ledger, found, call.principal.actor, call.noting(found.uid))
    call.office.wake()
    return _batch_view(call, found)


@router.post("/{batch_id}/end", response_model=BatchView, responses={
    409: problem("Nobody was ended: not this plan's digest, or nobody failed after erasing had begun")})  # fmt: skip
def end(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_END))], batch_id: str, given: Confirmation
) -> BatchView:
    """End people whom a store refuses for good: every place is looked at once more, and what is left is named.

    Nothing more of them is erased. What leads to the rest is kept, sealed, for a later request of the same person.
    People of whom nothing was erased, and people under a hold, stay failed.
    """
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    if given.confirm != found.plan_digest:
        raise ProblemError(HTTPStatus.CONFLICT, "not-confirmed", "Nobody was ended: the digest is not the plan's.")
    operator_end.end(call.office.workspace, found, call.principal.actor, call.noting(found.uid))
    call.office.wake()
    return _batch_view(call, found)


@router.get("/{batch_id}/results", response_model=ResultPage)
def results(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))],
    batch_id: str,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> ResultPage:
    """One outcome per line of the list, in its order, with the series of the receipt. No identifier is told again."""
    item = tables.item.c
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
        rows = connection.execute(
            sa.select(item.line, item.outcome, item.reason, item.series)
            .where(item.batch_id == found.id, item.line > (after(cursor_) or 0))
            .order_by(item.line)
            .limit(limit + 1)
        ).all()
    items = tuple(
        ItemResult(line=row.line, outcome=row.outcome, reason=row.reason, receipt=row.series) for row in rows[:limit]
    )
    return ResultPage(items=items, next=cursor(items[-1].line) if len(rows) > limit else None)


@router.get("/{batch_id}/events", response_class=StreamingResponse, responses={
    200: {"description": "Server-sent events `progress` and `end`", "content": {"text/event-stream": {}}},
    204: {"description": "Nothing follows: the caller has the `end` already"}})  # fmt: skip
async def events(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_READ))],
    batch_id: str,
    asked: Request,
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)] = None,
) -> Response:
    """Progress as server-sent events, until the batch rests. The data of each is what `GET /v1/batches/{id}` says.

    It ends after a while also where the batch does not: come again with the id of the last event.
    """
    first = await run_in_threadpool(_look, call, batch_id)

    async def look() -> BatchView:
        """What there is to tell now."""
        return await run_in_threadpool(_look, call, batch_id)

    async def over() -> bool:
        """Nobody listens any more, or the server ends."""
        return bool(asked.app.state.ending()) or await asked.is_disconnected()

    watch = event_stream.BatchEventStream(call.office.workspace.settings.api.events_for.total_seconds(), last)
    if watch.told_the_end(first):
        return Response(status_code=HTTPStatus.NO_CONTENT)  # by this an EventSource does not come again
    return StreamingResponse(watch.events(first, look, over), media_type="text/event-stream")


def _look(call: CallContext, batch_id: str) -> BatchView:
    with call.reading() as connection:
        found = _found(call, connection, batch_id)
    return _batch_view(call, found)


def _batch_view(call: CallContext, batch: Batch) -> BatchView:
    workspace = call.office.workspace
    with reading(workspace.ledger) as connection:
        again = batch_by_uid(connection, batch.uid)
    told: dict[str, Any] = json_views.batch_view(workspace, again)
    return BatchView.model_validate(told)


def _found(call: CallContext, connection: sa.Connection, uid: str) -> Batch:
    found = batch_by_uid(connection, uid)
    call.own(found.scope)
    return found
