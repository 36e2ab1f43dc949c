"""Age plan: what is due by age in every place of the data map, since when, and what stays of it. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from expunge_config.datamap import DataType
from expunge_connectors.contract import Age, AgeCounts, Heartbeat, KnowsAges, NoAge
from expunge_orchestrator.ledger import holds
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.workspace import Workspace

NOT_BY_AGE = "Stores of this kind are not looked at by age yet"


@dataclass(frozen=True, slots=True)
class AgePlace:
    """One collection by age.

    Attributes:
        data_type: Its name; what it says is in `rule`.
        controller: Whose records they are.
        held: A hold keeps all that is due here: of this data type, or of this controller with all its members.
    """

    store: str
    collection: str
    data_type: str
    rule: DataType
    controller: str
    age: Age
    held: bool

    @property
    def goes(self) -> int:
        """How many records a sweep would take, but for what a hold on some of them keeps."""
        if not isinstance(self.age, AgeCounts) or self.held:
            return 0
        return self.age.due - self.age.stays


@dataclass(frozen=True, slots=True)
class AgePlan:
    """What is due by age.

    Attributes:
        places: What has been due for the longest first; then what has no age.
        holds_on_some: How many holds on people or on one member are in force: what they keep stays, and is not counted
            apart here.
    """

    places: Sequence[AgePlace]
    holds_on_some: int

    @property
    def goes(self) -> int:
        """How many records sweeps would take."""
        return sum(one.goes for one in self.places)


def age_plan(workspace: Workspace, today: date, beat: Heartbeat) -> AgePlan:
    """Look at every place of the data map.

    Args:
        workspace: Map, stores and ledger.
        today: Of the holds (UTC); each store counts by its own clock.
        beat: Called as often as a piece of a store was read.

    Raises:
        ConnectorError: A store cannot be asked: what is due there is not known.
    """
    with reading(workspace.ledger) as connection:
        in_force = holds.in_force(connection, today, None)
    places = [place for store in workspace.data_map.stores for place in _in_store(workspace, store, in_force, beat)]
    return AgePlan(sorted(places, key=_oldest_first), sum(_on_some(one) for one in in_force))


def _in_store(workspace: Workspace, store: str, in_force: Sequence[Hold], beat: Heartbeat) -> Iterator[AgePlace]:
    data_map, connector = workspace.data_map, workspace.stores[store]
    known = connector.ages(beat) if isinstance(connector, KnowsAges) else {}
    for of, name, spec in data_map.collections():
        if of == store and spec.data_type is not None and spec.owner is not None:
            whole = any(_keeps(one, spec.data_type, spec.owner.controller) for one in in_force)
            age = known.get(name, NoAge(NOT_BY_AGE))
            rule = data_map.data_types[spec.data_type]
            yield AgePlace(store, name, spec.data_type, rule, spec.owner.controller, age, whole)


def _on_some(hold: Hold) -> bool:
    """It keeps what is of some people, or of one member of a controller, and not a whole collection."""
    return hold.people > 0 or hold.member is not None


def _keeps(hold: Hold, data_type: str, controller: str) -> bool:
    return not _on_some(hold) and hold.data_type in {None, data_type} and hold.controller in {None, controller}


def _oldest_first(place: AgePlace) -> tuple[bool, date, str, str]:
    age = place.age
    oldest = age.oldest if isinstance(age, AgeCounts) else None
    return not isinstance(age, AgeCounts), oldest or date.max, place.store, place.collection
