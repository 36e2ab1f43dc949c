"""One erasure request, by its follow-up token: for people who have no account any more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.receipt_responses import RECEIPT, openings, receipt
from expunge_orchestrator.api.schemas.common import PersonIdentifiers
from expunge_orchestrator.api.schemas.erasure_requests import Openings, SelfServiceErasureRequest
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.json_views import erasure_request_view
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.requests import withdrawal

router = APIRouter(prefix="/v1/follow_up/erasure_request", tags=["self-service"], route_class=CredentialFirst)


@router.get("", response_model=SelfServiceErasureRequest)
def get_followed_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_READ))],
) -> SelfServiceErasureRequest:
    """Get the erasure request of the token."""
    with call.reading() as connection:
        wanted = requests.by_uid(connection, str(call.principal.request))
        return SelfServiceErasureRequest(**erasure_request_view(connection, wanted))


@router.post("/cancel", response_model=SelfServiceErasureRequest)
def cancel_followed_erasure_request(
    call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_CANCEL))],
) -> SelfServiceErasureRequest:
    """Cancel it before it starts, also when the account is frozen meanwhile and cannot sign in."""
    with call.writing() as connection:
        wanted = requests.by_uid(connection, str(call.principal.request))
        done = withdrawal.cancel(connection, wanted, call.principal.actor, call.at)
        call.note(connection, wanted.uid)
        return SelfServiceErasureRequest(**erasure_request_view(connection, done))


@router.get("/receipt", responses=RECEIPT)
def get_followed_receipt(
    call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_RECEIPT))], asked: Request
) -> Response:
    """Get its receipt: a file that outsiders verify, or a page (`Accept: text/html`)."""
    return receipt(call.state.workspace, _series(call), asked, call.at)


@router.post("/openings", response_model=Openings)
def create_followed_openings(
    call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_RECEIPT))], given: PersonIdentifiers
) -> Openings:
    """Make the openings that bind its receipt to the person, from the identifiers given. Nothing is stored."""
    keys = identifiers_of(given.identifiers, call.state.workspace.data_map)
    return Openings(openings=openings(call.state.workspace, _series(call), keys))


def _series(call: CallContext) -> str | None:
    with call.reading() as connection:
        return requests.series_of(connection, requests.by_uid(connection, str(call.principal.request)))
