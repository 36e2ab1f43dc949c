"""Batch lifecycle: start a batch, derive its state from its chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import cancellation, start_preconditions
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_cutoffs import set_cutoffs
from expunge_orchestrator.ledger.batch_status import UNDISCLOSED
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import ENDED, OVER, RUNNING, UNBEGUN, BatchState, ChunkState
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.workspace import Workspace

# Built once: what is asked for one person is asked for thousands.
_AT_WORK = sa.select(tables.batch.c.id).where(
    tables.batch.c.state.in_([state.value for state in (*RUNNING, BatchState.PAUSED)])
)
_BATCH = sa.select(
    *(tables.batch.c[name] for name in ("id", "state", "pipeline", "settle_at", "cancelled_at", "undisclosed"))
).where(tables.batch.c.id == sa.bindparam("of"))
_CHUNKS = (
    sa.select(
        tables.chunk.c.state,
        (tables.chunk.c.step <= sa.bindparam("concluding", type_=sa.Integer)).label("erasing"),
        sa.func.min(tables.chunk.c.settle_at).label("settle_at"),
    )
    .where(tables.chunk.c.batch_id == sa.bindparam("of"))
    .group_by("state", "erasing")
)


_RESTING = {
    ChunkState.FAILED: BatchState.FAILED,
    ChunkState.HELD: BatchState.ON_HOLD,
    ChunkState.WAITING: BatchState.ERASED,
}


OnCommit = Callable[[sa.Connection], None]
"""Called in the transaction in which a batch begins, or is changed: what it writes is there with that, or not."""


def nothing(_connection: sa.Connection) -> None:
    """Of a change with which nothing else is written."""


def start(workspace: Workspace, batch: Batch, begun: OnCommit = nothing) -> bool:
    """Start a planned batch: set the cutoff of each store once, on the store's clock.

    A batch that was begun before goes on as it is, so that resuming is the same command; one that is over is left as it
    is. People who were put off to a later run are tried at once: somebody asks for it.

    Returns:
        Whether it was begun by this.

    Raises:
        ExpungeError: Something stands in the way (`start_preconditions`). Nothing was written.
    """
    if batch.state in ENDED:
        return False
    start_preconditions.refuse_unfit(workspace, batch)
    if batch.state is not BatchState.PLANNED:
        _take_up_put_off(workspace, batch)
        return False
    clocks = start_preconditions.planned_ground(workspace, batch)
    with workspace.ledger.begin() as connection:
        started = connection.execute(
            sa.update(tables.batch)
            .where(tables.batch.c.id == batch.id, tables.batch.c.state == BatchState.PLANNED.value)
            .values(state=BatchState.EXECUTING.value, state_at=stamp(now()))
        ).rowcount
        if started:
            set_cutoffs(connection, batch.id, clocks)
            connection.execute(
                sa.update(tables.chunk)
                .where(tables.chunk.c.batch_id == batch.id, tables.chunk.c.state == ChunkState.PLANNED.value)
                .values(state=ChunkState.READY.value)
            )
            begun(connection)
    return bool(started)


def _take_up_put_off(workspace: Workspace, batch: Batch) -> None:
    chunk = tables.chunk.c
    put_off = (
        chunk.batch_id == batch.id,
        chunk.state == ChunkState.READY.value,
        chunk.attempts >= workspace.settings.max_attempts,
        chunk.not_before > stamp(now()),
    )
    with workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.chunk).where(*put_off).values(not_before=None))


def refresh(connection: sa.Connection) -> None:
    """Follow the state of every batch at work from the states of its chunks."""
    sync_state(connection, connection.scalars(_AT_WORK).all())


def sync_state(connection: sa.Connection, batch_ids: Collection[int]) -> None:
    """Set the state of batches to what their chunks say; `settle_at` to the next clock that runs out.

    Who can be withdrawn of a cancelled batch is set apart first. A paused batch stays so until it is over.
    """
    for batch_id in batch_ids:
        batch = connection.execute(_BATCH, {"of": batch_id}).one()
        if batch.cancelled_at is not None:
            cancellation.set_batch_apart(connection, batch_id)
        elif batch.state in {BatchState.BUILDING, *UNBEGUN}:
            continue
        chunks, withdrawing, next_clock = _chunks(connection, batch)
        state = derived(chunks, withdrawing=withdrawing)
        if batch.state == BatchState.PAUSED and state not in OVER:
            state = BatchState.PAUSED
        undisclosed = state is not BatchState.CANCELLED and _waits_undisclosed(connection, batch_id, chunks)
        if state != batch.state and not change_state(connection, batch_id, batch.state, state):
            continue  # somebody paused or cancelled it meanwhile, and means it
        withdrawn = withdrawing or ChunkState.CANCELLED in {one for one, _ in chunks}
        if batch.cancelled_at is not None and not withdrawn:  # it came for nobody
            connection.execute(sa.update(tables.batch).where(tables.batch.c.id == batch_id).values(cancelled_at=None))
        if undisclosed != batch.undisclosed or (next_clock is not None and next_clock != batch.settle_at):
            changed = {"undisclosed": undisclosed, "settle_at": next_clock or batch.settle_at}
            connection.execute(sa.update(tables.batch).where(tables.batch.c.id == batch_id).values(changed))


def _chunks(
    connection: sa.Connection, batch: sa.Row[*tuple[Any, ...]]
) -> tuple[set[tuple[ChunkState, bool]], bool, str | None]:
    """What `derived` asks of a batch: its chunks, and whether people are still to be withdrawn. And the next clock."""
    concluding = pipeline.first(batch.pipeline, pipeline.CONCLUDE)
    rows = connection.execute(_CHUNKS, {"of": batch.id, "concluding": concluding}).all()
    chunks = {(ChunkState(row.state), bool(row.erasing)) for row in rows}
    next_clock = min((row.settle_at for row in rows if row.state == ChunkState.WAITING), default=None)
    if batch.cancelled_at is None:
        return chunks, False, next_clock
    running = sa.and_(tables.chunk.c.batch_id == batch.id, tables.chunk.c.state == ChunkState.RUNNING.value)
    withdrawing = ChunkState.WITHDRAWING in {state for state, _ in chunks}
    return chunks, withdrawing or cancellation.any_withdrawable(connection, running), next_clock


def _waits_undisclosed(connection: sa.Connection, batch_id: int, chunks: Collection[tuple[ChunkState, bool]]) -> bool:
    """Whether a chunk of the batch waits for a hold that may not be told (`batch_status.public_state`)."""
    if ChunkState.HELD not in {state for state, _ in chunks}:
        return False
    waiting = sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch_id, UNDISCLOSED)
    return connection.execute(waiting.limit(1)).first() is not None


def state_if_resumed(connection: sa.Connection, batch: Batch) -> BatchState:
    """The state that a paused batch would have if it went on now."""
    chunks, withdrawing, _ = _chunks(connection, connection.execute(_BATCH, {"of": batch.id}).one())
    return derived(chunks, withdrawing=withdrawing)


def derived(chunks: Collection[tuple[ChunkState, bool]], *, withdrawing: bool) -> BatchState:
    """The state of a begun batch from (state, whether its next step is one of erasing) of its chunks.

    Who is still to be withdrawn comes first, then what can still run, what somebody must mend, what waits for a hold,
    and what waits for a clock.
    """
    if withdrawing:
        return BatchState.CANCELLING
    present = {state for state, _ in chunks}
    at_work = {erasing for state, erasing in chunks if state in {ChunkState.READY, ChunkState.RUNNING}}
    if at_work:
        return BatchState.EXECUTING if True in at_work else BatchState.SETTLING
    if present == {ChunkState.CANCELLED}:
        return BatchState.CANCELLED
    for chunk, batch in _RESTING.items():
        if chunk in present:
            return batch
    return BatchState.SETTLED


def change_state(connection: sa.Connection, batch_id: int, before: str, after: BatchState) -> bool:
    """Write a batch's state and when it came to be so, unless somebody changed it since it was read."""
    changed = connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id, tables.batch.c.state == before)
        .values(state=after.value, state_at=stamp(now()))
    )
    return bool(changed.rowcount)
