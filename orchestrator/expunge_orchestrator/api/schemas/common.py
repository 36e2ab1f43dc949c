"""What the shapes of every subject are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.examples import shown

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
NameText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def _within(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("between 1970 and 2999")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_within)]
"""An instant with its zone that calendars know: every one of them can be written in UTC."""


class Schema(BaseModel):
    """Members are written in camelCase."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


def there_already(told: type[Schema]) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: what a repeated call is answered with, instead of 201."""
    return {200: {"model": told, "description": "It was asked for before: as it stands now"}}


PROBLEM = "application/problem+json"
"""Media type of an error (RFC 9457)."""


def problem(told: str) -> dict[str, Any]:
    """For the OpenAPI document: an error, and when it is answered."""
    return {"description": told, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


class IdentifiedRequest(Schema):
    """Identifiers of one person."""

    model_config = ConfigDict(json_schema_extra=shown(examples.IDENTIFIERS))

    identifiers: dict[NameText, Identifier] = Field(min_length=1, max_length=20)
