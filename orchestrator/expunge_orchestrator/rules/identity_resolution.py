"""Identity resolution: from a request's identifiers to the keys of one person, or to the reason why not.

Pure rules over the edges that connectors report (law 2). A person key is proof; a reusable key (e-mail, phone,
address) only nominates: several persons behind one, or keys that lead to different persons, are AMBIGUOUS. A reusable
key that records yield is followed only if it leads to nobody else, and, where it does not stand in the person's own
record, no record of somebody else holds it. Shareable keys agree or disagree, and never select.

A further round also asks about the keys that are known from before: records that came since may hang on them. These
decide nothing any more: where one leads to a person who was not found by then, or is or leads to another person than
the given ones do by now, it is not followed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import HEARSAY, SINCE, UNREAD, DiscoveredKey, Subject, SubjectKey

MAX_ROUNDS = 32
_NOWHERE = frozenset[SubjectKey]()

Lookup = Callable[[Sequence[Subject]], Iterable[tuple[str, Iterable[DiscoveredKey]]]]
"""Asks every store for the yields of these keys (one step of the contract's `resolve`): its name, and what it says."""

ToldByOthers = Callable[[Sequence[Subject]], Mapping[int, frozenset[SubjectKey]]]
"""Asks every store that can tell which of the subjects' doubtful keys records of others hold."""


class Ambiguity(StrEnum):
    """Why a request names no single person. The text stands in outcomes and receipts."""

    SEVERAL_PERSONS = "several persons are behind one of the given identifiers"
    LEADS_TO_SEVERAL = "by the data map the key of one person leads to several of a kind"
    KEYS_DISAGREE = "the given identifiers do not lead to the same person"
    SHAREABLE_ALONE = "an identifier that people share does not name a person by itself"
    OTHERWISE = "an identifier leads to another person than when the plan was made"
    MOVED = "an identifier leads to a person to whom it did not lead when the erasure began"
    TOO_DEEP = "the records lead on and on; the map's yields form a loop over other people's records"


def what_helps(told: Iterable[str]) -> str:
    """What to do about people of whom this was told: no identifier helps where the map makes several of one."""
    by_map = {one.startswith(Ambiguity.LEADS_TO_SEVERAL) for one in told}
    asked = "Find out who is meant and ask again with an identifier that only this person has."
    mended = (
        "Where the key of one person leads to several, mend the data map (docs/findings.md, `several-behind-key`), then"
        " plan these people again."
    )
    return " ".join([*([] if by_map == {True} else [asked]), *([mended] if True in by_map else [])])


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answer for one subject.

    Attributes:
        keys: Every key accepted: what count, erase and verify work with.
        ambiguity: Set exactly when nothing may be erased: an `Ambiguity`; where it is `LEADS_TO_SEVERAL`, and of which
            identities there are several.
        refused: Keys that were told and not followed: other people share them, or may.
        shared: Those of them that the person's own record holds.
        doubtful: Those of them that records merely tell, and that lead to nobody else: nobody can say whose they are.
        attributed: Those of the keys that an operator says are this person's, whoever else has them.
        others: Values that an operator says are not this person's: they are none of the keys, and not unclear either.
        unread: What records of the person name and nobody can read, by store and collection (`contract.UNREAD`).
        at_home: `store.collection` and key of the person's own records that are the request's member's.
        let_go: Keys that an earlier resolution followed, and against which the records speak by now.
    """

    keys: frozenset[SubjectKey]
    ambiguity: str | None = None
    refused: frozenset[SubjectKey] = frozenset()
    shared: frozenset[SubjectKey] = frozenset()
    doubtful: frozenset[SubjectKey] = frozenset()
    attributed: frozenset[SubjectKey] = frozenset()
    others: frozenset[SubjectKey] = frozenset()
    unread: frozenset[SubjectKey] = frozenset()
    at_home: frozenset[SubjectKey] = frozenset()
    let_go: frozenset[SubjectKey] = frozenset()

    @property
    def unfollowed(self) -> int:
        """How many keys were not followed."""
        return len(self.refused)


@dataclass(frozen=True, slots=True)
class Said:
    """What was decided of a person's values, by two people (`subjects.attributions`)."""

    theirs: frozenset[SubjectKey] = frozenset()
    others: frozenset[SubjectKey] = frozenset()


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the identities of a map prove. A key of no identity is internal to its store.

    Attributes:
        person: Identities whose keys are proof.
        reusable: Identities whose keys only nominate.
        shared: Those of them that agree or disagree, and never select.
        persons: (store, collection) of the records that are persons.
    """

    person: AbstractSet[str]
    reusable: AbstractSet[str]
    shared: AbstractSet[str]
    persons: AbstractSet[tuple[str, str]]

    @classmethod
    def of(cls, data_map: DataMap) -> _Rules:
        """Looked up once: a chunk asks about tens of thousands of keys."""
        identities = data_map.identities.items()
        return cls(
            frozenset(name for name, identity in identities if identity.kind is IdentityKind.PERSON),
            frozenset(name for name, identity in identities if identity.kind is IdentityKind.REUSABLE),
            frozenset(name for name, identity in identities if identity.shareable),
            frozenset(
                (store, name) for store, name, spec in data_map.collections() if spec.person_identity is not None
            ),
        )

    def shareable(self, key: SubjectKey) -> bool:
        return key.namespace in self.shared


@dataclass(slots=True)
class KeyGraph:
    """Everything seen for one subject so far: edges between keys."""

    given: frozenset[SubjectKey]
    known: frozenset[SubjectKey] = frozenset()
    attributed: frozenset[SubjectKey] = frozenset()
    others: frozenset[SubjectKey] = frozenset()
    edges: dict[SubjectKey, set[SubjectKey]] = field(default_factory=lambda: defaultdict(set))
    asked: set[SubjectKey] = field(default_factory=set)
    unread: dict[SubjectKey, set[SubjectKey]] = field(default_factory=lambda: defaultdict(set))
    told_of_person: dict[SubjectKey, set[SubjectKey]] = field(default_factory=lambda: defaultdict(set))
    """Of the edges, those through a record that is a person."""
    hearsay: frozenset[SubjectKey] = frozenset()
    """Values that records merely tell, and that records of somebody else hold: they lead to nobody."""
    tellers: dict[SubjectKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Key -> the stores that said what it leads to; of since when a value is the person's, that said so."""

    def add(self, via: SubjectKey, key: SubjectKey, store: str, *, of_person: bool) -> None:
        """Take note that one key leads to another, through a record that may itself be a person."""
        if key == via:
            return
        self.tellers[key if key.namespace.startswith(SINCE) else via].add(store)
        if key.namespace.startswith(UNREAD):
            self.unread[via].add(key)
        else:
            self.edges[via].add(key)
            if of_person:
                self.told_of_person[via].add(key)

    def since(self) -> set[SubjectKey]:
        """Since when values are the person's, as far as that was told."""
        return {key for key in self.tellers if key.namespace.startswith(SINCE)}

    def ask_again(self, before: AbstractSet[SubjectKey]) -> None:
        """Of a value that other stores were asked about, one says by now since when the person has it.

        What records lead to that are older is not theirs, and the other stores could not tell: they are asked again.

        Args:
            before: What was told of that before this round.
        """
        for since in self.since() - before:
            value = SubjectKey(since.namespace.removeprefix(SINCE), since.value.partition("|")[2])
            if value in self.asked and self.tellers[value] - self.tellers[since]:
                self.edges[value] = {key for key in self.edges[value] if key.namespace.startswith(SINCE)}
                for told in (self.told_of_person, self.unread, self.tellers):
                    told.pop(value, None)
                self.asked.discard(value)

    def own(self, accepted: Iterable[SubjectKey]) -> set[SubjectKey]:
        """What the person's own records hold, by the keys accepted."""
        return set().union(*(self.told_of_person.get(key, ()) for key in accepted))

    def told_by_attributed(self) -> set[SubjectKey]:
        """What rows name that are known by an attributed value alone: not those that are persons, who are others."""
        told = [self.edges.get(key, set()) - self.told_of_person.get(key, set()) for key in self.attributed]
        return set().union(*told)


def resolve(  # noqa: PLR0913 - what is given, what is asked, and what is known from before
    given: Mapping[int, frozenset[SubjectKey]],
    lookup: Lookup,
    told_by_others: ToldByOthers,
    data_map: DataMap,
    *,
    known: Mapping[int, frozenset[SubjectKey]] = MappingProxyType({}),
    said: Mapping[int, Said] = MappingProxyType({}),
    joint: Mapping[str, Iterable[DiscoveredKey]] = MappingProxyType({}),
) -> dict[int, Resolved]:
    """Resolve a whole chunk: a few rounds over all stores, whatever the number of subjects.

    Args:
        given: Subject number -> the identifiers of the request.
        lookup: One round over all stores, for keys not asked before.
        told_by_others: Asked when everything is known of a person: of values that the person's records merely tell.
        data_map: Says what each identity proves.
        known: Subject number -> keys that an earlier resolution accepted, of this request or of one that was ended.
        said: Subject number -> what was decided of values, for those with any.
        joint: Store -> what it says beyond its answers, of records that these people share (`resolve_together`).
    """
    rules = _Rules.of(data_map)
    nothing = frozenset[SubjectKey]()
    trails = {
        number: KeyGraph(keys, known.get(number, nothing) - keys, decided.theirs, decided.others - keys)
        for number, keys in given.items()
        for decided in [said.get(number, Said())]
    }
    _take_note(trails, joint.items(), rules)
    resolved: dict[int, Resolved] = {}
    # Before anything was asked there is nothing to decide: every given key is wanted, and no other.
    frontier = [Subject(number, trail.given | trail.known | trail.attributed) for number, trail in trails.items()]
    for _ in range(MAX_ROUNDS):
        for subject in frontier:
            trails[subject.number].asked |= subject.keys
        before = {subject.number: trails[subject.number].since() for subject in frontier}
        asked = {subject.number for subject in frontier}
        others = [
            Subject(number, frozenset(), known=one.keys) for number, one in resolved.items() if number not in asked
        ]
        _take_note(trails, lookup([*frontier, *others]), rules)
        for subject in frontier:
            trails[subject.number].ask_again(before[subject.number])
        ahead: list[Subject] = []
        for subject in frontier:
            trail = trails[subject.number]
            decided = _decide(trail, rules)
            unasked = next_keys(trail, decided) - trail.asked
            if any(not key.namespace.startswith(SINCE) for key in unasked):
                ahead.append(Subject(subject.number, frozenset(unasked), known=decided.keys & trail.asked))
            else:
                resolved[subject.number] = decided
        frontier = ahead
        if not frontier:
            break
    _follow_no_hearsay(resolved, trails, told_by_others, rules)
    answers = {number: resolved.get(number, Resolved(frozenset(), Ambiguity.TOO_DEEP)) for number in given}
    return {number: _with_unread(answer, trails[number]) for number, answer in answers.items()}


def _take_note(
    trails: Mapping[int, KeyGraph], said: Iterable[tuple[str, Iterable[DiscoveredKey]]], rules: _Rules
) -> None:
    for store, told in said:
        for number, via, collection, key in told:
            trails[number].add(via, key, store, of_person=(store, collection) in rules.persons)


def _follow_no_hearsay(
    resolved: dict[int, Resolved], trails: Mapping[int, KeyGraph], told_by_others: ToldByOthers, rules: _Rules
) -> None:
    """Decide once more about those whose records merely tell values: none is followed that records of others hold.

    Whose a record is can be said when every key of a person is known, those aside that only such values led to.
    """
    asked = []
    for number, answer in resolved.items():
        trail = trails[number]
        if told := _merely_told(answer, trail, rules):
            trail.hearsay = told
            asked.append(Subject(number, _decide(trail, rules).keys, doubtful=told))
    numbers = {one.number for one in asked}
    others = [Subject(number, frozenset(), known=one.keys) for number, one in resolved.items() if number not in numbers]
    held = told_by_others([*asked, *others]) if asked else {}
    for one in asked:
        trails[one.number].hearsay = held.get(one.number, frozenset())
        decided = _decide(trails[one.number], rules)
        followed = (SubjectKey(f"{HEARSAY}{key.namespace}", key.value) for key in one.doubtful & decided.keys)
        resolved[one.number] = replace(decided, keys=decided.keys.union(followed))


def _merely_told(answer: Resolved, trail: KeyGraph, rules: _Rules) -> frozenset[SubjectKey]:
    """The values accepted that the request does not give, nor the person's own records hold, or are known to have."""
    known = trail.known - Subject(0, trail.known).hearsay
    told = {key for key in answer.keys if key.namespace in rules.reusable} - trail.given - known
    return frozenset(told - trail.attributed - trail.own(answer.keys) if told else told)


def _with_unread(answer: Resolved, trail: KeyGraph) -> Resolved:
    """With what records say that keys of the person led to."""
    found = [told for via, told in trail.unread.items() if via in answer.keys]
    return replace(answer, unread=frozenset().union(*found)) if found else answer


def next_keys(trail: KeyGraph, decided: Resolved) -> set[SubjectKey]:
    """Keys worth asking about: those given, and those reached without passing through a key that was rejected."""
    if decided.ambiguity is not None:
        return set(trail.given)
    reached = set(trail.given) | trail.known | decided.keys
    # A yielded reusable key must be asked about before it can be accepted or rejected, or is known to be another's.
    return reached | {target for key in decided.keys for target in trail.edges.get(key, ())}


def _persons(key: SubjectKey, trail: KeyGraph, rules: _Rules) -> set[SubjectKey]:
    """The person keys that one key leads to through internal keys only."""
    return _persons_among(_reached([key], trail.edges, rules.reusable | rules.person), rules)


def _reached(
    keys: Iterable[SubjectKey], edges: Mapping[SubjectKey, set[SubjectKey]], ends: AbstractSet[str]
) -> set[SubjectKey]:
    """The keys that some lead to. Nothing is reached through keys of identities at which the way ends."""
    reached: set[SubjectKey] = set()
    ahead = list(keys)
    while ahead:
        found = edges.get(ahead.pop(), _NOWHERE) - reached
        reached |= found
        ahead += [key for key in found if key.namespace not in ends]
    return reached


def same_person(one: AbstractSet[SubjectKey], other: AbstractSet[SubjectKey]) -> bool:
    """Whether person keys are of one person: some are in common, and none differs of a kind that both have.

    One in common alone proves nothing: an account may pass on to somebody who has a number of their own.
    """
    return not one.isdisjoint(other) and not several(one | other)


def several(persons: AbstractSet[SubjectKey]) -> bool:
    """More than one person of one kind. An account holder and a caller may be the same human."""
    return len(persons) > 1 and len({namespace for namespace, _ in persons}) < len(persons)


def _decide(trail: KeyGraph, rules: _Rules) -> Resolved:
    reach: list[set[SubjectKey]] = []
    for key in sorted(trail.given, key=lambda one: one.namespace not in rules.person):
        found = _persons(key, trail, rules)
        if key.namespace in rules.person:
            found.add(key)
        if several(found):
            by_map = key.namespace in rules.person
            return _leads_to_several(trail, rules) if by_map else Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)
        reach.append(found)
    together: set[SubjectKey] = set().union(*reach)
    if several(together):
        return Resolved(frozenset(), Ambiguity.KEYS_DISAGREE)
    if together and trail.given <= trail.asked and not all(reach):
        return Resolved(frozenset(), Ambiguity.KEYS_DISAGREE)
    if not together and len(trail.given) > 1 and not _meet(trail):
        return Resolved(frozenset(), Ambiguity.KEYS_DISAGREE)
    if all(rules.shareable(key) for key in trail.given):
        return Resolved(frozenset(), Ambiguity.SHAREABLE_ALONE)
    return _follow(trail, rules)


