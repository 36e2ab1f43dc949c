"""Batch lifecycle: start a batch, derive its state from its chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import cancellation, start_preconditions
from expunge_orchestrator.ledger import Transaction, batch_transitions, chunks, withdrawable_people
from expunge_orchestrator.ledger.batch_transitions import BatchRow
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import ENDED, OVER, UNBEGUN, BatchState, ChunkState
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.workspace import Workspace

_RESTING = {
    ChunkState.FAILED: BatchState.FAILED,
    ChunkState.HELD: BatchState.ON_HOLD,
    ChunkState.WAITING: BatchState.ERASED,
}


OnCommit = Callable[[Transaction], None]
"""Called in the transaction in which a batch begins, or is changed: what it writes is there with that, or not."""


def nothing(_connection: Transaction) -> None:
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
        started = batch_transitions.begin(connection, batch.id, clocks)
        if started:
            begun(connection)
    return started


def _take_up_put_off(workspace: Workspace, batch: Batch) -> None:
    with workspace.ledger.begin() as connection:
        chunks.take_up_put_off(connection, batch.id, workspace.settings.max_attempts, stamp(now()))


def refresh(connection: Transaction) -> None:
    """Follow the state of every batch at work from the states of its chunks."""
    sync_state(connection, batch_transitions.at_work(connection))


def sync_state(connection: Transaction, batch_ids: Collection[int]) -> None:
    """Set the state of batches to what their chunks say; `settle_at` to the next clock that runs out.

    Who can be withdrawn of a cancelled batch is set apart first. A paused batch stays so until it is over.
    """
    for batch_id in sorted(batch_ids):  # two that do this at once take the rows in one order
        batch = batch_transitions.row_of(connection, batch_id)
        if batch.cancelled_at is not None:
            cancellation.set_batch_apart(connection, batch_id)
        elif batch.state in {BatchState.BUILDING, *UNBEGUN}:
            continue
        present, withdrawing, next_clock = _chunks(connection, batch)
        state = derived(present, withdrawing=withdrawing)
        if batch.state == BatchState.PAUSED and state not in OVER:
            state = BatchState.PAUSED
        undisclosed = state is not BatchState.CANCELLED and _waits_undisclosed(connection, batch_id, present)
        if state != batch.state and not batch_transitions.change_state(connection, batch_id, batch.state, state):
            continue  # somebody paused or cancelled it meanwhile, and means it
        withdrawn = withdrawing or ChunkState.CANCELLED in {one for one, _ in present}
        if batch.cancelled_at is not None and not withdrawn:  # it came for nobody
            batch_transitions.update(connection, batch_id, {"cancelled_at": None})
        if undisclosed != batch.undisclosed or (next_clock is not None and next_clock != batch.settle_at):
            changed = {"undisclosed": undisclosed, "settle_at": next_clock or batch.settle_at}
            batch_transitions.update(connection, batch_id, changed)


def _chunks(connection: Transaction, batch: BatchRow) -> tuple[set[tuple[ChunkState, bool]], bool, str | None]:
    """What `derived` asks of a batch: its chunks, and whether people are still to be withdrawn. And the next clock."""
    concluding = pipeline.first(batch.pipeline, pipeline.CONCLUDE)
    rows = batch_transitions.chunk_groups(connection, batch.id, concluding)
    present = {(row.state, row.erasing) for row in rows}
    next_clock = min(
        (row.settle_at for row in rows if row.state is ChunkState.WAITING and row.settle_at is not None), default=None
    )
    if batch.cancelled_at is None:
        return present, False, next_clock
    withdrawing = ChunkState.WITHDRAWING in {state for state, _ in present}
    return present, withdrawing or withdrawable_people.any_in_running_steps(connection, batch.id), next_clock


def _waits_undisclosed(connection: Transaction, batch_id: int, groups: Collection[tuple[ChunkState, bool]]) -> bool:
    """Whether a chunk of the batch waits for a hold that may not be told (`batch_status.public_state`)."""
    if ChunkState.HELD not in {state for state, _ in groups}:
        return False
    return batch_transitions.any_undisclosed(connection, batch_id)


def state_if_resumed(connection: Transaction, batch: Batch) -> BatchState:
    """The state that a paused batch would have if it went on now."""
    present, withdrawing, _ = _chunks(connection, batch_transitions.row_of(connection, batch.id))
    return derived(present, withdrawing=withdrawing)


def derived(groups: Collection[tuple[ChunkState, bool]], *, withdrawing: bool) -> BatchState:
    """The state of a begun batch from (state, whether its next step is one of erasing) of its chunks.

    Who is still to be withdrawn comes first, then what can still run, what somebody must mend, what waits for a hold,
    and what waits for a clock.
    """
    if withdrawing:
        return BatchState.CANCELLING
    present = {state for state, _ in groups}
    at_work = {erasing for state, erasing in groups if state in {ChunkState.READY, ChunkState.RUNNING}}
    if at_work:
        return BatchState.EXECUTING if True in at_work else BatchState.SETTLING
    if present == {ChunkState.CANCELLED}:
        return BatchState.CANCELLED
    for chunk, batch in _RESTING.items():
        if chunk in present:
            return batch
    return BatchState.SETTLED
