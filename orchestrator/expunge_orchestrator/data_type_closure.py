"""Data type closure: which data types of a controller can be erased while its others stay (ADR 10).

What is left out must stay, and every way to it as well: whoever asks for the whole later finds it as before (law 1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from expunge_config.datamap import CollectionSpec, DataMap, KeyFlow
from expunge_config.errors import UsageError
from expunge_connectors.contract import Finding, KnowsDependencies, Scope, Severity, StoreConnector
from expunge_orchestrator.errors import IncompleteSelectionError
from expunge_orchestrator.rules.scope import collections_in, types_of

Place = tuple[str, str]
"""(store, collection)"""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a choice is not closed.

    Attributes:
        why: In words, naming collections.
        without: Data types that the choice lacks for this.
        reached: The collections that would stay, and are concerned.
    """

    why: str
    without: frozenset[str]
    reached: frozenset[Place]


def validate_selection(scope: Scope, data_map: DataMap, wanted: Iterable[str] | None) -> frozenset[str] | None:
    """The data types that a request is limited to; None where that is no limit at all.

    Raises:
        UsageError: One is unknown, or the controller has no collection of it, or none is named.
    """
    if wanted is None:
        return None
    names, known = frozenset(wanted), types_of(scope, data_map)
    remedy = f"Data types of {scope.controller} are {', '.join(sorted(known))}."
    if not names:
        raise UsageError("No data type is named.", remedy=remedy)
    if not names <= known:
        # What was named may be anything, a person's name too: it is not repeated here.
        raise UsageError(
            f"A data type is named that {scope.controller} has none of; nothing was touched.", remedy=remedy
        )
    return None if names == known else names


def require_closed(
    scope: Scope, data_map: DataMap, stores: Mapping[str, StoreConnector], chosen: frozenset[str] | None
) -> None:
    """Refuse a choice of data types that cannot be erased while the others stay.

    Raises:
        IncompleteSelectionError: It is not closed; the message says why, the remedy what would be.
        ConnectorError: A store cannot be asked for its foreign keys.
    """
    if chosen is None:
        return
    choice = _Choice(scope, data_map, stores)
    found = choice.conflicts(chosen)
    if not found:
        return
    listed = "\n".join(f"  {one}" for one in dict.fromkeys(conflict.why for conflict in found))
    raise IncompleteSelectionError(
        f"Of {scope.controller}, {', '.join(sorted(chosen))} cannot be erased alone; nothing was touched:\n{listed}",
        remedy=choice.remedy(chosen),
    )


def dependents(
    scope: Scope,
    data_map: DataMap,
    stores: Mapping[str, StoreConnector],
    going: Collection[Place],
    others: Collection[Place],
) -> frozenset[Place]:
    """Those of the other collections that hang on the records of these, whatever their data types are.

    Raises:
        ConnectorError: A store cannot be asked for its foreign keys.
    """
    found = _Choice(scope, data_map, stores).among(going, others)
    return frozenset[Place]().union(*(one.reached for one in found))


def findings(data_map: DataMap, stores: Mapping[str, StoreConnector]) -> list[Finding]:
    """Scopes of the map's self-service that would be refused.

    Raises:
        ConnectorError: A store cannot be asked for its foreign keys.
    """
    served = data_map.self_service
    if served is None:
        return []
    scope = Scope(served.controller)
    choice = _Choice(scope, data_map, stores)
    found: list[Finding] = []
    for name, one in served.scopes.items():
        chosen = validate_selection(scope, data_map, one.data_types)
        if chosen is None:
            continue
        found += [
            Finding(
                Severity.WARNING,
                "scope-not-closed",
                "self_service",
                name,
                f"Requests for it are refused: {conflict.why}",
                choice.remedy(chosen),
            )
            for conflict in choice.conflicts(chosen)
        ]
    return found


