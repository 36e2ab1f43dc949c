"""Erasure requests: of controllers, and of people through self-service."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Identifiers, Moment, NameText, Schema
from expunge_orchestrator.api.schemas.examples import shown


class CreateSelfServiceErasureRequest(Schema):
    """What a signed-in person asks for; the token says who they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scope": "account", "waive_grace": False}]})

    scope: NameText = Field(description="One of the data map's `self_service.scopes`.")
    waive_grace: bool = Field(default=False, description="Start at once, where the data map allows it.")


Evidence = Literal["signed-in", "document-seen", "callback", "signature", "other"]


class IdentityEvidence(Schema):
    """How the controller identified the person. The evidence itself stays with the controller."""

    kind: Evidence
    checked_at: Moment
    reference: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,80}$")] | None = Field(
        default=None, description="The controller's own case number. No name, no address."
    )


class CreateErasureRequest(Schema):
    """One person's erasure, for one controller."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "controller": "client:42",
                    "identifiers": {"phone": "+49 30 1234567"},
                    "controller_received_at": "2026-11-20T09:30:00+01:00",
                    "evidence": {
                        "kind": "callback",
                        "checked_at": "2026-11-20T10:00:00+01:00",
                        "reference": "T-2026-118",
                    },
                }
            ]
        }
    )

    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)]
    identifiers: Identifiers
    controller_received_at: Moment | None = None
    evidence: IdentityEvidence | None = None
    data_types: tuple[NameText, ...] | None = Field(default=None, min_length=1, max_length=100, fail_fast=True)


class ErasureRequest(Schema):
    """An erasure request as it stands now."""

    model_config = ConfigDict(json_schema_extra=shown(examples.REQUEST))

    id: str = Field(examples=["rq_1f0c3a5b7d9e1f0c3a5b7d9e"])
    state: str = Field(
        description="scheduled, planning, then the state of its batch: planned, awaiting-approval, executing, on-hold, "
        "erased, partially-erased, not-found, ambiguous, settling, settled, failed; or cancelled, denied."
    )
    controller: str
    scope: str | None
    data_types: tuple[str, ...] | None
    received_at: datetime
    controller_received_at: datetime | None
    starts_at: datetime = Field(description="When it starts; until then it can be cancelled.")
    cancellable: bool
    reason: str | None = Field(
        description="Why it was denied: a reason that `deny` accepts, or `member-unusable`: a store cannot attribute "
        "records to a member spelled like this."
    )
    batch_id: str | None
    receipt_id: str | None = Field(description="Null until the first statement is issued.")
    answer_by: datetime | None = Field(description="When the earliest deadline ends; null: none applies.")
    deadlines: dict[str, Any] | None = Field(
        description="All deadlines, which ends first, and a warning if the statutory one ends before the promise: "
        "docs/deadlines.md."
    )
    failure: str | None = Field(
        description="Why it could not be started yet, and whether an operator has to act; it is tried again. If it was "
        "denied: why it cannot be carried out."
    )


class SelfServiceErasureRequest(ErasureRequest):
    """A person's own erasure request."""

    model_config = ConfigDict(json_schema_extra=shown(examples.PERSON))

    not_covered: str = Field(
        description="What this request does not cover, and whom to ask for it, in words for the person.",
        default=examples.NOT_COVERED,
    )


class AcceptedSelfServiceErasureRequest(SelfServiceErasureRequest):
    """A person's own erasure request with its follow-up token."""

    model_config = ConfigDict(json_schema_extra=shown(examples.OWN))

    follow_up_token: str | None = Field(
        default=None,
        description="Bearer token that reads and cancels this one request (`/v1/follow_up`). Keep it: after erasure "
        "the person cannot sign in. Every repetition of the request returns the same one; null if the keys of the "
        "installation were replaced since.",
    )


class DenyErasureRequest(Schema):
    """Why an erasure request is denied."""

    model_config = ConfigDict(json_schema_extra=shown(examples.DENIAL))

    reason: Literal[
        "identity-not-proven", "not-covered", "manifestly-unfounded", "excessive", "legal-obligation", "fraud-suspected"
    ]


class ExtendErasureRequest(Schema):
    """Which deadline is extended, once, and why. Inform the person first, with the same reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"clock": "statute", "reason": "complexity"}]})

    clock: Literal["statute", "promise"] = "statute"
    reason: Literal["complexity", "number-of-requests"]
    until: date | None = Field(
        default=None,
        description="The new last day of a promise. How long the statutory deadline is extended, the law says.",
    )


class Openings(Schema):
    """Opening files by identity. Each contains an identifier: hand them to the person and keep none."""

    model_config = ConfigDict(json_schema_extra=shown(examples.OPENINGS))

    openings: dict[str, dict[str, Any]]


class ErasureRequestPage(Schema):
    """One page of erasure requests."""

    model_config = ConfigDict(json_schema_extra=shown(examples.REQUESTS))

    items: tuple[ErasureRequest, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null: this is the last one.")
