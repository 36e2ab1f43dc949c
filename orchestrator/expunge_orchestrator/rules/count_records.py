"""Count records: what was counted of one person, as the ledger keeps it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from expunge_connectors.contract import SHARED, RecordCounts

BY_STORAGE = frozenset({"object-lock", "legal-hold", "event-hold"})
"""Grounds on which the storage itself keeps a record: it will let it go one day, without anybody of ours."""

TABLE_DROPPED = "table-dropped"
"""Ground on which nothing is there: the collection itself is gone, with whatever was in it."""

DROPPED_EMPTY = "table-dropped-empty"
"""The same, after a look that saw nothing of the person in it: what was erased is no less so."""

UNSEEN_EMPTY = "unseen-empty"
"""Ground on which nothing is counted: nobody can look there any more, and the last look saw nothing of the person."""


def is_shared(ground: object) -> bool:
    """Whether it is among the grounds that something goes with the last one that leads to it."""
    return isinstance(ground, str) and SHARED in ground.split("+")


def kept_for_a_time(seen: RecordCounts) -> bool:
    """Whether a law or the storage keeps something of what was seen, which has to go one day.

    What is shared alone goes with the last of its owners, by that one's request.
    """
    return seen.retained > 0 and seen.ground != SHARED


Place = tuple[str, str]
"""(store, collection)"""

CountRecord = Mapping[str, Mapping[str, list[object]]]
"""The compact count record of the ledger: {store: {collection: [due, retained, newer, until, ground, ambiguous]}}."""


class ResidualCount(NamedTuple):
    """What a batch left in one collection: of how many people, and how many records as they were last seen."""

    people: int
    records: int


def is_dropped(seen: RecordCounts | None) -> bool:
    """Whether the table of a collection was seen to be gone."""
    return seen is not None and seen.ground in {TABLE_DROPPED, DROPPED_EMPTY}


def pack(tallies: Mapping[str, RecordCounts], names: Container[str] | None = None) -> dict[str, list[object]]:
    """Tallies of one store as the ledger keeps them; with `names`, those of these collections alone."""
    return {
        name: [
            tally.due,
            tally.retained,
            tally.newer,
            tally.until and tally.until.isoformat(),
            tally.ground,
            tally.ambiguous,
        ]
        for name, tally in sorted(tallies.items())
        if names is None or name in names
    }


def all_due(record: CountRecord) -> int:
    """How many records of one person are due in all."""
    return sum(
        [values[0] for collections in record.values() for values in collections.values() if isinstance(values[0], int)]
    )


def due_by_place(records: Iterable[CountRecord]) -> dict[str, dict[str, int]]:
    """Store -> collection -> how many records are due there, of many people together."""
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for store, collections in record.items():
            total = found.setdefault(store, {})
            for name, (number, *_) in collections.items():
                if isinstance(number, int):
                    total[name] = total.get(name, 0) + number
    return found


def due_places(record: CountRecord) -> dict[Place, int]:
    """(store, collection) -> how many records are due there, where any are."""
    return {
        (store, name): values[0]
        for store, collections in record.items()
        for name, values in collections.items()
        if isinstance(values[0], int) and values[0]
    }


class Going(NamedTuple):
    """In which collections of one store something is counted that goes.

    Attributes:
        due: A record is due.
        shared: A record is kept that goes with the last one that leads to it.
    """

    due: set[str]
    shared: set[str]


def going_in(collections: Mapping[str, list[object]]) -> Going:
    """Where something goes of what was counted in one store."""
    going = Going(set(), set())
    for name, (due, retained, _, _, ground, _) in collections.items():
        if due:
            going.due.add(name)
        if retained and is_shared(ground):
            going.shared.add(name)
    return going


def records_in(record: CountRecord, store: str, name: str) -> int:
    """How many records there are in a collection, due and retained."""
    due, retained, *_ = record.get(store, {}).get(name, [0, 0])
    assert isinstance(due, int)
    assert isinstance(retained, int)
    return due + retained


def unpack(record: Mapping[str, list[object]]) -> dict[str, RecordCounts]:
    """The reverse of `pack`."""
    return {name: tally(*values) for name, values in record.items()}


@lru_cache(maxsize=4096)  # a chunk has thousands of tallies, and few that differ
def tally(*values: object) -> RecordCounts:
    """The counts of one collection, from the values of a record."""
    due, retained, newer, until, ground, ambiguous = values
    assert isinstance(due, int)
    assert isinstance(retained, int)
    assert isinstance(newer, int)
    assert isinstance(ambiguous, int)
    day = date.fromisoformat(until) if isinstance(until, str) else None
    return RecordCounts(due, retained, newer, day, ground if isinstance(ground, str) else None, ambiguous)
