"""Joint owners: who people of one batch are when the rows that they share go with all of them (ADR 26).

What a shared row yields is told to none of its owners while another one is there: one may have to stay. Executed, it is
told to all of them in the round after their own rows are gone; a plan, which has no such round, foresees it here.

And it foresees what such rows tell each of their owners, whoever the others are: an application may delete the row, or
renew what it tells, before the last of them is erased, and then nobody would know of what is left under it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from expunge_config.datamap import Action
from expunge_connectors.contract import DiscoveredKey, KnowsSharedRows, Scope, Subject, SubjectKey
from expunge_orchestrator.rules.identity_resolution import MAX_ROUNDS
from expunge_orchestrator.rules.resolution_answers import Resolved, Said
from expunge_orchestrator.rules.scope import Actions
from expunge_orchestrator.subjects import attributions, inherited_keys, member_proof
from expunge_orchestrator.subjects.planned_keys import Keys
from expunge_orchestrator.workspace import Workspace

_NONE = frozenset[SubjectKey]()

Joint = Mapping[str, Sequence[DiscoveredKey]]
"""Store -> what it says of rows that people share."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How people are resolved who were not yet touched.

    Attributes:
        cutoffs: Of the stores that are asked, by name.
    """

    workspace: Workspace
    scope: Scope
    cutoffs: Mapping[str, datetime]

    def answers(self, given: Keys, joint: Joint) -> dict[int, Resolved]:
        """Who is behind the identifiers of a request, with what was decided of their values (ADR 18).

        Raises:
            ConnectorError: A store cannot be asked.
        """

        def ask(said: Mapping[int, Said]) -> Mapping[int, Resolved]:
            asked = {number: given[number] for number in said}
            shared = {name: [one for one in told if one.number in asked] for name, told in joint.items()}

            def told(given: Keys, known: Keys) -> Mapping[int, Resolved]:
                return member_proof.resolve(
                    given,
                    stores=self.workspace.stores,
                    names=list(self.cutoffs),
                    scope=self.scope,
                    cutoffs=self.cutoffs,
                    data_map=self.workspace.data_map,
                    known=known,
                    said=said,
                    joint={name: [one for one in some if one.number in given] for name, some in shared.items()},
                )

            return inherited_keys.resolve(asked, {}, told, self.workspace, self.scope)

        return attributions.applied(ask(dict.fromkeys(given, Said())), ask, self.workspace, self.scope)

    def told_to_owners(self, subjects: Sequence[Subject]) -> Joint:
        """What the shared rows tell that each of these people owns, whoever owns them as well.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        found: dict[str, Sequence[DiscoveredKey]] = {}
        for name, store in self.workspace.stores.items():
            if subjects and name in self.cutoffs and isinstance(store, KnowsSharedRows):
                told = member_proof.visible_to(name, subjects, self.scope, self.workspace.data_map)
                found[name] = store.resolve_shared(told, self.scope, self.cutoffs[name])
        return found

    def foreseen_by_owners(self, subjects: Sequence[Subject], given: Keys) -> dict[int, frozenset[SubjectKey]]:
        """Number -> what shared rows tell an owner that would be this person's if they were the only one.

        Args:
            subjects: Each as resolved apart.
            given: Number -> the identifiers of the request.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        owned = self.told_to_owners(subjects)
        told = keys_of(owned)
        further = {one.number for one in subjects if not told.get(one.number, _NONE) <= one.keys | one.unclear}
        alone = self.answers({number: given[number] for number in further}, owned) if further else {}
        return {number: told[number] & one.keys for number, one in alone.items() if one.ambiguity is None}

    def going_together(self, subjects: Sequence[Subject], given: Keys, actions: Actions) -> list[Subject]:
        """The subjects, with what rows lead to that they share and nobody else, once all of them go.

        Args:
            subjects: Each as resolved apart.
            given: Number -> the identifiers of the request.
            actions: What the request does; of a store of which a shared row stays nothing more is told.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        know = {
            name: (one, _going(actions.get(name, {})))
            for name, one in self.workspace.stores.items()
            if name in self.cutoffs and isinstance(one, KnowsSharedRows)
        }
        people = {one.number: one for one in subjects}
        offered: set[tuple[int, SubjectKey]] = set()
        for _ in range(MAX_ROUNDS if len(people) > 1 else 0):
            joint: dict[str, Sequence[DiscoveredKey]] = {}
            for name, (store, going) in know.items():
                told = member_proof.visible_to(name, list(people.values()), self.scope, self.workspace.data_map)
                joint[name] = store.resolve_together(told, self.scope, self.cutoffs[name], going)
            new = {(one.number, one.key) for told in joint.values() for one in told if _new(one, people[one.number])}
            if new <= offered:
                break
            offered |= new
            owners = {number for number, _ in new}
            for number, answer in self.answers({number: given[number] for number in owners}, joint).items():
                if answer.ambiguity is None:
                    people[number] = _as_resolved(people[number], answer)
        return list(people.values())


def keys_of(told: Joint) -> dict[int, frozenset[SubjectKey]]:
    """Number -> what stores say of rows that people share; for those of whom they say anything."""
    found: dict[int, frozenset[SubjectKey]] = {}
    for number, key in {(one.number, one.key) for some in told.values() for one in some}:
        found[number] = found.get(number, _NONE) | {key}
    return found


def subject(number: int, answer: Resolved) -> Subject:
    """A person as an answer says who it is."""
    return Subject(
        number,
        answer.keys,
        answer.refused,
        shared=answer.shared,
        doubtful=answer.doubtful,
        attributed=answer.attributed,
        co_holders=answer.co_holders,
        at_home=answer.at_home,
    )


def _as_resolved(one: Subject, answer: Resolved) -> Subject:
    return replace(subject(one.number, answer), keys=one.keys | answer.keys)


def _new(told: DiscoveredKey, one: Subject) -> bool:
    return told.key not in one.keys and told.key not in one.unclear


def _going(actions: Mapping[str, Action]) -> frozenset[str]:
    return frozenset(name for name, action in actions.items() if action is not Action.RETAIN)
