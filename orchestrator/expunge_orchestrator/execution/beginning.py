"""Beginning on somebody's word, who is told truthfully: it runs by that very plan, or an error says what it is."""

from __future__ import annotations

from dataclasses import replace

from expunge_config.errors import UsageError
from expunge_orchestrator.execution import batch_control, batch_states
from expunge_orchestrator.ledger.batch_status import current_public_state
from expunge_orchestrator.ledger.batches import Batch, BatchState, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.workspace import Workspace

_AT_WORK = (BatchState.EXECUTING, BatchState.SETTLING)


def start(workspace: Workspace, batch: Batch, begun: batch_states.OnCommit) -> None:
    """Begin a batch. One that runs already stays as it is: an answer was lost, or somebody else was as quick.

    Args:
        workspace: What is worked with.
        batch: As it was read; whoever says so has confirmed its plan.
        begun: What is written with the beginning, if it is begun by this.

    Raises:
        UsageError: Nothing was started: it is over, withdrawn, or waits for somebody's word.
        ExpungeError: As `batch_states.start`.
    """
    if batch_states.start(workspace, batch, begun):
        return
    with reading(workspace.ledger) as connection:
        told = current_public_state(connection, batch_by_uid(connection, batch.uid))
    if told not in _AT_WORK:
        raise UsageError(
            f"Nothing was started: this batch is {told}.",
            remedy="What failed, and what a batch left, is taken up by `retry`; what is over is planned anew.",
        )


def resume(workspace: Workspace, batch: Batch, actor: str, also: batch_states.OnCommit = batch_states.nothing) -> Batch:
    """Let a paused batch go on, checked as a beginning is. Where that is refused it stays paused.

    Raises:
        UsageError: It is not paused.
        PlanChangedError, FindingsError, LedgerBehindError, ConnectorError: It cannot go on now.
    """
    if batch.state is BatchState.PAUSED:
        with reading(workspace.ledger) as connection:
            going_on = replace(batch, state=batch_states.state_if_resumed(connection, batch))
        batch_states.start(workspace, going_on)  # changes nothing: it was begun before
    return batch_control.resume(workspace.ledger, batch, actor, also)
