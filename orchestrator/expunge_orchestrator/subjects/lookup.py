"""Subject lookup: resolves and counts people in all stores. Read-only.

What a plan counts and what `expunge locate` tells is seen here, by the same eyes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from expunge_connectors.contract import Counts, KnowsObstacles, Obstacle, Scope, Subject, SubjectKey
from expunge_orchestrator import store_calls
from expunge_orchestrator.rules.identity_resolution import Resolved
from expunge_orchestrator.rules.scope import collections_in
from expunge_orchestrator.subjects import claimed_keys, member_proof, residual_keys
from expunge_orchestrator.subjects.residual_keys import ResidualKeys
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SubjectLookup:
    """Some people, resolved as of now.

    Attributes:
        cutoffs: Store of the scope -> its own clock when the look began.
        resolved: Number -> who is meant, or why nobody is.
        left: Number -> what ended requests left of the same person, for those with any.
        subjects: Everybody who is one person, with every key, those to what ended requests left too.
    """

    workspace: Workspace = field(repr=False)
    scope: Scope
    cutoffs: Mapping[str, datetime]
    resolved: Mapping[int, Resolved] = field(repr=False)
    left: Mapping[int, Sequence[ResidualKeys]] = field(repr=False)
    subjects: Sequence[Subject] = field(repr=False)

    def without(self, people: Container[int]) -> SubjectLookup:
        """The others."""
        return replace(
            self,
            resolved={number: one for number, one in self.resolved.items() if number not in people},
            left={number: one for number, one in self.left.items() if number not in people},
            subjects=[one for one in self.subjects if one.number not in people],
        )

    def _visible_to(self, store: str) -> Sequence[Subject]:
        """As they would go, all together."""
        data_map = self.workspace.data_map
        visible = member_proof.visible_to(store, self.subjects, self.scope, data_map)
        return claimed_keys.followed_together(visible, data_map)

    def obstacles(self, stores: Container[str]) -> Iterator[tuple[str, Obstacle]]:
        """What keeps records of the subjects from being deleted, by store; of stores that can tell.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        for name in self.cutoffs:
            store = self.workspace.stores[name]
            if name in stores and isinstance(store, KnowsObstacles):
                for one in store.obstacles(self._visible_to(name), self.scope, self.cutoffs[name]):
                    yield name, one

    def counts(self, stores: Container[str] | None = None) -> Iterator[tuple[str, Counts]]:
        """What is there of the subjects, by store, each in every collection of the scope; several stores at once.

        Args:
            stores: These alone; None: every one.

        Raises:
            ConnectorError: A store cannot be asked.
        """

        def count(name: str) -> Counts:
            return self.workspace.stores[name].count(self._visible_to(name), self.scope, self.cutoffs[name])

        names = [name for name in self.cutoffs if stores is None or name in stores]
        yield from store_calls.gather(names, count, self.workspace.settings.stores_at_once).items()


def look_up(
    given: Mapping[int, frozenset[SubjectKey]],
    workspace: Workspace,
    scope: Scope,
    clocks: Mapping[str, datetime] | None = None,
) -> SubjectLookup:
    """Resolve people over every store of the scope.

    Args:
        given: Number -> the identifiers of a request.
        workspace: The stores, the map, and the ledger, which knows what ended requests left.
        scope: For whom the request speaks.
        clocks: What the stores' clocks told just now, of every store of the scope; None: they are asked.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    cutoffs = clocks or store_calls.gather(
        collections_in(scope, workspace.data_map),
        lambda name: workspace.stores[name].now(),
        workspace.settings.stores_at_once,
    )
    resolved = member_proof.resolve(
        given,
        stores=workspace.stores,
        names=list(cutoffs),
        scope=scope,
        cutoffs=cutoffs,
        data_map=workspace.data_map,
    )
    keys = {number: one.keys for number, one in resolved.items() if one.ambiguity is None}
    left = residual_keys.of_people(workspace, scope, keys.items())
    taken = residual_keys.inherited_keys(left)
    subjects = [
        Subject(number, one | taken.get(number, frozenset()), shared=resolved[number].shared)
        for number, one in keys.items()
    ]
    return SubjectLookup(workspace, scope, cutoffs, resolved, left, subjects)
