"""Withdrawable people: for whom no store was asked to erase, and of whom no end was stated (ADR 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger import chunks, tables
from expunge_orchestrator.ledger.chunks import Chunk
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules.outcomes import Result

_STATED = sa.exists().where(tables.statement.c.item_id == tables.item.c.id, tables.statement.c.event == "denied")
WITHDRAWABLE = sa.and_(
    ~tables.item.c.touched,
    sa.or_(
        tables.item.c.outcome.is_(None),
        tables.item.c.outcome.in_([Result.FAILED.value, Result.ON_HOLD.value]),
        sa.and_(tables.item.c.outcome == Result.AMBIGUOUS.value, ~_STATED),
    ),
)

_NOT_APART = [state.value for state in (ChunkState.PLANNED, ChunkState.READY, ChunkState.HELD, ChunkState.FAILED)]
"""States of chunks in which withdrawable people may be, and no step runs."""

_RUNNING = tables.chunk.c.state == ChunkState.RUNNING.value


class ToWithdraw(NamedTuple):
    """A chunk, locked, with its withdrawable people (items), and whether these are all that are in it."""

    chunk: Chunk
    people: Sequence[int]
    all: bool


def any_in_batch(connection: sa.Connection, batch_id: int) -> bool:
    """Whether a batch has any."""
    return _any(connection, tables.chunk.c.batch_id == batch_id)


def any_in_running_steps(connection: sa.Connection, batch_id: int) -> bool:
    """Whether a batch has any in chunks in which a step runs at this moment."""
    return _any(connection, sa.and_(tables.chunk.c.batch_id == batch_id, _RUNNING))


def lock_in_batch(connection: sa.Connection, batch_id: int) -> list[ToWithdraw]:
    """Those of a batch, but for those in whose chunk a step is running."""
    return _lock(connection, sa.and_(tables.chunk.c.batch_id == batch_id, tables.chunk.c.state.in_(_NOT_APART)))


def lock_in_chunk(connection: sa.Connection, chunk_id: int) -> list[ToWithdraw]:
    """Those of a chunk of which the caller has claimed the next step."""
    return _lock(connection, tables.chunk.c.id == chunk_id)


def lock_interrupted(connection: sa.Connection) -> list[ToWithdraw]:
    """Those of cancelled batches in whose chunk a step was running when its process was killed."""
    cancelled = sa.select(tables.batch.c.id).where(tables.batch.c.cancelled_at.is_not(None))
    return _lock(connection, sa.and_(_RUNNING, tables.chunk.c.batch_id.in_(cancelled)))


def _any(connection: sa.Connection, which: sa.ColumnElement[bool]) -> bool:
    found = sa.select(tables.item.c.id).join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id)
    return connection.execute(found.where(which, WITHDRAWABLE).limit(1)).first() is not None


def _lock(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[ToWithdraw]:
    theirs = sa.select(tables.item.c.id).where(tables.item.c.chunk_id == tables.chunk.c.id, WITHDRAWABLE)
    rows = connection.execute(
        sa.select(tables.chunk)
        .where(which, tables.chunk.c.state != ChunkState.WITHDRAWING.value, theirs.exists())
        .with_for_update()
    ).all()
    found = []
    for row in map(Chunk._make, rows):
        people = connection.scalars(
            sa.select(tables.item.c.id).where(tables.item.c.chunk_id == row.id, WITHDRAWABLE)
        ).all()
        found.append(ToWithdraw(row, people, all=len(people) == chunks.count_people(connection, row.id)))
    return found
