"""Legal holds, exemptions and restrictions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Identifiers, NameText, Schema, Words
from expunge_orchestrator.api.schemas.examples import shown
from expunge_orchestrator.rules.restrictions import RestrictedFor


class CreateLegalHold(Schema):
    """A hold to be placed. It holds what matches all of the given people, data type and controller."""

    model_config = ConfigDict(json_schema_extra=shown(examples.HOLD_WISH))

    kind: Literal["hold", "exemption"] = "hold"
    restriction: RestrictedFor | None = Field(
        default=None,
        description="These people obtained a restriction of processing, for this reason (GDPR Art. 18(1)(a)-(d)). "
        "It is of people, has no `until` and is disclosed.",
    )
    people: tuple[Identifiers, ...] = Field(default=(), max_length=1000, fail_fast=True)
    data_type: NameText | None = None
    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)] | None = None
    ground: Words
    until: date | None = None
    undisclosed: bool = False


class LegalHold(Schema):
    """A legal hold, exemption or restriction (`kind`). `people` is the number of people that it was placed for."""

    model_config = ConfigDict(json_schema_extra=shown(examples.HOLD))

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
    informed_on: date | None = Field(description="When the people of a restriction were informed of its end.")


class LiftLegalHold(Schema):
    """What has to be said before a hold is lifted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"informed_on": "2026-12-01"}]})

    informed_on: date | None = Field(
        default=None,
        description="Of a restriction: the day (UTC) on which its people were informed of its end (GDPR Art. 18(3)).",
    )


class LegalHoldPage(Schema):
    """One page of legal holds."""

    model_config = ConfigDict(json_schema_extra=shown(examples.HOLDS))

    items: tuple[LegalHold, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null: this is the last one.")


class PlacedLegalHold(LegalHold):
    """A hold that has just been placed."""

    model_config = ConfigDict(json_schema_extra=shown(examples.PLACED))

    too_late: dict[str, int] = Field(
        description="Batch id -> number of people whose erasing step was running already and was not stopped."
    )
    unproven: int = Field(
        description="Number of people given by an e-mail address, a phone number or the like alone: the hold does not "
        "follow when it changes. Give an id that is never reused where there is one."
    )
    unchecked: tuple[str, ...] = Field(
        description="Stores that could not be asked whether they know the controller's member as it is spelled. If one "
        "spells it otherwise, the hold holds nothing there: place it again when they answer."
    )
