"""Stuck people: in chunks that failed, are tried again after a pause, or whose settling check could not begin."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.chunks import Chunk
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.ledger.withdrawable_people import WITHDRAWABLE
from expunge_orchestrator.rules import successive_looks
from expunge_orchestrator.rules.stuck_people import StuckPerson

_STUCK = sa.or_(
    tables.chunk.c.state == ChunkState.FAILED.value,
    sa.and_(
        ~tables.chunk.c.ending,
        sa.or_(
            sa.and_(tables.chunk.c.state == ChunkState.READY.value, tables.chunk.c.not_before.is_not(None)),
            sa.and_(tables.chunk.c.state == ChunkState.WAITING.value, tables.chunk.c.failure.is_not(None)),
        ),
    ),
)
"""No step runs in these chunks."""


def in_batch(connection: sa.Connection, batch_id: int) -> list[StuckPerson]:
    """Those of a batch, in order."""
    item = tables.item.c
    rows = connection.execute(
        sa.select(
            item.id,
            item.chunk_id,
            item.outcome,
            item.found,
            item.verified,
            item.reviewed,
            item.reverified,
            WITHDRAWABLE.label("withdrawable"),
        )
        .join(tables.chunk, tables.chunk.c.id == item.chunk_id)
        .where(item.batch_id == batch_id, _STUCK)
        .order_by(item.id)
    )
    return [
        StuckPerson(
            row.id,
            row.chunk_id,
            row.outcome,
            successive_looks.last_seen(row.found, row.verified, row.reviewed, row.reverified),
            bool(row.withdrawable),
        )
        for row in rows
    ]


def lock(connection: sa.Connection, chunk_id: int) -> Chunk | None:
    """The chunk, locked until this transaction ends. None: it was taken up since it was read."""
    query = sa.select(tables.chunk).where(tables.chunk.c.id == chunk_id, _STUCK)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else Chunk._make(row)


def count_ending(connection: sa.Connection, batch_id: int) -> int:
    """How many people of a batch are being ended, for which the runner has only to go on."""
    at_work = [ChunkState.READY.value, ChunkState.RUNNING.value]
    ending = sa.and_(tables.chunk.c.batch_id == batch_id, tables.chunk.c.ending, tables.chunk.c.state.in_(at_work))
    people = sa.select(sa.func.count()).select_from(tables.item).join(tables.chunk).where(ending)
    return connection.scalar(people) or 0
