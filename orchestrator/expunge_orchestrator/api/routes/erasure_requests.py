"""Erasure requests of controllers, for one person each; and all requests, for those who work on them."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from expunge_orchestrator import data_type_closure
from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.idempotency_header import IdempotencyKeyHeader
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.openapi import repeated
from expunge_orchestrator.api.pagination import Cursor, Limit, after
from expunge_orchestrator.api.problems import ProblemError, not_received_then, not_there
from expunge_orchestrator.api.receipt_responses import RECEIPT, openings, receipt
from expunge_orchestrator.api.request_responses import response, submit
from expunge_orchestrator.api.schemas.batches import Plan
from expunge_orchestrator.api.schemas.common import Moment, PersonIdentifiers
from expunge_orchestrator.api.schemas.erasure_requests import (
    CreateErasureRequest,
    DenyErasureRequest,
    ErasureRequest,
    ErasureRequestPage,
    ExtendErasureRequest,
    IdentityEvidence,
    Openings,
)
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.json_views import erasure_request_view, erasure_request_views, plan_view
from expunge_orchestrator.ledger import Transaction, requests, requests_due
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.page_cursors import cursor
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Origin
from expunge_orchestrator.requests import request_retry, response_deadlines, submission, withdrawal
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError, require_plausible

router = APIRouter(prefix="/v1/erasure_requests", tags=["erasure requests"], route_class=CredentialFirst)


@router.post("", status_code=HTTPStatus.CREATED, response_model=ErasureRequest, responses=repeated(ErasureRequest))
def create_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_CREATE))],
    idempotency_key: IdempotencyKeyHeader,
    wish: CreateErasureRequest,
) -> Response:
    """Ask for one person's erasure, for one controller. With the same Idempotency-Key: the same request (200)."""
    workspace = call.state.workspace
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
        evidence=None if wish.evidence is None else _on_file(wish.evidence, call.at),
    )
    intake = submission.prepare(asked, idempotency_key, workspace.keys, workspace.data_map)
    received, members = call.write(lambda connection: submit(call, connection, intake)).result()
    if received.created:
        call.state.wake()
    return response(ErasureRequest(**members), HTTPStatus.CREATED if received.created else HTTPStatus.OK)


@router.get("", response_model=ErasureRequestPage)
def list_erasure_requests(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))],
    cursor_: Cursor = None,
    limit: Limit = 50,
    state: Annotated[
        RequestState | None,
        Query(description="`starting` shows as planning; a `started` request shows the state of its batch."),
    ] = None,
    due_before: Annotated[
        Moment | None, Query(description="Only requests not answered yet whose earliest deadline ends before this.")
    ] = None,
) -> ErasureRequestPage:
    """List the erasure requests of your controllers, newest first."""
    controllers = call.principal.controllers
    where = [] if state is None else [requests.in_state(state)]
    if due_before is not None:
        where.append(requests_due.unanswered_by(due_before))
    with call.reading() as connection:
        found = requests.page(
            connection,
            after=after(cursor_),
            limit=limit + 1,
            controllers=None if controllers is None else sorted(controllers, key=str),
            where=where,
        )
        items = tuple(ErasureRequest(**one) for one in erasure_request_views(connection, found[:limit]))
    return ErasureRequestPage(items=items, next_cursor=cursor(found[limit - 1].id) if len(found) > limit else None)


@router.get("/{erasure_request_id}", response_model=ErasureRequest)
def get_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))], erasure_request_id: str
) -> ErasureRequest:
    """Get one erasure request."""
    with call.reading() as connection:
        return ErasureRequest(**erasure_request_view(connection, found(call, connection, erasure_request_id)))


@router.post("/{erasure_request_id}/cancel", response_model=ErasureRequest)
def cancel_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_CANCEL))], erasure_request_id: str
) -> ErasureRequest:
    """Cancel it before it starts; afterwards an operator can cancel its batch."""
    with call.writing() as connection:
        wanted = found(call, connection, erasure_request_id)
        done = withdrawal.cancel(connection, wanted, call.principal.actor, call.at)
        call.note(connection, wanted.uid)
        return ErasureRequest(**erasure_request_view(connection, done))


