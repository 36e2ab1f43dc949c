"""Runs: undisturbed, killed, resumed, and what must be the same afterwards."""

from __future__ import annotations

import json
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from tests.support.cancellation import refused
from tests.support.chaos import ledger_summary
from tests.support.chaos.company import Request, Start, World
from tests.support.chaos.ledger_summary import LedgerSummary
from tests.support.chaos.store_snapshot import StoreSnapshot
from tests.support.faulty_connector import FaultyConnector

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.execution import batch_lifecycle, settling_time
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.holds import hold_placement
from expunge_orchestrator.holds.hold_placement import HoldRequest
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger.batches import Batch, batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.workspace import Workspace

KILLED = -signal.SIGKILL
REPORT = "points.txt"
"""The file in an installation's home that a run writes the names of its points to."""


@dataclass(frozen=True, slots=True)
class Driver:
    """The process that forks a child for every run. Its children's complaints are in `complaints`."""

    process: subprocess.Popen[str]
    complaints: Path

    def run(self, order: dict[str, Any]) -> int:
        """Have one run done; returns its exit code, negative for a signal."""
        self.begin(order)
        return self.end()

    def begin(self, order: dict[str, Any]) -> None:
        """Have one run begun. Nothing else can be ordered before its end."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def ended(self) -> bool:
        """Whether the run that was begun has ended."""
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def end(self) -> int:
        """Wait for the end of the run that was begun; returns its exit code, negative for a signal."""
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        assert answer, f"the driver ended: {self.complaints.read_text()}"
        return int(answer)


@contextmanager
def driving(directory: Path, root: Path) -> Iterator[Driver]:
    """Start the driver."""
    complaints = directory / "complaints.txt"
    with complaints.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.chaos.driver"],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Driver(process, complaints)
        finally:
            _close(process.stdin)
            process.wait(timeout=120)
            _close(process.stdout)


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        stream.close()


@dataclass(frozen=True, slots=True)
class Baseline:
    """How an undisturbed run ended, and the points it passed by name."""

    points: Sequence[str]
    picture: StoreSnapshot = field(repr=False)
    account: LedgerSummary = field(repr=False)
    home: Path


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run to kill: what it starts from, which half of a request's life it is, and how it ends undisturbed."""

    request: Request
    half: str
    start: Start
    ending: Baseline

    def __str__(self) -> str:
        return f"{self.request.name}, {self.half}"


@dataclass(frozen=True, slots=True)
class KillPoint:
    """One point of a scene, from 1."""

    scenario: Scenario
    number: int

    @property
    def name(self) -> str:
        """What it is called; others of the scene may be called the same."""
        return self.scenario.ending.points[self.number - 1]

    @property
    def begins_step(self) -> bool:
        """Whether a step was taken, alone or in the commit that ended the one before, and has asked nobody yet."""
        return self.name.startswith("after commit of chunk") and (
            self.name.endswith("step_log") or self.name == "after commit of chunk"
        )

    @property
    def critical(self) -> bool:
        """Whether a mistake would show here most likely: something was done and is not noted yet, or the reverse."""
        name = self.name
        return (
            (name.startswith("after") and name.endswith((".erase", "append to the log")))
            or ("commit" in name and "statement" in name)
            or name.startswith("beat")
        )


