"""Shapes of what goes over the wire. Unknown members are refused; an identifier that comes in never goes out again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from expunge_config.apisettings import RoleName
from expunge_orchestrator.clock import parse
from expunge_orchestrator.ledger.records import Batch
from expunge_orchestrator.requests import life
from expunge_orchestrator.requests.records import Request

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
NameText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def _within(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("between 1970 and 2999")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_within)]
"""An instant with its zone that calendars know: every one of them can be written in UTC."""


class Shape(BaseModel):
    """Members are written in camelCase."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


def there_already(told: type[Shape]) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: what a repeated call is answered with, instead of 201."""
    return {200: {"model": told, "description": "It was asked for before: as it stands now"}}


class OwnWish(Shape):
    """What a signed-in person asks for. Who they are stands in the token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scope": "account", "waiveGrace": False}]})

    scope: NameText = Field(description="A choice of the map's `self_service.scopes`.")
    waive_grace: bool = Field(default=False, description="At once, where the map allows it.")


Evidence = Literal["signed-in", "document-seen", "callback", "signature", "other"]


class IdentityEvidence(Shape):
    """How the controller knows that it is the person. What was seen stays with the controller."""

    kind: Evidence
    checked_at: Moment
    reference: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,80}$")] | None = Field(
        default=None, description="The controller's own file number. No name, no address."
    )


class Wish(Shape):
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


class RequestTold(Shape):
    """A request as it stands."""

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
    reason: str | None
    batch: str | None
    receipt: str | None = Field(description="The series of its receipt, as soon as there is one.")
    answer_by: datetime | None = Field(description="When the deadline that ends first is over; null: none runs.")
    deadlines: dict[str, Any] | None = Field(
        description="The clocks, which ends first, and a warning where that is the law's: docs/deadlines.md."
    )
    failure: str | None = Field(
        description="Why it could not be begun yet, and what somebody has to do, if anybody has to; it is tried again."
    )


class OwnTold(RequestTold):
    """The same for the person, with the secret that reads this one request later, without an account."""

    follow_up: str | None = Field(
        default=None,
        description="Only in the answer that made it. Keep it: after the deletion nobody can sign in any more.",
    )
    elsewhere: str = Field(
        description="Where to ask for what this request does not cover.",
        default="Data that clients of this company hold about you is theirs: ask the client. Log files are not "
        "affected. Copies may remain in back-up storage for some time; the receipt says until when.",
    )


class Reason(Shape):
    """Why a request is denied."""

    reason: Literal[
        "identity-not-proven", "not-covered", "manifestly-unfounded", "excessive", "legal-obligation", "fraud-suspected"
    ]


class Extension(Shape):
    """Which clock is extended, once, and why. Send it when you have told the person, with these reasons."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"clock": "statute", "reason": "complexity"}]})

    clock: Literal["statute", "promise"] = "statute"
    reason: Literal["complexity", "number-of-requests"]
    until: date | None = Field(
        default=None, description="Of a promise: its new last day. The law says itself how long its clock is extended."
    )


class Asserted(Shape):
    """Identifiers of one person."""

    identifiers: dict[NameText, Identifier] = Field(min_length=1, max_length=20)


class Sought(Asserted):
    """One person, and for whom the request speaks."""

    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)]


class Openings(Shape):
    """Opening files by identity. Each holds its identifier: hand it to the person, keep none."""

    openings: dict[str, dict[str, Any]]


class Page(Shape):
    """One page of a list."""

    items: tuple[RequestTold, ...]
    next: str | None = Field(description="The cursor of the next page.")


def told(request: Request, batch: Batch | None, results: dict[str, int], series: str | None) -> dict[str, Any]:
    """The members of `RequestTold`."""
    return {
        "id": request.uid,
        "state": life.told(request, batch, results),
        "controller": str(request.scope),
        "scope": request.scope_name,
        "data_types": None if request.data_types is None else tuple(request.data_types),
        "received_at": parse(request.received_at),
        "controller_received_at": None
        if request.controller_received_at is None
        else parse(request.controller_received_at),
        "starts_at": parse(request.due_at),
        "cancellable": life.cancellable(request),
        "reason": request.reason,
        "batch": request.batch_uid,
        "receipt": series,
        "answer_by": None if request.deadlines is None else parse(request.deadlines["answerBy"]),
        "deadlines": None if request.deadlines is None else dict(request.deadlines),
        "failure": request.failure,
    }


class AuditTold(Shape):
    """An entry of the audit trail."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None
    result: str


