"""Member proof (tenant isolation): which keys a controller's member has proven to be its own (law 2).

A client's request may name any caller id, also another client's. A table with an owner column checks that by itself;
a cache, a bucket or any other place that is `inherited` cannot. So a given key leads to such places only when a record
whose owner column names this member was found through it: then the key is *proven*. A key that is not proven is marked
(the mark is sealed with it) and told only to stores that check owners themselves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

from expunge_config.datamap import DataMap
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import (
    UNREAD,
    CoHolder,
    DiscoveredKey,
    Holders,
    KnowsClaims,
    Scope,
    StoreConnector,
    Subject,
    SubjectKey,
    with_holders,
)
from expunge_orchestrator.rules import identity_resolution
from expunge_orchestrator.rules.identity_resolution import Indexes
from expunge_orchestrator.rules.resolution_answers import Resolved, Said
from expunge_orchestrator.rules.scope import collections_in

_MARK = ":"  # ends every mark; no namespace of a map holds one
UNPROVEN = "unproven:"
_REFUSED, _SHARED, _DOUBTFUL, _ATTRIBUTED = "refused:", "shared:", "doubtful:", "attributed:"
_FORESEEN, _AT_HOME, _CO_HOLDER = "foreseen:", "at-home:", "co-holder:"

_NOT_ACCEPTED = (_REFUSED, _SHARED, _DOUBTFUL, _ATTRIBUTED, _CO_HOLDER, _FORESEEN, _AT_HOME, UNREAD)

_Verb = Callable[[Sequence[Subject], Scope, datetime], Mapping[int, frozenset[SubjectKey]]]


def sealed_together(accepted_keys: frozenset[SubjectKey], answer: Resolved) -> frozenset[SubjectKey]:
    """Accepted keys with those that were refused and, of these, shared or doubtful: each marked, to be sealed together.

    And with those of them that are attributed, with who has these as well, or at home, and with what could not be read:
    it is counted when the rows are gone.
    """
    marked = (
        (_REFUSED, answer.refused),
        (_SHARED, answer.shared),
        (_DOUBTFUL, answer.doubtful),
        (_ATTRIBUTED, answer.attributed),
        (_AT_HOME, answer.at_home),
    )
    return accepted_keys.union(
        answer.unread,
        (SubjectKey(f"{mark}{key.namespace}", key.value) for mark, keys in marked for key in keys),
        (
            SubjectKey(f"{_CO_HOLDER}{value.namespace}", json.dumps([value.value, *person]))
            for value, person in answer.co_holders
        ),
    )


def subject(number: int, keys: frozenset[SubjectKey]) -> Subject:
    """A person of a chunk, by keys that were sealed together. Nearly all of them carry no mark."""
    if not any(_MARK in namespace for namespace, _ in keys):
        return Subject(number, keys, frozenset())
    attributed = _marked_as(_ATTRIBUTED, keys)
    return Subject(
        number,
        accepted(keys),
        refused(keys),
        shared(keys),
        doubtful(keys),
        attributed,
        co_holders(keys),
        unread=unread(keys),
        at_home=at_home(keys),
    )


def accepted(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """The accepted ones of keys that were sealed together."""
    return frozenset(key for key in keys if not key.namespace.startswith(_NOT_ACCEPTED))


def proven(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """The accepted ones that are not marked as without proof."""
    return frozenset(key for key in accepted(keys) if not _marked(key))


def unread(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """What could not be read, of keys that were sealed together."""
    return frozenset(key for key in keys if key.namespace.startswith(UNREAD))


def refused(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """The refused ones, without their mark."""
    return _marked_as(_REFUSED, keys)


def shared(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """Those that the person's own record holds and another's as well, without their mark."""
    return _marked_as(_SHARED, keys)


def doubtful(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """Those that records merely tell, and nobody's for certain, without their mark."""
    return _marked_as(_DOUBTFUL, keys)


