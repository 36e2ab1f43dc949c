"""Operator's retry: chunks that failed, or rest, run again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from expunge_orchestrator.execution.batch_lifecycle import sync_state
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.workspace import Workspace

UNFINISHED = (Result.FAILED.value, Result.ON_HOLD.value)
"""Outcomes of people with whom it is not over."""


def retry(workspace: Workspace, batch: Batch) -> int:
    """Bring failed chunks back to the step that failed, or before it where its ground is stale; returns how many."""
    with workspace.ledger.begin() as connection:
        return requeue(connection, batch, (ChunkState.FAILED,))


def requeue(connection: sa.Connection, batch: Batch, states: Collection[ChunkState]) -> int:
    """Let chunks in one of these states run again; who failed in them has no outcome any more. Returns how many.

    Chunks that somebody else brought back at this moment are theirs. A chunk whose end failed is erased from again; one
    whose end was paused goes on with it.
    """
    rows = connection.execute(
        sa.select(tables.chunk.c.id, tables.chunk.c.step, tables.chunk.c.state, tables.chunk.c.ending)
        .where(tables.chunk.c.batch_id == batch.id, tables.chunk.c.state.in_([state.value for state in states]))
        .with_for_update()
    ).all()
    for row in rows:
        ending = row.ending and row.state == ChunkState.READY
        take_up(connection, {row.id: pipeline.resume_step(batch.pipeline, row.step, ending=ending)}, ending=ending)
    if rows:
        sync_state(connection, [batch.id])
    return len(rows)


def take_up(connection: sa.Connection, steps: Mapping[int, int], *, ending: bool) -> None:
    """Let chunks run again from a step on, as if they had not stopped; who failed in them has no outcome any more."""
    for chunk_id, step in steps.items():
        connection.execute(
            sa.update(tables.chunk)
            .where(tables.chunk.c.id == chunk_id)
            .values(
                state=ChunkState.READY.value,
                step=step,
                attempts=0,
                stuck_at=None,
                not_before=None,
                rounds=tables.chunk.c.rounds + 1,
                repeats=0,
                bisection_id=None,
                ending=ending,
            )
        )
    of_chunks = tables.item.c.chunk_id.in_(list(steps))
    connection.execute(
        sa.update(tables.item).where(of_chunks, tables.item.c.outcome.in_(UNFINISHED)).values(outcome=None, reason=None)
    )
    if not ending:  # what a blind search found is looked for again; who is ended is told what it was
        unsearched = tables.item.c.searched.is_not(None)
        connection.execute(sa.update(tables.item).where(of_chunks, unsearched).values(searched=None))
