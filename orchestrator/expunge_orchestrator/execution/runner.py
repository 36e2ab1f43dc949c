"""Embedded runner: a thread pool that drives chunks over the ledger, under the runner lock.

The ledger is the truth; the runner only delivers "run the next step of chunk N", at least once. Every delivery takes a
new epoch, every later write carries it, so a delivery that was overtaken cannot write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from expunge_connectors.contract import Heartbeat, no_beat
from expunge_orchestrator.clock import now, parse, stamp
from expunge_orchestrator.execution import (
    batch_lifecycle,
    cancellation,
    conclude_step,
    erasure_steps,
    poison_isolation,
    resolve_step,
    settle_step,
    settling_steps,
    step_retry,
    verify_step,
)
from expunge_orchestrator.execution.erasing_findings import ErasingFindings
from expunge_orchestrator.execution.fencing import ClaimedStep, claim, claim_next, finish
from expunge_orchestrator.execution.step_context import StepContext, StepWrite
from expunge_orchestrator.gc_thresholds import reduced_gc
from expunge_orchestrator.ledger import Transaction, open_chunks
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import checkpoint_wal, reading, serialise_writers
from expunge_orchestrator.ledger.failures import is_ledger_failure
from expunge_orchestrator.ledger.open_chunks import OpenChunk
from expunge_orchestrator.ledger.runner_lock import runner_lock
from expunge_orchestrator.ledger.states import RUNNING, ChunkState
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.chunking import WORKERS
from expunge_orchestrator.rules.turns import Turns
from expunge_orchestrator.workspace import Workspace
from expunge_reports.log.transparency_log import LogWriter

_STEPS: Mapping[str, Callable[[StepContext], StepWrite]] = {
    pipeline.ACCEPT: erasure_steps.accept,
    pipeline.RESOLVE: resolve_step.resolve,
    pipeline.RECOUNT: erasure_steps.recount,
    pipeline.ERASE: erasure_steps.erase,
    pipeline.VERIFY: verify_step.verify,
    pipeline.CONCLUDE: conclude_step.conclude,
    pipeline.REVIEW: settling_steps.review,
    pipeline.RE_RESOLVE: settling_steps.re_resolve,
    pipeline.RE_COUNT: settling_steps.re_count,
    pipeline.RE_ERASE: settling_steps.re_erase,
    pipeline.RE_VERIFY: settling_steps.re_verify,
    pipeline.SETTLE: settle_step.settle,
    cancellation.WITHDRAW: cancellation.withdraw,
}

LONG_RUN = timedelta(hours=1)
"""A command ends when it has tried everybody: only one that lasts longer tries again those whom it put off."""


@dataclass(frozen=True, slots=True)
class RunObserver:
    """What a caller may watch: a finished step of a chunk, and a beat inside a long one. For progress bars.

    Attributes:
        told_to_stop: Whether no further step is to be begun. Those that run are let end.
    """

    step_done: Callable[[int, str], None] = field(default=lambda _chunk, _step: None)
    beat: Heartbeat = no_beat
    told_to_stop: Callable[[], bool] = field(default=lambda: False)


def run(  # noqa: PLR0913 - what it runs, and how
    workspace: Workspace,
    writer: LogWriter,
    watch: RunObserver,
    workers: int = WORKERS,
    *,
    only: int | None = None,
    patience: timedelta = LONG_RUN,
) -> None:
    """Run every batch of the ledger that is to run (or `only` one), until nothing is left that could run now.

    Controllers take turns, a chunk each; of one controller's batches the earliest comes first (ADR 12).
    Chunks that met a passing trouble are tried again after a pause; after `max_attempts` they end FAILED, visibly.
    Those of people whose records somebody has locked are put off to a later run, and all that would erase while
    `check` shows an error; a run that does not come to rest, as a busy service's, tries them again when their time has
    come and `patience` is over.
    Told to stop (`watch`), it ends with the steps that run; another run takes up the rest.

    Raises:
        LedgerBusyError: Another process is running this ledger.
        Exception: The ledger went away, its disk is full, or it is read-only
            (`is_ledger_failure` tells). Another run takes up what was begun.
    """
    with (
        reduced_gc(),
        runner_lock(workspace.ledger) as still_ours,
        ThreadPoolExecutor(workers, thread_name_prefix="expunge") as pool,
    ):
        cancellation.set_interrupted_apart(workspace.ledger)
        _publish(workspace, writer)
        flight: dict[Future[None], int] = {}
        turns, findings = Turns(), ErasingFindings(workspace)
        begun = now()
        news = False
        while True:
            still_ours()
            if news and not flight:
                _publish(workspace, writer)
                news = False
            stops = watch.told_to_stop()
            put_off = poison_isolation.taken_up_before(begun, now(), patience)
            ready, pause = ([], None) if stops else _open_chunks(workspace, put_off, set(flight.values()), only)
            for chunk in turns.ordered(ready, _controller)[: workers - len(flight)]:
                flight[pool.submit(_run_chunk, workspace, chunk.id, watch, findings)] = chunk.id
                turns.taken(_controller(chunk))
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
        checkpoint_wal(workspace.ledger)


def _publish(workspace: Workspace, writer: LogWriter) -> None:
    """Bring the log and the batches' states up to date with the chunks."""
    publish(workspace.ledger, writer, batch_lifecycle.refresh)