def not_followed(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """Values that are in records of the person and lead nowhere, for others have them too or may: holds ask by them."""
    return shared(keys) | doubtful(keys)


def co_holders(keys: frozenset[SubjectKey]) -> frozenset[CoHolder]:
    """Who has attributed ones as well, and had them when that was approved."""
    found = ((value, *json.loads(text)) for value, text in _marked_as(_CO_HOLDER, keys))
    return frozenset(
        CoHolder(SubjectKey(identity, value), SubjectKey(kind, person)) for identity, value, kind, person in found
    )


def with_foreseen(keys: frozenset[SubjectKey], joint: Iterable[SubjectKey]) -> frozenset[SubjectKey]:
    """Keys to be sealed with those, marked, that rows tell which people share, and of which they may go without."""
    return keys.union(SubjectKey(f"{_FORESEEN}{key.namespace}", key.value) for key in joint)


def sealed_by_plan(answer: Resolved, joint: Iterable[SubjectKey]) -> frozenset[SubjectKey]:
    """What a plan seals of a person: what it led to, with what it does not follow, is at home or foresees, marked."""
    marked = ((_SHARED, answer.shared), (_DOUBTFUL, answer.doubtful))
    unfollowed = (SubjectKey(f"{mark}{key.namespace}", key.value) for mark, keys in marked for key in keys)
    return with_foreseen(with_at_home(answer.keys.union(unfollowed), answer.at_home), joint)


def with_at_home(keys: frozenset[SubjectKey], home: Iterable[SubjectKey]) -> frozenset[SubjectKey]:
    """Keys to be sealed with a person's own records that were the member's, marked."""
    return keys.union(SubjectKey(f"{_AT_HOME}{key.namespace}", key.value) for key in home)


def foreseen(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """What a plan foresaw that shared rows tell, and that is not followed yet, without its mark."""
    return _marked_as(_FORESEEN, keys)


def at_home(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """`store.collection` and key of own records that were the member's, of keys that were sealed together."""
    return _marked_as(_AT_HOME, keys)


def _marked_as(mark: str, keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    return frozenset(
        SubjectKey(key.namespace.removeprefix(mark), key.value) for key in keys if key.namespace.startswith(mark)
    )


def unmark(key: SubjectKey) -> SubjectKey:
    """The key without its mark."""
    return SubjectKey(key.namespace.removeprefix(UNPROVEN), key.value) if _marked(key) else key


def merged(known: frozenset[SubjectKey], found: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """Both; a key that had standing once keeps it, though the record that gave it is gone."""
    if not known:
        return found
    proven = {key for key in known | found if unmark(key) == key}
    return frozenset(key for key in known | found if key in proven or unmark(key) not in proven)


def owned_collections(scope: Scope, data_map: DataMap) -> dict[str, frozenset[str]]:
    """Store -> collections of the scope that tell members apart. Empty for a controller that is a single one."""
    if scope.member is None:
        return {}
    owned = {
        store: frozenset(name for name, spec in specs.items() if spec.tells_member)
        for store, specs in collections_in(scope, data_map).items()
    }
    return {store: names for store, names in owned.items() if names}


def _own_records(owned: Mapping[str, frozenset[str]], data_map: DataMap) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for store, collection, spec in data_map.collections():
        if collection in owned.get(store, ()) and spec.person_identity is not None:
            found.setdefault(store, {})[collection] = spec.person_identity
    return found


def visible_to(store: str, subjects: Sequence[Subject], scope: Scope, data_map: DataMap) -> list[Subject]:
    """The subjects with the keys that this store may be told, without marks."""
    if scope.member is None:
        return list(subjects)
    checks = store in owned_collections(scope, data_map)
    return [_visible(one, checks=checks) if any(map(_marked, one.keys)) else one for one in subjects]


def _visible(one: Subject, *, checks: bool) -> Subject:
    """What has no standing here is as good as refused."""
    keys = frozenset(unmark(key) for key in one.keys if checks or not _marked(key))
    hidden = frozenset(map(unmark, one.keys)) - keys
    return replace(one, keys=keys, refused=None if one.refused is None else one.refused | hidden)


def _marked(key: SubjectKey) -> bool:
    return key.namespace.startswith(UNPROVEN)


def resolve(  # noqa: PLR0913 - the stores and what is asked of them
    given: Mapping[int, frozenset[SubjectKey]],
    *,
    stores: Mapping[str, StoreConnector],
    names: Sequence[str],
    scope: Scope,
    cutoffs: Mapping[str, datetime],
    data_map: DataMap,
    known: Mapping[int, frozenset[SubjectKey]] = MappingProxyType({}),
    said: Mapping[int, Said] = MappingProxyType({}),
    joint: Mapping[str, Iterable[DiscoveredKey]] = MappingProxyType({}),
) -> dict[int, Resolved]:
    """Resolve a chunk over the named stores; given keys without standing come back marked.

    `known` keys, accepted before, keep the marks that they had: what gave one its standing may be gone. What the stores
    say of records that these people share (`joint`) is told them beside what each is told alone.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    persons = data_map.person_identities
    doubtful = {
        number: keys | set(map(unmark, filter(_marked, known.get(number, ())))) for number, keys in given.items()
    }
    owned = owned_collections(scope, data_map)
    round_ = ProvingLookup(doubtful, stores, names, scope, cutoffs, owned, persons, _own_records(owned, data_map))
    round_.proven.update((number, key) for number, keys in known.items() for key in keys if not _marked(key))
    before = {number: frozenset(map(unmark, keys)) for number, keys in known.items()}
    indexes = Indexes(
        frozenset(name for name in names if not isinstance(stores[name], KnowsClaims)), round_.held_by_others
    )
    resolved = identity_resolution.resolve(
        given,
        round_.lookup,
        round_.told_by_others,
        data_map,
        known=before,
        said=said,
        joint=joint,
        indexes=indexes,
        by_other_names=partial(round_.held_by_other_names, Aliases.of(data_map)),
    )
    return {number: round_.marked(number, answer) for number, answer in resolved.items()}


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


def persons_since(
    stores: Mapping[str, StoreConnector], people: Sequence[Subject], scope: Scope, data_map: DataMap
) -> dict[SubjectKey, datetime]:
    """Person's key of these people -> when the earliest record of the person was made, by whichever store says so.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    identities, found = data_map.person_identities, dict[SubjectKey, datetime]()
    for name, store in stores.items() if people else ():
        if isinstance(store, KnowsClaims):
            told = visible_to(name, people, scope, data_map)
            persons = frozenset(key for one in told for key in one.keys if key.namespace in identities)
            for key, at in store.persons_since(persons, scope).items() if persons else ():
                found[key] = min(at, found.get(key, at))
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
        asked = frozenset(key for one in subjects for key in one.keys if aliases.of_key(key))
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
            answer = replace(answer, at_home=frozenset(SubjectKey(place, key.value) for place, key in theirs))
        if self.scope.member is None or not (unproven := self._without_standing(number, answer.keys)):
            return answer
        marked = frozenset(SubjectKey(f"{UNPROVEN}{key.namespace}", key.value) for key in unproven)
        return replace(answer, keys=answer.keys.difference(unproven) | marked)

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
