"""Outcome decision: what becomes of each person of a chunk whose records were looked at. Pure (ADR 29).

`conclude` and `settle` call `decide` with what they gathered. Nothing that comes after it changes an outcome: the rest
explains, states and writes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.rules import outcomes
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.count_records import CountRecord, Place, records_in
from expunge_orchestrator.rules.effective_holds import EffectiveHold, joined
from expunge_orchestrator.rules.other_requests import ConcurrentRequest, LeftBefore, as_left, downgrade
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import UNNAMED_GROUND, Grounds, any_of, ground_of
from expunge_orchestrator.rules.scope import Actions
from expunge_orchestrator.rules.successive_looks import found_of


class Way(Enum):
    """Which way a person goes after the step."""

    ANSWERED = auto()
    """Nothing that is due is left, or only what an earlier request left: that is stated."""
    HELD = auto()
    """A hold keeps all that is left: the person waits for its end."""
    ENDED = auto()
    """An operator ends the person: what is left is stated as left."""
    FAILED = auto()
    """Something is left, or was not looked at: an operator has to fix it."""


class Move(Enum):
    """What the chunk does."""

    ON = auto()
    ANOTHER_ROUND = auto()
    """It erases again before anything is stated of anybody."""
    WAIT = auto()
    """Another request about one of its people is at work: it tries again when that one is finished."""


class WhyLeft(Enum):
    """Why something is left of a person whom an operator ends."""

    REFUSED = auto()
    """A store refused to erase it."""
    UNSEEN = auto()
    """It could not be looked at any more."""
    UNEXPLAINED = auto()
    """A search that knows no map found it, and no declared link leads there."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What is known of one person when the outcome is decided.

    Attributes:
        found: What was ever found.
        seen: What the last look at each collection saw.
        erased: Where a store was about to remove something of the person for good.
        gone: How many records an earlier statement says are gone, by place.
        others: Other requests about the person that are not finished.
        before: What ended requests about the person left.
        hold: The holds on the person.
        kept: Those of them that keep what is due in a place.
        may_end: An operator ends the people of the chunk, and no hold on anything of the request forbids it.
        search: What the blind search found.
        looks: Every count record of the person: what was ever found stands in one of them.
    """

    found: CountRecord
    seen: CountRecord
    erased: Container[Place]
    gone: Mapping[Place, int] = field(default_factory=dict)
    others: Sequence[ConcurrentRequest] = ()
    before: Sequence[LeftBefore] = ()
    hold: EffectiveHold | None = None
    kept: Mapping[Place, EffectiveHold] = field(default_factory=dict)
    may_end: bool = False
    search: BlindFinding | None = None
    looks: Sequence[CountRecord] = ()


@dataclass(frozen=True, slots=True)
class ChunkFacts:
    """What is known of a chunk.

    Attributes:
        actions: What was approved.
        grounds: Why data types are retained.
        people: Item -> what is known of the person.
        unseen: Stores of which something cannot be looked into any more, where people are ended.
        another_round: Of whom something due is left may be erased again.
    """

    actions: Actions
    grounds: Grounds
    people: Mapping[int, PersonFacts]
    unseen: frozenset[str] = frozenset()
    another_round: bool = False


@dataclass(frozen=True, slots=True)
class PersonEnd:
    """What becomes of a person.

    Attributes:
        result: What is stated of the person as a whole; of whom fails nothing is stated.
        lines: What is said of each collection.
        found: What was found, as it is stated.
        hold: The holds that keep something, and no others.
        why_left: Of whom an operator ends.
    """

    way: Way
    result: Result
    lines: Sequence[CollectionOutcome]
    found: CountRecord
    hold: EffectiveHold | None = None
    why_left: WhyLeft | None = None


@dataclass(frozen=True, slots=True)
class ChunkDecision:
    """What becomes of a chunk: of each person by item, and what the chunk does."""

    people: Mapping[int, PersonEnd]
    move: Move

    def on_way(self, *ways: Way) -> dict[int, PersonEnd]:
        """The people who go one of these ways."""
        return {number: one for number, one in self.people.items() if one.way in ways}


def decide(chunk: ChunkFacts) -> ChunkDecision:
    """Decide what becomes of each person, and what the chunk does."""
    decided = ChunkDecision({number: _end(chunk, person) for number, person in chunk.people.items()}, Move.ON)
    stuck = decided.on_way(Way.ENDED, Way.FAILED)
    if any(other.running for number in stuck for other in chunk.people[number].others):
        return replace(decided, move=Move.WAIT)
    if chunk.another_round and decided.on_way(Way.FAILED):
        return replace(decided, move=Move.ANOTHER_ROUND)
    return decided


def _end(chunk: ChunkFacts, person: PersonFacts) -> PersonEnd:
    found = found_of(person.found, person.seen, person.erased)
    told = outcomes.with_gone(outcomes.lines(chunk.actions, found, person.seen), person.gone)
    lines = as_left(downgrade(told, person.others), person.before)
    result = outcomes.result(lines)
    if result is not Result.FAILED and not _unexplained(person):
        return PersonEnd(Way.ANSWERED, result, lines, found)
    return (
        _held(chunk, person, lines, found)
        or _ended(chunk, person, lines, found)
        or PersonEnd(Way.FAILED, Result.FAILED, lines, found)
    )


def _unexplained(person: PersonFacts) -> bool:
    return person.search is not None and bool(person.search.left)


def _held(
    chunk: ChunkFacts, person: PersonFacts, lines: Sequence[CollectionOutcome], found: CountRecord
) -> PersonEnd | None:
    """Whose every unfinished collection a hold keeps. What was not looked at is explained by nothing.

    What a search found and the map does not explain is kept by a hold of the whole person. Each line has the ground and
    the day of the holds that keep it, the person those of all that keep one.
    """
    unexplained = _unexplained(person)
    if person.hold is None or (unexplained and not person.hold.whole):
        return None
    keeping = [person.hold.of_everything] if unexplained else []
    told = []
    for line in lines:
        hold = person.kept.get((line.store, line.collection)) if _is_due(line) else None
        told.append(line if hold is None else _under(line, hold, chunk.grounds))
        keeping += [] if hold is None else [hold]
    if any(line.outcome is Outcome.FAILED for line in told):
        return None
    return PersonEnd(Way.HELD, Result.ON_HOLD, told, found, hold=joined(keeping))


def _is_due(line: CollectionOutcome) -> bool:
    """Something due was seen; what failed for another reason waits for a request that is not finished there."""
    return line.outcome is Outcome.FAILED and line.verified is not None and line.verified.due > 0


def _under(line: CollectionOutcome, hold: EffectiveHold, grounds: Grounds) -> CollectionOutcome:
    """The line with what is due in it kept by the hold, beside what was kept already: on which ground, until when."""
    assert line.verified is not None
    seen, until, ground = line.verified, hold.until, hold.ground
    if seen.retained:
        until = None if until is None or seen.until is None else max(until, seen.until)
        ground = any_of([ground_of(seen, line.store, line.collection, grounds) or UNNAMED_GROUND, ground])
    retained = replace(seen, due=0, retained=seen.due + seen.retained, until=until, ground=ground)
    return line._replace(verified=retained, outcome=Outcome.RETAINED)


def _ended(
    chunk: ChunkFacts, person: PersonFacts, lines: Sequence[CollectionOutcome], found: CountRecord
) -> PersonEnd | None:
    """Whom an operator ends: every place was looked at, but for those of a store that is not built as planned."""
    unseen = {line.store for line in lines if line.verified is None}
    if not person.may_end or not unseen <= chunk.unseen:
        return None
    failed = any(line.outcome is Outcome.FAILED for line in lines)
    why = WhyLeft.UNSEEN if unseen else WhyLeft.REFUSED if failed else WhyLeft.UNEXPLAINED
    told = [_left(person, line) if line.outcome is Outcome.FAILED else line for line in lines]
    return PersonEnd(Way.ENDED, Result.PARTIALLY_ERASED, told, found, why_left=why)


def _left(person: PersonFacts, line: CollectionOutcome) -> CollectionOutcome:
    """The line of a collection in which something is left, or that was not looked at: then all that was ever found."""
    if line.verified is not None:
        return line._replace(outcome=Outcome.LEFT)
    most = max([line.gone_before, *(records_in(one, line.store, line.collection) for one in person.looks)])
    every = RecordCounts(due=most)
    return line._replace(outcome=Outcome.LEFT, found=every, verified=every, unseen=True)
