"""Holds, and what is looked for of one person."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import IdentifiedRequest, Identifier, NameText, Schema
from expunge_orchestrator.api.schemas.examples import shown


class CreateHold(Schema):
    """A hold to be placed: all that is named must agree."""

    model_config = ConfigDict(json_schema_extra=shown(examples.HOLD_WISH))

    kind: Literal["hold", "exemption"] = "hold"
    people: tuple[Annotated[dict[NameText, Identifier], Field(min_length=1)], ...] = Field(default=(), max_length=1000)
    data_type: NameText | None = None
    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)] | None = None
    # Postgres takes no text with a NUL character in it.
    ground: Annotated[
        str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=r"^[^\x00]*$")
    ]
    until: date | None = None
    undisclosed: bool = False


class HoldView(Schema):
    """A hold. `people`: how many it was placed for."""

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


class PlacedHold(HoldView):
    """A hold that is in force now, and, per batch, for how many people it came too late to stop a running step.

    `unproven`: how many people are named by an e-mail, a number or the like alone. Where an account gets another one,
    the hold does not follow: name people by an id where there is one.
    """

    model_config = ConfigDict(json_schema_extra=shown(examples.PLACED))

    too_late: dict[str, int]
    unproven: int


class LocateRequest(IdentifiedRequest):
    """One person, and for whom the request speaks."""

    model_config = ConfigDict(json_schema_extra=shown(examples.SOUGHT))

    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)]