def _leads_to_several(trail: KeyGraph, rules: _Rules) -> Resolved:
    """A person's key leads on to several persons: another identifier of the same person would as well."""
    reached = _persons_among(trail.given | _reached(trail.given, trail.edges, rules.reusable), rules)
    kinds = Counter(key.namespace for key in reached)
    named = ", ".join(sorted(kind for kind, number in kinds.items() if number > 1))
    return Resolved(frozenset(), f"{Ambiguity.LEADS_TO_SEVERAL}: {named}" if named else Ambiguity.SEVERAL_PERSONS)


def _meet(trail: KeyGraph) -> bool:
    """Where nobody has a person key, all given keys must have led to one record in common, or none to any."""
    targets = [trail.edges.get(key, set()) for key in trail.given]
    return not trail.given <= trail.asked or not any(targets) or bool(set.intersection(*targets))


def _walk(
    trail: KeyGraph,
    start: AbstractSet[SubjectKey],
    accepted: set[SubjectKey],
    barred: AbstractSet[SubjectKey],
    rules: _Rules,
) -> set[SubjectKey] | None:
    """Accept the persons and things that keys lead to; the reusable keys told on the way. None: several persons."""
    persons = _persons_among(accepted - trail.known, rules)
    told: set[SubjectKey] = set()
    ahead = list(start)  # in any order: two persons of one kind stay two
    while ahead:
        for target in trail.edges.get(ahead.pop(), ()):
            if target.namespace in rules.reusable:
                told.add(target)
            elif target not in accepted and target not in barred:
                if target.namespace in rules.person:
                    if several(persons | {target}):
                        return None
                    persons.add(target)
                accepted.add(target)
                ahead.append(target)
    return told


