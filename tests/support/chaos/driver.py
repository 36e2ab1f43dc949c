"""Run in a process of its own: forks one child per order, which runs the ledger's batch or is killed.

An order is a line of JSON on standard input (see `runs.Chaos.run`); the answer is a line with the child's exit code,
negative for a signal. A fresh interpreter for each order would take longer than the run.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import boto3
import psycopg
import sqlalchemy as sa
import sqlalchemy.dialects.postgresql.psycopg
from botocore.loaders import JSONFileLoader
from tests.support.chaos.kill_points import (
    FatalBackups,
    FatalStore,
    FatalWriter,
    Fuse,
    wire_drivers,
    wire_ledger,
    wire_redis,
)

from expunge_config import datamap
from expunge_config.datamap import DataMap
from expunge_config.settings import load_settings
from expunge_connectors.contract import Adoptable
from expunge_connectors.registry import installed
from expunge_orchestrator import backup_copies
from expunge_orchestrator import workspace as workspace_module
from expunge_orchestrator.errors import LedgerBusyError, LedgerError
from expunge_orchestrator.execution import batch_lifecycle, operator_cancel, operator_end, operator_retry, settling_time
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.failures import is_ledger_failure
from expunge_orchestrator.ledger.states import BatchState, ChunkState
from expunge_orchestrator.planning import forgotten_plans, planner
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import Workspace, connected, opened

SECONDS = 90
PAUSE = 0.02
PID = "pid.txt"
"""The file in an installation's home that names the process at work in it."""


@dataclass(frozen=True, slots=True)
class Latecomer:
    """Writes to an account holder between erasing and verifying, in the first round of the first chunk only.

    Verification must find it, and a second round erase it. However often it is asked, it writes the same thing once.
    """

    ledger: sa.Engine
    postgres_url: str
    holder: int | None

    def __call__(self, store: str, verb: str) -> None:
        """Look whether the moment has come."""
        if (store, verb) != ("main", "verify") or self.holder is None:
            return
        with reading(self.ledger) as connection:
            first = sa.select(sa.func.min(tables.chunk.c.id)).scalar_subquery()
            row = connection.execute(
                sa.select(tables.chunk.c.rounds, tables.batch.c.state)
                .join(tables.batch)
                .where(tables.chunk.c.state == ChunkState.RUNNING.value, tables.chunk.c.id == first)
            ).first()
        if row is not None and row.rounds == 0 and row.state == BatchState.EXECUTING.value:
            # A server that is down takes no messages either.
            with suppress(psycopg.OperationalError), psycopg.connect(self.postgres_url) as connection:
                connection.execute(
                    # A time of its own: where it stays, the states of two runs are compared with each other.
                    "INSERT INTO messages (id, user_id, body, created_at) OVERRIDING SYSTEM VALUE"
                    " VALUES (900001, %s, 'between', '2026-01-02T00:00:00Z') ON CONFLICT (id) DO NOTHING",
                    (self.holder,),
                )


def carry_out(order: Mapping[str, Any], fuse: Fuse) -> None:
    """What one command does: `expunge adopt`, `plan`, `erase BATCH` or `run-due`. Resuming is the same call."""
    match order["half"]:
        case "adopt":
            _adopt(fuse)
        case "plan":
            _plan(order, fuse)
        case half:
            _erase_or_settle(half, order, fuse)


def _adopt(fuse: Fuse) -> None:
    settings, registry = load_settings(), installed()
    wire_redis(fuse)
    with connected(settings, workspace_module.load_map(settings, registry), registry) as (stores, _):
        for store in stores.values():
            if isinstance(store, Adoptable):
                with fuse.around(f"{store.name}.adopt"):
                    store.adopt()


def _plan(order: Mapping[str, Any], fuse: Fuse) -> None:
    """Found the ledger, where there is none yet, and plan: every statement that writes to it is a point."""
    fuse.each_statement = True
    create = sa.create_engine

    def wired(*arguments: Any, **options: Any) -> sa.Engine:
        ledger = create(*arguments, **options)
        wire_ledger(ledger, fuse)
        return ledger

    sa.create_engine = wired
    with opened(load_settings(), installed()) as plain:
        workspace = _fatal(plain, fuse, lambda _store, _verb: None)
        people = read_people(io.BytesIO(order["people"].encode()), workspace.data_map)
        scope = parse_scope(order["controller"], workspace.data_map)
        planner.create_plan(workspace, people, scope, lambda _done: None)