@dataclass(slots=True)
class Chaos:
    """Kills runs in the world and holds what comes of them against the undisturbed ones."""

    world: World
    driver: Driver
    directory: Path
    scenes: list[Scenario] = field(default_factory=list)
    _runs: int = 0

    def points(self) -> list[KillPoint]:
        """All points of all scenes."""
        return [
            KillPoint(scenario, number)
            for scenario in self.scenes
            for number in range(1, len(scenario.ending.points) + 1)
        ]

    def rehearse(self) -> None:
        """Run both halves of every request undisturbed. The settling half starts where the erasing one ended."""
        for request in self.world.requests():
            start, _, _ = self.world.plan(request)
            erased = self.undisturbed(request, "erase", start)
            self.scenes.append(Scenario(request, "erase", start, erased))
            if request.afterwards is not None:
                self.world.arrive_late(request.afterwards)
            late = self.world.save(f"{request.name}_settle", erased.home)
            self.scenes.append(Scenario(request, "settle", late, self.undisturbed(request, "settle", late)))
            if request.name == "holders":
                self._rehearse_stopped(request, "cancel", start, stopped_half_way)
                self._rehearse_stopped(request, "end", late, refused_at_settling)
            else:
                self._rehearse_stopped(request, "end", start, refused_half_way)
            self.world.restore(self.scenes[0].start, self.directory / f"{request.name}-over")

    def _rehearse_stopped(
        self, request: Request, half: str, start: Start, stopped: Callable[[Workspace], None]
    ) -> None:
        """Cancel or end what stopped somewhere after the start."""
        home, _ = self.fresh(start)
        with self.world.workspace(home) as workspace:
            stopped(workspace)
        begun = self.world.save(f"{request.name}_{half}", home)
        self.scenes.append(Scenario(request, half, begun, self.undisturbed(request, half, begun)))

    def undisturbed(self, request: Request, half: str, start: Start) -> Baseline:
        """Run one half without a kill."""
        home, before = self.fresh(start)
        code, points = self.run(request, half, home, fatal=0)
        assert code == 0, self.complaints()
        picture, account = self.world.picture(), ledger_summary.of(home)
        assert list(ledger_summary.complaints(home)) == []
        assert picture.rewritten_since(before) == []
        return Baseline(points, picture, account, home)

    def new_home(self) -> Path:
        """A place for an installation, where nothing is yet."""
        self._runs += 1
        return self.directory / f"run-{self._runs}"

    def fresh(self, start: Start, home: Path | None = None) -> tuple[Path, StoreSnapshot]:
        """Everything as it was at the start; a new copy of the installation."""
        home = home or self.new_home()
        return home, self.world.restore(start, home)

    def run(
        self,
        request: Request,
        half: str,
        home: Path,
        fatal: int,
        *,
        workers: int = 1,
        batch: str | None = None,
    ) -> tuple[int, list[str]]:
        """Type the one command. Returns its exit code and the points that were reached."""
        order = self.order(request, half, home, fatal, workers=workers, batch=batch)
        return self.driver.run(order), reached(home)

    def order(
        self,
        request: Request,
        half: str,
        home: Path,
        point: int,
        *,
        gate: Path | None = None,
        changes: Mapping[str, str] | None = None,
        workers: int = 1,
        batch: str | None = None,
    ) -> dict[str, Any]:
        """What the driver is told: a run that is killed at a point, or waits there at a gate; `changes` to settings."""
        settings = {**self.world.environment(home), **(changes or {})}
        return {
            "home": str(home),
            "environment": {name: value for name, value in settings.items() if name.startswith("EXPUNGE_")},
            "half": half,
            "fatal": point,
            "gate": gate and str(gate),
            "report": str(home / REPORT),
            "postgres_url": self.world.endpoints.postgres_url,
            "in_between": request.in_between,
            "workers": workers,
            "batch": batch,
            "people": request.people,
            "controller": request.controller,
        }

    def killed(self, scenario: Scenario, *fatal: int) -> list[str]:
        """Kill a run at a point, the resumed run at the next one given, and so on; resume to the end and compare.

        Returns what is wrong, each with the points at which the process died.
        """
        home, before = self.fresh(scenario.start)
        deaths: list[str] = []
        for number in fatal:
            kept = ledger_summary.cutoffs(home), ledger_summary.found(home)
            code, points = self.run(scenario.request, scenario.half, home, number)
            where = f"{scenario}: point {number} after {deaths}"
            assert code == KILLED, f"{where}: exit code {code}\n{self.complaints()}"
            if not deaths:
                assert points == list(scenario.ending.points[:number]), f"{where}: another way, {points[-1]!r}"
            assert len(points) == number
            deaths.append(f"{number} {points[-1]!r}")
            check_kept(home, *kept)
        kept = ledger_summary.cutoffs(home), ledger_summary.found(home)
        code, _ = self.run(scenario.request, scenario.half, home, 0)
        where = f"{scenario}: killed at {', then '.join(deaths)}"
        if code != 0:
            return [f"{where}: resuming ended with {code}: {self.complaints()}"]
        check_kept(home, *kept)
        return [f"{where}: {wrong}" for wrong in self.differences(home, before, scenario.ending)]

    def differences(self, home: Path, before: StoreSnapshot, ending: Baseline) -> Iterator[str]:
        """How an ended run differs from the undisturbed one, but for how often steps were tried."""
        picture = self.world.picture()
        yield from picture.differences(ending.picture)
        yield from (f"written again though the same: {place}" for place in picture.rewritten_since(before))
        yield from ledger_summary.of(home).whatever_the_way().differences(ending.account.whatever_the_way())
        yield from ledger_summary.complaints(home)

    def complaints(self) -> str:
        """What the runs said on standard error of late."""
        return self.driver.complaints.read_text()[-3000:]


