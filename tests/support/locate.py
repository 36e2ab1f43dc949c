"""The answer of `expunge locate`, by record."""

from __future__ import annotations

import io

from tests.support.installation import Installation

from expunge_orchestrator.locate import Location, PersonLocation, locate
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import Workspace


def located(installation: Installation, csv: str, controller: str, workspace: Workspace | None = None) -> Location:
    chosen = workspace or installation.workspace
    people = read_people(io.BytesIO(csv.encode()), chosen.data_map)
    return locate(chosen, people, parse_scope(controller, chosen.data_map))


def the_one(location: Location) -> PersonLocation:
    (one,) = location.people
    return one


def records(one: PersonLocation) -> dict[str, int]:
    return {held.info.name: held.records for held in one.per_collection}
