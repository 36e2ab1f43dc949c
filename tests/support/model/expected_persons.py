"""The second half of the model: whom a request means (law 2, ADR 3), from the rows and from what its plan led to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.model.reference import Began, Keys, Reference, Sealed, State
from tests.support.model.world import PLANNED, World

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan led to.

    Attributes:
        keys: All; `hearsay`: those of them that records merely told.
        sealed: Values of links; `began`: since when recycled keys were the person's.
        vouched: Values that the request gives beside the person's own key.
    """

    keys: Keys = frozenset()
    hearsay: Keys = frozenset()
    sealed: Sealed = field(default_factory=dict)
    began: Began = field(default_factory=dict)
    vouched: Keys = frozenset()


NOTHING = Plan()


class Whose:
    """One person or none, over one world."""

    def __init__(
        self, world: World, reference: Reference, state: State, plans: Mapping[Keys, Plan] | None = None
    ) -> None:
        self._identities: dict[str, Any] = world.document["identities"]
        self._reference = reference
        self._state = state
        self._told: dict[Key, set[Key]] = {}
        self._plans = plans
        self._decided: set[Keys] = set()
        self._not_followed: dict[Keys, Keys] = {}
        self.people: Keys = frozenset()

    def look_up(self, asked: Collection[Keys]) -> None:
        """Find out who is meant by all of these, who go together: a row of two of them tells of both."""
        for how in (self._now, self.keys):  # what a plan says is asked when everybody is known
            self._settle(list(asked), how)

    def _settle(self, asked: list[Keys], how: Callable[[Keys], Keys | None]) -> None:
        while True:
            found = {given: how(given) for given in asked}
            self._decided.update(given for given, one in found.items() if one is not None)
            people = frozenset[Key]().union(*(one for one in found.values() if one is not None))
            if people <= self.people:
                return
            self.people |= people
            self._told.clear()

    def keys(self, given: Keys) -> Keys | None:
        """Every key of the one person meant; None if several may be meant, or none can be named.

        What the plan led to is the same person's, though records say less by now; not what is somebody else's since,
        nor an address that the person has given up for another one. Somebody else than the plan had is nobody: whom
        the identifiers lead to, or who got the id that is given.
        """
        plan, now = self._planned_for(given), self._now(given)
        if now is not None and now <= given and not self._reference.leads(given):
            return None  # that nothing of theirs is there nobody can know
        if now is None or self._plans is None:
            return now
        before, says_who = (self._of_persons(one) for one in (plan.keys, given))
        if given in self._plans and self._reference.given_again(self._state, says_who, PLANNED, plan.keys):
            return None
        inherited = self.inherited(given)
        if inherited is not NOTHING:
            now = self._recorded(given - plan.vouched, self._kept(inherited, now))
        return now if now is not None and self._of_persons(now) <= before else None

    def inherited(self, given: Keys) -> Plan:
        """What the plan of a request led to, where it was the same person's, or nobody is found any more."""
        plan, now = self._planned_for(given), self._now(given)
        if now is None:
            return NOTHING
        before, found = self._of_persons(plan.keys), self._of_persons(now)
        return plan if not found or (before & found and not _several(before | found)) else NOTHING

    def _planned_for(self, given: Keys) -> Plan:
        return NOTHING if self._plans is None else self._plans.get(given, NOTHING)

    def _now(self, given: Keys) -> Keys | None:
        """Whom records tell alone; a value given beside the person's own key is theirs where the plan followed both."""
        vouched = self._planned_for(given).vouched
        now = self._recorded(given - vouched)
        if now is None or not vouched:
            return now
        return self._recorded(given - vouched, self._kept(Plan(keys=vouched, vouched=vouched), now))

    def led_to(self, keys: Keys, plan: Plan = NOTHING) -> tuple[Sealed, Began]:
        """What these keys, and what a plan led to, lead to: values of links, and since when values are theirs."""
        told, _ = self._reference.found_apart(
            self._state, keys, plan.sealed, began=self._reference.began(self._state), people=self.people
        )
        sealed = self._reference.seal(self._state, told, keys)
        began = {**self._reference.began(self._state, keys)}
        for key, since in plan.began.items():
            began[key] = min((one for one in (since, began.get(key)) if one is not None), default=None)
        before = self._still_theirs(keys, plan)
        return {place: sealed[place] | before.get(place, frozenset()) for place in sealed}, began

    def _still_theirs(self, keys: Keys, plan: Plan) -> Sealed:
        """What a plan sealed, without what persons lead to who are let go."""
        before = dict(plan.sealed)
        for person in self._of_persons(plan.keys) - keys:
            alone = frozenset([person])
            theirs = self._recorded(alone) or alone
            told = self._reference.found(self._state, theirs, people=theirs)
            lost = self._reference.seal(self._state, told, theirs)
            before = {place: found - lost.get(place, frozenset()) for place, found in before.items()}
        return before

    def planned(self, keys: Keys, given: Keys) -> Plan:
        """What a plan led to, made now."""
        values = frozenset(key for key in given & keys if self._kind(key) == "reusable")
        vouched = values if self._of_persons(given & keys) else frozenset()
        return Plan(keys, self._merely_told(keys, given), *self.led_to(keys), vouched)

    def _recorded(self, given: Keys, plan: Plan = NOTHING) -> Keys | None:
        """Every key of the one person meant, as records say it, and what of these keys the plan led to.

        The rules: a person key is one person; any other leads to the persons in the rows behind it. All given keys
        must lead to the same ones. From there everything that the person's own rows tell is theirs; a reusable key
        only if nobody else is behind it, and what its rows tell is not followed to a further reusable one. What a row
        that is no person merely tells leads to no person who was not found before, and nowhere at all where a row of
        somebody else holds it.
        """
        behind = {key: self._persons(key) - self._of_other_kinds(key) for key in given}
        if any(_several(one) for one in behind.values()) or _several(set().union(*behind.values())):
            return None
        same, by_value = given | plan.keys, [key for key in given if self._nominates(key)]
        if any(self._apart([{one} for one in behind[key]], same) for key in by_value):
            return None
        values = [key for key in given if self._kind(key) == "reusable" and not self._shareable(key)]
        if by_value and self._apart([set(self._of_persons(given)), *(behind[key] for key in values)], same):
            return None
        if any(behind.values()) and not all(behind.values()):
            return None
        accepted = self._followed(given, frozenset(), plan)
        held = self._held(accepted or frozenset())
        if held:
            accepted = self._followed(given, held, plan)
        if accepted is not None and (told := self._merely_told(accepted, given | (plan.keys - plan.hearsay))):
            known = self._followed(given, told | held, plan)
            of_others = self._reference.told_by_others(self._state, known or frozenset(), told, self.people)
            accepted = self._followed(given, of_others | held, plan)
        if accepted is not None:
            self._not_followed[accepted] = held
        return accepted

    def _held(self, accepted: Keys) -> Keys:
        """Values of which another person has one under another identity that is read in the same place."""
        return self._reference.held_otherwise(self._state, accepted, accepted, own=True)

    def _followed(self, given: Keys, barred: Keys, plan: Plan) -> Keys | None:
        """Every key that leads on from those given; values that are barred lead nowhere."""
        accepted = {key for key in given if not self._shareable(key)}
        accepted = (accepted - barred).union(
            *(self._persons(key) - self._of_other_kinds(key) for key in accepted & barred)
        )
        if not accepted:
            return None
        self._walk(accepted)
        planned = plan.keys - barred
        persons = {key for key in accepted if self._kind(key) == "person"}
        if _several(persons):
            return None
        persons |= self._of_persons(planned)
        nominated = []
        own = set().union(*(self._reference.own(self._state, frozenset([key])) for key in accepted | planned))
        further_keys = {one for key in accepted for one in self._next(key)} - accepted - plan.keys - barred
        for further in sorted(further_keys):
            behind = self._by_keys(self._persons(further))
            if self._shareable(further) or _several(persons | behind):
                continue
            if further not in own and not behind <= persons:
                continue
            persons |= behind
            nominated.append(further)
        accepted.update(nominated, planned)
        self._walk(accepted, plan)
        return None if _several({key for key in accepted if self._kind(key) == "person"}) else frozenset(accepted)

    def _merely_told(self, accepted: Keys, given: Keys) -> Keys:
        """The reusable keys that no row of the person's own holds, as another key of the person's finds it."""
        told = {key for key in accepted if self._kind(key) == "reusable"} - given
        return frozenset(
            one
            for one in told
            if not any(one in self._reference.own(self._state, frozenset([key])) for key in accepted - {one})
        )

    def unclear(self, accepted: Keys, plan: Plan = NOTHING) -> Keys:
        """Reusable keys that the rows of these tell, not theirs for certain, and nobody else's.

        The person's own rows tell them; or they lead to nobody, or to this person among others. And those to which a
        plan led: somebody else may have them since.
        """
        persons = {key for key in accepted if self._kind(key) == "person"}
        own = set().union(*(self._reference.own(self._state, frozenset([key])) for key in accepted))
        told = {one for key in accepted for one in self._next(key)}
        strayed = set().union(*(self._strayed(key) for key in accepted)) - accepted
        held = self._not_followed.get(accepted, frozenset())
        return held.union(strayed) | frozenset(
            one
            for one in (told | plan.keys) - accepted
            if self._kind(one) == "reusable" and not self._shareable(one)
            if one in own | plan.keys or not self._persons(one) or self._persons(one) & persons
        )

    def undecided(self, given: Keys) -> bool:
        """Several keys, and no person behind any: the rows must have something in common.

        What that is depends on which keys a store seals for itself, so it is not predicted. Nor is who is one person
        until everybody else who goes is known, and a row of two of them tells each of the other: in which order rows
        are asked decides that, and `check` refuses such rows.
        """
        one_before = given in self._decided and self._now(given) is None
        return one_before or (len(given) > 1 and not any(self._persons(key) for key in given))

    def _kept(self, plan: Plan, now: Keys) -> Plan:
        """What a plan led to and is this person's still, by what records say of these keys by now."""
        replaced = {kind for kind, _ in now - plan.keys}
        persons = self._of_persons(now) | self._unchanged(plan)
        plans = (one.keys for one in (self._plans or {}).values())
        going = (keys for keys in plans if not self.people.isdisjoint(keys))  # who is somebody else by now stays
        everybody = self.people.union(*going)  # it is asked about all at once
        let_go = self._of_persons(plan.keys) - persons  # with what their rows tell
        found = self._reference.found(self._state, (now | plan.keys) - let_go, plan.sealed, people=everybody)
        kept = frozenset(
            key
            for key in plan.keys
            if key in now
            or (
                self._persons(key) <= persons
                and not (self._kind(key) == "reusable" and key[0] in replaced and key not in plan.vouched)
                and not (self._kind(key) == "internal" and self._reference.key_of_others(key, found, self._state))
            )
        )
        return replace(plan, keys=kept)

    def _unchanged(self, plan: Plan) -> Keys:
        """Of whom a plan led to, those whose own rows say no other value by now, and were not made since."""

        def said(person: Key) -> set[Key]:
            own = self._reference.own(self._state, frozenset([person]))
            return {key for key in own if self._kind(key) == "reusable"}

        return frozenset(
            one
            for one in self._of_persons(plan.keys)
            if said(one) <= plan.keys
            and not self._reference.given_again(self._state, frozenset([one]), PLANNED, plan.keys)
        )

    def _walk(self, accepted: set[Key], plan: Plan = NOTHING) -> None:
        """Add the persons and things that accepted keys tell of, to the end."""
        while True:
            told = {one for key in accepted for one in self._next(key) - self._strayed(key)}
            if plan.sealed:
                strayed = set[Key]().union(*(self._strayed(key) for key in accepted))
                told |= self._reference.told(self._state, frozenset(accepted), self.people, plan.sealed) - strayed
            more = {one for one in told if self._kind(one) != "reusable"} - accepted
            if not more:
                return
            accepted |= more

    def _persons(self, key: Key) -> set[Key]:
        """The persons behind a key: in its rows, or in those of things that its rows name."""
        persons = {key} if self._kind(key) == "person" else set()
        seen, ahead = {key}, [key]
        while ahead:
            for one in self._next(ahead.pop()) - seen:
                seen.add(one)
                if self._kind(one) == "person":
                    persons.add(one)
                elif self._kind(one) == "internal":
                    ahead.append(one)
        return persons

    def _of_other_kinds(self, value: Key) -> set[Key]:
        """Persons behind a value of other kinds than all whose own rows hold it, unless it makes one human of them."""
        own = self._reference.own(self._state, frozenset([value])) if self._nominates(value) else set()
        kinds = {kind for kind, _ in self._of_persons(frozenset(own))}
        return {one for one in self._persons(value) if one[0] not in kinds} if kinds else set()

    def _strayed(self, key: Key) -> set[Key]:
        """What a value leads to of persons of other kinds than all whose own rows hold it."""
        if not (others := self._of_other_kinds(key)):
            return set()
        return {
            one
            for one in self._next(key)
            if self._kind(one) != "reusable" and not self._persons(one).isdisjoint(others)
        }

    def _apart(self, people: Iterable[set[Key]], same: Keys) -> bool:
        """Of people each of whom is known to be one human some are not, by keys, the same one as the others.

        Those whose keys are given together are.
        """
        linked = [self._by_keys(one) for one in people if one]
        together = set().union(*linked) & same
        linked = [one | together if one & together else one for one in linked]
        if linked:
            first = linked.pop()
            while near := [one for one in linked if one & first]:
                first = first.union(*near)
                linked = [one for one in linked if one not in near]
        return bool(linked)

    def _by_keys(self, persons: Iterable[Key]) -> set[Key]:
        """These, and whom keys lead to from them."""
        found = set(persons)
        ahead = list(found)
        while ahead:
            fresh = {one for one in self._next(ahead.pop()) if self._kind(one) != "reusable"} - found
            found |= fresh
            ahead += fresh
        return {one for one in found if self._kind(one) == "person"}

    def _nominates(self, key: Key) -> bool:
        """It may name a person, and makes no persons of two kinds one human."""
        merges = "same_person" in self._identities[key[0]]
        return self._kind(key) == "reusable" and not self._shareable(key) and not merges

    def _next(self, key: Key) -> set[Key]:
        if key not in self._told:
            self._told[key] = self._reference.told(self._state, frozenset([key]), self.people) - {key}
        return self._told[key]

    def _of_persons(self, keys: Keys) -> Keys:
        return frozenset(key for key in keys if self._kind(key) == "person")

    def _kind(self, key: Key) -> str:
        return str(self._identities[key[0]]["kind"])

    def _shareable(self, key: Key) -> bool:
        return bool(self._identities[key[0]].get("shareable"))


def _several(persons: Iterable[Key]) -> bool:
    by_kind: dict[str, set[str]] = {}
    for namespace, value in persons:
        by_kind.setdefault(namespace, set()).add(value)
    return any(len(values) > 1 for values in by_kind.values())
