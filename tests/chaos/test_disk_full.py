"""The ledger's disk, the log's, or both are full; room is made, the command typed again: the same end."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from tests.chaos.choice import Choice
from tests.chaos.disks import cramped, sorts
from tests.chaos.driver import PID
from tests.chaos.held import Trial, share
from tests.chaos.runs import Chaos, Point

PARTS = 4
POINTS = 8
"""Seeded points of each scene, for each sort of disk."""
MOST_FREE = 6
"""Pages that are left at most: some writes fail at once, some in the middle of a transaction or a file."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is full from which point on, but for so many pages."""

    point: Point
    sort: str
    free: int

    def __str__(self) -> str:
        scene, number = self.point.scene, self.point.number
        return f"{scene}: {self.sort} full but for {self.free} pages at point {number}"


def shortages(chaos: Chaos, seed: int) -> list[Shortage]:
    """Seeded points, spread over each scene."""
    source = random.Random(seed)
    return [
        Shortage(Point(scene, source.randint(low + 1, high)), sort, source.randint(0, MOST_FREE))
        for scene in chaos.scenes
        for sort in sorts()
        for low, high in _stretches(len(scene.ending.points))
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
            trial = Trial.of(chaos, shortage.point.scene, home=home)
            let_go = trial.held(shortage.point.number)
            fill(shortage.free, int((home / PID).read_text()))
            let_go()
            code = chaos.driver.end()
            noticed += code != 0
            make_room()
            wrong += [f"{shortage}: {one}" for one in trial.wrong(code)]
    assert not wrong, "\n".join([str(choice), *wrong])
    assert noticed or choice.sample is not None
