"""Named elsewhere: what a record that goes by age names in other stores goes before it, or keeps it (ADR 30).

Nothing but the row of a recording says which object it is, and nothing but a caller's row which keys of a cache. So
what is of the row's own data type is erased there first, by the verbs by which requests erase, and looked for again.
Where something is left (of another data type, kept, or locked) the row stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from expunge_config.datamap import Action, CollectionSpec
from expunge_connectors.contract import Counts, NamedThing, Scope, StoreConnector, Subject, SubjectKey, no_beat
from expunge_connectors.errors import UnknownMemberError
from expunge_orchestrator import store_calls
from expunge_orchestrator.rules.scope import actions_for
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True)
class NamedElsewhere:
    """What rows of one collection name.

    Attributes:
        workspace: Map and stores.
        store: Of the rows.
        controller: Whose they are.
        data_type: Of the rows.
    """

    workspace: Workspace
    store: str
    controller: str
    data_type: str

    @cached_property
    def identities(self) -> frozenset[str]:
        """By which records of other stores are found."""
        return frozenset().union(*(identities for _, identities in self._places.values()))

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], tuple[CollectionSpec, frozenset[str]]]:
        """(Store, collection) of other stores -> its spec, and the identities by which it is found."""
        data_map = self.workspace.data_map
        found = {}
        for store, name, spec in data_map.collections():
            if store == self.store or spec.log is not None:
                continue
            flows = data_map.stores[store].key_flow(store, data_map)
            if flows is not None and name in flows:
                found[store, name] = spec, flows[name].incoming & data_map.identities.keys()
        return found

    def clear(self, named: Collection[NamedThing]) -> frozenset[SubjectKey]:
        """Erase what is of the same data type; returns the keys by which nothing is left in any other store.

        Raises:
            ConnectorError: A store cannot be asked: nobody knows what is left there.
        """
        by_member: dict[str | None, set[SubjectKey]] = defaultdict(set)
        for one in named:
            by_member[one.member].add(one.key)
        left: set[SubjectKey] = set()
        for member, keys in by_member.items():
            if member is None and self.workspace.data_map.controllers[self.controller].many:
                left |= keys  # nobody says whose they are: where to look is not known
            else:
                left |= self._left(Scope(self.controller, member), sorted(keys))
        return frozenset(key for keys in by_member.values() for key in keys) - left

    def _left(self, scope: Scope, keys: list[SubjectKey]) -> set[SubjectKey]:
        asked = {
            store: [
                Subject(at, frozenset({key}))
                for at, key in enumerate(keys)
                if any(of == store and key.namespace in found for (of, _), (_, found) in self._places.items())
            ]
            for store in {store for store, _ in self._places}
        }
        left: set[SubjectKey] = set()
        for store, subjects in asked.items():
            if subjects:
                left |= {keys[number] for number in self._left_in(store, subjects, scope)}
        return left

    def _left_in(self, name: str, subjects: list[Subject], scope: Scope) -> set[int]:
        store = self.workspace.stores[name]
        actions = actions_for(scope, self.workspace.data_map, {self.data_type}).get(name, {})
        specs = self.workspace.data_map.stores[name].collection_specs()
        ours = {
            one: action
            for one, action in actions.items()
            if action is not Action.RETAIN and getattr(specs[one], "start", None) is None  # such go by their own age
        }
        try:
            store_calls.relations(store, scope)
            cutoff = store.now()
            found = store.count(subjects, scope, cutoff)
            if not _there(found):
                return set()
            self._erase(store, [one for one in subjects if one.number in _there(found)], ours, scope)
            return _there(store.verify(subjects, scope, cutoff))
        except UnknownMemberError:
            return {one.number for one in subjects}

    @staticmethod
    def _erase(store: StoreConnector, subjects: list[Subject], actions: Mapping[str, Action], scope: Scope) -> None:
        if actions:
            store.erase(subjects, actions, scope, store.now(), no_beat)


def _there(counts: Counts) -> set[int]:
    """Of whom anything is there."""
    return {
        number
        for number, tallies in counts.items()
        if any(one.due or one.retained or one.newer or one.ambiguous for one in tallies.values())
    }