def _erase_or_settle(half: str, order: Mapping[str, Any], fuse: Fuse) -> None:
    with opened(load_settings(), installed()) as plain:
        wire_ledger(plain.ledger, fuse)
        workspace = _fatal(plain, fuse, Latecomer(plain.ledger, order["postgres_url"], order["in_between"]))
        if half == "erase":
            for batch in _meant(workspace, order["batch"]):
                batch_lifecycle.start(workspace, batch)
                _bring_back(workspace, batch)
        elif half == "cancel":
            for batch in _meant(workspace, order["batch"]):
                operator_cancel.cancel(workspace.ledger, batch, "chaos")
                _bring_back(workspace, batch)  # whoever is not withdrawn is finished
        elif half == "end":
            for batch in _meant(workspace, order["batch"]):
                _end(workspace, batch)
        else:
            settling_time.start_due(workspace)
            forgotten_plans.forget_stale(workspace)
            for batch in _meant(workspace, order["batch"]):
                _bring_back(workspace, batch)
        _run(workspace, fuse, order["workers"])
        if half == "settle":
            listings = backup_copies.observe(workspace.backups, workspace.ledger)
            with workspace.ledger.begin() as connection:
                backup_copies.record(connection, listings)
        wanted = {"settle": {BatchState.SETTLED}, "end": {BatchState.SETTLED, BatchState.ON_HOLD}}.get(
            half, {BatchState.ERASED}
        )
        ended = {batch.state for batch in _meant(workspace, order["batch"])}
        with reading(workspace.ledger) as connection:
            failures = [str(one) for one in connection.scalars(sa.select(tables.chunk.c.failure)) if one]
        assert ended <= wanted, f"not {wanted} but {ended}: {failures}"


def _fatal(plain: Workspace, fuse: Fuse, before: Callable[[str, str], None]) -> Workspace:
    """The workspace with points around all that its stores and backup places are asked."""
    return replace(
        plain,
        stores={name: FatalStore(store, fuse, before) for name, store in plain.stores.items()},
        backups={name: FatalBackups(place, fuse) for name, place in plain.backups.items()},
    )


def _meant(workspace: Workspace, uid: str | None) -> list[Batch]:
    """The batch of this name, or all there are."""
    with reading(workspace.ledger) as connection:
        return [batch for batch in batches(connection) if uid in {None, batch.uid}]


def _bring_back(workspace: Workspace, batch: Batch) -> None:
    """What `expunge erase BATCH` does with a failed batch, and `expunge retry BATCH`."""
    if batch.state is BatchState.FAILED:
        operator_retry.retry(workspace, batch)


def _end(workspace: Workspace, batch: Batch) -> None:
    """What `expunge end BATCH` does, and the same command again: who was to be ended is, or is at it."""
    with reading(workspace.ledger) as connection:
        stuck = operator_end.stuck_people(connection, workspace, batch)
    if stuck.number:
        operator_end.end(workspace, batch, "chaos")


def _run(workspace: Workspace, fuse: Fuse, workers: int) -> None:
    """With one worker the points come in the same order in every run."""
    origin = workspace.data_map.operator.log_origin
    while True:
        try:
            with FatalWriter.armed(workspace.settings.log, origin, workspace.keys.log, fuse) as writer:
                return run(workspace, writer, RunObserver(), workers=workers)
        except LedgerBusyError:  # Postgres has not noticed yet that the run before was killed; the command waits, too
            time.sleep(PAUSE)


def run_order(order: Mapping[str, Any]) -> None:
    """Carry one order out, in a child process."""
    os.environ.update(order["environment"])
    os.chdir(order["home"])
    Path(PID).write_text(str(os.getpid()))
    gate = Path(order["gate"]) if order["gate"] else None
    fuse = Fuse(order["fatal"], os.open(order["report"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), gate)
    wire_drivers(fuse)
    carry_out(order, fuse)


def serve(orders: TextIO, answers: TextIO) -> None:
    """Obey until the input ends."""
    for line in orders:
        order = json.loads(line)
        _data_map(order["environment"]["EXPUNGE_DATA_MAP"])
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            try:
                run_order(order)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the parent's loop must not go on in the child
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(_exit_code(error))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        answers.write(json.dumps(os.waitstatus_to_exitcode(status)) + "\n")
        answers.flush()


def _exit_code(error: BaseException) -> int:
    """The command's, as far as it is the ledger's."""
    return LedgerError.exit_code if isinstance(error, LedgerError) or is_ledger_failure(error) else 1


@cache
def _data_map(path: str) -> DataMap:
    registry = installed()
    return datamap.load(Path(path), registry.store_specs, registry.backup_specs)


def _warm() -> None:
    """Load once, before the first fork, what every child needs: connectors, the data map, botocore's data of S3."""
    registry = installed()
    assert [*registry.stores.values(), *registry.backups.values()]
    workspace_module.load_map = lambda settings, _registry: _data_map(str(settings.data_map))
    load = JSONFileLoader.load_file
    read = cache(lambda path: load(JSONFileLoader(), path))
    JSONFileLoader.load_file = lambda _loader, path: read(path)
    # A session of botocore takes longer to make than all that a run asks of S3; clients of one share no state.
    session = boto3.session.Session()
    session.client("s3", region_name="us-east-1").close()
    boto3.session.Session = lambda **_: session


if __name__ == "__main__":
    _warm()
    serve(sys.stdin, sys.stdout)
