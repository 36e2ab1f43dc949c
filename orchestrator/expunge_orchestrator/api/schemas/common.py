"""What the schemas of all resources are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

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


_UNKNOWN_TOLD = 20
"""Members that are one too many and are told one by one."""


def _few(given: object, most: int) -> object:
    """Refuse an object for its length before its members are looked at: each wrong one is an error of its own."""
    if isinstance(given, dict) and len(given) > most:
        raise ValueError(f"at most {most} of them")
    return given


_MOST_IDENTIFIERS = 20

Identifiers = Annotated[
    dict[NameText, Identifier],
    Field(min_length=1, max_length=_MOST_IDENTIFIERS),
    BeforeValidator(lambda given: _few(given, _MOST_IDENTIFIERS)),
]
"""What one person is known by."""


class Schema(BaseModel):
    """A JSON object of the API: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _not_many_more(cls, given: object) -> object:
        """Whoever sends thousands of unknown members is told once."""
        if cls.model_config.get("extra") == "forbid":
            return _few(given, len(cls.model_fields) + _UNKNOWN_TOLD)
        return given


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

    identifiers: Identifiers
