"""Joint lookup: what rows lead to that people of one chunk are found by together (ADR 18, everybody or nobody).

One person's resolution does not follow a value that another one holds too. Where all who hold it are erased together,
the rows under it go, and what these lead to within the stores (a shared row, a child that is kept, an object) has to be
known before, as of any other row: else they would wait for it for ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import FACTS, UNREAD, DiscoveredKey, Scope, Subject, SubjectKey
from expunge_orchestrator.rules.identity_resolution import MAX_ROUNDS
from expunge_orchestrator.subjects import followed_keys, member_proof
from expunge_orchestrator.workspace import Workspace


def told_together(
    subjects: Sequence[Subject],
    workspace: Workspace,
    scope: Scope,
    cutoffs: Mapping[str, datetime],
    staying: AbstractSet[SubjectKey] = frozenset(),
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> internal keys that are told by values which people share who go together; of those with any.

    None of a collection in which such a value also leads to a person who does not go: which row tells what is not said.

    Args:
        subjects: Everybody who goes together, with what of their own records others hold as well.
        workspace: The stores, and the map.
        scope: For whom the request speaks.
        cutoffs: Of the stores that are asked, by name.
        staying: Values of people of whom nothing goes.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    data_map = workspace.data_map
    alone = {one.number: one.keys for one in subjects}
    together = [
        one for one in followed_keys.followed_together(subjects, data_map, staying) if one.keys > alone[one.number]
    ]
    together = followed_keys.without_claimed_anywhere(together, scope, workspace)
    going = _going(together, data_map)
    ahead = {one.number: Subject(one.number, one.keys) for one in together if one.keys - alone[one.number]}
    shared = {one.number: one.keys - alone[one.number] for one in ahead.values()}
    told: dict[int, set[SubjectKey]] = defaultdict(set)
    for _ in range(MAX_ROUNDS):
        fresh: dict[int, set[SubjectKey]] = defaultdict(set)
        for store, cutoff in cutoffs.items() if ahead else ():
            asked = member_proof.visible_to(store, list(ahead.values()), scope, data_map)
            found = workspace.stores[store].resolve(asked, scope, cutoff)
            for number, key in _internal(store, found, shared, going, data_map):
                fresh[number].add(key)
        ahead = {
            number: replace(one, keys=one.keys | fresh[number])
            for number, one in ahead.items()
            if fresh[number] - one.keys
        }
        for number in ahead:
            new = fresh[number] - told[number] - alone[number]
            told[number] |= new
            shared[number] |= new
    return {number: frozenset(keys) for number, keys in told.items() if keys}


def _going(together: Iterable[Subject], data_map: DataMap) -> dict[SubjectKey, set[SubjectKey]]:
    """Value -> the persons' keys of everybody who shares it."""
    found: dict[SubjectKey, set[SubjectKey]] = defaultdict(set)
    for one in together:
        persons = {key for key in one.keys if key.namespace in data_map.person_identities}
        for key in one.keys - persons:
            found[key] |= persons
    return found


def _internal(
    store: str,
    found: Iterable[DiscoveredKey],
    shared: Mapping[int, AbstractSet[SubjectKey]],
    going: Mapping[SubjectKey, AbstractSet[SubjectKey]],
    data_map: DataMap,
) -> list[tuple[int, SubjectKey]]:
    """What rows tell that are found by these values, and are nobody's own."""
    persons = {name for one, name, spec in data_map.collections() if one == store and spec.person_identity is not None}
    here = [one for one in found if one.via in shared[one.number] and one.collection not in persons]
    others = {
        (via, collection)
        for _, via, collection, key in here
        if key.namespace in data_map.person_identities and key not in going.get(via, ())
    }
    return [
        (number, key)
        for number, via, collection, key in here
        if (via, collection) not in others and _leads(key, data_map)
    ]


def _leads(key: SubjectKey, data_map: DataMap) -> bool:
    identity = data_map.identities.get(key.namespace)
    internal = identity is None or identity.kind is IdentityKind.INTERNAL
    return internal and not key.namespace.startswith((*FACTS, UNREAD))