def _persons_among(keys: AbstractSet[SubjectKey], rules: _Rules) -> set[SubjectKey]:
    return {key for key in keys if key.namespace in rules.person}


def _follow(trail: KeyGraph, rules: _Rules) -> Resolved:
    """Walk from the given keys; what is reached over a yielded reusable key alone is followed no further.

    The phone in the person's own record is the person's; the e-mail in a record that only this phone led to may be
    anybody's. So such records belong to the person (they were not found to be another's), and name nobody else's.
    """
    accepted = {key for key in trail.given if not rules.shareable(key)}
    unfollowed = _strangers(trail, rules) | trail.others | trail.hearsay
    nominated = trail.known - unfollowed
    accepted |= nominated
    told_of = trail.told_by_attributed()
    accepted |= trail.attributed | {key for key in told_of if key.namespace not in rules.person | rules.reusable}
    unfollowed -= trail.attributed
    # Whose the person's own records say that they are, before an address in them is asked whose it is.
    told = _walk(trail, accepted - trail.known - trail.attributed, accepted, unfollowed, rules)
    if told is None:
        return _leads_to_several(trail, rules)
    persons = _persons_among(accepted - trail.known, rules)
    own = trail.own(accepted)
    for target in sorted(told - accepted - unfollowed):
        leads_to = _persons(target, trail, rules)
        # What a record merely tells (another's address on an order) leads to nobody who was not found without it.
        strangers = target not in own and not leads_to <= persons
        if target not in trail.asked or rules.shareable(target) or strangers or several(persons | leads_to):
            unfollowed.add(target)
            continue
        persons |= leads_to
        accepted.add(target)
        nominated |= {target}
    told = _walk(trail, nominated, accepted, unfollowed, rules)
    if told is None:
        return Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)
    values = {key for key in told_of if key.namespace in rules.reusable}
    unfollowed |= (told | values) - accepted
    if not unfollowed:
        return Resolved(frozenset(accepted), attributed=trail.attributed)
    unclear = unfollowed - trail.others
    shared = unclear & (trail.own(accepted) | trail.known)
    persons = _persons_among(accepted, rules)
    doubtful = {key for key in unclear - shared if _nobodys(key, trail, rules, persons)}
    return Resolved(
        frozenset(accepted),
        None,
        frozenset(unfollowed),
        frozenset(shared),
        frozenset(doubtful),
        trail.attributed,
        trail.others,
    )


