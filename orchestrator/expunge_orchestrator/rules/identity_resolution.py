"""Identity resolution: from a request's identifiers to the keys of one person, or to the reason why not.

Pure rules over the edges that connectors report (law 2). A person key is proof; a reusable key (e-mail, phone,
address) only nominates: several persons behind one, or keys that lead to different persons, are AMBIGUOUS. A reusable
key that records yield is followed only if it leads to nobody else, and, where it does not stand in the person's own
record, no record of somebody else holds it; and it leads to no person whose own record says another value. That it
leads to persons of two kinds makes them one human only where the map says so (`same_person`). A value that another
person holds under an identity that is read in the same place leads to nothing, given or told: a given one names the
person behind it and no more. Shareable keys agree or disagree, and never select. From one index to the next leads only
a key that no record of somebody else holds: an index does not say whose it is.

A further round also asks about the keys that are known from before: records that came since may hang on them. These
decide nothing any more: where one leads to a person who was not found by then, or is or leads to another person than
the given ones do by now, it is not followed, nor is what by now only such keys lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from expunge_config.datamap import DataMap
from expunge_connectors.contract import HEARSAY, SINCE, DiscoveredKey, Subject, SubjectKey, hearsay_of
from expunge_orchestrator.rules.key_graph import IdentityRules, KeyGraph
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved, Said
from expunge_orchestrator.rules.resolution_decision import decide, next_keys

MAX_ROUNDS = 32

Lookup = Callable[[Sequence[Subject]], Iterable[tuple[str, Iterable[DiscoveredKey]]]]
"""Asks every store for the yields of these keys (one step of the contract's `resolve`): its name, and what it says."""

ToldByOthers = Callable[[Sequence[Subject]], Mapping[int, frozenset[SubjectKey]]]
"""Asks every store that can tell which of the subjects' doubtful keys records of others hold."""

HeldByOthers = Callable[[Sequence[Subject]], Mapping[int, frozenset[SubjectKey]]]
"""Asks every store that can tell which of a subject's keys other persons hold, each subject by itself."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """Stores that say what a key leads to, and not whose it is.

    Attributes:
        stores: Their names.
        held_by_others: Asks the stores that can tell which of the subjects' keys records of others hold by now.
    """

    stores: frozenset[str]
    held_by_others: Callable[[Sequence[Subject]], Mapping[int, frozenset[SubjectKey]]]


NO_INDEXES = Indexes(frozenset(), lambda _subjects: {})


def resolve(  # noqa: PLR0913 - what is given, what is asked, and what is known from before
    given: Mapping[int, frozenset[SubjectKey]],
    lookup: Lookup,
    told_by_others: ToldByOthers,
    data_map: DataMap,
    *,
    known: Mapping[int, frozenset[SubjectKey]] = MappingProxyType({}),
    said: Mapping[int, Said] = MappingProxyType({}),
    joint: Mapping[str, Iterable[DiscoveredKey]] = MappingProxyType({}),
    indexes: Indexes = NO_INDEXES,
    by_other_names: HeldByOthers | None = None,
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
        indexes: The stores of which one is asked by what another one told.
        by_other_names: Asked when everything is known of a person: of values under every identity that is read where
            they are; None: no place is read by two.
    """
    rules = IdentityRules.of(data_map)
    nothing, undecided = frozenset[SubjectKey](), Said()
    trails = {
        number: KeyGraph(
            keys, known.get(number, nothing) - keys, decided.theirs, decided.others - keys, decided.of_another
        )
        for number, keys in given.items()
        for decided in [said.get(number, undecided)]
    }
    _take_note(trails, joint.items(), rules)
    resolved: dict[int, Resolved] = {}
    # Before anything was asked there is nothing to decide: every given key is wanted, and no other.
    frontier = [Subject(number, trail.given | trail.known | trail.attributed) for number, trail in trails.items()]
    for _ in range(MAX_ROUNDS):
        for subject in frontier:
            trails[subject.number].ask(subject.keys)
        asked = {subject.number for subject in frontier}
        others = [
            Subject(number, frozenset(), known=one.keys) for number, one in resolved.items() if number not in asked
        ]
        _take_note(trails, lookup([*frontier, *others]), rules)
        for subject in frontier:
            trails[subject.number].ask_again()
        ahead: list[Subject] = []
        for subject in frontier:
            trail = trails[subject.number]
            decided = decide(trail, rules)
            unasked = next_keys(trail, decided) - trail.asked
            if any(not key.namespace.startswith(SINCE) for key in unasked):
                ahead.append(Subject(subject.number, frozenset(unasked), known=decided.keys & trail.asked))
            else:
                resolved[subject.number] = decided
        frontier = ahead
        if not frontier:
            break
    _follow_nobody_elses(resolved, trails, indexes, rules)
    if by_other_names is not None:
        _follow_by_no_other_name(resolved, trails, by_other_names, rules)
    _follow_no_hearsay(resolved, trails, told_by_others, rules)
    answers = {number: resolved.get(number, Resolved(frozenset(), Ambiguity.TOO_DEEP)) for number in given}
    return {number: _with_unread(answer, trails[number]) for number, answer in answers.items()}


def _take_note(
    trails: Mapping[int, KeyGraph], said: Iterable[tuple[str, Iterable[DiscoveredKey]]], rules: IdentityRules
) -> None:
    for store, told in said:
        for number, via, collection, key in told:
            trails[number].add(via, key, store, of_person=(store, collection) in rules.persons)


def _follow_nobody_elses(
    resolved: dict[int, Resolved], trails: Mapping[int, KeyGraph], indexes: Indexes, rules: IdentityRules
) -> None:
    """Decide once more about those whom one index led to another: not by a key that a record of somebody else holds.

    As with hearsay, whose a record is can be said when every key of a person is known. Without a key others may be
    nobody's of the person's: so it is asked until nothing more turns out to be somebody else's.
    """
    ahead = set(resolved) if indexes.stores else set()
    while ahead:
        between = {
            number: {key for key in keys - trails[number].given if key.namespace not in rules.lasting}
            for number in ahead
            if (keys := trails[number].between_indexes(resolved[number].keys, indexes.stores))
        }
        asked = [Subject(number, resolved[number].keys) for number, keys in between.items() if keys]
        ahead = {one.number for one in asked}
        going = [
            Subject(number, frozenset(), known=one.keys) for number, one in resolved.items() if number not in ahead
        ]
        held = indexes.held_by_others([*asked, *going]) if asked else {}
        for number in list(ahead):
            if others := between[number] & held.get(number, frozenset()):
                trails[number].held |= others
                resolved[number] = decide(trails[number], rules)
            else:
                ahead.discard(number)


def _follow_by_no_other_name(
    resolved: dict[int, Resolved], trails: Mapping[int, KeyGraph], by_other_names: HeldByOthers, rules: IdentityRules
) -> None:
    """Decide once more about those of whose values another person holds one under another identity of the place."""
    asked = [Subject(number, one.keys) for number, one in resolved.items() if one.keys]
    for number, held in by_other_names(asked).items():
        trails[number].held |= held - trails[number].attributed
        resolved[number] = decide(trails[number], rules)


def _follow_no_hearsay(
    resolved: dict[int, Resolved], trails: Mapping[int, KeyGraph], told_by_others: ToldByOthers, rules: IdentityRules
) -> None:
    """Decide once more about those whose records merely tell values: none is followed that records of others hold.

    Whose a record is can be said when every key of a person is known, those aside that only such values led to.
    """
    asked = []
    for number, answer in resolved.items():
        trail = trails[number]
        if told := _merely_told(answer, trail, rules):
            trail.hearsay = told
            asked.append(Subject(number, decide(trail, rules).keys, doubtful=told))
    if not asked:
        return
    numbers = {one.number for one in asked}
    others = [Subject(number, frozenset(), known=one.keys) for number, one in resolved.items() if number not in numbers]
    held = told_by_others([*asked, *others])
    for one in asked:
        trails[one.number].hearsay = held.get(one.number, frozenset())
        decided = decide(trails[one.number], rules)
        followed = (SubjectKey(f"{HEARSAY}{key.namespace}", key.value) for key in one.doubtful & decided.keys)
        resolved[one.number] = decided._replace(keys=decided.keys.union(followed))


def _merely_told(answer: Resolved, trail: KeyGraph, rules: IdentityRules) -> frozenset[SubjectKey]:
    """The values accepted that the request does not give, nor the person's own records hold, or are known to have."""
    told = {key for key in answer.keys if key.namespace in rules.reusable} - trail.given - trail.attributed
    if told and trail.known:
        told -= trail.known - hearsay_of(trail.known)
    return frozenset(told - trail.own(answer.keys) if told else told)


def _with_unread(answer: Resolved, trail: KeyGraph) -> Resolved:
    """With what records say that keys of the person led to."""
    if not trail.unread:
        return answer
    found = [told for via, told in trail.unread.items() if via in answer.keys]
    return answer._replace(unread=frozenset().union(*found))
