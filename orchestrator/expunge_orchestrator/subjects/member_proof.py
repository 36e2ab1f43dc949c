"""Member proof (tenant isolation): which keys a controller's member has proven to be its own (law 2).

A client's request may name any caller id, also another client's. A table with an owner column checks that by itself;
a cache, a bucket or any other place that is `inherited` cannot. So a given key leads to such places only when a record
whose owner column names this member was found through it: then the key is *proven*. A key that is not proven is marked
(the mark is sealed with it) and told only to stores that check owners themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

from expunge_config.datamap import DataMap
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import (
    UNREAD,
    CoHolder,
    DiscoveredKey,
    KnowsClaims,
    Scope,
    StoreConnector,
    Subject,
    SubjectKey,
)
from expunge_orchestrator.rules import identity_resolution, reachability
from expunge_orchestrator.rules.identity_resolution import Indexes
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved, Said
from expunge_orchestrator.rules.scope import collections_in
from expunge_orchestrator.subjects.member_lookup import UNPROVEN, ProvingLookup

_MARK = ":"  # ends every mark; no namespace of a map holds one
_REFUSED, _SHARED, _DOUBTFUL, _ATTRIBUTED = "refused:", "shared:", "doubtful:", "attributed:"
_FORESEEN, _AT_HOME, _CO_HOLDER = "foreseen:", "at-home:", "co-holder:"

_NONE = frozenset[SubjectKey]()
_NONE_BESIDE = frozenset[CoHolder]()
_NOT_ACCEPTED = (_REFUSED, _SHARED, _DOUBTFUL, _ATTRIBUTED, _CO_HOLDER, _FORESEEN, _AT_HOME, UNREAD)


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
    """A person of a chunk, by keys that were sealed together."""
    marked: dict[str, set[SubjectKey]] = {"": set()}
    for key in keys:
        mark, ended, namespace = key.namespace.partition(_MARK)
        if ended and f"{mark}{ended}" in _NOT_ACCEPTED:
            marked.setdefault(f"{mark}{ended}", set()).add(SubjectKey(namespace, key.value))
        else:
            marked[""].add(key)
    if len(marked) == 1:
        return Subject(number, keys, frozenset())
    of = {mark: frozenset(found) for mark, found in marked.items()}
    return Subject(
        number,
        of[""],
        of.get(_REFUSED, _NONE),
        of.get(_SHARED, _NONE),
        of.get(_DOUBTFUL, _NONE),
        of.get(_ATTRIBUTED, _NONE),
        co_holders(keys) if _CO_HOLDER in of else _NONE_BESIDE,
        unread=unread(keys) if UNREAD in of else _NONE,
        at_home=of.get(_AT_HOME, _NONE),
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
    if key.namespace.startswith(UNPROVEN):
        return SubjectKey(key.namespace.removeprefix(UNPROVEN), key.value)
    return key


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
    marked = {one.number for one in subjects for key in one.keys if key.namespace.startswith(UNPROVEN)}
    if not marked:
        return list(subjects)
    checks = store in owned_collections(scope, data_map)
    return [_visible(one, checks=checks) if one.number in marked else one for one in subjects]


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
    aliases = Aliases.of(data_map)
    resolved = identity_resolution.resolve(
        given,
        round_.lookup,
        round_.told_by_others,
        data_map,
        known=before,
        said=said,
        joint=joint,
        indexes=indexes,
        by_other_names=partial(round_.held_by_other_names, aliases) if aliases.alike else None,
    )
    unfound = {
        number: given[number]
        for number, answer in resolved.items()
        if answer.ambiguity is None and answer.keys <= given[number] and not known.get(number)
    }
    resolved |= dict.fromkeys(_leading_nowhere(unfound, scope, data_map), _NOWHERE)
    return {number: round_.marked(number, answer) for number, answer in resolved.items()}


_NOWHERE = Resolved(frozenset(), Ambiguity.LEADS_NOWHERE)


def _leading_nowhere(given: Mapping[int, frozenset[SubjectKey]], scope: Scope, data_map: DataMap) -> frozenset[int]:
    """Of whom nothing can be found, by the data map: that nothing is there nobody knows (law 1)."""
    named = {number: frozenset(key.namespace for key in keys) for number, keys in given.items()}
    nowhere = {one for one in set(named.values()) if not reachability.leads(one, scope.controller, data_map)}
    return frozenset(number for number, identities in named.items() if identities in nowhere)
