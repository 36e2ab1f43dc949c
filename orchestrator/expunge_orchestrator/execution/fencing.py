"""Fencing: the next step of a chunk is claimed under a new epoch, and only the latest claim can finish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from expunge_connectors.contract import Heartbeat
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.execution import cancellation, hold_enforcement, poison_isolation, settling_time
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.execution.store_erasure import note_interrupted
from expunge_orchestrator.ledger import Transaction, batches, claims
from expunge_orchestrator.ledger.batch_cutoffs import cutoffs_of
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.identifier_encryption import Opened
from expunge_orchestrator.ledger.items import items_of_chunk
from expunge_orchestrator.ledger.states import ChunkState
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


_WITHDRAWING = ChunkState.WITHDRAWING.value
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
        return _take(connection, _Source(workspace, batch, cutoffs, beat, Opened()), chunk_id)


def claim_next(connection: Transaction, context: StepContext) -> ClaimedStep | None:
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


def _resume(connection: Transaction, batch: Batch, chunk_id: int) -> None:
    """Bring a chunk whose last drive stopped, or was killed, back to where what it goes by is not stale."""
    chunk = claims.stood(connection, chunk_id)
    step = pipeline.resume_step(batch.pipeline, chunk.step, ending=chunk.ending)
    if step != chunk.step and chunk.state != _WITHDRAWING:
        claims.go_back(connection, chunk_id, step)


def _take(connection: Transaction, source: _Source, chunk_id: int) -> ClaimedStep | None:
    taken = claims.take(connection, chunk_id)
    if taken is None:
        return None
    if taken.asked is not None:  # that step failed at its end, was killed, or is overtaken by now
        note_interrupted(connection, chunk_id, taken.epoch, taken.asked)
    state = taken.state
    if taken.cancelled_at is not None:
        cancellation.set_chunk_apart(connection, chunk_id)
        state = claims.stood(connection, chunk_id).state
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
        step=name,
        store=store,
        beat=source.beat,
        opened=source.opened,
        actions=batch.actions,
        held=hold_enforcement.holds_at_claim(
            connection, source.workspace, batch, chunk_id, items, source.opened, erasing=erasing
        ),
    )
    return ClaimedStep(taken.step, name, context)


def finish(connection: Transaction, delivery: ClaimedStep, write: StepWrite) -> Transition | None:
    """Write what a step found, log the step, and move its chunk on: once, however often the step was delivered.

    Returns:
        Where the chunk goes. None: another delivery of it was faster, and nothing was written.
    """
    context, step = delivery.context, delivery.step
    owned = claims.own(connection, context.chunk_id, context.epoch, step)
    if owned is None:
        return None
    onward = write(connection)
    _move(connection, context, step, onward)
    poison_isolation.passed(connection, context.chunk_id, owned.bisection_id, step)
    logged = {"round": context.round, "step": step, "name": delivery.name, "epoch": context.epoch}
    claims.log_step(connection, context.chunk_id, logged)
    return onward


def _move(connection: Transaction, context: StepContext, step: int, onward: Transition) -> None:
    back = onward.step is not None and onward.step <= step
    values: dict[str, object] = {
        "step": onward.step if onward.step is not None else step + 1 if onward.state not in _LAST else step,
        "rounds": context.round + back,
        "repeats": context.repeats + back,
        "state": onward.state.value,
        "failure": onward.failure,
    }
    waits = onward.state is ChunkState.WAITING
    until = stamp(settling_time.settles_at(onward, context.workspace.settings.settling)) if waits else None
    claims.move(connection, context.chunk_id, values, until)
