"""Map differences: where a data map decides otherwise than the one that a plan was made under (ADR 27)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from expunge_config.datamap import DataMap, KeyFlow, decisions

Planned = Mapping[str, Any]
"""{"identities": {name: digest}, "stores": {store: {collection: digest}}}: plain data, frozen with a plan."""


@dataclass(frozen=True, slots=True)
class MapDifferences:
    """What is decided otherwise.

    Attributes:
        collections: (store, collection) of the plan's map of which another thing is decided.
        gone: Those that the map does not have any more.
        identities: Identities of the plan's map that mean another thing, or are gone.
        intruding: Collections that are new, and lead to records of the plan's or have a part in them.
    """

    collections: frozenset[tuple[str, str]] = frozenset()
    gone: frozenset[tuple[str, str]] = frozenset()
    identities: frozenset[str] = frozenset()
    intruding: frozenset[tuple[str, str]] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.collections or self.gone or self.identities or self.intruding)

    @property
    def text(self) -> str:
        """What differs, by name: `main.letters, cache.sessions (gone), identity email`."""
        named = [
            *(f"identity {name}" for name in sorted(self.identities)),
            *(".".join(place) for place in sorted(self.collections)),
            *(f"{'.'.join(place)} (gone)" for place in sorted(self.gone)),
            *(f"{'.'.join(place)} (new)" for place in sorted(self.intruding)),
        ]
        shown = ", ".join(named[:_SHOWN])
        return shown if len(named) <= _SHOWN else f"{shown} and {len(named) - _SHOWN} more"


_SHOWN = 5


def planned(data_map: DataMap) -> dict[str, Any]:
    """What a map decides, to be frozen with a plan."""
    decided = decisions(data_map)
    return {"identities": decided.identities, "stores": decided.collections}


def differences(before: Planned, data_map: DataMap) -> MapDifferences:
    """Where the map decides otherwise than the plan's did.

    A collection that is new takes no part in what was planned before: it is no difference, unless it tells an identity
    that the plan's map has, or shares records with a collection of the plan.
    """
    now = decisions(data_map)
    places = [(store, name) for store, names in before["stores"].items() for name in names]
    kept = [(store, name) for store, name in places if name in now.collections.get(store, {})]
    return MapDifferences(
        frozenset(
            (store, name) for store, name in kept if now.collections[store][name] != before["stores"][store][name]
        ),
        frozenset(places) - frozenset(kept),
        frozenset(name for name, one in before["identities"].items() if now.identities.get(name) != one),
        frozenset(_intruding(before, data_map)),
    )


def unseen(found: MapDifferences, store: str, data_map: DataMap) -> frozenset[str]:
    """Collections of a store that a look through the map would find otherwise: those that differ, and where these lead.

    Which values of identities are the person's is known from the plan's map; what rows lead to each other by, within a
    store, is read anew by each look. Where an identity means another thing by now, nothing is found as it was.
    """
    names = data_map.stores[store].collection_specs().keys()
    if found.identities:
        return frozenset(names)
    differing = {name for one, name in found.collections if one == store}
    if not differing:
        return frozenset()
    flows = data_map.stores[store].key_flow(store, data_map)
    if flows is None:
        return frozenset(names)
    while more := {
        name for name, flow in flows.items() if name not in differing and _led_by(flow, differing, flows, data_map)
    }:
        differing |= more
    return frozenset(differing)


def _led_by(flow: KeyFlow, names: Collection[str], flows: Mapping[str, KeyFlow], data_map: DataMap) -> bool:
    inside = flow.incoming - data_map.identities.keys()
    return any(inside & (flows[name].outgoing | flows[name].lost) for name in names if name in flows)


def _intruding(before: Planned, data_map: DataMap) -> Iterator[tuple[str, str]]:
    for store, spec in data_map.stores.items():
        known = before["stores"].get(store, {})
        new = [name for name, one in spec.collection_specs().items() if name not in known and one.log is None]
        if not new:
            continue
        flows = spec.key_flow(store, data_map)
        yield from (
            (store, name) for name in new if flows is None or _intrudes(flows[name], known, before["identities"])
        )


def _intrudes(flow: KeyFlow, known: Mapping[str, str], identities: Mapping[str, str]) -> bool:
    tells = (flow.outgoing | flow.lost) & identities.keys()
    return bool(tells or (flow.overlaps | flow.beside) & known.keys())