def _controller(chunk: OpenChunk) -> tuple[str, str | None]:
    return chunk.controller, chunk.member


def _open_chunks(
    workspace: Workspace, put_off: datetime, in_flight: set[int], only: int | None
) -> tuple[list[OpenChunk], float | None]:
    """Chunks that can run now, earliest batch first; and seconds until the next one that waits for its pause.

    Nobody waits for those that are put off: they are taken up whose time is before `put_off`.
    """
    moment, most = now(), workspace.settings.max_attempts
    with reading(workspace.ledger) as connection:
        rows = open_chunks.open_chunks(connection, only)
    open_rows = [row for row in rows if row.id not in in_flight]
    open_rows.sort(
        key=lambda row: (
            row.batch_id,
            poison_isolation.queue_priority(row.depth, row.people, row.failures, row.passes),
            row.id,
        )
    )
    due = {False: stamp(moment), True: stamp(put_off)}
    ready, waiting = [], []
    for row in open_rows:
        if row.not_before is None or row.not_before <= due[row.attempts >= most]:
            ready.append(row)
        elif row.attempts < most:
            waiting.append(row.not_before)
    if not waiting:
        return ready, None
    return ready, max(0.05, (parse(min(waiting)) - moment).total_seconds())


def rests(connection: Transaction, workspace: Workspace, batch: Batch) -> bool:
    """Whether nothing of a batch can run now, or all that could is put off to a later run.

    Where nothing could run of a batch at work the chunks are through, and whoever ran them is about to say its state.
    """
    rows = open_chunks.open_chunks(connection, batch.id)
    if not rows:
        return batch_by_uid(connection, batch.uid).state not in RUNNING
    moment, most = stamp(now()), workspace.settings.max_attempts
    return all(row.attempts >= most and row.not_before is not None and row.not_before > moment for row in rows)


def _run_chunk(workspace: Workspace, chunk_id: int, watch: RunObserver, findings: ErasingFindings) -> None:
    """Run one chunk to its end, its pause or its failure."""
    delivery = claim(workspace, chunk_id, watch.beat, anew=True)
    while delivery is not None and not findings.put_off(delivery):
        delivery = run_step(delivery, watch)


def run_step(delivery: ClaimedStep, watch: RunObserver) -> ClaimedStep | None:
    """Run a step, and take the next one in the transaction that finishes it.

    None: nothing more to do for now (done, waiting, failed, paused, overtaken, or told to stop).
    """
    context = delivery.context
    try:
        write = _STEPS[pipeline.split(delivery.name)[0]](context.without_others())
        with context.workspace.ledger.begin() as connection:
            serialise_writers(connection)  # with the placing of holds, for the step that is taken below
            onward = finish(connection, delivery, write)
            if onward is None:
                return None
            goes_on = onward.state is ChunkState.READY and not watch.told_to_stop()
            following = claim_next(connection, context) if goes_on else None
    except Exception as error:
        if is_ledger_failure(error):
            raise  # it went away, and nobody of the chunk is to blame
        step_retry.failed(delivery, error)
        return None
    watch.step_done(context.chunk_id, delivery.name)
    return following
