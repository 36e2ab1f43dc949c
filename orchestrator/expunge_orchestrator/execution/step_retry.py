"""Step retry: after a failure, another attempt with backoff, poison isolation, or a failed chunk."""

from __future__ import annotations

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import (
    IdentityChangedError,
    LockTimeoutError,
    NotQuiescentError,
    SomeRecordsError,
    StillReferencedError,
    TerminalError,
    TransientError,
)
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import poison_isolation
from expunge_orchestrator.execution.fencing import ClaimedStep
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import chunks
from expunge_orchestrator.ledger.chunks import LONGEST_FAILURE
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.workspace import Workspace
from expunge_reports.errors import ReportError


def failed(delivery: ClaimedStep, error: Exception) -> None:
    """What a failure of a step means: a passing trouble, one of the whole installation, or perhaps of one person."""
    context, step = delivery.context, delivery.step
    epoch = context.epoch
    name = context.batch.pipeline[step]
    remedy = error.remedy if isinstance(error, ExpungeError) else None
    why = f"{name}: {error} {remedy}" if remedy else f"{name}: {error}"  # who reads it later has nothing but this
    match error:
        case SomeRecordsError() if _searched(context, epoch, soon=isinstance(error, LockTimeoutError)):
            poison_isolation.isolate(context, epoch, step, why, put_off=isinstance(error, LockTimeoutError))
        case TransientError():
            _schedule_retry(context.workspace, context, epoch, step, why, waits=isinstance(error, NotQuiescentError))
        case StillReferencedError() if _first_time(context, epoch):
            _schedule_retry(context.workspace, context, epoch, step, why)
        case TerminalError() if not isinstance(error, IdentityChangedError):
            poison_isolation.isolate(context, epoch, step, why)
        case ExpungeError() | ReportError():
            _fail(context.workspace, context.chunk_id, epoch, why)
        case _:
            poison_isolation.isolate(context, epoch, step, f"{name}: internal error {type(error).__name__}")


def _searched(context: StepContext, epoch: int, *, soon: bool) -> bool:
    """Whether it is time to find out whose records keep the others waiting: it was tried, or is being searched for."""
    with reading(context.workspace.ledger) as connection:
        row = chunks.get_claimed(connection, context.chunk_id, epoch)
    most = context.workspace.settings.max_attempts
    return row is not None and (row.bisection_id is not None or row.attempts + 1 >= (min(2, most) if soon else most))


def _first_time(context: StepContext, epoch: int) -> bool:
    """Nothing failed here since the last step that was passed, and another attempt is allowed."""
    with reading(context.workspace.ledger) as connection:
        chunk = chunks.get_claimed(connection, context.chunk_id, epoch)
    return chunk is not None and chunk.attempts == 0 and context.workspace.settings.max_attempts > 1


def _schedule_retry(  # noqa: PLR0913 - what failed
    workspace: Workspace, context: StepContext, epoch: int, step: int, why: str, *, waits: bool = False
) -> None:
    """Try again after a pause that doubles, or give up visibly. What waits for others' transactions is put off."""
    chunk_id = context.chunk_id
    with workspace.ledger.begin() as connection:
        attempts = chunks.count_attempt(connection, chunk_id, epoch, step, why)
        if attempts is None:
            return
        values: dict[str, object] = {
            "not_before": stamp(
                now() + workspace.settings.retry_pause * 2 ** min(attempts - 1, poison_isolation.LONGEST_PAUSE)
            )
        }
        if attempts >= workspace.settings.max_attempts and not waits:
            values = {"state": ChunkState.FAILED.value, "not_before": None}
        chunks.update(connection, [chunk_id], values)


def _fail(workspace: Workspace, chunk_id: int, epoch: int, why: str) -> None:
    with workspace.ledger.begin() as connection:
        values = {"state": ChunkState.FAILED.value, "failure": why[:LONGEST_FAILURE]}
        chunks.update_claimed(connection, chunk_id, epoch, values)
