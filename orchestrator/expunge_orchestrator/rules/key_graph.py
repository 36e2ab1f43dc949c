"""Key graph: what was seen to lead to what for one subject, and what the identities of the map prove of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import FACTS, SINCE, UNREAD, SubjectKey

_NOWHERE = frozenset[SubjectKey]()
_NO_KEYS = (SINCE, UNREAD)


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """What the identities of a map prove. A key of no identity is internal to its store.

    Attributes:
        person: Identities whose keys are proof.
        reusable: Identities whose keys only nominate.
        shared: Those of them that people share: they agree or disagree with other keys, and never select.
        nominating: Those of the others that make no persons of two kinds one human, as the map may say (`same_person`).
        persons: (store, collection) of the records that are persons.
        lasting: The identities of both kinds: every other key is of a thing.
        things: The internal identities of the map, known to several stores.
    """

    person: AbstractSet[str]
    reusable: AbstractSet[str]
    shared: AbstractSet[str]
    nominating: AbstractSet[str]
    persons: AbstractSet[tuple[str, str]]
    lasting: AbstractSet[str]
    things: AbstractSet[str]

    @classmethod
    def of(cls, data_map: DataMap) -> IdentityRules:
        """Looked up once: a chunk asks about tens of thousands of keys."""
        identities = data_map.identities.items()
        return cls(
            frozenset(name for name, identity in identities if identity.kind is IdentityKind.PERSON),
            frozenset(name for name, identity in identities if identity.kind is IdentityKind.REUSABLE),
            frozenset(name for name, identity in identities if identity.shareable),
            frozenset(
                name
                for name, identity in identities
                if identity.kind is IdentityKind.REUSABLE
                if not identity.shareable and identity.same_person is None
            ),
            frozenset(
                (store, name) for store, name, spec in data_map.collections() if spec.person_identity is not None
            ),
            frozenset(name for name, one in identities if one.kind in {IdentityKind.PERSON, IdentityKind.REUSABLE}),
            frozenset(name for name, one in identities if one.kind is IdentityKind.INTERNAL),
        )

    def link(self, key: SubjectKey) -> bool:
        """It leads between rows of one store, which says itself whose they are."""
        name = key.namespace
        return name not in self.lasting and name not in self.things and not name.startswith(FACTS)


@dataclass(slots=True)
class KeyGraph:
    """Everything seen for one subject so far: edges between keys."""

    given: frozenset[SubjectKey]
    known: frozenset[SubjectKey] = frozenset()
    attributed: frozenset[SubjectKey] = frozenset()
    others: frozenset[SubjectKey] = frozenset()
    of_another: frozenset[SubjectKey] = frozenset()
    edges: dict[SubjectKey, set[SubjectKey]] = field(default_factory=partial(defaultdict, set))
    asked: set[SubjectKey] = field(default_factory=set)
    unread: dict[SubjectKey, set[SubjectKey]] = field(default_factory=partial(defaultdict, set))
    told_of_person: dict[SubjectKey, set[SubjectKey]] = field(default_factory=partial(defaultdict, set))
    """Of the edges, those through a record that is a person."""
    hearsay: frozenset[SubjectKey] = frozenset()
    """Values that records merely tell, and that records of somebody else hold: they lead to nobody."""
    held: frozenset[SubjectKey] = frozenset()
    """Keys of things that a row of somebody else holds, and none of the person's, and values that another person holds
    under an identity that is read in the same place: they lead nowhere."""
    tellers: dict[SubjectKey, set[str]] = field(default_factory=partial(defaultdict, set))
    """Key -> the stores that said what it leads to; of since when a value is the person's, that said so."""
    dated: set[SubjectKey] = field(default_factory=set)
    """Since when values are the person's, as far as this round told it and none before."""

    def add(self, via: SubjectKey, key: SubjectKey, store: str, *, of_person: bool) -> None:
        """Take note that one key leads to another, through a record that may itself be a person."""
        if key == via:
            return
        teller = via
        if key.namespace.startswith(_NO_KEYS):
            if key.namespace.startswith(UNREAD):
                self.tellers[via].add(store)
                self.unread[via].add(key)
                return
            if key not in self.tellers:
                self.dated.add(key)
            teller = key
        self.tellers[teller].add(store)
        self.edges[via].add(key)
        if of_person:
            self.told_of_person[via].add(key)

    def ask(self, keys: AbstractSet[SubjectKey]) -> None:
        """Take note that a round asks about these keys."""
        self.asked |= keys
        self.dated.clear()

    def ask_again(self) -> None:
        """Of a value that other stores were asked about, one says by now since when the person has it.

        What records lead to that are older is not theirs, and the other stores could not tell: they are asked again.
        """
        for since in self.dated:
            value = SubjectKey(since.namespace.removeprefix(SINCE), since.value.partition("|")[2])
            if value in self.asked and self.tellers[value] - self.tellers[since]:
                self.edges[value] = {key for key in self.edges[value] if key.namespace.startswith(SINCE)}
                for told in (self.told_of_person, self.unread, self.tellers):
                    told.pop(value, None)
                self.asked.discard(value)

    def own(self, accepted: Iterable[SubjectKey]) -> set[SubjectKey]:
        """What the person's own records hold, by the keys accepted."""
        return set[SubjectKey]().union(*[self.told_of_person[key] for key in accepted if key in self.told_of_person])

    def denied(self, rules: IdentityRules) -> dict[SubjectKey, set[SubjectKey]]:
        """Value -> keys that it leads to, of persons whose own record says another value of that identity.

        A record that is the person and holds the value says that it leads there. A person of whom no record says any
        value of that identity denies nothing, but for one of another kind than all whose records hold the value. Of a
        thing the persons are asked about whom it leads to.

        Args:
            rules: What the identities prove.
        """
        found: dict[SubjectKey, set[SubjectKey]] = {}
        for value in self.edges.keys() if rules.reusable else ():
            if value.namespace not in rules.reusable:
                continue
            held = self.told_of_person.get(value, _NOWHERE)
            beside = self.edges[value] - held
            lost = beside and {
                target
                for target in beside
                if target.namespace not in rules.reusable
                if any(
                    self._denies(person, value, rules) or person in self.of_other_kinds(value, {person}, rules)
                    for person in _persons_of(target, self, rules) - held
                )
            }
            if lost:
                found[value] = lost
        return found

    def of_other_kinds(
        self, value: SubjectKey, persons: AbstractSet[SubjectKey], rules: IdentityRules
    ) -> set[SubjectKey]:
        """Those of the persons who are of another kind than all whose own records hold the value; none if nobody's do.

        They are other people, unless the map says that the value makes one human of such.
        """
        if value.namespace not in rules.nominating:
            return set()
        kinds = {key.namespace for key in persons_among(self.told_of_person.get(value, _NOWHERE), rules)}
        return {person for person in persons if person.namespace not in kinds} if kinds else set()

    def _denies(self, person: SubjectKey, value: SubjectKey, rules: IdentityRules) -> bool:
        """The person's own records, by whatever key of theirs, say values of that identity, and none is this one."""
        own = reached([person], self.told_of_person, rules.reusable)
        says = {key for key in own if key.namespace == value.namespace}
        return bool(says) and value not in says

    def between_indexes(self, accepted: AbstractSet[SubjectKey], indexes: AbstractSet[str]) -> set[SubjectKey]:
        """The keys that one index told, or that are known from before, and by which another one told further keys.

        Args:
            accepted: Keys that are followed.
            indexes: The stores that have indexes.
        """
        on = {key for key in accepted if not indexes.isdisjoint(self.tellers.get(key, ()))}
        return on & self.known.union(*(self.edges.get(key, _NOWHERE) for key in on))

    def told_by_attributed(self) -> set[SubjectKey]:
        """What rows name that are known by an attributed value alone: not those that are persons, who are others."""
        told = (self.edges.get(key, _NOWHERE) - self.told_of_person.get(key, _NOWHERE) for key in self.attributed)
        return set[SubjectKey]().union(*told)


