"""Subject lookup: resolves and counts people in all stores. Read-only.

What a plan counts and what `expunge locate` tells is seen here, by the same eyes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from expunge_connectors.contract import Counts, KnowsObstacles, Obstacle, Scope, Subject, SubjectKey
from expunge_orchestrator import store_calls
from expunge_orchestrator.rules.resolution_answers import Resolved
from expunge_orchestrator.rules.scope import actions_for, collections_in
from expunge_orchestrator.subjects import (
    followed_keys,
    holders_at_receipt,
    joint_lookup,
    joint_owners,
    member_proof,
    residual_keys,
    unclear_counts,
)
from expunge_orchestrator.subjects.joint_owners import Resolution
from expunge_orchestrator.subjects.residual_keys import ResidualKeys
from expunge_orchestrator.workspace import Workspace

_NONE = frozenset[SubjectKey]()


@dataclass(frozen=True, slots=True)
class SubjectLookup:
    """Some people, resolved as of now.

    Attributes:
        cutoffs: Store of the scope -> its own clock when the look began.
        resolved: Number -> who is meant, or why nobody is.
        left: Number -> what ended requests left of the same person, for those with any.
        subjects: Everybody who is one person, with every key that is followed.
        foreseen: Number -> what rows tell which people share, once all of these go, or were this one alone to own them.
    """

    workspace: Workspace = field(repr=False)
    scope: Scope
    cutoffs: Mapping[str, datetime]
    resolved: Mapping[int, Resolved] = field(repr=False)
    left: Mapping[int, Sequence[ResidualKeys]] = field(repr=False)
    subjects: Sequence[Subject] = field(repr=False)
    foreseen: Mapping[int, frozenset[SubjectKey]] = field(repr=False)

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
        return followed_keys.followed_together(visible, data_map)

    def _count(self, name: str) -> Counts:
        visible = self._visible_to(name)
        return self._with_unclear(
            name, visible, self.workspace.stores[name].count(visible, self.scope, self.cutoffs[name])
        )

    def _with_unclear(self, name: str, visible: Sequence[Subject], counts: Counts) -> Counts:
        """What a store says, with what is under keys that are not followed and under which it counts nothing."""
        store = self.workspace.stores[name]
        return unclear_counts.with_unclear(
            name, visible, counts, self.workspace, lambda asked: store.count(asked, self.scope, self.cutoffs[name])
        )

    def counts(self) -> dict[str, Counts]:
        """What is there of the subjects, by store, each in every collection of the scope; several stores at once.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        return store_calls.gather(
            self.cutoffs,
            self._count,
            self.workspace.settings.stores_at_once,
        )

    def counts_with_obstacles(self, stores: Container[str]) -> dict[str, tuple[Counts, Sequence[Obstacle]]]:
        """The same of some stores, with what keeps records of the subjects from being deleted where a store can tell.

        Raises:
            ConnectorError: A store cannot be asked.
        """

        def count(name: str) -> tuple[Counts, Sequence[Obstacle]]:
            store = self.workspace.stores[name]
            if not isinstance(store, KnowsObstacles):
                return self._count(name), ()
            visible = self._visible_to(name)
            counts, obstacles = store.count_with_obstacles(visible, self.scope, self.cutoffs[name])
            return self._with_unclear(name, visible, counts), obstacles

        names = [name for name in self.cutoffs if name in stores]
        return store_calls.gather(names, count, self.workspace.settings.stores_at_once)


def look_up(  # noqa: PLR0913 - who, where, and what is known of it
    given: Mapping[int, frozenset[SubjectKey]],
    workspace: Workspace,
    scope: Scope,
    clocks: Mapping[str, datetime] | None = None,
    data_types: frozenset[str] | None = None,
    *,
    received: Mapping[int, datetime] = MappingProxyType({}),
) -> SubjectLookup:
    """Resolve people over every store of the scope.

    Args:
        given: Number -> the identifiers of a request.
        workspace: The stores, the map, and the ledger, which knows what ended requests left.
        scope: For whom the request speaks.
        clocks: What the stores' clocks told just now, and that each was looked at, of every store of the scope;
            None: this is done here.
        data_types: Nothing else goes; None: everything.
        received: Number -> when the request was received, at the latest; of those of whom somebody says it.

    Raises:
        ConnectorError: A store cannot be asked.
    """

    def looked(name: str) -> datetime:
        store_calls.relations(workspace.stores[name], scope)  # what follows rests on how the store is built now
        return workspace.stores[name].now()

    cutoffs = clocks or store_calls.gather(
        collections_in(scope, workspace.data_map), looked, workspace.settings.stores_at_once
    )

    resolution = Resolution(workspace, scope, cutoffs)
    resolved = holders_at_receipt.meant(resolution.answers(given, {}), given, received, workspace, scope)
    apart = [joint_owners.subject(number, one) for number, one in resolved.items() if one.ambiguity is None]
    subjects = resolution.going_together(apart, given, actions_for(scope, workspace.data_map, data_types))
    foreseen = resolution.foreseen_by_owners(apart, given)
    foreseen = {
        one.number: (foreseen.get(one.number, _NONE) | one.keys) - resolved[one.number].keys for one in subjects
    }
    left = residual_keys.of_people(workspace, scope, subjects)
    told = joint_lookup.told_together(subjects, workspace, scope, cutoffs)
    subjects = [replace(one, keys=one.keys | told.get(one.number, frozenset())) for one in subjects]
    # What was kept of somebody may be another's by now without a row that tells it of both.
    know = followed_keys.knowing(workspace, cutoffs)
    inheriting = [one for one in subjects if one.number in left]
    again = followed_keys.given_again(inheriting, scope, workspace, know, cutoffs)
    subjects = followed_keys.without_given_again(subjects, again)
    return SubjectLookup(workspace, scope, cutoffs, resolved, left, subjects, foreseen)
