"""Deliveries: the next step of a chunk, handed out at least once, each time under a new epoch."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from expunge_connectors.contract import Beat
from expunge_orchestrator.execution import pipeline, withdrawing
from expunge_orchestrator.execution.context import Context, Opened
from expunge_orchestrator.holds import held_in_chunk
from expunge_orchestrator.ledger import records, schema
from expunge_orchestrator.ledger.database import one_at_a_time
from expunge_orchestrator.ledger.records import STOPPED, ChunkState
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Delivery:
    """One step of one chunk, for one worker.

    Attributes:
        epoch: What every write of it carries: of two deliveries of a chunk only the later one can write.
        step: Its place in the batch's pipeline.
        name: What is done there: the step of the pipeline, or the withdrawal of a cancelled chunk.
        context: What the step is given.
    """

    epoch: int
    step: int
    name: str
    context: Context


def take(workspace: Workspace, chunk_id: int, beat: Beat) -> Delivery | None:
    """Take the next step of a chunk that nobody is at work on. None if it may not run now."""
    with workspace.ledger.begin() as connection:
        one_at_a_time(connection)  # with the placing of holds
        return _take(connection, workspace, chunk_id, beat, {})


def taken(connection: sa.Connection, context: Context) -> Delivery | None:
    """Take the step after the one of this context, in the transaction that finishes that one."""
    return _take(connection, context.workspace, context.chunk_id, context.beat, context.opened)


def _take(
    connection: sa.Connection, workspace: Workspace, chunk_id: int, beat: Beat, opened: Opened
) -> Delivery | None:
    running = sa.exists().where(
        schema.batch.c.id == schema.chunk.c.batch_id,
        schema.batch.c.state.not_in([state.value for state in STOPPED]),
    )
    moved = connection.execute(
        sa.update(schema.chunk)
        .where(
            schema.chunk.c.id == chunk_id,
            schema.chunk.c.state.in_([ChunkState.READY.value, ChunkState.RUNNING.value]),
            running,
        )
        .values(epoch=schema.chunk.c.epoch + 1, state=ChunkState.RUNNING.value)
        .returning(
            schema.chunk.c.epoch,
            schema.chunk.c.step,
            schema.chunk.c.rounds,
            schema.chunk.c.repeats,
            schema.chunk.c.touched,
        )
    ).first()
    if moved is None:
        return None
    batch = records.batch_of_chunk(connection, chunk_id)
    step, rounds, name = moved.step, moved.rounds, str(batch.pipeline[moved.step])
    if batch.cancelled and step <= pipeline.first(batch.pipeline, pipeline.CONCLUDE):
        verifying = pipeline.first(batch.pipeline, pipeline.VERIFY)
        if not moved.touched:
            name = withdrawing.WITHDRAW
        elif step < verifying:
            step, rounds, name = verifying, rounds + 1, str(batch.pipeline[verifying])
    verb, store = pipeline.split(name)
    connection.execute(
        sa.update(schema.chunk)
        .where(schema.chunk.c.id == chunk_id)
        .values(step=step, rounds=rounds, touched=moved.touched or verb == pipeline.ERASE)
    )
    items = records.items_of_chunk(connection, chunk_id)
    context = Context(
        workspace=workspace,
        batch=batch,
        chunk_id=chunk_id,
        round=rounds,
        repeats=moved.repeats,
        touched=moved.touched,
        items=items,
        cutoffs=records.cutoffs(connection, batch.id),
        store=store,
        beat=beat,
        opened=opened,
        held=held_in_chunk(connection, batch.scope, chunk_id, [item.id for item in items]),
    )
    return Delivery(moved.epoch, step, name, context)
