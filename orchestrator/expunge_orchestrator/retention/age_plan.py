"""Age plan: what is due by age in every place of the data map, since when, and what stays of it. Reads only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from expunge_config.datamap import DataType
from expunge_connectors.contract import Age, AgeCounts, GoesWith, Heartbeat, KnowsAges, NoAge
from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger import Transaction, sweeps
from expunge_orchestrator.ledger.sweeps import AgePlanRow
from expunge_orchestrator.retention import holds_in_force
from expunge_orchestrator.retention.holds_in_force import HoldsInForce
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.workspace import Workspace
from expunge_reports import canonical

NOT_BY_AGE = "Stores of this kind are not looked at by age yet"


@dataclass(frozen=True, slots=True)
class AgePlace:
    """One collection by age.

    Attributes:
        data_type: Its name; what it says is in `rule`.
        controller: Whose records they are.
        held: A hold keeps all that is due here: of this data type, or of this controller with all its members.
        number: Its place in the order in which the collections are swept.
    """

    store: str
    collection: str
    data_type: str
    rule: DataType
    controller: str
    age: Age
    held: bool
    number: int = 0

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
    in_force = holds_in_force.in_force(workspace, today, None, beat)
    places = [place for store in workspace.data_map.stores for place in _in_store(workspace, store, in_force, beat)]
    numbered = [replace(one, number=at) for at, one in enumerate(places)]
    return AgePlan(sorted(numbered, key=_oldest_first), sum(_on_some(one) for one in in_force.holds))


def _in_store(workspace: Workspace, store: str, in_force: HoldsInForce, beat: Heartbeat) -> Iterator[AgePlace]:
    data_map, connector = workspace.data_map, workspace.stores[store]
    known = connector.ages(beat) if isinstance(connector, KnowsAges) else {}
    specs = {name: spec for of, name, spec in data_map.collections() if of == store}
    for name in [*known, *(one for one in specs if one not in known)]:
        spec = specs[name]
        if spec.data_type is not None and spec.owner is not None:
            together = going_together(name, known)
            whole = in_force.whole(workspace, store, together, spec.owner.controller)
            age = known.get(name, NoAge(NOT_BY_AGE))
            rule = data_map.data_types[spec.data_type]
            yield AgePlace(store, name, spec.data_type, rule, spec.owner.controller, age, whole)


def going_together(name: str, ages: Mapping[str, Age]) -> frozenset[str]:
    """A collection, and those of which records go with its own."""
    along = (one for one, age in ages.items() if isinstance(age, GoesWith) and age.collection == name)
    return frozenset({name, *along})


def document(plan: AgePlan) -> list[dict[str, Any]]:
    """What the plan says of each place, as the ledger keeps it and machines are told. Counts alone."""
    return [_place(one) for one in plan.places]


def digest(map_digest: str, places: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256, in hex, over the canonical JSON of what is due, and by which map."""
    return hashlib.sha256(
        canonical.encode({"data_map": map_digest, "places": [dict(one) for one in places]})
    ).hexdigest()


def keep(connection: Transaction, workspace: Workspace, plan: AgePlan) -> AgePlanRow:
    """Write a plan down, by the name and digest of which somebody arms it."""
    places = document(plan)
    named = digest(workspace.map_digest, places)
    return sweeps.keep_plan(connection, now(), workspace.map_digest, named, places, plan.goes)


def _place(one: AgePlace) -> dict[str, Any]:
    said: dict[str, Any] = {
        "store": one.store,
        "collection": one.collection,
        "data_type": one.data_type,
        "controller": one.controller,
        "start_event": one.rule.rule.start.value,
        "period": str(one.rule.rule.period),
        "number": one.number,
    }
    match one.age:
        case GoesWith(collection):
            return said | {"goes_with": collection}
        case NoAge(reason):
            return said | {"no_age": reason}
        case age:
            return said | {
                "records": age.records,
                "due": age.due,
                "oldest": None if age.oldest is None else age.oldest.isoformat(),
                "goes": one.goes,
                "held": one.held,
                "needed_by": dict(age.needed_by),
                "undated": age.undated,
                "ahead": age.ahead,
                "due_in_weeks": list(age.coming),
            }


def _on_some(hold: Hold) -> bool:
    """It keeps what is of some people, or of one member of a controller, and not a whole collection."""
    return hold.people > 0 or hold.member is not None


def _oldest_first(place: AgePlace) -> tuple[bool, date, str, str]:
    age = place.age
    oldest = age.oldest if isinstance(age, AgeCounts) else None
    return not isinstance(age, AgeCounts), oldest or date.max, place.store, place.collection
