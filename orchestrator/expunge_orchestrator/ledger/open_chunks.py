"""Open chunks: whose next step can be taken, and those that wait for their settling check."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import NOT_RUNNABLE, RUNNABLE, ChunkState
from expunge_orchestrator.rules.outcomes import REVIEWED

_OPEN = (
    sa.select(
        tables.chunk.c.id,
        tables.chunk.c.batch_id,
        tables.batch.c.controller,
        tables.batch.c.member,
        tables.chunk.c.not_before,
        tables.chunk.c.attempts,
        tables.chunk.c.depth,
        tables.bisection.c.people,
        tables.bisection.c.failures,
        tables.bisection.c.passes,
    )
    .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
    .outerjoin(tables.bisection, tables.bisection.c.id == tables.chunk.c.bisection_id)
    .where(RUNNABLE)
    .order_by(tables.batch.c.id, tables.chunk.c.id)
)
_OPEN_OF = _OPEN.where(tables.batch.c.id == sa.bindparam("only"))

_UNSEARCHED = sa.exists().where(
    tables.item.c.chunk_id == tables.chunk.c.id,
    tables.item.c.outcome.in_([one.value for one in REVIEWED]),
    tables.item.c.searched.is_(None),
)
_DUE = (
    sa.select(tables.chunk.c.id, tables.chunk.c.batch_id, _UNSEARCHED.label("unsearched"))
    .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
    .where(
        tables.chunk.c.state == ChunkState.WAITING.value,
        tables.chunk.c.settle_at <= sa.bindparam("now"),
        tables.batch.c.state.not_in([state.value for state in NOT_RUNNABLE]),
    )
    .order_by(tables.chunk.c.id)
)


class OpenChunk(NamedTuple):
    """A chunk that may run, when not before; and the counts of the search for a person in which it is a piece."""

    id: int
    batch_id: int
    controller: str
    member: str | None
    not_before: str | None
    attempts: int
    depth: int
    people: int | None
    failures: int | None
    passes: int | None


class DueChunk(NamedTuple):
    """A chunk whose settling check is due; `unsearched`: of somebody in it no blind search was made for that."""

    id: int
    batch_id: int
    unsearched: bool


def open_chunks(connection: sa.Connection, only: int | None = None) -> list[OpenChunk]:
    """The chunks that may run, by batch; or those of `only` one."""
    rows = connection.execute(_OPEN) if only is None else connection.execute(_OPEN_OF, {"only": only})
    return list(map(OpenChunk._make, rows))


def any_due_to_settle(connection: sa.Connection) -> bool:
    """Whether the settling check of any chunk is due."""
    return connection.execute(_DUE.limit(1), {"now": stamp(now())}).first() is not None


def due_to_settle(connection: sa.Connection) -> list[DueChunk]:
    """The chunks whose settling check is due."""
    rows = connection.execute(_DUE, {"now": stamp(now())})
    return [DueChunk(row.id, row.batch_id, bool(row.unsearched)) for row in rows]


def begin_settling(connection: sa.Connection, steps: Mapping[int, int]) -> set[int]:
    """Let the settling check of chunks begin: chunk -> its step. Returns those that still waited for it."""
    begun = set()
    for number, step in steps.items():
        still = (tables.chunk.c.id == number, tables.chunk.c.state == ChunkState.WAITING.value)
        values = {"state": ChunkState.READY.value, "step": step, "repeats": 0, "failure": None}
        if connection.execute(sa.update(tables.chunk).where(*still).values(**values)).rowcount:
            begun.add(number)
    return begun


def any_due_to_search(connection: sa.Connection) -> bool:
    """Whether the settling check of any chunk is due for whose people nobody has searched."""
    return connection.execute(_DUE.where(_UNSEARCHED).limit(1), {"now": stamp(now())}).first() is not None


def still_waiting(connection: sa.Connection, chunks: Collection[int]) -> list[int]:
    """The people (items) of those of the chunks that still wait for their settling check."""
    still = sa.select(tables.item.c.id).join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id)
    waiting = still.where(tables.chunk.c.id.in_(chunks), tables.chunk.c.state == ChunkState.WAITING.value)
    return list(connection.scalars(waiting))


def last_search(connection: sa.Connection) -> str | None:
    """When the last blind search was begun."""
    last: str | None = connection.scalar(sa.select(sa.func.max(tables.blind_search.c.at)))
    return last


def note_search(connection: sa.Connection, at: str, document: str) -> None:
    """A blind search was made, as this document (its digest) says."""
    connection.execute(sa.insert(tables.blind_search).values(at=at, document=document))
