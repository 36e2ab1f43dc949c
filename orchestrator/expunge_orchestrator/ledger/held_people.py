"""Held people: who waits in a chunk for a hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import NOT_RUNNABLE, ChunkState
from expunge_orchestrator.rules.outcomes import Result


class HeldItem(NamedTuple):
    """A person who waits, and for which holds (uid)."""

    id: int
    held: Sequence[str] | None
    chunk_id: int


def waiting(
    connection: sa.Connection, *, chunks: Collection[int] | None = None, batch_id: int | None = None
) -> list[HeldItem]:
    """Everybody who waits; or those of some chunks, or of one batch."""
    query = (
        sa.select(tables.item.c.id, tables.item.c.held, tables.item.c.chunk_id)
        .join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id)
        .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
        .where(
            tables.chunk.c.state == ChunkState.HELD.value,
            tables.batch.c.state.not_in([state.value for state in NOT_RUNNABLE]),
        )
    )
    if chunks is not None:
        query = query.where(tables.chunk.c.id.in_(chunks))
    if batch_id is not None:
        query = query.where(tables.batch.c.id == batch_id)
    return list(map(HeldItem._make, connection.execute(query)))


def free(connection: sa.Connection, people: Collection[int]) -> None:
    """They wait for no hold any more; whose outcome was the hold has none."""
    connection.execute(sa.update(tables.item).where(tables.item.c.id.in_(people)).values(held=None))
    connection.execute(
        sa.update(tables.item)
        .where(tables.item.c.id.in_(people), tables.item.c.outcome == Result.ON_HOLD.value)
        .values(outcome=None, reason=None)
    )