class AuditPage(Shape):
    """One page of the audit trail."""

    items: tuple[AuditTold, ...]
    next: str | None


class KeyWish(Shape):
    """A key to be issued."""

    roles: tuple[RoleName, ...] = Field(min_length=1, max_length=5)
    controllers: tuple[Annotated[str, StringConstraints(min_length=1, max_length=264)], ...] | None = Field(
        default=None, min_length=1, max_length=1000, description="Whom it may speak for; absent: all."
    )
    holder: Annotated[str, StringConstraints(pattern=r"^ak_[0-9a-f]{12}$")] | None = None
    ends_at: Moment | None = None


class KeyTold(Shape):
    """An API key."""

    id: str
    holder: str
    roles: tuple[str, ...]
    controllers: tuple[str, ...] | None
    issued_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None


class IssuedKey(KeyTold):
    """A key and its secret, which is nowhere else."""

    secret: str


class HoldWish(Shape):
    """A hold to be placed: all that is named must agree."""

    kind: Literal["hold", "exemption"] = "hold"
    people: tuple[dict[NameText, Identifier], ...] = Field(default=(), max_length=1000)
    data_type: NameText | None = None
    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)] | None = None
    # Postgres takes no text with a NUL character in it.
    ground: Annotated[
        str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=r"^[^\x00]*$")
    ]
    until: date | None = None
    undisclosed: bool = False


class HoldTold(Shape):
    """A hold. `people`: how many it was placed for."""

    id: str
    kind: str
    people: int
    data_type: str | None
    controller: str | None
    ground: str
    until: date | None
    undisclosed: bool
    placed_at: datetime
    lifted_at: datetime | None


class PlacedHold(HoldTold):
    """A hold that is in force now, and, per batch, for how many people it came too late to stop a running step."""

    too_late: dict[str, int]


class Digest(Shape):
    """Exactly one plan."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Confirmation(Shape):
    """Somebody's word for what a batch that is over left."""

    confirm: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="The digest of the batch's plan, by somebody who saw what it left."
    )


class PlanTold(Shape):
    """What a batch was planned to do, counted before anything was touched."""

    model_config = ConfigDict(extra="ignore")

    batch: str
    controller: str
    state: str
    digest: str
    data_map: str
    data_types: tuple[str, ...] | None = None
    replaces: dict[str, str] | None = Field(
        default=None, description="The batch whose plan this one came instead of, and why: that one was void."
    )
    people: int
    ambiguous: int
    not_found: int
    on_hold: int
    also_in: dict[str, int]
    most_per_person: int
    exceeded: tuple[dict[str, Any], ...]
    stores: dict[str, dict[str, Any]]


class BatchTold(Shape):
    """How far a batch is, what was found and what is left."""

    model_config = ConfigDict(extra="ignore")

    batch: str
    controller: str
    data_types: tuple[str, ...] | None = None
    state: str
    digest: str
    people: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    collections: dict[str, dict[str, int]]
    settles_at: datetime | None
    settling: bool
    settled: int
    left_in_part: int
    left: dict[str, dict[str, int]] = Field(
        default={}, description="What is left of these people, when last seen: collection -> people, records."
    )
    chunks: tuple[dict[str, Any], ...]


class BatchPage(Shape):
    """One page of batches."""

    items: tuple[BatchTold, ...]
    next: str | None


class ResultTold(Shape):
    """The outcome of one line of a list; null while it is open."""

    line: int
    outcome: str | None
    reason: str | None
    receipt: str


class ResultPage(Shape):
    """One page of outcomes."""

    items: tuple[ResultTold, ...]
    next: str | None
