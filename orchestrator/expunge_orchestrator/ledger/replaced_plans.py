"""Replaced plans: how a plan ends whose request has a new one. Nothing was touched under it."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState, ChunkState
from expunge_orchestrator.rules.outcomes import Result


def end_unbegun(connection: sa.Connection, batch_id: int, said: str) -> bool:
    """Cancel a plan that was not begun, and destroy its identifiers. False: it was begun or ended since it was read."""
    ended = connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id, tables.batch.c.state.in_([state.value for state in UNBEGUN]))
        .values(state=BatchState.CANCELLED.value, state_at=stamp(now()))
    ).rowcount
    connection.execute(
        sa.update(tables.item)
        .where(tables.item.c.batch_id == batch_id)
        .values(
            outcome=Result.CANCELLED.value, reason=said, wrapped_key=None, sealed_identifiers=None, sealed_keys=None
        )
    )
    connection.execute(
        sa.update(tables.chunk).where(tables.chunk.c.batch_id == batch_id).values(state=ChunkState.CANCELLED.value)
    )
    return bool(ended)


def cancel_failed(connection: sa.Connection, batch_id: int) -> bool:
    """Let the runner end a plan that failed, with a statement. False: it was taken up or cancelled since it was read.

    `batch_lifecycle.sync_state` and `say` are to follow in the same transaction.
    """
    return bool(
        connection.execute(
            sa.update(tables.batch)
            .where(
                tables.batch.c.id == batch_id,
                tables.batch.c.state == BatchState.FAILED.value,
                tables.batch.c.cancelled_at.is_(None),
            )
            .values(cancelled_at=stamp(now()))
        ).rowcount
    )


def say(connection: sa.Connection, batch_id: int, said: str) -> None:
    """What its chunks tell of it."""
    connection.execute(sa.update(tables.chunk).where(tables.chunk.c.batch_id == batch_id).values(failure=said))
