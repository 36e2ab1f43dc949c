"""Operator's retry: chunks that failed, or rest, run again."""

from __future__ import annotations

from collections.abc import Collection

from expunge_orchestrator.execution.batch_lifecycle import sync_state
from expunge_orchestrator.ledger import Transaction, chunks, items
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.workspace import Workspace


def retry(workspace: Workspace, batch: Batch) -> int:
    """Bring failed chunks back to the step that failed, or before it where its ground is stale; returns how many."""
    with workspace.ledger.begin() as connection:
        return requeue(connection, batch, (ChunkState.FAILED,))


def requeue(connection: Transaction, batch: Batch, states: Collection[ChunkState]) -> int:
    """Let chunks in one of these states run again; who failed in them has no outcome any more. Returns how many.

    Chunks that somebody else brought back at this moment are theirs. A chunk whose end failed is erased from again; one
    whose end was paused goes on with it.
    """
    rows = chunks.of_batch(connection, batch.id, states, lock=True)
    for row in rows:
        ending = row.ending and row.state == ChunkState.READY
        take_up(connection, row.id, pipeline.resume_step(batch.pipeline, row.step, ending=ending), ending=ending)
    if rows:
        sync_state(connection, [batch.id])
    return len(rows)


def take_up(connection: Transaction, chunk_id: int, step: int, *, ending: bool) -> None:
    """Let a chunk run again from a step on, as if it had not stopped; who failed in it has no outcome any more."""
    chunks.restart(connection, chunk_id, step, ending=ending)
    # What a blind search found is looked for again; who is ended is told what it was.
    items.reopen(connection, chunk_id, search_again=not ending)
