"""The embedded runner: a thread pool over the ledger under one lock.

The ledger is the truth; the runner only delivers "run the next step of chunk N", at least once. Every delivery takes a
new epoch, every later write carries it, so a delivery that was overtaken cannot write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import sqlalchemy as sa

from expunge_config.errors import ExpungeError
from expunge_connectors.contract import Heartbeat, no_beat
from expunge_connectors.errors import IdentityChangedError, StillReferencedError, TerminalError, TransientError
from expunge_orchestrator.clock import now, parse, stamp
from expunge_orchestrator.errors import is_ledger_failure
from expunge_orchestrator.execution import (
    batch_states,
    cancellation,
    poison_isolation,
    resolve_step,
    settling_steps,
    steps,
)
from expunge_orchestrator.execution.fencing import ClaimedStep, claim, claim_next
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.gc_tuning import reduced_gc
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import RUNNABLE, ChunkState
from expunge_orchestrator.ledger.database import checkpoint_wal, reading, serialise_writers
from expunge_orchestrator.ledger.runner_lock import runner_lock
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.chunking import WORKERS
from expunge_orchestrator.workspace import Workspace
from expunge_reports.errors import ReportError
from expunge_reports.log.append_only_log import LogWriter

_STEPS: Mapping[str, Callable[[StepContext], StepWrite]] = {
    pipeline.ACCEPT: steps.accept,
    pipeline.RESOLVE: resolve_step.resolve,
    pipeline.RECOUNT: steps.recount,
    pipeline.ERASE: steps.erase,
    pipeline.VERIFY: steps.verify,
    pipeline.CONCLUDE: steps.conclude,
    pipeline.REVIEW: settling_steps.review,
    pipeline.RE_RESOLVE: settling_steps.re_resolve,
    pipeline.RE_ERASE: settling_steps.re_erase,
    pipeline.RE_VERIFY: settling_steps.re_verify,
    pipeline.SETTLE: settling_steps.settle,
    cancellation.WITHDRAW: cancellation.withdraw,
}


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
_MOVED_TO_WAIT = _MOVED.values(settle_at=sa.bindparam("new_settle_at"))
_OPEN_CHUNKS = (
    sa.select(
        tables.chunk.c.id,
        tables.chunk.c.batch_id,
        tables.chunk.c.not_before,
        tables.chunk.c.depth,
        tables.bisection.c.people,
        tables.bisection.c.failures,
        tables.bisection.c.passes,
    )
    .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
    .outerjoin(tables.bisection, tables.bisection.c.id == tables.chunk.c.bisection_id)
    .where(RUNNABLE)
    .order_by(tables.batch.c.id, tables.chunk.c.id)
)
_OPEN_CHUNKS_OF = _OPEN_CHUNKS.where(tables.batch.c.id == sa.bindparam("only"))

_LAST = (ChunkState.DONE, ChunkState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RunObserver:
    """What a caller may watch: a finished step of a chunk, and a beat inside a long one. For progress bars.

    Attributes:
        told_to_stop: Whether no further step is to be begun. Those that run are let end.
    """

    step_done: Callable[[int, str], None] = field(default=lambda _chunk, _step: None)
    beat: Heartbeat = no_beat
    told_to_stop: Callable[[], bool] = field(default=lambda: False)


def run(
    workspace: Workspace, writer: LogWriter, watch: RunObserver, workers: int = WORKERS, *, only: int | None = None
) -> None:
    """Run every batch of the ledger that is to run (or `only` one), until nothing is left that could run now.

    Chunks that met a passing trouble are tried again after a pause; after `max_attempts` they end FAILED, visibly.
    Told to stop (`watch`), it ends with the steps that run; another run takes up the rest.

    Raises:
        LedgerBusyError: Another process is running this ledger.
        sqlalchemy.exc.DBAPIError: The ledger went away, its disk is full, or it is read-only
            (`is_ledger_failure` tells). Another run takes up what was begun.
    """
    with (
        reduced_gc(),
        runner_lock(workspace.ledger) as still_ours,
        ThreadPoolExecutor(workers, thread_name_prefix="expunge") as pool,
    ):
        _publish(workspace, writer)
        flight: dict[Future[None], int] = {}
        news = False
        while True:
            still_ours()
            if news and not flight:
                _publish(workspace, writer)
                news = False
            stops = watch.told_to_stop()
            ready, pause = ([], None) if stops else _open_chunks(workspace.ledger, set(flight.values()), only)
            for chunk_id in ready[: workers - len(flight)]:
                flight[pool.submit(_run_chunk, workspace, chunk_id, watch)] = chunk_id
            if news:  # the worker that brought them is at its next chunk by now
                _publish(workspace, writer)
                news = False
            if not flight:
                if pause is None:
                    break
                time.sleep(min(pause, 1.0))
                continue
            for finished in wait(flight, timeout=0.5, return_when=FIRST_COMPLETED).done:
                flight.pop(finished)
                finished.result()
                news = True
        publish(workspace.ledger, writer)
        checkpoint_wal(workspace.ledger)


def _publish(workspace: Workspace, writer: LogWriter) -> None:
    """Bring the log and the batches' states up to date with the chunks."""
    publish(workspace.ledger, writer)
    batch_states.refresh(workspace)


