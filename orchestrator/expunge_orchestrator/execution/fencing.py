"""Fencing: the next step of a chunk is claimed under a new epoch, and only the latest claim can finish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from expunge_connectors.contract import Heartbeat
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import cancellation, hold_enforcement, poison_isolation, settling_time
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import batches, tables
from expunge_orchestrator.ledger.batch_cutoffs import cutoffs_of
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.identifier_encryption import Opened
from expunge_orchestrator.ledger.items import items_of_chunk
from expunge_orchestrator.ledger.states import RUNNABLE, ChunkState
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
_ITS_BATCH = tables.batch.c.id == tables.chunk.c.batch_id
_WITHDRAWING = ChunkState.WITHDRAWING.value
_TAKE = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), sa.exists().where(_ITS_BATCH, RUNNABLE))
    .values(
        epoch=tables.chunk.c.epoch + 1,
        state=sa.case((tables.chunk.c.state == _WITHDRAWING, _WITHDRAWING), else_=ChunkState.RUNNING.value),
    )
    .returning(
        tables.chunk.c.state,
        tables.chunk.c.epoch,
        tables.chunk.c.step,
        tables.chunk.c.rounds,
        tables.chunk.c.repeats,
        tables.chunk.c.ending,
        sa.select(tables.batch.c.cancelled_at).where(_ITS_BATCH).scalar_subquery().label("cancelled_at"),
    )
)
_STOOD = sa.select(tables.chunk.c.step, tables.chunk.c.state, tables.chunk.c.ending).where(
    tables.chunk.c.id == sa.bindparam("chunk")
)
_RESUMED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), sa.exists().where(_ITS_BATCH, RUNNABLE))
    .values(step=sa.bindparam("again"), rounds=tables.chunk.c.rounds + 1)
)
_STATE = sa.select(tables.chunk.c.state).where(tables.chunk.c.id == sa.bindparam("chunk"))

# Attempts are over when the step that failed is passed, not when one before it is done again on the way there.
_OWNED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), tables.chunk.c.epoch == sa.bindparam("held"))
    .values(
        attempts=sa.case(
            (sa.func.coalesce(tables.chunk.c.stuck_at, -1) > sa.bindparam("passed"), tables.chunk.c.attempts), else_=0
        ),
        not_before=None,
        failure=None,
    )
    .returning(tables.chunk.c.bisection_id)
)
_LOGGED = sa.insert(tables.step_log)
_MOVED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("step", "rounds", "repeats", "state", "failure")})
)
# Whoever waits was ended as anybody, if at all: what comes back by the settling check is erased again.
_MOVED_TO_WAIT = _MOVED.values(settle_at=sa.bindparam("new_settle_at"), ending=False)
_LAST = (ChunkState.DONE, ChunkState.CANCELLED)


def claim(workspace: Workspace, chunk_id: int, beat: Heartbeat, *, anew: bool = False) -> ClaimedStep | None:
    """Take the next step of a chunk that nobody is at work on. None if it may not run now.

    Args:
        workspace: What is worked with.
        chunk_id: The chunk.
        beat: Called between pieces of a long call.
        anew: Its last drive, if any, stopped or was killed some time ago.
    """
    with workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with the placing of holds, and with a cancel
        batch = batches.batch_of_chunk(connection, chunk_id)
        cutoffs = cutoffs_of(connection, batch.id)
        if anew:
            _resume(connection, batch, chunk_id)
        return _take(connection, _Source(workspace, batch, cutoffs, beat, {}), chunk_id)


def claim_next(connection: sa.Connection, context: StepContext) -> ClaimedStep | None:
    """Take the step after the one of this context, in the transaction that finishes that one."""
    source = _Source(context.workspace, context.batch, context.cutoffs, context.beat, context.opened)
    return _take(connection, source, context.chunk_id)


class _Source(NamedTuple):
    """What the steps of one drive share. `batch` is as it was when the drive began."""

    workspace: Workspace
    batch: Batch
    cutoffs: Mapping[str, datetime]
    beat: Heartbeat
    opened: Opened


def _resume(connection: sa.Connection, batch: Batch, chunk_id: int) -> None:
    """Bring a chunk whose last drive stopped, or was killed, back to where what it goes by is not stale."""
    chunk = connection.execute(_STOOD, {"chunk": chunk_id}).one()
    step = pipeline.resume_step(batch.pipeline, chunk.step, ending=chunk.ending)
    if step != chunk.step and chunk.state != _WITHDRAWING:
        connection.execute(_RESUMED, {"chunk": chunk_id, "again": step})


def _take(connection: sa.Connection, source: _Source, chunk_id: int) -> ClaimedStep | None:
    taken = connection.execute(_TAKE, {"chunk": chunk_id}).first()
    if taken is None:
        return None
    state = taken.state
    if taken.cancelled_at is not None:
        cancellation.set_apart(connection, tables.chunk.c.id == chunk_id)
        state = connection.scalar(_STATE, {"chunk": chunk_id})
    batch = source.batch
    name = cancellation.WITHDRAW if state == _WITHDRAWING else str(batch.pipeline[taken.step])
    verb, store = pipeline.split(name)
    items = items_of_chunk(connection, chunk_id)
    erasing = verb in {pipeline.ERASE, pipeline.RE_ERASE} or any(item.touched for item in items)
    context = StepContext(
        workspace=source.workspace,
        batch=batch,
        chunk_id=chunk_id,
        epoch=taken.epoch,
        round=taken.rounds,
        repeats=taken.repeats,
        ending=taken.ending,
        items=items,
        cutoffs=source.cutoffs,
        store=store,
        beat=source.beat,
        opened=source.opened,
        actions=batch.actions,
        held=hold_enforcement.holds_at_claim(
            connection, source.workspace, batch, chunk_id, items, source.opened, erasing=erasing
        ),
    )
    return ClaimedStep(taken.step, name, context)


def finish(connection: sa.Connection, delivery: ClaimedStep, write: StepWrite) -> Transition | None:
    """Write what a step found, log the step, and move its chunk on: once, however often the step was delivered.

    Returns:
        Where the chunk goes. None: another delivery of it was faster, and nothing was written.
    """
    context, step = delivery.context, delivery.step
    owned = connection.execute(_OWNED, {"chunk": context.chunk_id, "held": context.epoch, "passed": step}).first()
    if owned is None:
        return None
    onward = write(connection)
    _move(connection, context, step, onward)
    poison_isolation.passed(connection, context.chunk_id, owned.bisection_id, step)
    logged = {"chunk_id": context.chunk_id, "round": context.round, "step": step, "name": delivery.name}
    connection.execute(_LOGGED, logged | {"epoch": context.epoch, "at": stamp(now())})
    return onward


def _move(connection: sa.Connection, context: StepContext, step: int, onward: Transition) -> None:
    back = onward.step is not None and onward.step <= step
    values: dict[str, object] = {
        "chunk": context.chunk_id,
        "new_step": onward.step if onward.step is not None else step + 1 if onward.state not in _LAST else step,
        "new_rounds": context.round + back,
        "new_repeats": context.repeats + back,
        "new_state": onward.state.value,
        "new_failure": onward.failure,
    }
    if onward.state is ChunkState.WAITING:
        settle_at = stamp(settling_time.settles_at(onward, context.workspace.settings.settling))
        connection.execute(_MOVED_TO_WAIT, values | {"new_settle_at": settle_at})
    else:
        connection.execute(_MOVED, values)
