"""Only one may write: an overtaken delivery, a second runner, and a ledger older than its own log are refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.chaos import ledger_summary
from tests.support.chaos.scenarios import KILLED, Chaos, Scenario

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError, TransientError
from expunge_orchestrator.errors import LedgerBehindError, LedgerBusyError
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.fencing import claim
from expunge_orchestrator.execution.runner import RunObserver, run, run_step
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.runner_lock import runner_lock
from expunge_orchestrator.workspace import Workspace

PATIENCE = 60.0
DEFECT = "the driver broke"


@dataclass(slots=True)
class Held:
    """A connector of which one verb, the first time it is called, does its work and then answers only when let go."""

    inner: Any
    verb: str
    failure: Exception | None = None
    called: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if name != self.verb:
            return attribute

        def held(*arguments: Any) -> Any:
            answer = attribute(*arguments)
            self.called.set()
            assert self.released.wait(PATIENCE)
            if self.failure is not None:
                raise self.failure
            return answer

        return held


def scene_of(chaos: Chaos, name: str) -> Scenario:
    """The scene of this name."""
    return next(scenario for scenario in chaos.scenes if str(scenario) == name)


@contextmanager
def begun(chaos: Chaos, scenario: Scenario) -> Iterator[tuple[Path, Workspace, int]]:
    """A begun batch of one chunk that nobody runs yet."""
    home, _ = chaos.fresh(scenario.start)
    with chaos.world.workspace(home) as workspace:
        with reading(workspace.ledger) as connection:
            (batch,) = batches(connection)
        batch_lifecycle.start(workspace, batch)
        with reading(workspace.ledger) as connection:
            (chunk,) = connection.scalars(sa.select(tables.chunk.c.id))
        yield home, workspace, chunk


def chunk_row(workspace: Workspace) -> Mapping[str, Any]:
    with reading(workspace.ledger) as connection:
        return connection.execute(sa.select(tables.chunk)).one()._mapping


def next_step(workspace: Workspace) -> str:
    with reading(workspace.ledger) as connection:
        (batch,) = batches(connection)
    return str(batch.pipeline[chunk_row(workspace)["step"]])


def step_done(workspace: Workspace, chunk: int) -> bool:
    """Deliver one step; whether another one follows."""
    delivery = claim(workspace, chunk, no_beat)
    assert delivery is not None
    return run_step(delivery, RunObserver()) is not None


def finish(workspace: Workspace) -> None:
    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        run(workspace, writer, RunObserver(), workers=1)


@pytest.mark.parametrize(
    "failure",
    [None, TransientError("late"), TerminalError("late"), RuntimeError(DEFECT)],
    ids=lambda one: "answers" if one is None else type(one).__name__,
)
@pytest.mark.parametrize(
    ("step", "connector", "verb"),
    [("resolve", "main", "resolve"), ("erase:main", "main", "erase"), ("conclude", "dumps", "copies")],
    ids=lambda one: one,
)
def test_overtaken_delivery_writes_nothing(
    chaos: Chaos, step: str, connector: str, verb: str, failure: Exception | None
) -> None:
    scenario = scene_of(chaos, "callers, erase")
    with begun(chaos, scenario) as (home, workspace, chunk):
        before = chaos.world.picture()
        while next_step(workspace) != step:
            assert step_done(workspace, chunk)
        everything = {**workspace.stores, **workspace.backups}
        held = Held(everything[connector], verb, failure)
        overtaken = replace(
            workspace,
            stores={name: held if name == connector else one for name, one in workspace.stores.items()},
            backups={name: held if name == connector else one for name, one in workspace.backups.items()},
        )
        answers: list[bool] = []
        zombie = threading.Thread(target=lambda: answers.append(step_done(overtaken, chunk)))
        zombie.start()
        try:
            assert held.called.wait(PATIENCE)
            step_done(workspace, chunk)
            written = chunk_row(workspace)
            told = ledger_summary.of(home).told
        finally:
            held.released.set()
            zombie.join(PATIENCE)
        assert answers == [False]
        assert chunk_row(workspace) == written
        assert ledger_summary.of(home).told == told
        finish(workspace)
        assert list(chaos.differences(home, before, scenario.ending)) == []


def test_second_runner_is_refused(chaos: Chaos) -> None:
    scenario = scene_of(chaos, "callers, erase")
    with begun(chaos, scenario) as (home, workspace, _):
        before, told = chaos.world.picture(), ledger_summary.of(home).told
        with runner_lock(workspace.ledger):
            with pytest.raises(LedgerBusyError):
                finish(workspace)
            assert ledger_summary.of(home).told == told
            assert chaos.world.picture().differences(before) == []
        finish(workspace)
        assert list(chaos.differences(home, before, scenario.ending)) == []


def test_second_command_waits_and_takes_over(chaos: Chaos) -> None:
    """While another process holds the ledger, a command does nothing; when that one is gone, it does the work."""
    scenario = scene_of(chaos, "callers, erase")
    with begun(chaos, scenario) as (home, workspace, _):
        before, told = chaos.world.picture(), ledger_summary.of(home).told
        with reading(workspace.ledger) as connection:
            (batch,) = batches(connection)
        with (home / "output.txt").open("wb") as output, ExitStack() as first:
            first.enter_context(open_log(workspace.settings, workspace.data_map.operator, workspace.keys))
            first.enter_context(runner_lock(workspace.ledger))
            process = subprocess.Popen(
                [sys.executable, "-m", "expunge_orchestrator.cli", "erase", batch.uid],
                env=chaos.world.environment(home),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            try:
                # Long enough for it to come to the lock, usually; if it is slower, less is seen, nothing else.
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(4)
                assert ledger_summary.of(home).told == told
                assert chaos.world.picture().differences(before) == []
                first.close()
                code = process.wait(PATIENCE)
            finally:
                process.kill()
                process.wait()
        assert code == 0, (home / "output.txt").read_text()
        assert list(chaos.differences(home, before, scenario.ending)) == []


def keep_ledger(home: Path) -> Path:
    """A backup of the ledger, as somebody would take one: SQLite's file and its write-ahead log."""
    kept = home / "backup"
    kept.mkdir()
    for file in home.glob("ledger.sqlite3*"):
        shutil.copy2(file, kept)
    return kept


