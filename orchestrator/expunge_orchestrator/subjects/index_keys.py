"""Index keys: keys that only records under keys of others name; they are those others' as well (ADR 18).

A cache or a bucket says what a key leads to, and not whose it is; neither does a row of a second database that is found
by a key which the first one knows. So when a key turns out to be somebody else's, what is named under it is theirs, and
so on from record to record, in all stores; unless a key that is still the person's leads there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Scope, StoreConnector, Subject, SubjectKey
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
    """Subject number -> keys that only records under the keys of others name; of those with any.

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
    paths = _Paths({one.number: one for one in subjects}, workspace, scope, cutoffs)
    among = {one.number: told(one, workspace.data_map) - theirs[one.number] for one in people.values()}
    named = paths.reached(theirs, among)
    rest = {number: known[number] - theirs[number] - keys for number, keys in named.items()}
    own = paths.reached(rest, named)
    left = {number: keys - own.get(number, _NONE) for number, keys in named.items()}
    return {number: keys for number, keys in left.items() if keys}


def told(one: Subject, data_map: DataMap) -> frozenset[SubjectKey]:
    """Those of a person's keys that records told: of things, and hearsay. No key of a person, nor what is their own."""
    kinds = {name for name, identity in data_map.identities.items() if identity.kind is IdentityKind.INTERNAL}
    return one.hearsay.union(key for key in map(member_proof.unmark, one.keys) if key.namespace in kinds)


@dataclass(frozen=True, slots=True)
class _Paths:
    """What the stores lead to.

    Attributes:
        people: Everybody who goes; what people share who all go is theirs.
    """

    people: Mapping[int, Subject] = field(repr=False)
    workspace: Workspace
    scope: Scope
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
            for name, store in self._leading_on(asked, among).items():
                visible = member_proof.visible_to(name, [*asked, *going], self.scope, self.workspace.data_map)
                for one in store.resolve(visible, self.scope, self.cutoffs.get(name)):
                    answers[one.number].add(one.key)
            ahead = {number: (among[number] & keys) - found.get(number, _NONE) for number, keys in answers.items()}
            found |= {number: found.get(number, _NONE) | keys for number, keys in ahead.items() if keys}
        return found

    def _leading_on(self, asked: Sequence[Subject], among: _Keys) -> dict[str, StoreConnector]:
        """The stores that by the map may be found by keys of these people and tell any that are looked for."""
        by = {member_proof.unmark(key).namespace for one in asked for key in one.keys}
        wanted = {key.namespace for one in asked for key in among[one.number]}
        found: dict[str, StoreConnector] = {}
        for name, store in self.workspace.stores.items():
            flows = self.workspace.data_map.stores[name].key_flow(name, self.workspace.data_map)
            places = None if flows is None else flows.values()
            if places is None or (
                any(not by.isdisjoint(one.incoming) for one in places)
                and any(not wanted.isdisjoint(one.outgoing | one.lost) for one in places)
            ):
                found[name] = store
        return found

    def _with(self, number: int, keys: frozenset[SubjectKey]) -> Subject:
        """The person with these keys alone, and the marks that they have."""
        one = self.people[number]
        return Subject(number, frozenset(key for key in one.keys if member_proof.unmark(key) in keys))