@router.post("/{erasure_request_id}/retry", response_model=ErasureRequest)
def retry_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_RETRY))], erasure_request_id: str
) -> ErasureRequest:
    """Try again at once what could not be begun, or do what `retry` of its batch does. 409: there was nothing to do."""
    workspace = call.state.workspace
    with call.reading() as connection:
        wanted = found(call, connection, erasure_request_id)
    note = call.noting(wanted.uid)
    request_retry.retry_request(workspace, wanted, call.principal.actor, call.at, note)
    with call.reading() as connection:
        told = ErasureRequest(**erasure_request_view(connection, requests.by_uid(connection, wanted.uid)))
    call.state.wake()
    return told


@router.get("/{erasure_request_id}/plan", response_model=Plan)
def get_erasure_request_plan(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))], erasure_request_id: str
) -> Plan:
    """Get its plan, counted before anything was touched; 404 until it is planned."""
    with call.reading() as connection:
        wanted = found(call, connection, erasure_request_id)
        if wanted.batch_uid is None:
            raise not_there()
        return Plan.model_validate(plan_view(connection, batch_by_uid(connection, wanted.batch_uid)))


@router.post("/{erasure_request_id}/deny", response_model=ErasureRequest)
def deny_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_DENY))],
    erasure_request_id: str,
    given: DenyErasureRequest,
) -> ErasureRequest:
    """Deny a request that has not started, for one of the reasons that the law provides."""
    with call.writing() as connection:
        wanted = found(call, connection, erasure_request_id)
        done = withdrawal.deny(connection, wanted, call.principal.actor, call.at, given.reason)
        call.note(connection, wanted.uid)
        return ErasureRequest(**erasure_request_view(connection, done))


@router.post("/{erasure_request_id}/extend", response_model=ErasureRequest)
def extend_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.REQUEST_EXTEND))],
    erasure_request_id: str,
    given: ExtendErasureRequest,
) -> ErasureRequest:
    """Extend one of its deadlines, once and before it ends, after the person was informed. The receipt states it."""
    with call.writing() as connection:
        wanted = found(call, connection, erasure_request_id)
        done = response_deadlines.extend(
            connection,
            wanted,
            given.clock,
            reason=given.reason,
            until=given.until,
            at=call.at,
            data_map=call.state.workspace.data_map,
            signing=call.state.workspace.keys,
        )
        call.note(connection, wanted.uid)
        return ErasureRequest(**erasure_request_view(connection, done))


@router.get("/{erasure_request_id}/receipt", responses=RECEIPT)
def get_erasure_request_receipt(
    call: Annotated[CallContext, Depends(requires(Operation.RECEIPT_READ))], erasure_request_id: str, asked: Request
) -> Response:
    """Get its receipt: a file that outsiders verify, or a page (`Accept: text/html`)."""
    with call.reading() as connection:
        series = requests.series_of(connection, found(call, connection, erasure_request_id))
    return receipt(call.state.workspace, series, asked, call.at)


@router.post("/{erasure_request_id}/openings", response_model=Openings)
def create_erasure_request_openings(
    call: Annotated[CallContext, Depends(requires(Operation.OPENING_MAKE))],
    erasure_request_id: str,
    given: PersonIdentifiers,
) -> Openings:
    """Make the openings that bind its receipt to the person, from the identifiers given. Nothing is stored."""
    workspace = call.state.workspace
    with call.writing() as connection:
        wanted = found(call, connection, erasure_request_id)
        keys = identifiers_of(given.identifiers, workspace.data_map)
        made = openings(workspace, requests.series_of(connection, wanted), keys)
        call.note(connection, wanted.uid)  # what was refused was not done
    return Openings(openings=made)


def found(call: CallContext, connection: Transaction, erasure_request_id: str) -> requests.Request:
    """A request of one of the caller's controllers.

    Raises:
        UnknownRequestError: There is none.
        ProblemError: It is another controller's: the same answer.
    """
    wanted = requests.by_uid(connection, erasure_request_id)
    call.own(wanted.scope)
    return wanted


def _plausible(told: datetime | None, at: datetime) -> datetime | None:
    if told is not None:
        try:
            require_plausible(told, at)
        except TimeOfReceiptError as refused:
            raise not_received_then("controller_received_at", refused) from None
    return told


def _on_file(evidence: IdentityEvidence, at: datetime) -> dict[str, str]:
    """As it stands on the receipt: UTC, and nothing that was not given.

    Raises:
        ProblemError: Nobody can have checked it then.
    """
    if evidence.checked_at > at:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "checked-later",
            "evidence.checked_at is in the future.",
            remedy="Say when the person was identified.",
        )
    reference = {} if evidence.reference is None else {"reference": evidence.reference}
    return {"kind": evidence.kind, "checkedAt": stamp(evidence.checked_at), **reference}