def _open_chunks(ledger: sa.Engine, in_flight: set[int], only: int | None) -> tuple[list[int], float | None]:
    """Chunks that can run now, earliest batch first; and seconds until the next one that waits for its pause."""
    moment = now()
    with ledger.begin() as connection:
        if only is None:
            rows = connection.execute(_OPEN_CHUNKS).all()
        else:
            rows = connection.execute(_OPEN_CHUNKS_OF, {"only": only}).all()
    open_rows = [row for row in rows if row.id not in in_flight]
    open_rows.sort(
        key=lambda row: (
            row.batch_id,
            poison_isolation.queue_priority(row.depth, row.people, row.failures, row.passes),
            row.id,
        )
    )
    ready = [row.id for row in open_rows if row.not_before is None or row.not_before <= stamp(moment)]
    waiting = [row.not_before for row in open_rows if row.id not in ready]
    if not waiting:
        return ready, None
    return ready, max(0.05, (parse(min(waiting)) - moment).total_seconds())


def _run_chunk(workspace: Workspace, chunk_id: int, watch: RunObserver) -> None:
    """Run one chunk to its end, its pause or its failure."""
    delivery = claim(workspace, chunk_id, watch.beat)
    while delivery is not None:
        delivery = run_step(delivery, watch)


def run_step(delivery: ClaimedStep, watch: RunObserver) -> ClaimedStep | None:
    """Run a step, and take the next one in the transaction that finishes it.

    None: nothing more to do for now (done, waiting, failed, paused, overtaken, or told to stop).
    """
    context, epoch, step = delivery.context, delivery.context.epoch, delivery.step
    try:
        write = _STEPS[pipeline.split(delivery.name)[0]](context)
    except Exception as error:
        if is_ledger_failure(error):
            raise  # it went away, and nobody of the chunk is to blame
        _stop(context, epoch, step, error)
        return None
    with context.workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with the placing of holds, for the step that is taken below
        owned = connection.execute(_OWNED, {"chunk": context.chunk_id, "held": epoch, "passed": step}).first()
        if owned is None:
            return None
        onward = write(connection)
        _move(connection, context, step, onward)
        poison_isolation.passed(connection, context.chunk_id, owned.bisection_id, step)
        logged = {"chunk_id": context.chunk_id, "round": context.round, "step": step, "name": delivery.name}
        connection.execute(_LOGGED, logged | {"epoch": epoch, "at": stamp(now())})
        goes_on = onward.state is ChunkState.READY and not watch.told_to_stop()
        following = claim_next(connection, context) if goes_on else None
    watch.step_done(context.chunk_id, delivery.name)
    return following


