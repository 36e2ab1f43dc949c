"""Planned keys: what a plan led to, or an earlier resolution, as far as records still answer (ADR 18).

An application deletes the account on its own between plan and erasure: the records that its address alone led to are
this person's all the same. What is somebody else's by now is not: a key that was given again since the plan is left
out, and with it what is known through that key alone. Where that is the person's own, which the request gives, the
request leads to somebody else. And where another address has taken the place of the first one, nobody can say whose the
records under that are: they stay, and are told.

Once erasing has begun who it is was decided, and every key is known. A record that is still there answers all the same:
where it says another value, the person is asked for as if nothing had begun, and what was decided is what was planned.
One that was erased says nothing, and nothing changes for its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from expunge_connectors.contract import HEARSAY, SubjectKey
from expunge_orchestrator.rules.key_graph import same_person
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved
from expunge_orchestrator.subjects import member_proof

Keys = Mapping[int, frozenset[SubjectKey]]
"""Number of a person -> keys."""
_NONE = frozenset[SubjectKey]()
Ask = Callable[[Keys, Keys], Mapping[int, Resolved]]
"""Resolves people by the identifiers given; the other keys are known from before."""


@dataclass(slots=True)
class PlannedKeys:
    """What the plan of some people led to.

    Attributes:
        keys: Of those of whom nothing is erased, as they were sealed; and of the others who are `contradicted`.
        begun: Of the others, what an earlier resolution accepted.
        heard: Of these, what it was told and did not follow.
        given: The identifiers of their requests.
        given_again: Asks which keys of some of them somebody else has, who came since the plan; given of whom, and who
            goes: a record of two people who both go is none of somebody else's.
        owns_given_again: Asks the same of persons' own keys alone: it costs no search of what hangs on them.
        named_by_others: Asks which further keys of some are known through these keys alone, which are let go.
        persons: The identities of persons.
        reusable: The identities of values that pass on.
        of_others: Those whose own key, which the request gives, somebody else has by now, as far as that was seen.
        given_up: Number -> values of the plan in whose place the person has others by now, as far as that was seen.
        passed_on: Number -> keys of the plan that somebody else has by now, as far as that was seen.
    """

    keys: dict[int, frozenset[SubjectKey]]
    begun: Keys
    heard: Keys
    given: Keys
    given_again: Callable[[Collection[int], Collection[int]], Keys]
    owns_given_again: Callable[[Keys], Keys]
    named_by_others: Callable[[Keys], Keys]
    persons: Collection[str]
    reusable: Collection[str]
    of_others: set[int] = field(default_factory=set)
    given_up: dict[int, frozenset[SubjectKey]] = field(default_factory=dict)
    passed_on: dict[int, frozenset[SubjectKey]] = field(default_factory=dict)

    def vouched_for(self) -> Keys:
        """Number -> values that pass on and are given beside a person's own key, which the plan followed from both.

        With the marks under which they were sealed: a member need not have proven either. They were that person's.
        Nothing may lead from them to the person any more, and that is no contradiction.
        """
        found = {}
        for number, keys in self.keys.items():
            if not any(key.namespace in self.reusable for key in self.given[number]):
                continue
            followed = frozenset(key for key in keys if member_proof.unmark(key) in self.given[number])
            values = {key for key in followed if member_proof.unmark(key).namespace in self.reusable}
            if values and self._persons(followed):
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
        same = {number: keys for number, keys in self.keys.items() if self._same(keys, answers[number])}
        more = {number: keys for number, keys in same.items() if not keys <= answers[number].keys}
        owns = {
            number: frozenset(key for key in self.given[number] if key.namespace in self.persons)
            for number in self.keys
        }
        again = {
            **self.owns_given_again(
                {number: self._as_planned(number, own) for number, own in owns.items() if own and number not in more}
            ),
            **self.given_again(more, same),
        }
        self.of_others |= {number for number, keys in again.items() if not owns[number].isdisjoint(keys)}
        more = {number: keys for number, keys in more.items() if number not in self.of_others}
        changed = self._changed_persons(more, {number: answers[number].keys for number in more}, ask)
        found = {}
        self.given_up |= {number: self._given_up(keys, answers[number]) for number, keys in more.items()}
        let_go = {number: again.get(number, _NONE) | changed[number] | self.given_up[number] for number in more}
        named = self.named_by_others({number: keys for number, keys in let_go.items() if keys})
        for number, keys in more.items():
            below = named.get(number, _NONE) - answers[number].keys
            gone = again.get(number, _NONE) | changed[number] | below
            self.passed_on[number] = gone & set(map(member_proof.unmark, keys))
            found[number] = without(keys, gone | self.given_up[number])
        return found

    def contradicted(self, answers: Mapping[int, Resolved]) -> Keys:
        """Number -> the identifiers of the request, of those of whom a record says a value by now that was not known.

        From here on what an earlier resolution accepted of them is what a plan led to. Asked by keys of persons that
        the request does not give, records would go on to lead where nothing given leads any more.

        Args:
            answers: Who they are by all that is known.
        """
        heard = {
            number: keys
            for number, keys in self.begun.items()
            if number not in self.keys and answers[number].ambiguity is None
            if not self._values(answers[number]) <= _plain(keys) | self.heard[number]
        }
        self.keys |= heard
        return {number: self.given[number] for number in heard}

    def _same(self, keys: frozenset[SubjectKey], now: Resolved) -> bool:
        """Whether this is who was planned. Where what is given leads to nobody any more, nobody else is meant."""
        if now.ambiguity is not None or keys == now.keys:
            return now.ambiguity is None
        found = self._persons(now.keys)
        return not found or same_person(self._persons(keys), found)

    def _values(self, answer: Resolved) -> frozenset[SubjectKey]:
        """The values that pass on in records that are the person, without their marks."""
        merely_told = {
            SubjectKey(key.namespace.removeprefix(HEARSAY), key.value)
            for key in answer.keys
            if key.namespace.startswith(HEARSAY)
        }
        told = _plain(answer.keys | answer.shared) - merely_told
        return frozenset(key for key in told if key.namespace in self.reusable)

    def _as_planned(self, number: int, owns: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
        """A person's own keys with the marks under which they were sealed: an unproven one is told to few stores."""
        keys = self.keys[number]
        return owns if owns <= keys else frozenset(key for key in keys if member_proof.unmark(key) in owns)

    def told(self, answers: Mapping[int, Resolved]) -> dict[int, Resolved]:
        """The answers, with whom the request names no more, and with values of which nobody can say whose they are."""
        return {number: self._told(number, one) for number, one in answers.items()}

    def _told(self, number: int, answer: Resolved) -> Resolved:
        if number in self.of_others:
            return answer._replace(keys=frozenset(), ambiguity=Ambiguity.OTHERWISE)
        if number not in self.given_up and number not in self.passed_on:
            return answer
        known = _plain(answer.keys) | answer.others
        unclear, passed_on = (one.get(number, frozenset()) - known for one in (self.given_up, self.passed_on))
        if not unclear | passed_on:
            return answer
        return answer._replace(
            refused=answer.refused | unclear | passed_on,
            shared=answer.shared | passed_on,
            doubtful=answer.doubtful | unclear,
            let_go=unclear | passed_on if number in self.begun else _NONE,
        )

    def _changed_persons(self, keys: Keys, now: Keys, ask: Ask) -> dict[int, frozenset[SubjectKey]]:
        """Persons of another kind whom nothing leads to any more, with what their records lead to.

        Those whose own record says a value that nobody knew: it is somebody else's, or may be. Where the record is
        gone, or its value emptied, nobody else has it.
        """
        found = dict.fromkeys(keys, _NONE)
        ahead = {
            number: sorted(self._persons(one) - self._persons(self.given[number]) - _plain(now[number]))
            for number, one in keys.items()
        }
        while asked := {number: frozenset([persons.pop()]) for number, persons in ahead.items() if persons}:
            for number, theirs in ask(asked, {}).items():
                told = self._values(theirs)
                if theirs.ambiguity is not None or not told <= _plain(keys[number]) | self.heard.get(number, _NONE):
                    found[number] |= asked[number] | _plain(theirs.keys)
        return {number: one - _plain(now[number]) for number, one in found.items()}

    def _given_up(self, keys: frozenset[SubjectKey], answer: Resolved) -> frozenset[SubjectKey]:
        before = {key for key in _plain(keys) if key.namespace in self.reusable}
        now = _plain(answer.keys)
        replaced = {key.namespace for key in (self._values(answer) & now) - before}
        return frozenset(key for key in before - now if key.namespace in replaced)

    def _persons(self, keys: Collection[SubjectKey]) -> frozenset[SubjectKey]:
        return frozenset(key for key in _plain(keys) if key.namespace in self.persons)


def without(keys: frozenset[SubjectKey], gone: Collection[SubjectKey]) -> frozenset[SubjectKey]:
    """The keys, marked or not, without these."""
    return frozenset(key for key in keys if member_proof.unmark(key) not in gone) if gone else keys


def _plain(keys: Iterable[SubjectKey]) -> frozenset[SubjectKey]:
    return frozenset(map(member_proof.unmark, keys))