class _Choice:
    """The collections of a controller, and how they hang together."""

    def __init__(self, scope: Scope, data_map: DataMap, stores: Mapping[str, StoreConnector]) -> None:
        self._map, self._stores, self._scope = data_map, stores, scope
        self._specs: dict[Place, CollectionSpec] = {
            (store, name): spec
            for store, specs in collections_in(scope, data_map).items()
            for name, spec in specs.items()
        }
        self._by_member = data_map.controllers[scope.controller].many
        self._flows: dict[str, Mapping[str, KeyFlow] | None] = {
            store: data_map.stores[store].key_flow(store, data_map)
            for store in dict.fromkeys(one for one, _ in self._specs)
        }
        self._needed: dict[Place, frozenset[str]] = {}

    def conflicts(self, chosen: AbstractSet[str]) -> list[Conflict]:
        """Why these data types cannot be erased alone; none if they can."""
        asked = [place for place, spec in self._specs.items() if spec.data_type in chosen]
        left = [place for place, spec in self._specs.items() if spec.data_type not in chosen]
        return self.among(asked, left)

    def among(self, asked: Collection[Place], left: Collection[Place]) -> list[Conflict]:
        """Why the records of some collections cannot go while those of others stay; none if they can."""
        if not left:
            return []
        if silent := [store for store, known in self._flows.items() if known is None]:
            why = f"the connector of {', '.join(silent)} does not say by which keys its records are found."
            return [self._conflict(why, left)]
        return [*self._leading(asked, left), *self._proving(asked, left), *self._leaning(asked, left)]

    def remedy(self, chosen: frozenset[str]) -> str:
        """What could be asked for instead."""
        whole = chosen
        while more := frozenset[str]().union(*(one.without for one in self.conflicts(whole))) - whole:
            whole |= more
        if whole == {spec.data_type for spec in self._specs.values()}:
            return "Ask for everything, or for data types on which nothing else depends."
        return f"Choose as well: {', '.join(sorted(whole - chosen))}."

    def _leading(self, asked: Collection[Place], left: Collection[Place]) -> Iterator[Conflict]:
        """Records that would go and alone lead to some that stay, or are these themselves."""
        for store, name in asked:
            flow = self._flow_of((store, name))
            reached = [place for place in left if flow.lost & self._flow_of(place).incoming]
            if reached:
                yield self._conflict(
                    f"{store}.{name} leads to {_listed(reached)}: without it a later request would not find these.",
                    reached,
                )
            same = [(store, other) for other in sorted(flow.overlaps) if (store, other) in left]
            if same:
                yield self._conflict(
                    f"what is named as {store}.{name} can be a record of {_listed(same)} as well.", same
                )

    def _proving(self, asked: Collection[Place], left: Collection[Place]) -> Iterator[Conflict]:
        """Of a controller with members, records that prove whose a key is, where stores are told proven ones alone."""
        if not self._by_member:
            return
        checking = {store for (store, _), spec in self._specs.items() if spec.tells_member}
        proving = [place for place in asked if self._specs[place].tells_member]
        reached = [place for place in left if place[0] not in checking]
        if proving and reached:
            yield self._conflict(
                f"{_listed(proving)} says whose keys these are: without it a later request would not be led to"
                f" {_listed(reached)}.",
                reached,
            )

    def _leaning(self, asked: Collection[Place], left: Collection[Place]) -> Iterator[Conflict]:
        """Records that would go and cannot while others stay."""
        for store, name in left:
            needed = [(store, one) for one in sorted(self._needed_by((store, name))) if (store, one) in asked]
            if needed:
                yield self._conflict(
                    f"records of {store}.{name} stay and need those of {_listed(needed)}.", [(store, name)]
                )

    def _needed_by(self, place: Place) -> frozenset[str]:
        store, name = place
        if place not in self._needed:
            connector = self._stores[store]
            self._needed[place] = (
                connector.needed_by([name], self._scope) if isinstance(connector, KnowsDependencies) else frozenset()
            )
        return self._needed[place]

    def _flow_of(self, place: Place) -> KeyFlow:
        store, name = place
        known = self._flows[store]
        assert known is not None
        return known[name]

    def _conflict(self, why: str, reached: Collection[Place]) -> Conflict:
        return Conflict(why, self._types(reached), frozenset(reached))

    def _types(self, places: Iterable[Place]) -> frozenset[str]:
        return frozenset(str(self._specs[place].data_type) for place in places)


def _listed(places: Iterable[Place]) -> str:
    return ", ".join(f"{store}.{name}" for store, name in places)
