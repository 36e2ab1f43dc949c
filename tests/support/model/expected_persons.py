"""The second half of the model: whom a request means (law 2, ADR 3), from the rows alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.model.reference import Keys, Reference, State
from tests.support.model.world import World

Key = tuple[str, str]


class Whose:
    """One person or none, over one world."""

    def __init__(self, world: World, reference: Reference, state: State) -> None:
        self._identities: dict[str, Any] = world.document["identities"]
        self._reference = reference
        self._state = state
        self._told: dict[Key, set[Key]] = {}
        self._decided: set[Keys] = set()
        self.people: Keys = frozenset()

    def look_up(self, asked: Iterable[Keys]) -> None:
        """Find out who is meant by all of these, who go together: a row of two of them tells of both."""
        while True:
            found = {given: self.keys(given) for given in asked}
            self._decided.update(given for given, one in found.items() if one is not None)
            people = frozenset[Key]().union(*(one for one in found.values() if one is not None))
            if people <= self.people:
                return
            self.people |= people
            self._told.clear()

    def keys(self, given: Keys) -> Keys | None:
        """Every key of the one person meant; None if several may be meant, or none can be named.

        The rules: a person key is one person; any other leads to the persons in the rows behind it. All given keys
        must lead to the same ones. From there everything that the person's own rows tell is theirs; a reusable key
        only if nobody else is behind it, and what its rows tell is not followed to a further reusable one. What a row
        that is no person merely tells leads to no person who was not found before, and nowhere at all where a row of
        somebody else holds it.
        """
        behind = {key: self._persons(key) for key in given}
        if any(_several(one) for one in behind.values()) or _several(set().union(*behind.values())):
            return None
        if any(behind.values()) and not all(behind.values()):
            return None
        accepted = self._followed(given, frozenset())
        if accepted is None or not (told := self._merely_told(accepted, given)):
            return accepted
        known = self._followed(given, told)
        return self._followed(
            given, self._reference.told_by_others(self._state, known or frozenset(), told, self.people)
        )

    def _followed(self, given: Keys, barred: Keys) -> Keys | None:
        """Every key that leads on from those given; values that are barred lead nowhere."""
        accepted = {key for key in given if not self._shareable(key)}
        if not accepted:
            return None
        self._walk(accepted)
        persons = {key for key in accepted if self._kind(key) == "person"}
        if _several(persons):
            return None
        nominated = []
        own = set().union(*(self._reference.own(self._state, frozenset([key])) for key in accepted))
        for further in sorted({one for key in accepted for one in self._next(key)} - accepted - barred):
            if self._shareable(further) or _several(persons | self._persons(further)):
                continue
            if further not in own and not self._persons(further) <= persons:
                continue
            persons |= self._persons(further)
            nominated.append(further)
        accepted.update(nominated)
        self._walk(accepted)
        return None if _several({key for key in accepted if self._kind(key) == "person"}) else frozenset(accepted)

    def _merely_told(self, accepted: Keys, given: Keys) -> Keys:
        """The reusable keys that no row of the person's own holds, as another key of the person's finds it."""
        told = {key for key in accepted if self._kind(key) == "reusable"} - given
        return frozenset(
            one
            for one in told
            if not any(one in self._reference.own(self._state, frozenset([key])) for key in accepted - {one})
        )

    def unclear(self, accepted: Keys) -> Keys:
        """Reusable keys that the rows of these tell, not theirs for certain, and nobody else's.

        The person's own rows tell them; or they lead to nobody, or to this person among others.
        """
        persons = {key for key in accepted if self._kind(key) == "person"}
        own = set().union(*(self._reference.own(self._state, frozenset([key])) for key in accepted))
        told = {one for key in accepted for one in self._next(key)}
        return frozenset(
            one
            for one in told - accepted
            if self._kind(one) == "reusable" and not self._shareable(one)
            if one in own or not self._persons(one) or self._persons(one) & persons
        )

    def undecided(self, given: Keys) -> bool:
        """Several keys, and no person behind any: the rows must have something in common.

        What that is depends on which keys a store seals for itself, so it is not predicted. Nor is who is one person
        until everybody else who goes is known, and a row of two of them tells each of the other: in which order rows
        are asked decides that, and `check` refuses such rows.
        """
        one_before = given in self._decided and self.keys(given) is None
        return one_before or (len(given) > 1 and not any(self._persons(key) for key in given))

    def _walk(self, accepted: set[Key]) -> None:
        """Add the persons and things that accepted keys tell of, to the end."""
        while True:
            more = {one for key in accepted for one in self._next(key) if self._kind(one) != "reusable"} - accepted
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

    def _next(self, key: Key) -> set[Key]:
        if key not in self._told:
            self._told[key] = self._reference.told(self._state, frozenset([key]), self.people) - {key}
        return self._told[key]

    def _kind(self, key: Key) -> str:
        return str(self._identities[key[0]]["kind"])

    def _shareable(self, key: Key) -> bool:
        return bool(self._identities[key[0]].get("shareable"))


def _several(persons: Iterable[Key]) -> bool:
    by_kind: dict[str, set[str]] = {}
    for namespace, value in persons:
        by_kind.setdefault(namespace, set()).add(value)
    return any(len(values) > 1 for values in by_kind.values())
