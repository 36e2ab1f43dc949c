"""Other requests about the same person: what they leave uncertain of this one's outcome (law 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expunge_orchestrator.rules.count_records import Place, is_dropped
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome


@dataclass(frozen=True, slots=True)
class LeftBefore:
    """What an earlier request about the same person left or had to keep, and this one cannot be sure to find.

    Attributes:
        batch: Its batch's uid.
        places: (store, collection) -> how many records, as they were last seen.
    """

    batch: str
    places: Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class ConcurrentRequest:
    """Another request about the same person.

    Attributes:
        batch: Its batch's uid.
        running: It is at work at this moment, and may be finished soon.
        places: (store, collection) in which it found something of which nobody saw that it is gone.
        known: This request has every key of that one and may use each: what this one finds is all there is.
    """

    batch: str
    running: bool
    places: frozenset[Place]
    known: bool = False


def downgrade(lines: Sequence[CollectionOutcome], others: Sequence[ConcurrentRequest]) -> list[CollectionOutcome]:
    """The lines, with those failed that would say too much of a place where another request is not finished.

    Nothing of that place is "not found"; and what was found there is all there is only for a request that has every key
    which the other one has.
    """
    if not others:
        return list(lines)
    open_places = frozenset(place for one in others for place in one.places)
    unsure = frozenset(place for one in others if not one.known for place in one.places)
    return [
        line._replace(outcome=Outcome.FAILED)
        if (line.store, line.collection) in (open_places if line.outcome is Outcome.NOT_FOUND else unsure)
        else line
        for line in lines
    ]


def as_left(lines: Sequence[CollectionOutcome], before: Sequence[LeftBefore]) -> list[CollectionOutcome]:
    """The lines, with what ended requests left beside what this one saw: nobody knows whether that is there still.

    Where this one would say that nothing is there, or that all of it is gone, the outcome is `left`. A table that was
    dropped has nothing left.
    """
    if not before:
        return list(lines)
    records: dict[Place, int] = {}
    for one in before:
        for place, number in one.places.items():
            records[place] = max(number, records.get(place, 0))
    return [
        line._replace(
            outcome=Outcome.LEFT if line.outcome in _NOTHING_LEFT else line.outcome,
            left_before=records[line.store, line.collection],
        )
        if (line.store, line.collection) in records and not is_dropped(line.verified)
        else line
        for line in lines
    ]


_NOTHING_LEFT = (Outcome.NOT_FOUND, Outcome.ERASED, Outcome.TOMBSTONED)
