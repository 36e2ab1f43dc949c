"""Deliveries: the next step of a chunk, handed out at least once, each time under a new epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from expunge_connectors.contract import Heartbeat
from expunge_orchestrator.execution import cancellation
from expunge_orchestrator.execution.step_context import Opened, StepContext
from expunge_orchestrator.holds.legal_holds import held_in_chunk, learn
from expunge_orchestrator.ledger import batches, tables
from expunge_orchestrator.ledger.batches import NOT_RUNNABLE, Batch, BatchState, ChunkState
from expunge_orchestrator.ledger.cutoffs import cutoffs_of
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import items_of_chunk
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.scope import Actions
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ClaimedStep:
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
    context: StepContext


# Built once: a step of one person asks the ledger as often as a step of thousands.
_OPEN = (
    sa.select(
        tables.chunk.c.epoch,
        tables.chunk.c.step,
        tables.chunk.c.rounds,
        tables.chunk.c.repeats,
        tables.chunk.c.touched,
        tables.chunk.c.remainder,
        tables.chunk.c.planned,
        tables.batch.c.state,
        tables.batch.c.cancelled_at,
    )
    .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
    .where(
        tables.chunk.c.id == sa.bindparam("chunk"),
        tables.chunk.c.state.in_([ChunkState.READY.value, ChunkState.RUNNING.value]),
        tables.batch.c.state.not_in([state.value for state in NOT_RUNNABLE]),
    )
)
_TAKE = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), tables.chunk.c.epoch == sa.bindparam("seen"))
    .values(
        epoch=sa.bindparam("next_epoch"),
        state=ChunkState.RUNNING.value,
        step=sa.bindparam("at_step"),
        rounds=sa.bindparam("in_round"),
        touched=sa.bindparam("is_touched"),
    )
)


def claim(workspace: Workspace, chunk_id: int, beat: Heartbeat) -> ClaimedStep | None:
    """Take the next step of a chunk that nobody is at work on. None if it may not run now."""
    with workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with the placing of holds
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


def _of_chunk(actions: Actions, remainder: Mapping[str, Sequence[str]] | None) -> Actions:
    """What a chunk is for: all that was approved, or what is left of it where a cancelled request ended."""
    if remainder is None:
        return actions
    return {
        store: {name: action for name, action in collections.items() if name in remainder[store]}
        for store, collections in actions.items()
        if store in remainder
    }


def _take(connection: sa.Connection, source: _Source, chunk_id: int) -> ClaimedStep | None:
    seen = connection.execute(_OPEN, {"chunk": chunk_id}).first()
    if seen is None:
        return None
    batch = replace(source.batch, state=BatchState(seen.state), cancelled=seen.cancelled_at is not None)
    step, rounds, name = seen.step, seen.rounds, str(batch.pipeline[seen.step])
    unchecked = seen.remainder is not None and seen.planned is None
    if batch.cancelled and step <= pipeline.first(batch.pipeline, pipeline.CONCLUDE):
        verifying = pipeline.first(batch.pipeline, pipeline.VERIFY)
        if not seen.touched:
            name = cancellation.WITHDRAW
        elif unchecked:
            # Nothing was touched since it was left: what was seen then is what is known.
            step = pipeline.first(batch.pipeline, pipeline.CONCLUDE)
            name = pipeline.CONCLUDE
        elif step < verifying:
            step, rounds, name = verifying, rounds + 1, str(batch.pipeline[verifying])
    verb, store = pipeline.split(name)
    moved = connection.execute(
        _TAKE,
        {
            "chunk": chunk_id,
            "seen": seen.epoch,
            "next_epoch": seen.epoch + 1,
            "at_step": step,
            "in_round": rounds,
            "is_touched": seen.touched or verb == pipeline.ERASE,
        },
    ).rowcount
    if not moved:
        return None
    items = items_of_chunk(connection, chunk_id)
    persons = source.workspace.data_map.person_identities
    held = held_in_chunk(connection, batch.scope, chunk_id, [item.id for item in items], persons)
    if seen.touched or verb in {pipeline.ERASE, pipeline.RE_ERASE}:
        learn(connection, held, persons)
    context = StepContext(
        workspace=source.workspace,
        batch=batch,
        chunk_id=chunk_id,
        round=rounds,
        repeats=seen.repeats,
        touched=seen.touched,
        items=items,
        cutoffs=source.cutoffs,
        store=store,
        beat=source.beat,
        opened=source.opened,
        actions=_of_chunk(batch.actions, seen.remainder),
        held=held,
        remainder=seen.remainder,
        unchecked=unchecked,
    )
    return ClaimedStep(seen.epoch + 1, step, name, context)
