"""One run of Expunge over the crowd, in a process of its own: plan, begin, erase with two workers, settle."""

from __future__ import annotations

import io
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import sqlalchemy as sa
from pydantic import SecretStr
from tests.bench.crowd.database import CLIENT, data_map
from tests.bench.crowd.server import processor_seconds
from tests.bench.measurements import Stages, Timed, resident_megabytes

from expunge_config.settings import Settings
from expunge_connectors.registry import installed
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import batch_lifecycle, runner, settling_time
from expunge_orchestrator.execution.fencing import ClaimedStep
from expunge_orchestrator.execution.runner import RunObserver
from expunge_orchestrator.installation_setup import initialise, open_log
from expunge_orchestrator.ledger import batch_status, tables
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import planner
from expunge_orchestrator.receipts import statement_issuer
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import checked_people
from expunge_orchestrator.workspace import Workspace, load_map, opened
from expunge_reports.log.transparency_log import LogWriter


@dataclass(frozen=True, slots=True)
class ByExpunge:
    """What a run did, and what it cost.

    Attributes:
        plan: Seconds, reading the list included.
        erased: Seconds from the beginning of the execution until the batch is erased, everything published.
        settled: Seconds of the settling check.
        steps: Worker-seconds per step of the pipeline, `begin` and `publish` beside them. Two workers run at once, so
            they add up to more than the wall clock shows.
        verbs: Worker-seconds inside the connector, `<store>.<verb>`, within the steps.
        statements: Sent while it was erasing: to the store (COPY included), and to the ledger.
        processor: CPU seconds of this process and of the server, likewise.
        memory: Peak megabytes of the process: when open, after planning, after erasing, after settling.
        receipts: Statements issued until then.
    """

    people: int
    plan: float
    erased: float
    settled: float
    steps: Stages
    verbs: Stages
    rows: int
    statements: tuple[int, int]
    processor: tuple[float, float]
    memory: tuple[float, ...]
    receipts: int

    @property
    def per_person(self) -> float:
        """Milliseconds until erased."""
        return 1000 * self.erased / self.people


@dataclass(slots=True)
class _Sent:
    """Counts statements at the client."""

    numbers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, where: str) -> None:
        with self.lock:
            self.numbers[where] += 1


def erase(url: str, home: Path, callers: Sequence[int], *, receipts: bool) -> ByExpunge:
    """Plan and carry out, as `expunge plan` and `expunge erase` do. One person goes before, to open connections.

    Args:
        receipts: Without, nothing is stated, signed or logged; all the rest is done.

    Raises:
        AssertionError: Not everybody was erased.
    """
    settings = Settings(
        home=home,
        data_map=data_map(),
        stores={"main": {"url": SecretStr(url)}},
        settling=timedelta(0),
        plan_lifetime=timedelta(days=1),
    )
    initialise(settings, load_map(settings, installed()).operator, now())
    sent = _Sent()
    with ExitStack() as stack:
        workspace = stack.enter_context(opened(settings, installed()))
        server = stack.enter_context(psycopg.connect(url, autocommit=True))
        _carry_out(workspace, _plan(workspace, callers[:1]))
        memory = [resident_megabytes()]
        started = time.perf_counter()
        batch = _plan(workspace, callers[1:])
        planned = time.perf_counter() - started
        memory.append(resident_megabytes())
        issued = _issued(workspace)
        steps, verbs = Stages(), Stages()
        timed = replace(workspace, stores={name: Timed(one, verbs) for name, one in workspace.stores.items()})  # type: ignore[arg-type]
        with _counted(workspace.ledger, sent), _watched(steps), _without_receipts() if not receipts else ExitStack():
            own, its, started = _own_seconds(), processor_seconds(server), time.perf_counter()
            _carry_out(timed, batch, steps)
            erased = time.perf_counter() - started
            processor = (_own_seconds() - own, processor_seconds(server) - its)
        memory.append(resident_megabytes())
        receipts_issued = _issued(workspace) - issued
        with reading(workspace.ledger) as connection:
            outcomes = dict(batch_status.outcomes_of(connection, batch))
            rows = sum(one["found"] for one in BatchSums().records(connection, batch).remaining().values())
        assert outcomes == {"erased": len(callers) - 1}, f"not everybody was erased: {outcomes}"
        started = time.perf_counter()
        if receipts:
            settling_time.start_due(workspace)
            _run(workspace)
        settled = time.perf_counter() - started
        memory.append(resident_megabytes())
    return ByExpunge(
        people=len(callers) - 1,
        plan=planned,
        erased=erased,
        settled=settled,
        steps=steps,
        verbs=verbs,
        rows=rows,
        statements=(sent.numbers["store"], sent.numbers["ledger"]),
        processor=processor,
        memory=tuple(memory),
        receipts=receipts_issued,
    )


def _plan(workspace: Workspace, callers: Sequence[int]) -> Batch:
    listed = "\n".join(("caller_id", *map(str, callers)))
    people = checked_people(io.BytesIO(listed.encode()), workspace.data_map)
    scope = parse_scope(f"client:{CLIENT}", workspace.data_map)
    return planner.create_plan(workspace, people, scope, lambda _done: None)


def _carry_out(workspace: Workspace, batch: Batch, steps: Stages | None = None) -> None:
    with (steps or Stages()).time("begin"):
        batch_lifecycle.start(workspace, batch)
    _run(workspace)
    with reading(workspace.ledger) as connection:
        assert batch_by_uid(connection, batch.uid).state.value == "erased"


def _run(workspace: Workspace) -> None:
    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        runner.run(workspace, writer, RunObserver())


def _issued(workspace: Workspace) -> int:
    with reading(workspace.ledger) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(tables.statement)) or 0


@contextmanager
def _watched(steps: Stages) -> Iterator[None]:
    """Measure every step of every chunk, and publishing, where they happen."""
    run_step, publish = runner.run_step, runner.publish

    def timed_step(delivery: ClaimedStep, watch: RunObserver) -> ClaimedStep | None:
        with steps.time(delivery.name):
            return run_step(delivery, watch)

    def timed_publish(*arguments: Any) -> Any:
        with steps.time("publish"):
            return publish(*arguments)

    with mock.patch.object(runner, "run_step", timed_step), mock.patch.object(runner, "publish", timed_publish):
        yield


@contextmanager
def _counted(ledger: sa.Engine, sent: _Sent) -> Iterator[None]:
    """Count what is sent to the store and to the ledger, at the client."""

    def to_ledger(*_: Any) -> None:
        sent.add("ledger")

    def counting(method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            sent.add("store")
            return method(*arguments, **named)

        return counted

    # The server's cursor of `processor_seconds` sends nothing, so every cursor is the connector's.
    wrapped: Mapping[str, Callable[..., Any]] = {
        name: counting(getattr(psycopg.Cursor, name)) for name in ("execute", "executemany", "copy")
    }
    sa.event.listen(ledger, "before_cursor_execute", to_ledger)
    try:
        with mock.patch.multiple(psycopg.Cursor, **wrapped):
            yield
    finally:
        sa.event.remove(ledger, "before_cursor_execute", to_ledger)


@contextmanager
def _without_receipts() -> Iterator[None]:
    with (
        mock.patch.object(statement_issuer, "issue", return_value=None),
        mock.patch.object(runner, "publish", _states_alone),
    ):
        yield


def _states_alone(ledger: sa.Engine, _writer: LogWriter, also: Callable[[sa.Connection], None]) -> int:
    with ledger.begin() as connection:
        also(connection)
    return 0


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
