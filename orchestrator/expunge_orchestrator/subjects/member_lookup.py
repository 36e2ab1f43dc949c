"""Member lookup: asks the stores about a chunk, those that tell members apart first, and what that proves (law 2).

A store that checks no owner is told a key only after a record of the member was found through it (see `member_proof`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import (
    DiscoveredKey,
    Holders,
    KnowsClaims,
    Scope,
    StoreConnector,
    Subject,
    SubjectKey,
    with_holders,
)
from expunge_orchestrator.rules.resolution_answers import Resolved

UNPROVEN = "unproven:"
"""Marks a key without proof, before its namespace."""

_Verb = Callable[[Sequence[Subject], Scope, datetime], Mapping[int, frozenset[SubjectKey]]]


def holders(
    stores: Iterable[StoreConnector], values: Collection[SubjectKey], scope: Scope
) -> dict[SubjectKey, Holders]:
    """Value -> who has it now, and since when, by whichever store says so; of values that anybody has.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    found: dict[SubjectKey, Holders] = {}
    for store in stores if values else ():
        if isinstance(store, KnowsClaims):
            for value, persons in store.claimants(values, scope).items():
                found[value] = with_holders(found.get(value, {}), persons)
    return found


@dataclass(slots=True)
class ProvingLookup:
    """The lookups of one chunk, and the keys proven so far.

    Attributes:
        doubtful: Subject number -> keys that have no standing unless they are proven: those given, and those marked.
        own_records: Store -> collection of persons that tells members apart -> their identity.
        at_home: Subject number -> `store.collection` and key of such records that were found.
    """

    doubtful: Mapping[int, frozenset[SubjectKey]]
    stores: Mapping[str, StoreConnector]
    names: Sequence[str]
    scope: Scope
    cutoffs: Mapping[str, datetime]
    owned: Mapping[str, frozenset[str]]
    persons: frozenset[str]
    own_records: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    proven: set[tuple[int, SubjectKey]] = field(default_factory=set)
    at_home: defaultdict[int, set[tuple[str, SubjectKey]]] = field(default_factory=lambda: defaultdict(set))

    def lookup(self, subjects: Sequence[Subject]) -> Iterator[tuple[str, Sequence[DiscoveredKey]]]:
        """One step over every store, those that check owners first."""
        for name in self.names:
            if name in self.owned or self.scope.member is None:
                found = self.stores[name].resolve(subjects, self.scope, self.cutoffs[name])
                checked = self.owned.get(name, frozenset())
                self.proven.update((number, via) for number, via, collection, _ in found if collection in checked)
                own = self.own_records.get(name, {})
                for one in found if own else ():
                    if own.get(one.collection) == one.key.namespace:
                        self.at_home[one.number].add((f"{name}.{one.collection}", one.key))
                yield name, found
        if self.scope.member is None:
            return
        self._prove(subjects)
        inherited = [name for name in self.names if name not in self.owned]
        allowed = self._with_standing(subjects) if inherited else []
        for name in inherited:
            yield name, self.stores[name].resolve(allowed, self.scope, self.cutoffs[name])

    def told_by_others(self, subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        """Of values that records of these people merely tell, those that records of others hold in any store."""
        return self._said(subjects, lambda store: store.told_by_others)

    def held_by_others(self, subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        """Of these people's keys those that records of others hold by now in any store, and none of theirs."""
        return self._said(subjects, lambda store: store.given_again)

    def held_by_other_names(self, aliases: Aliases, subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        """Of each one's values those that another person has in any store, under any identity that is read there."""
        asked = aliases.among(key for one in subjects for key in one.keys).keys()
        held = holders([self.stores[name] for name in self.names], asked, self.scope)
        theirs = {
            one.number: frozenset(key for key in one.keys & held.keys() if held[key].keys() - one.keys)
            for one in subjects
        }
        return {number: keys for number, keys in theirs.items() if keys}

    def _said(
        self, subjects: Sequence[Subject], verb: Callable[[KnowsClaims], _Verb]
    ) -> Mapping[int, frozenset[SubjectKey]]:
        """What every store says by one verb that knows whose a key is."""
        found: dict[int, frozenset[SubjectKey]] = {}
        for name in self.names:
            store = self.stores[name]
            if isinstance(store, KnowsClaims):
                asked = subjects if name in self.owned or self.scope.member is None else self._with_standing(subjects)
                for number, keys in verb(store)(asked, self.scope, self.cutoffs[name]).items():
                    found[number] = found.get(number, frozenset()) | keys
        return found

    def _with_standing(self, subjects: Sequence[Subject]) -> list[Subject]:
        """The people with such keys alone as a store may be told that checks no owner."""
        return [
            replace(
                one,
                keys=one.keys.difference(self._without_standing(one.number, one.keys)),
                known=one.known.difference(self._without_standing(one.number, one.known)),
            )
            for one in subjects
        ]

    def marked(self, number: int, answer: Resolved) -> Resolved:
        """The answer with a mark on every key without standing, and with those that are at home."""
        if self.at_home:
            theirs = ((place, key) for place, key in self.at_home.get(number, ()) if key in answer.keys)
            answer = answer._replace(at_home=frozenset(SubjectKey(place, key.value) for place, key in theirs))
        if self.scope.member is None or not (unproven := self._without_standing(number, answer.keys)):
            return answer
        marked = frozenset(SubjectKey(f"{UNPROVEN}{key.namespace}", key.value) for key in unproven)
        return answer._replace(keys=answer.keys.difference(unproven) | marked)

    def _without_standing(self, number: int, keys: Iterable[SubjectKey]) -> list[SubjectKey]:
        """Keys without standing. A person key that a record merely names is no better than one that was given."""
        doubtful, persons, proven = self.doubtful[number], self.persons, self.proven
        return [key for key in keys if (key in doubtful or key.namespace in persons) and (number, key) not in proven]

    def _prove(self, subjects: Sequence[Subject]) -> None:
        """Count by one key alone, where a record that yields nothing may stand behind it."""
        doubtful = [(one.number, key) for one in subjects for key in self._without_standing(one.number, one.keys)]
        asked = [Subject(place, frozenset([key])) for place, (_, key) in enumerate(doubtful)]
        for store, names in self.owned.items() if asked else ():
            for place, tallies in self.stores[store].count(asked, self.scope, self.cutoffs[store]).items():
                if any(not tally.empty for name, tally in tallies.items() if name in names):
                    self.proven.add(doubtful[place])
