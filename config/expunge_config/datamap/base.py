"""Base pydantic model of the data map: frozen, unknown keys refused, checked names and texts; assurances."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, StringConstraints
from pydantic.functional_validators import AfterValidator, BeforeValidator

from expunge_config import unsafe_characters
from expunge_config.periods import Period

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(unsafe_characters.refuse),
]


def _period(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever the YAML held
    return value if isinstance(value, Period) else Period.parse(str(value))


IsoPeriod = Annotated[Period, BeforeValidator(_period), PlainSerializer(str, return_type=str)]


class Model(BaseModel):
    """Base of everything in the map: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Assurance(Model):
    """What nothing in a store makes sure of, and who says so."""

    reason: Text
    approved_by: Text
