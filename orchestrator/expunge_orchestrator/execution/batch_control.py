"""Batch control by operators: start, pause, resume (ADR 6), each in one ledger transaction; cancel: `operator_cancel`.

A step that is running is let end: its writes count. `also` writes in that transaction.
"""

from __future__ import annotations

from dataclasses import replace

from expunge_config.errors import UsageError
from expunge_orchestrator.execution import batch_lifecycle, operator_retry
from expunge_orchestrator.ledger import Ledger, Transaction, batch_transitions
from expunge_orchestrator.ledger.batch_status import current_public_state
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState, ChunkState
from expunge_orchestrator.workspace import Workspace

_AT_WORK = (BatchState.EXECUTING, BatchState.SETTLING)


def start(workspace: Workspace, batch: Batch, begun: batch_lifecycle.OnCommit) -> None:
    """Begin a batch. One that runs already stays as it is: an answer was lost, or somebody else was as quick.

    Args:
        workspace: What is worked with.
        batch: As it was read; whoever says so has confirmed its plan.
        begun: What is written with the beginning, if it is begun by this.

    Raises:
        UsageError: Nothing was started: it is over, withdrawn, or waits for somebody's word.
        ExpungeError: As `batch_lifecycle.start`.
    """
    # Of a plan that is withdrawn an approval is not asked for: it would help nobody.
    if batch.state is not BatchState.CANCELLING and batch_lifecycle.start(workspace, batch, begun):
        return
    with reading(workspace.ledger) as connection:
        told = current_public_state(connection, batch_by_uid(connection, batch.uid))
    if told not in _AT_WORK:
        raise UsageError(
            f"Nothing was started: this batch is {told}.",
            remedy="What failed, and what a batch left, is taken up by `retry`; what is over is planned anew.",
        )


def pause(ledger: Ledger, batch: Batch, actor: str, also: batch_lifecycle.OnCommit = batch_lifecycle.nothing) -> None:
    """Let no further step of a batch begin, settling checks included. A paused batch stays as it is.

    Steps that withdraw or end people on an operator's word go on: they erase nothing (ADR 8).

    Raises:
        UsageError: There is nothing to pause: it was not begun, or is over.
    """
    with ledger.begin() as connection:
        paused = batch_transitions.pause(connection, batch.id, actor)
        if not paused and batch_by_uid(connection, batch.uid).state is not BatchState.PAUSED:
            raise UsageError(
                f"This batch is {_told(connection, batch)}: there is nothing to pause.", remedy=_look(batch)
            )
        also(connection)


def resume(
    workspace: Workspace, batch: Batch, actor: str, also: batch_lifecycle.OnCommit = batch_lifecycle.nothing
) -> Batch:
    """Let a paused batch go on from where its chunks are; what was verified before is stale and asked again.

    It is checked as a beginning is; where that is refused the batch stays paused.

    Raises:
        UsageError: It is not paused.
        PlanChangedError, FindingsError, LedgerBehindError, ConnectorError: It cannot go on now.
    """
    if batch.state is BatchState.PAUSED:
        with reading(workspace.ledger) as connection:
            going_on = replace(batch, state=batch_lifecycle.state_if_resumed(connection, batch))
        batch_lifecycle.start(workspace, going_on)  # changes nothing: it was begun before
    with workspace.ledger.begin() as connection:
        resumed = batch_transitions.resume(connection, batch.id, actor)
        if not resumed:
            raise UsageError(f"This batch is {_told(connection, batch)}, not paused.", remedy=_look(batch))
        operator_retry.requeue(connection, batch, (ChunkState.READY,))
        batch_lifecycle.sync_state(connection, [batch.id])
        also(connection)
        return batch_by_uid(connection, batch.uid)


def _told(connection: Transaction, batch: Batch) -> str:
    return current_public_state(connection, batch_by_uid(connection, batch.uid))


def _look(batch: Batch) -> str:
    return f"expunge status {batch.uid} shows how far it is."
