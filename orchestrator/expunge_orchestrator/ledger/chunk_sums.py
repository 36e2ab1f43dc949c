"""Chunk sums: what the people of a chunk come to, and their records by collection.

Whose sums are known is read once (`batch_sums`).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules.count_records import UNSEEN_EMPTY, Place, ResidualCount, records_in
from expunge_orchestrator.rules.outcomes import REVIEWED
from expunge_orchestrator.rules.successive_looks import last_seen


@dataclass(slots=True)
class PeopleSums:
    """How many people of what outcome there are.

    Attributes:
        outcomes: Outcome -> number of people; those without one yet stand under `open`.
        reasons: Why -> number of people, for ambiguous and failed ones; of whose chunk failed as a whole, why that did.
        to_settle: Of how many something was stated that is to be looked at again.
        settled: Of how many that has been done.
        left: Of how many something was left whose keys are kept.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    to_settle: int = 0
    settled: int = 0
    left: int = 0

    def add(self, other: PeopleSums) -> None:
        """Count these people as well."""
        self.outcomes.update(other.outcomes)
        self.reasons.update(other.reasons)
        self.to_settle += other.to_settle
        self.settled += other.settled
        self.left += other.left


class Remaining(NamedTuple):
    """Records of a collection: at the cutoff, as they were seen last, and values that nobody could read."""

    found: int = 0
    due: int = 0
    retained: int = 0
    newer: int = 0
    ambiguous: int = 0
    unread: int = 0


@dataclass(slots=True)
class RecordSums:
    """What was found of people, and what is left.

    Attributes:
        collections: `store.collection` -> records.
        unknown: Where something was found of somebody who was not verified there: nobody knows what is left.
        left: What was left of people whose keys are kept.
    """

    collections: dict[str, Remaining] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    left: dict[Place, ResidualCount] = field(default_factory=dict)

    def add(self, other: RecordSums) -> None:
        """Count these people's as well."""
        for name, one in other.collections.items():
            before = self.collections.get(name, Remaining())
            self.collections[name] = Remaining(*map(sum, zip(before, one, strict=True)))
        self.unknown |= other.unknown
        for place, left in other.left.items():
            people, records = self.left.get(place, (0, 0))
            self.left[place] = ResidualCount(people + left.people, records + left.records)

    def remaining(self) -> dict[str, dict[str, int | None]]:
        """`store.collection` -> found, due, retained, newer, ambiguous, unread; None: nobody knows."""
        return {
            name: {
                key: None if name in self.unknown and key not in {"found", "unread"} else number
                for key, number in one._asdict().items()
            }
            for name, one in self.collections.items()
        }


def count_people(connection: sa.Connection, chunks: Collection[int]) -> dict[int, PeopleSums]:
    """Chunk (id) -> what its people come to, for each of these chunks that has people."""
    item, state = tables.item.c, tables.chunk.c.state
    failed = sa.case((state == ChunkState.FAILED.value, tables.chunk.c.failure))
    settled = sa.exists().where(tables.statement.c.item_id == item.id, tables.statement.c.event == "settled")
    each = (
        sa.select(
            item.id,
            item.chunk_id,
            state,
            item.outcome,
            sa.func.coalesce(item.reason, failed).label("why"),
            settled.label("settled"),
            tables.residual_keys.c.item_id.label("left"),
        )
        .join(tables.chunk, tables.chunk.c.id == item.chunk_id)
        .outerjoin(tables.residual_keys, tables.residual_keys.c.item_id == item.id)
        .where(item.chunk_id.in_(chunks))
        .subquery()
    ).c
    alike = (each.chunk_id, each.state, each.outcome, each.why, each.settled)
    rows = connection.execute(
        sa.select(*alike, sa.func.count().label("people"), sa.func.count(each.left).label("left"))
        .group_by(*alike)
        .order_by(sa.func.min(each.id))
    )
    found: dict[int, PeopleSums] = defaultdict(PeopleSums)
    stated = {one.value for one in REVIEWED}
    for row in rows:
        sums = found[row.chunk_id]
        sums.outcomes[row.outcome or "open"] += row.people
        if row.why is not None:
            sums.reasons[row.why] += row.people
        sums.to_settle += row.people if row.state == ChunkState.WAITING and row.outcome in stated else 0
        sums.settled += row.people if row.settled else 0
        sums.left += row.left
    return found


def count_records(connection: sa.Connection, chunks: Collection[int]) -> dict[int, RecordSums]:
    """Chunk (id) -> what its people's records come to. People of whom all records are alike are read as one."""
    item = tables.item.c
    texts = [
        sa.cast(column, sa.Text).label(column.name)
        for column in (item.found, item.verified, item.reviewed, item.reverified, item.unread)
    ]
    places = sa.cast(tables.residual_keys.c.places, sa.Text).label("places")
    rows = connection.execute(
        sa.select(item.chunk_id, *texts, places, sa.func.count().label("people"))
        .outerjoin(tables.residual_keys, tables.residual_keys.c.item_id == item.id)
        .where(item.chunk_id.in_(chunks))
        .group_by(item.chunk_id, *texts, places)
        .order_by(sa.func.min(item.id))
    )
    totals: dict[int, _Totals] = defaultdict(_Totals)
    for row in rows:
        totals[row.chunk_id].add(row)
    return {chunk: one.sums() for chunk, one in totals.items()}


class _Totals:
    """Sums as they are counted."""

    def __init__(self) -> None:
        self._of: dict[Place, list[int]] = {}
        self._unknown: set[Place] = set()
        self._left: dict[Place, list[int]] = {}

    def add(self, row: sa.Row[Any]) -> None:
        """Count people of whom all records are alike."""
        number: int = row.people
        found, *looks = (_loaded(text) for text in (row.found, row.verified, row.reviewed, row.reverified))
        # As it was seen last: by the settling check, where there was one.
        seen: Mapping[str, Any] = {store: collections for look in looks for store, collections in look.items()}
        for place, values in _loaded(row.unread).items():
            store, _, name = place.partition(".")
            self._total((store, name))[5] += number * values
        for store, collections in found.items():
            verified = seen.get(store, {})
            for name, (due, retained, *_) in collections.items():
                self._total((store, name))[0] += number * (due + retained)
                if name not in verified or UNSEEN_EMPTY in verified[name]:
                    self._unknown.add((store, name))
        for store, collections in seen.items():
            for name, (due, retained, newer, _until, _ground, ambiguous) in collections.items():
                total = self._total((store, name))
                if due or retained or newer or ambiguous:
                    total[1] += number * due
                    total[2] += number * retained
                    total[3] += number * newer
                    total[4] += number * ambiguous
        if row.places is not None:
            last = last_seen(found, *looks)
            for store, name, _reached in json.loads(row.places):
                left = self._left.setdefault((store, name), [0, 0])
                left[0] += number
                left[1] += number * records_in(last, store, name)

    def _total(self, place: Place) -> list[int]:
        total = self._of.get(place)
        if total is None:
            total = self._of[place] = [0] * 6
        return total

    def sums(self) -> RecordSums:
        """What was counted."""
        return RecordSums(
            {".".join(place): Remaining(*total) for place, total in self._of.items()},
            {".".join(place) for place in self._unknown},
            {place: ResidualCount(*left) for place, left in self._left.items()},
        )


def _loaded(text: str | None) -> dict[str, Any]:
    return (json.loads(text) if text else None) or {}
