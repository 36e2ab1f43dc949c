"""Planned keys: what a plan led to, while nothing of the person is erased (ADR 18).

An application deletes the account on its own between plan and erasure: the records that its address alone led to are
this person's all the same. What is somebody else's by now is not: a key that was given again since the plan is left
out. Where that is the person's own, which the request gives, the request leads to somebody else. And where another
address has taken the place of the first one, nobody can say whose the records under that are: they stay, and are told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.rules.identity_resolution import Ambiguity, Resolved, same_person
from expunge_orchestrator.subjects import member_proof

Keys = Mapping[int, frozenset[SubjectKey]]
"""Number of a person -> keys."""
Ask = Callable[[Keys, Keys], Mapping[int, Resolved]]
"""Resolves people by the identifiers given; the other keys are known from before."""


@dataclass(slots=True)
class PlannedKeys:
    """What the plan of some people led to.

    Attributes:
        keys: Of those of whom nothing is erased, as they were sealed.
        given: The identifiers of their requests.
        given_again: Asks which keys of some of them somebody else has, who came since the plan; given of whom, and who
            goes: a record of two people who both go is none of somebody else's.
        owns_given_again: Asks the same of persons' own keys alone: it costs no search of what hangs on them.
        persons: The identities of persons.
        reusable: The identities of values that pass on.
        of_others: Those whose own key, which the request gives, somebody else has by now, as far as that was seen.
        given_up: Number -> values of the plan in whose place the person has others by now, as far as that was seen.
        passed_on: Number -> keys of the plan that somebody else has by now, as far as that was seen.
    """

    keys: Keys
    given: Keys
    given_again: Callable[[Collection[int], Collection[int]], Keys]
    owns_given_again: Callable[[Keys], Keys]
    persons: Collection[str]
    reusable: Collection[str]
    of_others: set[int] = field(default_factory=set)
    given_up: dict[int, frozenset[SubjectKey]] = field(default_factory=dict)
    passed_on: dict[int, frozenset[SubjectKey]] = field(default_factory=dict)

    def vouched_for(self) -> Keys:
        """Number -> values that pass on and are given beside a person's own key, which the plan followed from both.

        They were that person's. Nothing may lead from them to the person any more, and that is no contradiction.
        """
        found = {}
        for number, keys in self.keys.items():
            values = {key for key in self.given[number] & keys if key.namespace in self.reusable}
            if values and self._persons(self.given[number] & keys):
                found[number] = frozenset(values)
        return found

    def beyond(self, answers: Mapping[int, Resolved], ask: Ask) -> Keys:
        """Number -> the keys of the plan, of the same person, for whom it said more than the records do by now.

        Args:
            answers: Who is behind the identifiers of each request by now.
            ask: Asks the stores.

        Raises:
            ConnectorError: A store cannot be asked.
        """
        same = {
            number: keys
            for number, keys in self.keys.items()
            if answers[number].ambiguity is None
            and same_person(self._persons(keys), self._persons(answers[number].keys))
        }
        more = {number: keys for number, keys in same.items() if not keys <= answers[number].keys}
        owns = {number: self._persons(self.given[number]) for number in self.keys}
        again = {
            **self.owns_given_again(
                {number: self._as_planned(number, own) for number, own in owns.items() if own and number not in more}
            ),
            **self.given_again(more, same),
        }
        self.of_others |= {number for number, keys in again.items() if not owns[number].isdisjoint(keys)}
        found = {}
        for number, keys in more.items():
            gone = again.get(number, frozenset())
            if number in self.of_others:
                continue
            self.given_up[number] = self._given_up(keys, answers[number])
            gone |= self._changed_persons(number, answers[number], ask)
            self.passed_on[number] = gone & set(map(member_proof.unmark, keys))
            left_out = gone | self.given_up[number]
            found[number] = frozenset(key for key in keys if member_proof.unmark(key) not in left_out)
        return found

    def _as_planned(self, number: int, owns: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
        """A person's own keys with the marks under which they were sealed: an unproven one is told to few stores."""
        return frozenset(key for key in self.keys[number] if member_proof.unmark(key) in owns)

    def told(self, answers: Mapping[int, Resolved]) -> dict[int, Resolved]:
        """The answers, with whom the request names no more, and with values of which nobody can say whose they are."""
        return {number: self._told(number, one) for number, one in answers.items()}

    def _told(self, number: int, answer: Resolved) -> Resolved:
        if number in self.of_others:
            return replace(answer, keys=frozenset(), ambiguity=Ambiguity.OTHERWISE)
        known = frozenset(map(member_proof.unmark, answer.keys)) | answer.others
        unclear, passed_on = (one.get(number, frozenset()) - known for one in (self.given_up, self.passed_on))
        if not unclear | passed_on:
            return answer
        return replace(
            answer,
            refused=answer.refused | unclear | passed_on,
            shared=answer.shared | passed_on,
            doubtful=answer.doubtful | unclear,
        )

    def _changed_persons(self, number: int, answer: Resolved, ask: Ask) -> frozenset[SubjectKey]:
        """Persons of another kind whom nothing leads to any more, with what their records lead to.

        Those whose own record says a value that the plan did not know: it is somebody else's, or may be. Where the
        record is gone, or its value emptied, nobody else has it.
        """
        now = frozenset(map(member_proof.unmark, answer.keys))
        lost = self._persons(self.keys[number]) - self._persons(self.given[number]) - now
        found: set[SubjectKey] = set()
        for person in lost:
            theirs = ask({number: frozenset([person])}, {})[number]
            said = map(member_proof.unmark, theirs.keys | theirs.refused)
            told = {key for key in said if key.namespace in self.reusable}
            if theirs.ambiguity is not None or not told <= set(map(member_proof.unmark, self.keys[number])):
                found |= {person, *map(member_proof.unmark, theirs.keys)}
        return frozenset(found - now)

    def _given_up(self, keys: frozenset[SubjectKey], answer: Resolved) -> frozenset[SubjectKey]:
        before, now = (
            {key for key in map(member_proof.unmark, one) if key.namespace in self.reusable}
            for one in (keys, answer.keys)
        )
        replaced = {key.namespace for key in now - before}
        return frozenset(key for key in before - now if key.namespace in replaced)

    def _persons(self, keys: Collection[SubjectKey]) -> frozenset[SubjectKey]:
        return frozenset(key for key in map(member_proof.unmark, keys) if key.namespace in self.persons)