def _nobodys(key: SubjectKey, trail: KeyGraph, rules: _Rules, persons: AbstractSet[SubjectKey]) -> bool:
    """It may lead to records of this person: nobody else is found by it, or this person as well."""
    if key.namespace not in rules.reusable or rules.shareable(key):
        return False
    leads_to = _persons(key, trail, rules)
    return not leads_to or not leads_to.isdisjoint(persons)


def _strangers(trail: KeyGraph, rules: _Rules) -> set[SubjectKey]:
    """The keys known from before that are another person's by now, or lead to one who was not found by then.

    What such a key leads to is that person's as well, unless a given key leads there: a row's key leads to no person.
    """
    if not trail.known:
        return set()
    named = {key for key in trail.given if not rules.shareable(key)}
    ours = _reached(named, trail.edges, rules.reusable) | named
    found = _persons_among(ours, rules)
    before = found | _persons_among(trail.given | trail.known, rules)
    told = _persons_among(trail.known.union(*trail.edges.values()), rules)
    others = {key for key in told if key not in before or several(found | {key})}
    strangers = (_leading_to(others, trail, rules) | others) & trail.known
    lasting = [key for key in strangers if key.namespace not in rules.reusable]
    return strangers | ((_reached(lasting, trail.edges, rules.reusable) - ours) & trail.known)


def _leading_to(persons: AbstractSet[SubjectKey], trail: KeyGraph, rules: _Rules) -> set[SubjectKey]:
    """The keys that lead to any of these persons, not through reusable ones."""
    told_by: dict[SubjectKey, set[SubjectKey]] = defaultdict(set)
    for via, targets in trail.edges.items() if persons else ():
        for target in targets:
            told_by[target].add(via)
    return _reached(persons, told_by, rules.reusable)
