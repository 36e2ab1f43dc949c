"""Following one request by the secret that was handed out when it was made: for people who have no account any more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.receipt_responses import RECEIPT, openings, receipt
from expunge_orchestrator.api.schemas.common import IdentifiedRequest
from expunge_orchestrator.api.schemas.requests import Openings, PersonalRequestView
from expunge_orchestrator.api.telling import request_fields, series_of
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.requests import repository, withdrawal

router = APIRouter(prefix="/v1/follow", tags=["self-service"])


@router.get("", response_model=PersonalRequestView)
def one(call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_READ))]) -> PersonalRequestView:
    """The request."""
    with call.reading() as connection:
        return PersonalRequestView(
            **request_fields(connection, repository.by_uid(connection, str(call.principal.request)))
        )


@router.post("/cancel", response_model=PersonalRequestView)
def cancel(call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_CANCEL))]) -> PersonalRequestView:
    """Take it back, as long as it has not begun: an account that is frozen meanwhile cannot sign in to do so."""
    with call.writing() as connection:
        wanted = repository.by_uid(connection, str(call.principal.request))
        done = withdrawal.cancel(connection, wanted, call.principal.actor, call.at)
        call.note(connection, wanted.uid)
        return PersonalRequestView(**request_fields(connection, done))


@router.get("/receipt", responses=RECEIPT)
def receipt_of(call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_RECEIPT))], asked: Request) -> Response:
    """Its receipt: a file that outsiders verify, or a page (`Accept: text/html`)."""
    return receipt(call.office.workspace, _series(call), asked, call.at)


@router.post("/openings", response_model=Openings)
def openings_of(
    call: Annotated[CallContext, Depends(requires(Operation.FOLLOW_RECEIPT))], given: IdentifiedRequest
) -> Openings:
    """What binds its receipt to the person, made from the identifiers that they give, and kept nowhere."""
    keys = identifiers_of(given.identifiers, call.office.workspace.data_map)
    return Openings(openings=openings(call.office.workspace, _series(call), keys))


def _series(call: CallContext) -> str | None:
    with call.reading() as connection:
        return series_of(connection, repository.by_uid(connection, str(call.principal.request)))
