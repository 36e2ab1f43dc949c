"""Requests of controllers, for one person each; and everybody's requests, for those who work on them."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response

from expunge_orchestrator import data_type_closure
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.pagination import after, cursor
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.receipt_responses import RECEIPT, openings, receipt
from expunge_orchestrator.api.request_responses import create as taken_in
from expunge_orchestrator.api.schemas.batches import PlanView
from expunge_orchestrator.api.schemas.common import IdentifiedRequest, Moment, there_already
from expunge_orchestrator.api.schemas.requests import (
    CreateRequest,
    Extension,
    IdentityEvidence,
    Openings,
    Page,
    Reason,
    RequestView,
)
from expunge_orchestrator.api.telling import answered, request_fields, series_of
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.json_views import plan_view
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.requests import repository, response_deadlines, submission, withdrawal
from expunge_orchestrator.requests import retry as retrying
from expunge_orchestrator.requests.repository import Origin, RequestState
from expunge_orchestrator.rules.scope import parse_scope

router = APIRouter(prefix="/v1/requests", tags=["requests"])


@router.post("", status_code=HTTPStatus.CREATED, response_model=RequestView, responses=there_already(RequestView))
def create(call: Annotated[CallContext, Depends(requires(Operation.REQUEST_CREATE))], wish: CreateRequest) -> Response:
    """Ask for one person's erasure, for one controller. The same Idempotency-Key again: the same request (200)."""
    workspace = call.office.workspace
    scope = parse_scope(wish.controller, workspace.data_map)
    call.own(scope)
    chosen = data_type_closure.validate_selection(scope, workspace.data_map, wish.data_types)
    data_type_closure.require_closed(scope, workspace.data_map, workspace.stores, chosen)
    earlier = _plausible(wish.controller_received_at, call.at)
    asked = submission.RequestSubmission(
        origin=Origin.CONTROLLER,
        scope=scope,
        identifiers=identifiers_of(wish.identifiers, workspace.data_map),
        asked_by=call.principal.actor,
        received_at=call.at,
        due_at=call.at,
        data_types=None if chosen is None else tuple(sorted(chosen)),
        controller_received_at=earlier,
        deadlines=response_deadlines.clocks_of(scope, workspace.data_map, call.at, earlier),
        evidence=None if wish.evidence is None else _on_file(wish.evidence),
    )
    intake = submission.prepare(asked, call.needs_key(), workspace.keys, workspace.data_map)
    received, members = call.write(lambda connection: taken_in(call, connection, intake)).result()
    if received.created:
        call.office.wake()
    return answered(RequestView(**members), HTTPStatus.CREATED if received.created else HTTPStatus.OK)


@router.get("", response_model=Page)
def listed(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))],
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    state: RequestState | None = None,
    due_before: Moment | None = None,
) -> Page:
    """The requests of your controllers, the newest first; with `due_before`, those not answered whose deadline ends."""
    controllers = call.principal.controllers
    where = [] if state is None else [repository.in_state(state)]
    if due_before is not None:
        where.append(response_deadlines.due(due_before))
    with call.reading() as connection:
        found = repository.page(
            connection,
            after=after(cursor_),
            limit=limit + 1,
            controllers=None if controllers is None else sorted(controllers, key=str),
            where=where,
        )
        items = tuple(RequestView(**request_fields(connection, one)) for one in found[:limit])
    return Page(items=items, next=cursor(found[limit - 1].id) if len(found) > limit else None)


@router.get("/{request_id}", response_model=RequestView)
def one(call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))], request_id: str) -> RequestView:
    """One request."""
    with call.reading() as connection:
        return RequestView(**request_fields(connection, found(call, connection, request_id)))


@router.post("/{request_id}/cancel", response_model=RequestView)
def cancel(call: Annotated[CallContext, Depends(requires(Operation.REQUEST_CANCEL))], request_id: str) -> RequestView:
    """Take it back, as long as it has not begun; afterwards its batch can be cancelled by an operator."""
    with call.writing() as connection:
        wanted = found(call, connection, request_id)
        done = withdrawal.cancel(connection, wanted, call.principal.actor, call.at)
        call.note(connection, wanted.uid)
        return RequestView(**request_fields(connection, done))