def _persons_of(key: SubjectKey, trail: KeyGraph, rules: IdentityRules) -> set[SubjectKey]:
    """The person whose key it is, or those whom a key of a thing leads to."""
    return {key} if key.namespace in rules.person else persons_behind(key, trail, rules)


def persons_behind(key: SubjectKey, trail: KeyGraph, rules: IdentityRules) -> set[SubjectKey]:
    """The person keys that one key leads to through internal keys only."""
    return persons_among(reached([key], trail.edges, rules.lasting), rules)


def persons_among(keys: AbstractSet[SubjectKey], rules: IdentityRules) -> set[SubjectKey]:
    """The persons' keys of some."""
    return {key for key in keys if key.namespace in rules.person}


def reached(
    keys: Iterable[SubjectKey],
    edges: Mapping[SubjectKey, set[SubjectKey]],
    ends: AbstractSet[str],
    barred: AbstractSet[SubjectKey] = _NOWHERE,
) -> set[SubjectKey]:
    """The keys that some lead to. Nothing is reached through keys of identities at which the way ends, nor `barred`."""
    found: set[SubjectKey] = set()
    ahead = list(keys)
    while ahead:
        for key in edges.get(ahead.pop(), _NOWHERE):
            if key not in found and key not in barred:
                found.add(key)
                if key.namespace not in ends:
                    ahead.append(key)
    return found


def leading_to(persons: AbstractSet[SubjectKey], trail: KeyGraph, rules: IdentityRules) -> set[SubjectKey]:
    """The keys that lead to any of these persons, not through reusable ones."""
    told_by: dict[SubjectKey, set[SubjectKey]] = defaultdict(set)
    for via, targets in trail.edges.items() if persons else ():
        for target in targets:
            told_by[target].add(via)
    return reached(persons, told_by, rules.reusable)


def same_person(one: AbstractSet[SubjectKey], other: AbstractSet[SubjectKey]) -> bool:
    """Whether person keys are of one person: some are in common, and none differs of a kind that both have.

    One in common alone proves nothing: an account may pass on to somebody who has a number of their own.
    """
    return not one.isdisjoint(other) and not several(one | other)


def several(persons: AbstractSet[SubjectKey]) -> bool:
    """More than one person of one kind. An account holder and a caller may be the same human."""
    return len(persons) > 1 and len({namespace for namespace, _ in persons}) < len(persons)


def apart(people: Iterable[AbstractSet[SubjectKey]], trail: KeyGraph, rules: IdentityRules) -> bool:
    """No key leads from some of these to the others, each known to be one human: values alone led to them.

    They are not as long as somebody was not asked about. Those whom the request gives are one human, as it says, with
    those who were found to be the same one before.
    """
    linked = [persons_among(one | reached(one, trail.edges, rules.reusable), rules) for one in people if one]
    if not linked or not all(one <= trail.asked for one in linked):
        return False
    same = set().union(*linked) & (trail.given | trail.known)
    linked = [one | same if one & same else one for one in linked]
    together = linked.pop()
    while near := [one for one in linked if one & together]:
        together.update(*near)
        linked = [one for one in linked if one not in near]
    return bool(linked)
