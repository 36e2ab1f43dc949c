"""Legal holds and exemptions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Identifiers, NameText, Schema, Words
from expunge_orchestrator.api.schemas.examples import shown


class CreateLegalHold(Schema):
    """A hold to be placed. It holds what matches all of the given people, data type and controller."""

    model_config = ConfigDict(json_schema_extra=shown(examples.HOLD_WISH))

    kind: Literal["hold", "exemption"] = "hold"
    people: tuple[Identifiers, ...] = Field(default=(), max_length=1000, fail_fast=True)
    data_type: NameText | None = None
    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)] | None = None
    ground: Words
    until: date | None = None
    undisclosed: bool = False


class LegalHold(Schema):
    """A legal hold or exemption. `people` is the number of people that it was placed for."""

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