@router.post("/{request_id}/retry", response_model=RequestView)
def retry(call: Annotated[CallContext, Depends(requires(Operation.REQUEST_RETRY))], request_id: str) -> RequestView:
    """Try again at once what could not be begun, or do what `retry` of its batch does. 409: there was nothing to do."""
    workspace = call.office.workspace
    with call.reading() as connection:
        wanted = found(call, connection, request_id)
    note = call.noting(wanted.uid)
    retrying.retry_request(workspace, wanted, call.principal.actor, call.at, note)
    with call.reading() as connection:
        told = RequestView(**request_fields(connection, repository.by_uid(connection, request_id)))
    call.office.wake()
    return told


@router.get("/{request_id}/plan", response_model=PlanView)
def plan(call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))], request_id: str) -> PlanView:
    """What it was planned to do, counted before anything was touched; 404 until its time has come."""
    with call.reading() as connection:
        wanted = found(call, connection, request_id)
        if wanted.batch_uid is None:
            raise not_there()
        return PlanView.model_validate(plan_view(connection, batch_by_uid(connection, wanted.batch_uid)))


@router.post("/{request_id}/deny", response_model=RequestView)
def deny(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_DENY))], request_id: str, given: Reason
) -> RequestView:
    """Refuse a request that has not begun, with one of the reasons that the law knows."""
    with call.writing() as connection:
        wanted = found(call, connection, request_id)
        done = withdrawal.deny(connection, wanted, call.principal.actor, call.at, given.reason)
        call.note(connection, wanted.uid)
        return RequestView(**request_fields(connection, done))


@router.post("/{request_id}/extend", response_model=RequestView)
def extend(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_EXTEND))], request_id: str, given: Extension
) -> RequestView:
    """Extend one of its clocks, once and before its end: the person was told, and why. It stands on the receipt."""
    with call.writing() as connection:
        wanted = found(call, connection, request_id)
        done = response_deadlines.extend(
            connection,
            wanted,
            given.clock,
            reason=given.reason,
            until=given.until,
            at=call.at,
            data_map=call.office.workspace.data_map,
        )
        call.note(connection, wanted.uid)
        return RequestView(**request_fields(connection, done))


@router.get("/{request_id}/receipt", responses=RECEIPT)
def receipt_of(
    call: Annotated[CallContext, Depends(requires(Operation.RECEIPT_READ))], request_id: str, asked: Request
) -> Response:
    """Its receipt: a file that outsiders verify, or a page (`Accept: text/html`)."""
    with call.reading() as connection:
        series = series_of(connection, found(call, connection, request_id))
    return receipt(call.office.workspace, series, asked, call.at)


@router.post("/{request_id}/openings", response_model=Openings)
def openings_of(
    call: Annotated[CallContext, Depends(requires(Operation.OPENING_MAKE))], request_id: str, given: IdentifiedRequest
) -> Openings:
    """What binds its receipt to the person, made from the identifiers that you give, and kept nowhere."""
    workspace = call.office.workspace
    with call.writing() as connection:
        wanted = found(call, connection, request_id)
        keys = identifiers_of(given.identifiers, workspace.data_map)
        made = openings(workspace, series_of(connection, wanted), keys)
        call.note(connection, wanted.uid)  # what was refused was not done
    return Openings(openings=made)


def found(call: CallContext, connection: sa.Connection, request_id: str) -> repository.Request:
    """A request of one of the caller's controllers.

    Raises:
        UnknownRequestError: There is none.
        ProblemError: It is another controller's: the same answer.
    """
    wanted = repository.by_uid(connection, request_id)
    call.own(wanted.scope)
    return wanted


def _plausible(told: datetime | None, at: datetime) -> datetime | None:
    if told is not None and told > at:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "received-later",
            "controllerReceivedAt lies in the future.",
            remedy="Say when the controller received it, or leave it away.",
        )
    if told is not None and at - told > response_deadlines.LONG_AGO:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "received-long-ago",
            "controllerReceivedAt lies years back.",
            remedy="Say when the controller received it, or leave it away.",
        )
    return told


def _on_file(evidence: IdentityEvidence) -> dict[str, str]:
    """As it stands on the receipt: UTC, and nothing that was not given."""
    reference = {} if evidence.reference is None else {"reference": evidence.reference}
    return {"kind": evidence.kind, "checkedAt": stamp(evidence.checked_at), **reference}
