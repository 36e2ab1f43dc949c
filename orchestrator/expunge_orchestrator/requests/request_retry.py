"""Request retry, and a batch's, on an operator's command: what failed, was on hold, or could not start.

Whoever asks is told truthfully: either something was taken up, or an error says why nothing was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from expunge_config.errors import UsageError
from expunge_orchestrator.errors import BatchBlockedError, StoreMismatchError
from expunge_orchestrator.execution import batch_control, batch_lifecycle, hold_enforcement, operator_retry
from expunge_orchestrator.ledger import Transaction, request_transitions, requests
from expunge_orchestrator.ledger.batch_status import current_public_state
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState, ChunkState
from expunge_orchestrator.requests import plan_replacement
from expunge_orchestrator.requests.plan_replacement import ConflictError, ReplanReason
from expunge_orchestrator.workspace import Workspace


def retry_request(
    workspace: Workspace,
    wanted: Request,
    actor: str,
    at: datetime,
    also: batch_lifecycle.OnCommit = batch_lifecycle.nothing,
) -> None:
    """Take up a request: what could not be planned is tried again at once, the rest is its batch's.

    Raises:
        UsageError: There is nothing to take up.
        ExpungeError: As `retry_batch`.
    """
    if wanted.state is RequestState.STARTING and wanted.failure is not None:
        with workspace.ledger.begin() as connection:
            if not request_transitions.retry_now(connection, wanted.id):
                raise UsageError("This request was planned at this moment.", remedy="Look at its state first.")
            also(connection)
        return
    if wanted.state is not RequestState.STARTED or wanted.batch_uid is None:
        raise UsageError(f"This request is {_word(wanted)}: nothing of it failed.", remedy="Look at its state first.")
    with reading(workspace.ledger) as connection:
        batch = batch_by_uid(connection, wanted.batch_uid)
    retry_batch(workspace, batch, actor, at, also)


def retry_batch(
    workspace: Workspace,
    batch: Batch,
    actor: str,
    at: datetime,
    also: batch_lifecycle.OnCommit = batch_lifecycle.nothing,
) -> None:
    """Take up what can be taken up of a batch. What then runs is the runner's.

    Args:
        workspace: What is worked with.
        batch: As it was read.
        actor: Who says so.
        at: When.
        also: Writes in the transaction in which it is taken up.

    Raises:
        UsageError: There is nothing to take up.
        BatchBlockedError: It waits for an approval, or for a hold that is still in force.
        PlanChangedError, FindingsError, ConnectorError: It cannot be taken up now.
    """
    with reading(workspace.ledger) as connection:
        wanted = requests.of_batch(connection, batch.id)
    if batch.state is BatchState.FAILED:
        if wanted is not None and drifted(workspace, wanted):
            start_deferred(workspace, wanted, batch, actor, at, also)
            return
        batch_lifecycle.start(workspace, batch)
        _take_up(workspace, batch, _failed, also)
    elif batch.state is BatchState.ON_HOLD:
        batch_lifecycle.start(workspace, batch)
        _take_up(workspace, batch, _held, also)
    elif (
        batch.state in UNBEGUN
        and wanted is not None
        and (wanted.failure is not None or plan_replacement.void(workspace, batch) is not None)
    ):
        start_deferred(workspace, wanted, batch, actor, at, also)
    else:
        raise _nothing(workspace, batch)


def start_deferred(  # noqa: PLR0913, PLR0917 - who takes up what, and what is written with it
    workspace: Workspace,
    wanted: Request,
    batch: Batch,
    actor: str,
    at: datetime,
    also: batch_lifecycle.OnCommit = batch_lifecycle.nothing,
) -> Batch:
    """Begin a request's plan; one that is void is replaced, also where another store answers: somebody looked at it.

    Raises:
        BatchBlockedError: The plan waits for an approval.
        UsageError: It was withdrawn at this moment.
        ExpungeError: It cannot be begun now.
    """
    because = ReplanReason.DRIFT if drifted(workspace, wanted) else plan_replacement.void(workspace, batch)
    if because is not None:
        batch = _renewed(workspace, wanted, because, at, actor)
    try:
        batch_control.start(workspace, batch, also)
    except StoreMismatchError:
        batch = _renewed(workspace, wanted, ReplanReason.STORE, at, actor)
        batch_control.start(workspace, batch, also)
    return batch


def _renewed(workspace: Workspace, wanted: Request, because: ReplanReason, at: datetime, actor: str) -> Batch:
    """The plan that counts: a new one, or that of somebody who was as quick.

    Raises:
        UsageError: The old plan was withdrawn, or begun, at this moment.
    """
    try:
        return plan_replacement.replan(workspace, wanted, because, at, by=actor)
    except ConflictError:
        with reading(workspace.ledger) as connection:
            counts = batch_by_uid(connection, str(requests.by_uid(connection, wanted.uid).batch_uid))
        if counts.uid == wanted.batch_uid:
            raise _nothing(workspace, counts) from None
        return counts


def drifted(workspace: Workspace, wanted: Request) -> bool:
    """Whether its batch stopped before anything was deleted, because clearly more was there than was planned."""
    return wanted.uid in {one.uid for one in plan_replacement.drifted(workspace)}


def _take_up(
    workspace: Workspace, batch: Batch, which: Callable[[Transaction, Batch], int], also: batch_lifecycle.OnCommit
) -> None:
    """Let these of a batch run again and write it down; or write nothing, because somebody else was first.

    Raises:
        UsageError: It was paused, withdrawn or taken up since it was read.
        BatchBlockedError: A hold is still in force.
    """
    with workspace.ledger.begin() as connection:
        taken_up = which(connection, batch)
        now = batch_by_uid(connection, batch.uid)
        if not taken_up and now.state is BatchState.ON_HOLD and not now.undisclosed:
            raise BatchBlockedError(
                "Nothing was taken up: the hold is still in force.", remedy="Lift it, or wait for its end."
            )
        if not taken_up or now.state is BatchState.PAUSED:
            raise _nothing_now(current_public_state(connection, now))
        also(connection)


def _failed(connection: Transaction, batch: Batch) -> int:
    return operator_retry.requeue(connection, batch, (ChunkState.FAILED,))


def _held(connection: Transaction, batch: Batch) -> int:
    """Those whose hold is over."""
    return hold_enforcement.let_go(connection, batch)


def _nothing(workspace: Workspace, batch: Batch) -> UsageError:
    with reading(workspace.ledger) as connection:
        return _nothing_now(current_public_state(connection, batch_by_uid(connection, batch.uid)))


def _nothing_now(told: str) -> UsageError:
    # A hold that may not be told looks like work in hand: nothing here says otherwise.
    return UsageError(
        f"This batch is {told}: nothing of it can be taken up now.",
        remedy="Look at its state first: who failed is taken up when nobody of it is at work any more.",
    )


def _word(wanted: Request) -> str:
    return "being planned" if wanted.state is RequestState.STARTING else wanted.state.value