def _move(connection: sa.Connection, context: StepContext, step: int, onward: Transition) -> None:
    back = onward.step is not None
    values: dict[str, object] = {
        "chunk": context.chunk_id,
        "new_step": onward.step if back else step + 1 if onward.state not in _LAST else step,
        "new_rounds": context.round + back,
        "new_repeats": context.repeats + back,
        "new_state": onward.state.value,
        "new_failure": onward.failure,
    }
    if onward.state is ChunkState.WAITING:
        settle_at = stamp(now() + context.workspace.settings.settling)
        connection.execute(_MOVED_TO_WAIT, values | {"new_settle_at": settle_at})
    else:
        connection.execute(_MOVED, values)


def _stop(context: StepContext, epoch: int, step: int, error: Exception) -> None:
    """What a failure of a step means: a passing trouble, one of the whole installation, or perhaps of one person."""
    name = context.batch.pipeline[step]
    remedy = error.remedy if isinstance(error, ExpungeError) else None
    why = f"{name}: {error} {remedy}" if remedy else f"{name}: {error}"  # who reads it later has nothing but this
    match error:
        case TransientError():
            _schedule_retry(context.workspace, context, epoch, step, why)
        case StillReferencedError() if _first_time(context, epoch):
            _schedule_retry(context.workspace, context, epoch, step, why)
        case TerminalError() if not isinstance(error, IdentityChangedError):
            poison_isolation.isolate(context, epoch, step, why)
        case ExpungeError() | ReportError():
            _fail(context.workspace, context.chunk_id, epoch, why)
        case _:
            poison_isolation.isolate(context, epoch, step, f"{name}: internal error {type(error).__name__}")


def _first_time(context: StepContext, epoch: int) -> bool:
    """Nothing failed here since the last step that was passed, and another attempt is allowed."""
    chunk = tables.chunk.c
    with reading(context.workspace.ledger) as connection:
        attempts = connection.scalar(
            sa.select(chunk.attempts).where(chunk.id == context.chunk_id, chunk.epoch == epoch)
        )
    return attempts == 0 and context.workspace.settings.max_attempts > 1


def _schedule_retry(workspace: Workspace, context: StepContext, epoch: int, step: int, why: str) -> None:
    """Try again after a pause that doubles, or give up visibly."""
    chunk_id = context.chunk_id
    again = pipeline.resume_step(context.batch.pipeline, step)
    with workspace.ledger.begin() as connection:
        attempts = connection.scalar(
            sa.update(tables.chunk)
            .where(tables.chunk.c.id == chunk_id, tables.chunk.c.epoch == epoch)
            .values(
                attempts=tables.chunk.c.attempts + 1,
                stuck_at=sa.case((tables.chunk.c.stuck_at > step, tables.chunk.c.stuck_at), else_=step),
                state=ChunkState.READY.value,
                step=again,
                rounds=tables.chunk.c.rounds + (again != step),
                failure=why[:500],
            )
            .returning(tables.chunk.c.attempts)
        )
        if attempts is None:
            return
        values: dict[str, object] = {
            "not_before": stamp(now() + workspace.settings.retry_pause * 2 ** min(attempts - 1, 8))
        }
        if attempts >= workspace.settings.max_attempts:
            values = {"state": ChunkState.FAILED.value, "not_before": None}
        connection.execute(sa.update(tables.chunk).where(tables.chunk.c.id == chunk_id).values(**values))


def _fail(workspace: Workspace, chunk_id: int, epoch: int, why: str) -> None:
    with workspace.ledger.begin() as connection:
        connection.execute(
            sa.update(tables.chunk)
            .where(tables.chunk.c.id == chunk_id, tables.chunk.c.epoch == epoch)
            .values(state=ChunkState.FAILED.value, failure=why[:500])
        )
