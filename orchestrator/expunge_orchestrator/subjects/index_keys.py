"""Index keys: keys that only indexes under keys of others name; they are those others' as well (ADR 18).

A cache or a bucket says what a key leads to, and not whose it is. So when a key turns out to be somebody else's, what
an index under it names is theirs, and so on from index to index; unless a key that is still the person's leads there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import KnowsClaims, Scope, StoreConnector, Subject, SubjectKey
from expunge_orchestrator.rules.identity_resolution import MAX_ROUNDS
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.workspace import Workspace

_NONE = frozenset[SubjectKey]()
_Keys = dict[int, frozenset[SubjectKey]]


def named_by_others(
    subjects: Sequence[Subject],
    others: Mapping[int, AbstractSet[SubjectKey]],
    scope: Scope,
    workspace: Workspace,
    cutoffs: Mapping[str, datetime],
) -> _Keys:
    """Subject number -> keys that only indexes under the keys of others name; of those with any.

    Of things, and of values that are followed though nothing but a record tells them.

    Args:
        subjects: Everybody, with all their keys.
        others: Subject number -> those of the keys that somebody else has.
        scope: For whom the request speaks.
        workspace: The stores, and the map.
        cutoffs: Of the stores, by name.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    people = {one.number: one for one in subjects if others.get(one.number)}
    known = {number: frozenset(map(member_proof.unmark, one.keys)) for number, one in people.items()}
    theirs = {number: keys & others[number] for number, keys in known.items()}
    if not people:
        return {}
    everybody = {one.number: one for one in subjects}
    indexes = _Paths(everybody, _without_owners(workspace), scope, workspace.data_map, cutoffs)
    among = {one.number: told(one, workspace.data_map) - theirs[one.number] for one in people.values()}
    named = indexes.reached(theirs, among)
    rest = {number: known[number] - theirs[number] - keys for number, keys in named.items()}
    own = replace(indexes, stores=workspace.stores).reached(rest, named)
    left = {number: keys - own.get(number, _NONE) for number, keys in named.items()}
    return {number: keys for number, keys in left.items() if keys}


def told(one: Subject, data_map: DataMap) -> frozenset[SubjectKey]:
    """Those of a person's keys that records told: of things, and hearsay. No key of a person, nor what is their own."""
    kinds = {name for name, identity in data_map.identities.items() if identity.kind is IdentityKind.INTERNAL}
    return one.hearsay.union(key for key in map(member_proof.unmark, one.keys) if key.namespace in kinds)


def _without_owners(workspace: Workspace) -> dict[str, StoreConnector]:
    """The stores that do not say whose a key is."""
    return {name: one for name, one in workspace.stores.items() if not isinstance(one, KnowsClaims)}


@dataclass(frozen=True, slots=True)
class _Paths:
    """What some stores lead to.

    Attributes:
        people: Everybody who goes; what people share who all go is theirs.
    """

    people: Mapping[int, Subject] = field(repr=False)
    stores: Mapping[str, StoreConnector]
    scope: Scope
    data_map: DataMap
    cutoffs: Mapping[str, datetime]

    def reached(self, start: _Keys, among: _Keys) -> _Keys:
        """Subject number -> those of some keys that are reached from others, one after the other; of those with any."""
        found: _Keys = {}
        ahead = start
        for _ in range(MAX_ROUNDS):
            asked = [self._with(number, keys) for number, keys in ahead.items() if keys and among.get(number)]
            if not asked:
                break
            answers: dict[int, set[SubjectKey]] = {one.number: set() for one in asked}
            going = [
                Subject(number, _NONE, known=one.keys | one.known)
                for number, one in self.people.items()
                if number not in answers
            ]
            for name, store in self.stores.items():
                visible = member_proof.visible_to(name, [*asked, *going], self.scope, self.data_map)
                for one in store.resolve(visible, self.scope, self.cutoffs.get(name)):
                    answers[one.number].add(one.key)
            ahead = {number: (among[number] & keys) - found.get(number, _NONE) for number, keys in answers.items()}
            found |= {number: found.get(number, _NONE) | keys for number, keys in ahead.items() if keys}
        return found

    def _with(self, number: int, keys: frozenset[SubjectKey]) -> Subject:
        """The person with these keys alone, and the marks that they have."""
        one = self.people[number]
        return Subject(number, frozenset(key for key in one.keys if member_proof.unmark(key) in keys))
