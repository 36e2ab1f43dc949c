"""Chunks that are put off to a later run, found by how the reason that they tell begins."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import NOT_RUNNABLE, ChunkState


def take_up(connection: sa.Connection, why: str) -> None:
    """Let the next run take them up without a pause."""
    connection.execute(sa.update(tables.chunk).where(_waiting(why)).values(not_before=None))


def batches_of(connection: sa.Connection, why: str) -> list[str]:
    """The batches (uid) that have some, the oldest first."""
    return list(
        connection.scalars(
            sa.select(tables.batch.c.uid)
            .join(tables.chunk, tables.chunk.c.batch_id == tables.batch.c.id)
            .where(_waiting(why), tables.batch.c.state.not_in([state.value for state in NOT_RUNNABLE]))
            .group_by(tables.batch.c.id, tables.batch.c.uid)
            .order_by(tables.batch.c.id)
        )
    )


def _waiting(why: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        tables.chunk.c.state == ChunkState.READY.value, tables.chunk.c.failure.startswith(why, autoescape=True)
    )
