"""A person's own erasure requests, sent by the application that signed them in. The token alone says who it is."""

from __future__ import annotations

from asyncio import wrap_future
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from expunge_config.datamap import SelfService
from expunge_connectors.contract import Scope
from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.idempotency_header import IdempotencyKeyHeader
from expunge_orchestrator.api.openapi import problem, repeated
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.receipt_responses import RECEIPT, openings, receipt
from expunge_orchestrator.api.request_responses import response, submit
from expunge_orchestrator.api.schemas.erasure_requests import (
    AcceptedSelfServiceErasureRequest,
    CreateSelfServiceErasureRequest,
    Openings,
    SelfServiceErasureRequest,
)
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.json_views import erasure_request_view, erasure_request_views
from expunge_orchestrator.ledger import Transaction, requests
from expunge_orchestrator.ledger.requests import Origin
from expunge_orchestrator.notifications import email_files
from expunge_orchestrator.requests import identifier_tags, response_deadlines, submission, withdrawal

router = APIRouter(prefix="/v1/me/erasure_requests", tags=["self-service"], route_class=CredentialFirst)


_CREATED = {
    **repeated(AcceptedSelfServiceErasureRequest),
    HTTPStatus.CONFLICT.value: problem(
        "`another-request-open`: the person has an open request that asks for something else"
    ),
}


@router.post("", status_code=HTTPStatus.CREATED, response_model=AcceptedSelfServiceErasureRequest, responses=_CREATED)
async def create_self_service_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.OWN_CREATE))],
    idempotency_key: IdempotencyKeyHeader,
    wish: CreateSelfServiceErasureRequest,
) -> Response:
    """Ask for the erasure of the signed-in person's data. Repeated, it returns the same request (200).

    The repeated response has the `follow_up_token` too: the first response may have been lost. A different request
    while that one is open is refused (409 `another-request-open`).
    """
    own = _self_service(call)
    chosen = own.scopes.get(wish.scope)
    if chosen is None:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "scope-unknown", "The data map's self-service has no such scope."
        )
    if wish.waive_grace and not own.grace_waivable:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "grace-not-waivable", "The grace period cannot be waived.")
    workspace, scope = call.state.workspace, Scope(own.controller)
    asked = submission.RequestSubmission(
        origin=Origin.PERSON,
        scope=scope,
        identifiers=call.principal.identifiers,
        asked_by=call.principal.actor,
        received_at=call.at,
        due_at=call.at if wish.waive_grace else _end_of(own, call.at),
        grace_waived=wish.waive_grace,
        scope_name=wish.scope,
        data_types=chosen.data_types,
        deadlines=response_deadlines.clocks_of(scope, workspace.data_map, call.at, None),
        evidence=_evidence(call),
        contact=_contact(call),
    )
    intake = submission.prepare(asked, idempotency_key, workspace.keys, workspace.data_map)
    received, members = await wrap_future(call.write(lambda connection: submit(call, connection, intake)))
    if received.created and wish.waive_grace:
        call.state.wake()
    status = HTTPStatus.CREATED if received.created else HTTPStatus.OK
    token = submission.follow_up(received.request, workspace.keys)
    return response(AcceptedSelfServiceErasureRequest(**members, follow_up_token=token), status)


@router.get("", response_model=list[SelfServiceErasureRequest])
def list_self_service_erasure_requests(
    call: Annotated[CallContext, Depends(requires(Operation.OWN_READ))],
) -> list[SelfServiceErasureRequest]:
    """List the signed-in person's erasure requests, newest first."""
    with call.reading() as connection:
        listed = erasure_request_views(connection, _found(call, connection))
    return [SelfServiceErasureRequest(**one) for one in listed]


@router.get("/{erasure_request_id}", response_model=SelfServiceErasureRequest)
def get_self_service_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.OWN_READ))], erasure_request_id: str
) -> SelfServiceErasureRequest:
    """Get one of the signed-in person's erasure requests."""
    with call.reading() as connection:
        wanted = _own(call, connection, erasure_request_id)
        return SelfServiceErasureRequest(**erasure_request_view(connection, wanted))


@router.post("/{erasure_request_id}/cancel", response_model=SelfServiceErasureRequest)
def cancel_self_service_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.OWN_CANCEL))], erasure_request_id: str
) -> SelfServiceErasureRequest:
    """Cancel it before it starts (409 `too-late` afterwards)."""
    with call.writing() as connection:
        wanted = _own(call, connection, erasure_request_id)
        done = withdrawal.cancel(connection, wanted, call.principal.actor, call.at)
        call.note(connection, wanted.uid)
        return SelfServiceErasureRequest(**erasure_request_view(connection, done))


@router.get("/{erasure_request_id}/receipt", responses=RECEIPT)
def get_self_service_receipt(
    call: Annotated[CallContext, Depends(requires(Operation.OWN_RECEIPT))], erasure_request_id: str, asked: Request
) -> Response:
    """Get its receipt: a file that outsiders verify, or a page (`Accept: text/html`)."""
    with call.reading() as connection:
        series = requests.series_of(connection, _own(call, connection, erasure_request_id))
    return receipt(call.state.workspace, series, asked, call.at)


@router.post("/{erasure_request_id}/openings", response_model=Openings)
def create_self_service_openings(
    call: Annotated[CallContext, Depends(requires(Operation.OWN_RECEIPT))], erasure_request_id: str
) -> Openings:
    """Make the openings that bind its receipt to the person, from the identifiers in the token. Nothing is stored."""
    with call.reading() as connection:
        series = requests.series_of(connection, _own(call, connection, erasure_request_id))
    return Openings(openings=openings(call.state.workspace, series, call.principal.identifiers))


def _self_service(call: CallContext) -> SelfService:
    own = call.state.workspace.data_map.self_service
    assert own is not None  # no token of a person is accepted without it
    return own


def _found(call: CallContext, connection: Transaction) -> list[requests.Request]:
    scope = Scope(_self_service(call).controller)
    keys, data_map = call.state.workspace.keys, call.state.workspace.data_map
    # By the id alone that is this person's for good: an address may have been somebody else's when they asked.
    proven = identifier_tags.proving(call.principal.identifiers, data_map)
    return [one for one in identifier_tags.found_by(connection, proven, scope, keys) if one.origin is Origin.PERSON]


def _own(call: CallContext, connection: Transaction, request_id: str) -> requests.Request:
    for found in _found(call, connection):
        if found.uid == request_id:
            return found
    raise not_there()


def _contact(call: CallContext) -> str | None:
    """Where letters go. Where none are written, the address is not kept.

    Raises:
        ProblemError: It is no e-mail address; it is not repeated.
    """
    contact = call.principal.contact
    if contact is None or call.state.workspace.settings.api.letters is None:
        return None
    if not email_files.usable(contact):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "contact-unusable",
            "The token's `contact` is not an e-mail address.",
            remedy="Send one address, without a name, or none.",
        )
    return contact


def _evidence(call: CallContext) -> dict[str, str] | None:
    """That the application had signed them in. A clock of its own that is ahead of ours is not believed."""
    signed_in = call.principal.signed_in_at
    return None if signed_in is None else {"kind": "signed-in", "checkedAt": stamp(min(signed_in, call.at))}


def _end_of(own: SelfService, at: datetime) -> datetime:
    """The moment at which the grace period ends: so many calendar days later, at the same time (UTC)."""
    return datetime.combine(own.grace.after(at.astimezone(UTC).date()), at.astimezone(UTC).time(), UTC)
