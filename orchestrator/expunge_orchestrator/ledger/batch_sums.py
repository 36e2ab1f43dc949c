"""Batch sums: what is told of a batch, counted once for each state of its chunks and kept in memory.

Whatever changes what is counted of a person writes the chunk's row in the same transaction (a step that ends, a hold
that is over, a retry), or takes people or kept keys away: so a chunk whose row, and whose numbers of people and of kept
keys, are as they were has the same sums. Of a batch at rest nobody is read twice, and of one at work those alone whose
chunk moved.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.chunk_sums import PeopleSums, RecordSums, count_people, count_records

CHUNKS_KEPT = 1024
"""Whose sums are in memory."""

FEW = 50
"""Sums of a chunk with at most so many people are not kept: every request is one, and would displace a long list's."""

_PEOPLE_AT_ONCE = 2000
"""Who are read with one statement, if they are not all of one chunk."""

Sums = TypeVar("Sums", PeopleSums, RecordSums)


class _Chunk(NamedTuple):
    """A chunk, and all by which it is told that its people are as they were."""

    id: int
    batch_id: int
    people: int
    as_it_is: tuple[object, ...]


class _Kept(Generic[Sums]):
    """Sums of chunks with many people, those that were asked for last."""

    def __init__(self, count: Callable[[sa.Connection, Collection[int]], Mapping[int, Sums]]) -> None:
        self._count: Callable[[sa.Connection, Collection[int]], Mapping[int, Sums]] = count
        self._known: OrderedDict[int, tuple[tuple[object, ...], Sums]] = OrderedDict()
        self._using = threading.Lock()

    def each(self, connection: sa.Connection, chunks: Sequence[_Chunk]) -> Iterator[tuple[_Chunk, Sums]]:
        """Every chunk that has people with its sums, in order; those that changed are counted, some at a time."""
        sums = {chunk.id: known for chunk in chunks if (known := self._known_of(chunk)) is not None}
        for piece in _pieces([chunk for chunk in chunks if chunk.id not in sums]):
            counted = self._count(connection, [one.id for one in piece])
            sums.update(counted)
            self._keep(piece, counted)
        return ((chunk, sums[chunk.id]) for chunk in chunks if chunk.id in sums)

    def _known_of(self, chunk: _Chunk) -> Sums | None:
        with self._using:
            as_it_was, sums = self._known.get(chunk.id, (None, None))
            if as_it_was != chunk.as_it_is:
                return None
            self._known.move_to_end(chunk.id)
            return sums

    def _keep(self, chunks: Sequence[_Chunk], counted: Mapping[int, Sums]) -> None:
        with self._using:
            for chunk in chunks:
                if chunk.id in counted and chunk.people > FEW:
                    self._known[chunk.id] = chunk.as_it_is, counted[chunk.id]
                    self._known.move_to_end(chunk.id)
            while len(self._known) > CHUNKS_KEPT:
                self._known.popitem(last=False)


class BatchSums:
    """Of one ledger, in one process: the sums of its batches."""

    def __init__(self) -> None:
        self._people = _Kept(count_people)
        self._records = _Kept(count_records)
        self._locks: WeakValueDictionary[int, threading.Lock] = WeakValueDictionary()
        self._looking = threading.Lock()

    @contextmanager
    def alone(self, batch: Batch) -> Iterator[None]:
        """While a batch is counted: whoever comes meanwhile waits for what is counted once. Before a transaction."""
        with self._looking:
            lock = self._locks.setdefault(batch.id, threading.Lock())
        with lock:
            yield

    def people(self, connection: sa.Connection, of: Collection[Batch]) -> dict[int, PeopleSums]:
        """Batch (id) -> what its people come to, for each of these batches."""
        found = {one.id: PeopleSums() for one in of}
        for chunk, sums in self._people.each(connection, _chunks(connection, of)):
            found[chunk.batch_id].add(sums)
        return found

    def records(self, connection: sa.Connection, batch: Batch) -> RecordSums:
        """What was found of the people of a batch, and what is left."""
        found = RecordSums()
        for _, sums in self._records.each(connection, _chunks(connection, [batch])):
            found.add(sums)
        return found


def _pieces(chunks: Sequence[_Chunk]) -> list[list[_Chunk]]:
    pieces: list[list[_Chunk]] = []
    people = 0
    for chunk in chunks:
        if not pieces or people + chunk.people > _PEOPLE_AT_ONCE:
            pieces.append([])
            people = 0
        pieces[-1].append(chunk)
        people += chunk.people
    return pieces


def _chunks(connection: sa.Connection, of: Collection[Batch]) -> list[_Chunk]:
    """The chunks of these batches, by what is read of indexes alone and of the chunks themselves."""
    chunk, wanted = tables.chunk, tables.chunk.c.batch_id.in_([one.id for one in of])
    people = (
        sa.select(
            tables.item.c.chunk_id,
            sa.func.count().label("people"),
            sa.func.count(tables.residual_keys.c.item_id).label("left"),
        )
        .outerjoin(tables.residual_keys, tables.residual_keys.c.item_id == tables.item.c.id)
        .where(tables.item.c.chunk_id.in_(sa.select(chunk.c.id).where(wanted)))
        .group_by(tables.item.c.chunk_id)
    )
    counts = {row.chunk_id: (row.people, row.left) for row in connection.execute(people)}
    columns = [column for column in chunk.c if column.name != "planned"]
    rows = connection.execute(sa.select(*columns).where(wanted).order_by(chunk.c.id))
    found = []
    for row in rows:
        number, left = counts.get(row.id, (0, 0))
        found.append(_Chunk(row.id, row.batch_id, number, (*row, number, left)))
    return found
