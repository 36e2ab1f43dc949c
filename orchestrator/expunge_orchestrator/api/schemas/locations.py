"""What is held of one person, and where."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import PersonIdentifiers, Schema
from expunge_orchestrator.api.schemas.examples import shown


class LocatePerson(PersonIdentifiers):
    """One person, and the controller whose records are searched."""

    model_config = ConfigDict(json_schema_extra=shown(examples.SOUGHT))

    controller: Annotated[str, StringConstraints(min_length=1, max_length=264)]


class Location(Schema):
    """What is held of a person, and what was not searched: the base of an access request. Counts, never values."""

    model_config = ConfigDict(json_schema_extra=shown(examples.LOCATION))

    controller: str
    operator: dict[str, str]
    searched_at: dict[str, datetime]
    people: tuple[dict[str, Any], ...]
    collections: tuple[dict[str, Any], ...]
    data_types: dict[str, dict[str, Any]]
    not_searched: dict[str, tuple[Any, ...]]
