"""Plans that nobody carries out: cancelled first, so that nobody begins them; then their people's keys are destroyed.

The keys go a chunk at a time: a long list keeps nobody else from writing. Interrupted, it is gone on with next time.
"""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import let_others_write, reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState, ChunkState


def cancel_older(connection: sa.Connection, oldest: str) -> int:
    """Cancel plans, and what was not written to its end, that were made before then. Returns how many.

    A person's or a controller's request is promised an answer: its plan never runs out by itself.
    """
    stale = connection.execute(
        sa.select(tables.batch.c.id, tables.batch.c.state).where(
            tables.batch.c.state.in_([BatchState.BUILDING.value, *(state.value for state in UNBEGUN)]),
            tables.batch.c.created_at < oldest,
            tables.batch.c.id.not_in(sa.select(request.c.batch_id).where(request.c.batch_id.is_not(None))),
        )
    ).all()
    for batch_id, state in stale:
        cancel(connection, batch_id, BatchState(state))
    return len(stale)


def cancel(connection: sa.Connection, batch_id: int, before: BatchState) -> None:
    """Let nobody begin it, unless it was begun or finished at this moment."""
    connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id, tables.batch.c.state == before.value)
        .values(state=BatchState.CANCELLED.value, state_at=stamp(now()))
    )


def destroy_keys(ledger: sa.Engine) -> None:
    """Destroy the keys of the people of cancelled plans."""
    with reading(ledger) as connection:
        chunks = connection.scalars(
            sa.select(tables.chunk.c.id)
            .join(tables.batch)
            .where(tables.chunk.c.state == ChunkState.PLANNED.value, tables.batch.c.state == BatchState.CANCELLED.value)
            .order_by(tables.chunk.c.id)
        ).all()
    for number, chunk_id in enumerate(chunks):
        if number:
            let_others_write(ledger)
        with ledger.begin() as connection:
            connection.execute(
                sa.update(tables.item)
                .where(tables.item.c.chunk_id == chunk_id)
                .values(wrapped_key=None, sealed_identifiers=None, sealed_keys=None)
            )
            connection.execute(
                sa.update(tables.chunk).where(tables.chunk.c.id == chunk_id).values(state=ChunkState.CANCELLED.value)
            )
