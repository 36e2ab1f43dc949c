"""Reachability: whether any request of its controller can lead to a collection, by the data map alone.

A request names identifiers of the kinds `person` and `reusable`; all others are told by records that were found. What
nothing leads to is never looked for, and a receipt would say `not-found` of what is there (law 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from expunge_config.datamap import DataMap, IdentityKind, KeyFlow
from expunge_connectors.contract import Finding, Scope, Severity
from expunge_orchestrator.rules.scope import collections_in

Place = tuple[str, str]
"""(store, collection)"""


def findings(data_map: DataMap) -> list[Finding]:
    """Collections that no request leads to (errors), or only one that itself names what nobody yields (warnings)."""
    found: list[Finding] = []
    for controller in data_map.controllers:
        paths = _Paths.of(controller, data_map)
        if paths is not None:
            found += [*paths.dead(), *paths.lonely()]
    return found


def leads(identities: AbstractSet[str], controller: str, data_map: DataMap) -> bool:
    """A request that names somebody by these may find records of the controller; so may any where it has none.

    Args:
        identities: Names of identities.
        controller: Whose records are looked for.
        data_map: The map.
    """
    paths = _Paths.of(controller, data_map)
    return paths is None or not paths.flows or paths.lead(identities)


def passing(data_map: DataMap) -> dict[str, frozenset[str]]:
    """Store -> the identities by which its records are found and which are somebody else's one day.

    Reusable ones, and those that rows tell which people share; all, where its connector does not say.
    """
    reusable = frozenset(
        name
        for name, identity in data_map.identities.items()
        if identity.kind is IdentityKind.REUSABLE and not identity.shareable
    )
    flows = {store: spec.key_flow(store, data_map) for store, spec in data_map.stores.items()}
    passing_on = reusable.union(*(flow.joint for one in flows.values() for flow in (one or {}).values()))
    return {
        store: passing_on
        if one is None
        else passing_on & frozenset[str]().union(*(flow.incoming for flow in one.values()))
        for store, one in flows.items()
    }


def led(data_map: DataMap, indexes: AbstractSet[str]) -> dict[str, frozenset[str]]:
    """Store -> the identities by which its records are found, and which other records tell that no person's key finds.

    Whoever has the key that finds such a record by now, has what it tells. All, where its connector does not say.
    So it is with a store that says itself whose its keys are, for every other store: of the rows of those it knows
    nothing. Whose a row is that is a person, its own store says.

    Args:
        data_map: The map.
        indexes: The stores that say what a key leads to, and not whose it is.
    """
    told = {store: _told(store, data_map, persons=store in indexes) for store in data_map.stores}
    found: dict[str, frozenset[str]] = {}
    for store, spec in data_map.stores.items():
        elsewhere = frozenset[str]().union(*(told[one] for one in told if one in indexes or one != store))
        flow = spec.key_flow(store, data_map)
        by = None if flow is None else frozenset[str]().union(*(one.incoming for one in flow.values()))
        found[store] = elsewhere if by is None else elsewhere & by
    return found


def _told(store: str, data_map: DataMap, *, persons: bool) -> frozenset[str]:
    """The keys of things and values that records of a store tell which no person's key finds, nor rows that one does.

    Args:
        store: Its name.
        data_map: The map.
        persons: Count records that are persons, too.
    """
    spec = data_map.stores[store]
    flows = spec.key_flow(store, data_map)
    if flows is None:
        return frozenset(data_map.identities)
    specs = spec.collection_specs()
    leading = [one for name, one in flows.items() if persons or specs[name].person_identity is None]
    by, told = data_map.identities.keys() - data_map.person_identities, frozenset[str]()
    while True:
        reached = told.union(*(_outgoing(one) for one in leading if not by.isdisjoint(one.incoming)))
        reached -= data_map.person_identities
        if reached == told:
            return told
        told, by = reached, by | reached


@dataclass(frozen=True, slots=True)
class _Reached:
    """What some identifiers lead to.

    Attributes:
        places: The collections found.
        known: Keys that stores with owner columns are told.
        proven: Those that all others are told as well (`member_proof.py`); the same where there are no members.
    """

    places: AbstractSet[Place]
    known: AbstractSet[str]
    proven: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class _Paths:
    """The collections of one controller, and what leads from one to the other.

    Attributes:
        owned: Those that tell members apart, by which a member's keys are proven. None: there are no members to tell
            apart.
    """

    data_map: DataMap
    controller: str
    flows: Mapping[Place, KeyFlow]
    owned: AbstractSet[Place] | None

    @classmethod
    def of(cls, controller: str, data_map: DataMap) -> _Paths | None:
        """None where a store does not say how its records are found: anything may lead anywhere then."""
        mine = collections_in(Scope(controller), data_map)
        known = {store: data_map.stores[store].key_flow(store, data_map) for store in mine}
        flows: dict[Place, KeyFlow] = {}
        for store, one in known.items():
            if one is None:
                return None
            flows |= {(store, name): one[name] for name in mine[store]}
        owned = {(store, name) for store, specs in mine.items() for name, spec in specs.items() if spec.tells_member}
        return cls(data_map, controller, flows, owned if data_map.controllers[controller].many else None)

    def dead(self) -> Iterator[Finding]:
        """What is never found, or has a way that nothing ever takes."""
        reached = self._from(self._nameable())
        for (store, name), flow in self.flows.items():
            lost = flow.incoming - self._asked_about(store, reached)
            if (store, name) in reached.places:
                lost = frozenset(one for one in lost if self._kind(one) is IdentityKind.INTERNAL)
            reasons = [self._why(one) for one in sorted(lost)]
            if not flow.incoming:
                reasons = ["It is linked by nothing but identities that people share, and those select no record."]
            if reasons:
                yield Finding(
                    Severity.ERROR,
                    "identity-unreachable",
                    store,
                    name,
                    f"{' '.join(reasons)} So what is found by that alone is never looked for, and a receipt would say"
                    " `not-found` of it.",
                    "Let a collection that is found by an identifier of the person yield it (`yields`): a column, or an"
                    " index of keys. Or name these records by an identity that is known.",
                )

    def lead(self, identities: AbstractSet[str]) -> bool:
        """They lead to any collection."""
        return bool(self._from(identities & self._nameable()).places)

    def lonely(self) -> Iterator[Finding]:
        """What a request finds only if it names the very identifier, while others may be named instead."""
        nameable = self._nameable()
        yielded = {key for flow in self.flows.values() for key in _outgoing(flow)}
        everywhere = self._from(nameable).places
        by_start = {one: self._from({one}).places for one in nameable}
        for (store, name), flow in self.flows.items():
            itself = sorted((flow.incoming & nameable) - yielded)
            others = sorted(one for one, places in by_start.items() if places and (store, name) not in places)
            if itself and others and (store, name) in everywhere:
                yield Finding(
                    Severity.WARNING,
                    "identity-unyielded",
                    store,
                    name,
                    f"No collection of {self.controller} yields {_listed(itself)}: a request that names a person by"
                    f" {_listed(others)} alone does not find these records, and its receipt says `not-found`.",
                    "Let the collection of the persons yield it (`yields`), or have every request name it.",
                )

    def _nameable(self) -> frozenset[str]:
        """Identities that a request may name, and that select records."""
        return frozenset(
            name
            for name, one in self.data_map.identities.items()
            if one.kind is not IdentityKind.INTERNAL and not one.shareable
        )

    def _from(self, start: Iterable[str]) -> _Reached:
        """Walk from these identities until nothing new is found."""
        known = set(start)
        proven: set[str] = known if self.owned is None else set()
        places: set[Place] = set()
        while True:
            before = (len(places), len(known), len(proven))
            for place, flow in self.flows.items():
                by = flow.incoming & self._asked_about(place[0], _Reached(places, known, proven))
                if not by:
                    continue
                places.add(place)
                leads = _outgoing(flow)
                known |= leads
                # A person's key that a record merely names is no better than one that was given.
                proven |= {one for one in leads if self._kind(one) is not IdentityKind.PERSON}
                if self.owned is not None and place in self.owned:
                    proven |= by
            if before == (len(places), len(known), len(proven)):
                return _Reached(places, known, proven)

    def _asked_about(self, store: str, reached: _Reached) -> AbstractSet[str]:
        """The keys that a store is asked about."""
        checks = self.owned is None or any(owner == store for owner, _ in self.owned)
        return reached.known if checks else reached.proven

    def _kind(self, key: str) -> IdentityKind | None:
        """None of a key within a store: there, rows lead to rows."""
        identity = self.data_map.identities.get(key)
        return None if identity is None else identity.kind

    def _why(self, key: str) -> str:
        kind, sources = self._kind(key), [place for place, flow in self.flows.items() if key in _outgoing(flow)]
        if kind in {IdentityKind.PERSON, IdentityKind.REUSABLE}:
            return (
                f"No collection of {self.controller} with an owner `column` is found by `{key}`, so nothing proves"
                " whose one is, and it is told to no other store."
            )
        named = ", ".join(f"{store}.{name}" for store, name in sources)
        if kind is None:
            return f"It is linked to rows of {named or 'a collection of another controller'}, which are never found."
        if sources:
            return f"`{key}` is yielded by {named} alone, which is never found itself."
        if key in {one for others in self._elsewhere() for one in _outgoing(others)}:
            return f"`{key}` is yielded by collections of other controllers alone, not of {self.controller}."
        return f"Nothing yields `{key}`, and no request may name it: it is of kind `internal`."

    def _elsewhere(self) -> Iterator[KeyFlow]:
        for store, spec in self.data_map.stores.items():
            for name, flow in (spec.key_flow(store, self.data_map) or {}).items():
                if (store, name) not in self.flows:
                    yield flow


def _outgoing(flow: KeyFlow) -> frozenset[str]:
    return flow.outgoing | flow.lost


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in names)
