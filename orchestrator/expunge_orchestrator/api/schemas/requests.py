"""Requests: a person's own, and those of controllers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Identifier, Moment, NameText, Schema
from expunge_orchestrator.api.schemas.examples import shown
from expunge_orchestrator.clock import parse
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.requests import public_status
from expunge_orchestrator.requests.repository import Request


class CreateSelfServiceRequest(Schema):
    """What a signed-in person asks for. Who they are stands in the token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scope": "account", "waiveGrace": False}]})

    scope: NameText = Field(description="A choice of the map's `self_service.scopes`.")
    waive_grace: bool = Field(default=False, description="At once, where the map allows it.")


Evidence = Literal["signed-in", "document-seen", "callback", "signature", "other"]


class IdentityEvidence(Schema):
    """How the controller knows that it is the person. What was seen stays with the controller."""

    kind: Evidence
    checked_at: Moment
    reference: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,80}$")] | None = Field(
        default=None, description="The controller's own file number. No name, no address."
    )


class CreateRequest(Schema):
    """What a controller asks for, for one person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "controller": "client:42",
                    "identifiers": {"phone": "+49 30 1234567"},
                    "controllerReceivedAt": "2026-11-20T09:30:00+01:00",
                    "evidence": {
                        "kind": "callback",
                        "checkedAt": "2026-11-20T10:00:00+01:00",
                        "reference": "T-2026-118",
                    },
                }
            ]
        }
    )

    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)]
    identifiers: dict[NameText, Identifier] = Field(min_length=1, max_length=20)
    controller_received_at: Moment | None = None
    evidence: IdentityEvidence | None = None
    data_types: tuple[NameText, ...] | None = Field(default=None, min_length=1, max_length=100)


class RequestView(Schema):
    """A request as it stands."""

    model_config = ConfigDict(json_schema_extra=shown(examples.REQUEST))

    id: str = Field(examples=["rq_1f0c3a5b7d9e1f0c3a5b7d9e"])
    state: str = Field(
        description="scheduled, planning, then as its batch: planned, awaiting-approval, executing, on-hold, erased, "
        "partially-erased, not-found, ambiguous, settling, settled, failed; or cancelled, denied."
    )
    controller: str
    scope: str | None
    data_types: tuple[str, ...] | None
    received_at: datetime
    controller_received_at: datetime | None
    starts_at: datetime = Field(description="When it begins; until then it can be cancelled.")
    cancellable: bool
    reason: str | None = Field(
        description="Why it is denied: a word of those that `deny` takes, or `member-unusable`: no store can tell that "
        "member's records by the name that was given."
    )
    batch: str | None
    receipt: str | None = Field(description="The series of its receipt, as soon as there is one.")
    answer_by: datetime | None = Field(description="When the deadline that ends first is over; null: none runs.")
    deadlines: dict[str, Any] | None = Field(
        description="The clocks, which ends first, and a warning where that is the law's: docs/deadlines.md."
    )
    failure: str | None = Field(
        description="Why it could not be begun yet, and what somebody has to do, if anybody has to; it is tried again. "
        "Of one that is denied: why it never can be."
    )


class PersonalRequestView(RequestView):
    """The same for the person: it also says whom to ask for what is not this company's to erase."""

    model_config = ConfigDict(json_schema_extra=shown(examples.PERSON))

    elsewhere: str = Field(
        description="Where to ask for what this request does not cover.",
        default=examples.REST,
    )


class SelfServiceView(PersonalRequestView):
    """The same with the secret that reads and takes back this one request later, without an account."""

    model_config = ConfigDict(json_schema_extra=shown(examples.OWN))

    follow_up: str | None = Field(
        default=None,
        description="Only in answers to whoever asks for it. Keep it: after the deletion nobody can sign in any more. "
        "The same in every answer; null where the installation's keys are no longer those that it was made with.",
    )


class Reason(Schema):
    """Why a request is denied."""

    model_config = ConfigDict(json_schema_extra=shown(examples.DENIAL))

    reason: Literal[
        "identity-not-proven", "not-covered", "manifestly-unfounded", "excessive", "legal-obligation", "fraud-suspected"
    ]


class Extension(Schema):
    """Which clock is extended, once, and why. Send it when you have told the person, with these reasons."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"clock": "statute", "reason": "complexity"}]})

    clock: Literal["statute", "promise"] = "statute"
    reason: Literal["complexity", "number-of-requests"]
    until: date | None = Field(
        default=None, description="Of a promise: its new last day. The law says itself how long its clock is extended."
    )


class Openings(Schema):
    """Opening files by identity. Each holds its identifier: hand it to the person, keep none."""

    model_config = ConfigDict(json_schema_extra=shown(examples.OPENINGS))

    openings: dict[str, dict[str, Any]]


class Page(Schema):
    """One page of a list."""

    model_config = ConfigDict(json_schema_extra=shown(examples.REQUESTS))

    items: tuple[RequestView, ...]
    next: str | None = Field(description="The cursor of the next page.")


def request_view(request: Request, batch: Batch | None, results: dict[str, int], series: str | None) -> dict[str, Any]:
    """The members of `RequestView`."""
    return {
        "id": request.uid,
        "state": public_status.public_status(request, batch, results),
        "controller": str(request.scope),
        "scope": request.scope_name,
        "data_types": None if request.data_types is None else tuple(request.data_types),
        "received_at": parse(request.received_at),
        "controller_received_at": None
        if request.controller_received_at is None
        else parse(request.controller_received_at),
        "starts_at": parse(request.due_at),
        "cancellable": public_status.cancellable(request),
        "reason": request.reason,
        "batch": request.batch_uid,
        "receipt": series,
        "answer_by": None if request.deadlines is None else parse(request.deadlines["answerBy"]),
        "deadlines": None if request.deadlines is None else dict(request.deadlines),
        "failure": request.failure,
    }