def put_back(kept: Path, home: Path) -> None:
    """Restore that backup."""
    for file in home.glob("ledger.sqlite3*"):
        file.unlink()
    for file in kept.iterdir():
        shutil.copy2(file, home)


def behind(chaos: Chaos, scenario: Scenario, home: Path) -> None:
    """The run must be refused, and no store be asked for or told anything but what it is."""
    picture = chaos.world.picture()
    told = ledger_summary.of(home).told
    code, points = chaos.run(scenario.request, scenario.half, home, 0)
    assert code == LedgerBehindError.exit_code
    assert LedgerBehindError.__name__ in chaos.driver.complaints.read_text()
    assert {point.partition(".")[2] for point in points if "." in point} <= {"inspect", "identity", "now"}
    assert chaos.world.picture().differences(picture) == []
    after = ledger_summary.of(home).told
    for name in ("batches", "chunks", "items", "events", "suppression", "steps"):
        assert after[name] == told[name]


@pytest.mark.parametrize("name", ["holders, erase", "holders, settle"])
def test_ledger_from_before_the_run_is_refused(chaos: Chaos, name: str) -> None:
    scenario = scene_of(chaos, name)
    home, _ = chaos.fresh(scenario.start)
    kept = keep_ledger(home)
    assert chaos.run(scenario.request, scenario.half, home, 0)[0] == 0
    put_back(kept, home)
    behind(chaos, scenario, home)


def test_ledger_from_the_middle_of_the_run_is_refused(chaos: Chaos) -> None:
    scenario = scene_of(chaos, "holders, erase")
    # The first chunk's statements are in the log and noted; the second chunk has not begun.
    fatal = scenario.ending.points.index("after commit of statement, batch") + 1
    home, _ = chaos.fresh(scenario.start)
    assert chaos.run(scenario.request, scenario.half, home, fatal)[0] == KILLED
    kept = keep_ledger(home)
    assert chaos.run(scenario.request, scenario.half, home, 0)[0] == 0
    put_back(kept, home)
    behind(chaos, scenario, home)


def test_ledger_of_the_moment_before_the_index_was_noted_is_not_behind(chaos: Chaos) -> None:
    """The negative: what the log has and the ledger signed is found again, not refused."""
    scenario = scene_of(chaos, "holders, erase")
    fatal = scenario.ending.points.index("after append to the log") + 1
    assert chaos.killed(scenario, fatal) == []
