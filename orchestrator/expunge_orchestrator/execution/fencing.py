"""Deliveries: the next step of a chunk, handed out at least once, each time under a new epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from expunge_connectors.contract import Heartbeat
from expunge_orchestrator.execution import cancellation
from expunge_orchestrator.execution.step_context import Opened, StepContext
from expunge_orchestrator.holds.legal_holds import held_in_chunk, learn
from expunge_orchestrator.ledger import batches, tables
from expunge_orchestrator.ledger.batches import RUNNABLE, Batch, BatchState, ChunkState
from expunge_orchestrator.ledger.cutoffs import cutoffs_of
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import items_of_chunk
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """One step of one chunk, for one worker.

    Attributes:
        step: Its place in the batch's pipeline.
        name: What is done there: the step of the pipeline, or the withdrawal of a cancelled chunk.
        context: What the step is given.
    """

    step: int
    name: str
    context: StepContext


# Built once: a step of one person asks the ledger as often as a step of thousands.
_OPEN = (
    sa.select(
        tables.chunk.c.state.label("chunk_state"),
        tables.chunk.c.epoch,
        tables.chunk.c.step,
        tables.chunk.c.rounds,
        tables.chunk.c.repeats,
        tables.chunk.c.ending,
        tables.batch.c.state,
        tables.batch.c.cancelled_at,
    )
    .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), RUNNABLE)
)
_TAKE = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), tables.chunk.c.epoch == sa.bindparam("seen"))
    .values(epoch=sa.bindparam("next_epoch"), state=sa.bindparam("next_state"))
)


def claim(workspace: Workspace, chunk_id: int, beat: Heartbeat) -> ClaimedStep | None:
    """Take the next step of a chunk that nobody is at work on. None if it may not run now."""
    with workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with the placing of holds, and with a cancel
        batch = batches.batch_of_chunk(connection, chunk_id)
        cutoffs = cutoffs_of(connection, batch.id)
        return _take(connection, _Source(workspace, batch, cutoffs, beat, {}), chunk_id)


def claim_next(connection: sa.Connection, context: StepContext) -> ClaimedStep | None:
    """Take the step after the one of this context, in the transaction that finishes that one."""
    source = _Source(context.workspace, context.batch, context.cutoffs, context.beat, context.opened)
    return _take(connection, source, context.chunk_id)


class _Source(NamedTuple):
    """What the steps of one drive share. Of a batch only its state and its cancelling change meanwhile."""

    workspace: Workspace
    batch: Batch
    cutoffs: Mapping[str, datetime]
    beat: Heartbeat
    opened: Opened


def _take(connection: sa.Connection, source: _Source, chunk_id: int) -> ClaimedStep | None:
    seen = connection.execute(_OPEN, {"chunk": chunk_id}).first()
    if seen is not None and seen.cancelled_at is not None:
        cancellation.set_apart(connection, tables.chunk.c.id == chunk_id)
        seen = connection.execute(_OPEN, {"chunk": chunk_id}).first()
    if seen is None:
        return None
    batch = replace(source.batch, state=BatchState(seen.state), cancelled=seen.cancelled_at is not None)
    withdrawing = seen.chunk_state == ChunkState.WITHDRAWING
    name = cancellation.WITHDRAW if withdrawing else str(batch.pipeline[seen.step])
    verb, store = pipeline.split(name)
    moved = connection.execute(
        _TAKE,
        {
            "chunk": chunk_id,
            "seen": seen.epoch,
            "next_epoch": seen.epoch + 1,
            "next_state": seen.chunk_state if withdrawing else ChunkState.RUNNING.value,
        },
    ).rowcount
    if not moved:
        return None
    items = items_of_chunk(connection, chunk_id)
    persons = source.workspace.data_map.person_identities
    held = held_in_chunk(connection, batch.scope, chunk_id, [item.id for item in items], persons)
    context = StepContext(
        workspace=source.workspace,
        batch=batch,
        chunk_id=chunk_id,
        epoch=seen.epoch + 1,
        round=seen.rounds,
        repeats=seen.repeats,
        ending=seen.ending,
        items=items,
        cutoffs=source.cutoffs,
        store=store,
        beat=source.beat,
        opened=source.opened,
        actions=batch.actions,
        held=held,
    )
    if context.touched or verb in {pipeline.ERASE, pipeline.RE_ERASE}:
        learn(connection, held, persons)
    return ClaimedStep(seen.step, name, context)
