"""The Postgres that holds the ledger has no room left: exit code 9, room is made, the command typed again, same end."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from tests.support.chaos import ledger_backends, ledger_full_disks
from tests.support.chaos.commands import REQUEST, command
from tests.support.chaos.disturbed_runs import SECONDS, Trial, share
from tests.support.chaos.ledger_backends import LedgerServer
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos, KillPoint

from expunge_demo.ground_truth import check
from expunge_orchestrator.errors import LedgerError

PARTS = 2
POINTS = 4
"""Seeded points of each scene, for each sort of shortage."""
MOST_FREE = 3
"""Pages that are left at most."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is full from which point on, but for so many pages."""

    point: KillPoint
    sort: str
    free: int

    def __str__(self) -> str:
        scenario, number = self.point.scenario, self.point.number
        return f"{scenario}: ledger's {self.sort}, but for {self.free} pages, at point {number} {self.point.name!r}"


def shortages(fleet: Chaos, seed: int) -> list[Shortage]:
    """Seeded points, spread over each scene."""
    source = random.Random(seed)
    return [
        Shortage(KillPoint(scenario, source.randint(low + 1, high)), sort, source.randint(0, MOST_FREE))
        for scenario in fleet.scenes
        for sort in ledger_full_disks.sorts(ledger_of(fleet))
        for low, high in _stretches(len(scenario.ending.points))
    ]


def _stretches(points: int) -> list[tuple[int, int]]:
    return [(points * index // POINTS, points * (index + 1) // POINTS) for index in range(POINTS)]


def ledger_of(fleet: Chaos) -> LedgerServer:
    """Its server."""
    assert fleet.world.ledger is not None
    return fleet.world.ledger


def met(fleet: Chaos, shortage: Shortage) -> tuple[int, list[str]]:
    """Let a run meet it, make room when it has ended, and compare. Returns the run's exit code and what is wrong."""
    ledger = ledger_of(fleet)
    trial = Trial.of(fleet, shortage.point.scenario)
    let_go = trial.held(shortage.point.number)
    try:
        ledger_full_disks.fill(ledger, shortage.sort, shortage.free)
        let_go()
        code = fleet.driver.end()
    finally:
        ledger_full_disks.make_room(ledger, shortage.sort)
    wrong = list(trial.wrong(code))
    if code not in {0, LedgerError.exit_code}:
        wrong.append(f"ended with {code}: {fleet.complaints()}")
    return code, [f"{shortage}: {one}" for one in wrong]


@pytest.mark.parametrize("part", range(PARTS))
def test_full(fleet: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    noticed: Counter[str] = Counter()
    for shortage in share(shortages(fleet, choice.seed), choice.sample, choice.seed)[part::PARTS]:
        code, complaints = met(fleet, shortage)
        noticed[shortage.sort] += code != 0
        wrong += complaints
    assert not wrong, "\n".join([str(choice), *wrong])
    assert choice.sample is not None or all(noticed[sort] for sort in ledger_full_disks.sorts(ledger_of(fleet))), (
        noticed
    )


def test_the_command_says_that_it_is_the_ledger(fleet: Chaos) -> None:
    """Of every sort: neither a traceback nor "a defect"; and the same command ends what was begun."""
    ledger = ledger_of(fleet)
    fleet.fresh(fleet.scenes[0].start)
    start, batch, digest = fleet.world.plan(replace(REQUEST, name="no-room"))
    erase = ("erase", batch, "--confirm", digest)
    for sort in ledger_full_disks.sorts(ledger):
        home, _ = fleet.fresh(start)
        before = fleet.world.snapshot()
        ledger_backends.rows(
            home, "SELECT 1"
        )  # a database's first session ever writes a file, and is refused without room
        ledger_full_disks.fill(ledger, sort, 0)
        try:
            code = command(fleet, home, *erase).wait(SECONDS)
        finally:
            ledger_full_disks.make_room(ledger, sort)
        told = (home / "output.txt").read_text()
        assert code == LedgerError.exit_code, (sort, told)
        # Without a page left, a server's own record may end it before the command's first statement.
        said = " ".join(told.split())
        assert "ledger cannot be" in said, sort
        assert "disk or server" in said, sort
        assert "Traceback" not in told
        for words in (erase, ("run-due",)):
            assert command(fleet, home, *words).wait(SECONDS) == 0, (home / "output.txt").read_text()
        assert check(before, fleet.world.snapshot(), REQUEST.erased) == [], sort
