"""Planned keys: what a plan led to, while nothing of the person is erased (ADR 18).

An application deletes the account on its own, or changes the address in it, between plan and erasure: the records that
the old address alone led to are this person's all the same. What is somebody else's by now is not: a key that was given
again since the plan is left out. Where that is the person's own, which the request gives, the request leads to somebody
else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.rules.identity_resolution import Resolved, same_person
from expunge_orchestrator.subjects import member_proof

Keys = Mapping[int, frozenset[SubjectKey]]
"""Number of a person -> keys."""


@dataclass(slots=True)
class PlannedKeys:
    """What the plan of some people led to.

    Attributes:
        keys: Of those of whom nothing is erased, as they were sealed.
        given: The identifiers of their requests.
        given_again: Asks which keys of some of them somebody else has, who came since the plan.
        persons: The identities of persons.
        of_others: Those whose own key, which the request gives, somebody else has by now, as far as that was seen.
    """

    keys: Keys
    given: Keys
    given_again: Callable[[Collection[int]], Keys]
    persons: Collection[str]
    of_others: set[int] = field(default_factory=set)

    def beyond(self, answers: Mapping[int, Resolved]) -> Keys:
        """Number -> the keys of the plan, of the same person, for whom it said more than the records do by now.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        more = {
            number: keys
            for number, keys in self.keys.items()
            if answers[number].ambiguity is None and not keys <= answers[number].keys
        }
        again = self.given_again(more) if more else {}
        found = {}
        for number, keys in more.items():
            gone = again.get(number, frozenset())
            if not self._persons(self.given[number]).isdisjoint(gone):
                self.of_others.add(number)
            elif same_person(self._persons(keys), self._persons(answers[number].keys)):
                found[number] = frozenset(key for key in keys if member_proof.unmark(key) not in gone)
        return found

    def _persons(self, keys: Collection[SubjectKey]) -> frozenset[SubjectKey]:
        return frozenset(key for key in map(member_proof.unmark, keys) if key.namespace in self.persons)