def stopped_half_way(workspace: Workspace) -> None:
    """Stop the ledger's batch when the first chunk's people were handed to the first store; the others were not."""
    done: list[str] = []
    batch_lifecycle.start(workspace, _batch(workspace))
    watch = RunObserver(lambda _, step: done.append(step), told_to_stop=lambda: "erase:main" in done)
    _run(workspace, watch)
    assert _batch(workspace).state is BatchState.EXECUTING


def refused_half_way(workspace: Workspace) -> None:
    """Carry the ledger's batch out, one of whom is on hold, while the objects' store refuses to erase."""
    batch = _batch(workspace)
    wanted = HoldRequest(
        "hold", [frozenset([SubjectKey("caller_id", "8")])], None, None, None, "4 C 17/26", None, False
    )
    with workspace.ledger.begin() as connection:
        hold_placement.place(connection, wanted, workspace.keys, "counsel", workspace.data_map)
    batch_lifecycle.start(workspace, batch)
    _run(_refusing(workspace, "recordings"), RunObserver())
    assert _batch(workspace).state is BatchState.FAILED


def refused_at_settling(workspace: Workspace) -> None:
    """Let the database refuse at the settling check to erase what arrived late."""
    settling_time.start_due(workspace)
    _run(_refusing(workspace, "main"), RunObserver())
    assert _batch(workspace).state is BatchState.FAILED


def _refusing(workspace: Workspace, store: str) -> Workspace:
    stuck: Any = FaultyConnector(workspace.stores[store], erase=refused)
    return replace(workspace, stores={**workspace.stores, store: stuck})


def _batch(workspace: Workspace) -> Batch:
    with reading(workspace.ledger) as connection:
        (batch,) = batches(connection)
    return batch


def _run(workspace: Workspace, watch: RunObserver) -> None:
    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        run(workspace, writer, watch, workers=1)


def reached(home: Path) -> list[str]:
    """The points that the run in this home has reached by now."""
    report = home / REPORT
    return report.read_text().splitlines() if report.exists() else []


def check_kept(home: Path, cutoffs: dict[tuple[int, str], str], found: dict[int, str]) -> None:
    """What was durable before a part of the run is so after it: a cutoff and a count are taken once."""
    assert cutoffs.items() <= ledger_summary.cutoffs(home).items(), "a cutoff was taken twice"
    assert found.items() <= ledger_summary.found(home).items(), "somebody was counted twice"


def sample(points: Sequence[KillPoint], number: int | None, seed: int) -> list[KillPoint]:
    """All points, or a seeded sample of so many: half of them among the critical ones, both halves spread over all."""
    if number is None or number >= len(points):
        return list(points)
    source = random.Random(seed)
    critical = [point for point in points if point.critical]
    others = [point for point in points if not point.critical]
    return [*_spread(critical, number // 2, source), *_spread(others, number - number // 2, source)]


def _spread(points: Sequence[KillPoint], number: int, source: random.Random) -> Iterator[KillPoint]:
    edges = [round(index * len(points) / number) for index in range(number + 1)] if number else []
    for low, high in pairwise(edges):
        if low < high:
            yield points[source.randrange(low, high)]
