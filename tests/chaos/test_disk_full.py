"""The ledger's disk, the log's, or both are full; room is made, the command typed again: the same end."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.chaos.commands import REQUEST
from tests.support.chaos.disturbed_runs import Trial, share
from tests.support.chaos.driver import PID
from tests.support.chaos.full_disks import cramped, sorts
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos, KillPoint

from expunge_demo.ground_truth import check
from expunge_orchestrator.errors import LedgerError

PARTS = 4
POINTS = 8
"""Seeded points of each scene, for each sort of disk."""
MOST_FREE = 6
"""Pages that are left at most: some writes fail at once, some in the middle of a transaction or a file."""

GROWTH = 96 * 1024
"""Enough to open the ledger with, and not for a batch."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is full from which point on, but for so many pages."""

    point: KillPoint
    sort: str
    free: int

    def __str__(self) -> str:
        scenario, number = self.point.scenario, self.point.number
        return f"{scenario}: {self.sort} full but for {self.free} pages at point {number}"


def shortages(chaos: Chaos, seed: int) -> list[Shortage]:
    """Seeded points, spread over each scene."""
    source = random.Random(seed)
    return [
        Shortage(KillPoint(scenario, source.randint(low + 1, high)), sort, source.randint(0, MOST_FREE))
        for scenario in chaos.scenes
        for sort in sorts()
        for low, high in _stretches(len(scenario.ending.points))
    ]


def _stretches(points: int) -> list[tuple[int, int]]:
    return [(points * index // POINTS, points * (index + 1) // POINTS) for index in range(POINTS)]


@pytest.mark.parametrize("part", range(PARTS))
def test_full(chaos: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    noticed = 0
    for shortage in share(shortages(chaos, choice.seed), choice.sample, choice.seed)[part::PARTS]:
        home = chaos.new_home()
        with cramped(shortage.sort, home) as (fill, make_room):
            trial = Trial.of(chaos, shortage.point.scenario, home=home)
            let_go = trial.held(shortage.point.number)
            fill(shortage.free, int((home / PID).read_text()))
            let_go()
            code = chaos.driver.end()
            noticed += code != 0
            make_room()
            wrong += [f"{shortage}: {one}" for one in trial.wrong(code)]
    assert not wrong, "\n".join([str(choice), *wrong])
    assert noticed or choice.sample is not None


def limited(chaos: Chaos, home: Path, size: int, *words: str) -> tuple[int, str]:
    """Type a command in a shell whose files cannot grow beyond a size; its exit code and what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", "expunge_orchestrator.cli", *words],
        env=chaos.world.environment(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)),
    )
    return ended.returncode, ended.stdout


def test_the_command_says_that_it_is_the_ledger(chaos: Chaos) -> None:
    """Neither a traceback nor "a defect"; and the same command ends what was begun."""
    chaos.fresh(chaos.scenes[0].start)
    start, batch, digest = chaos.world.plan(replace(REQUEST, name="cramped"))
    home, _ = chaos.fresh(start)
    before = chaos.world.snapshot()
    erase = ("erase", batch, "--confirm", digest)
    code, told = limited(chaos, home, GROWTH, *erase)
    assert code == LedgerError.exit_code, told
    assert "ledger cannot be written" in " ".join(told.split())
    assert "Traceback" not in told
    for words in (erase, ("run-due",)):
        code, told = limited(chaos, home, resource.RLIM_INFINITY, *words)
        assert code == 0, told
    assert check(before, chaos.world.snapshot(), REQUEST.erased) == []
