"""What the schemas of all resources are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from expunge_config import unsafe_characters
from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.examples import shown

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
NameText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Words = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=unsafe_characters.PATTERN),
]
"""A line of text for people."""

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def _within(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("between 1970 and 2999")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_within)]
"""An instant with its zone that calendars know: every one of them can be written in UTC."""


class Schema(BaseModel):
    """A JSON object of the API: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="A URI that ends in one of the words of docs/api.md, Problems.")
    title: str
    status: int
    detail: str
    remedy: str | None = Field(default=None, description="What the caller can do.")


class PersonIdentifiers(Schema):
    """The identifiers of one person."""

    model_config = ConfigDict(json_schema_extra=shown(examples.IDENTIFIERS))

    identifiers: dict[NameText, Identifier] = Field(min_length=1, max_length=20)
