"""Runs that wait at a point while something around them is broken, and what must be true when they have ended."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tests.chaos import accounts
from tests.chaos.pictures import Picture
from tests.chaos.runs import REPORT, Chaos, Point, Scene, check_kept, reached
from tests.fixtures.servers import wait_until

from expunge_orchestrator.ledger.records import ChunkState

SECONDS = 60.0

Case = TypeVar("Case")


def share(cases: Sequence[Case], number: int | None, seed: int) -> list[Case]:
    """All cases, or a seeded sample of so many."""
    if number is None or number >= len(cases):
        return list(cases)
    return random.Random(seed).sample(cases, number)


def held(chaos: Chaos, point: Point, home: Path, changes: Mapping[str, str]) -> Callable[[], None]:
    """Begin a run and wait until it waits at the point; returns what lets it go on."""
    gate = home / "gate"
    os.mkfifo(gate)
    (home / REPORT).unlink(missing_ok=True)  # of the half that this one starts from
    chaos.driver.begin(
        chaos.order(point.scene.request, point.scene.half, home, point.number, gate=gate, changes=changes)
    )
    wait_until(lambda: chaos.driver.ended() or len(reached(home)) >= point.number, SECONDS)
    points = reached(home)
    assert points == list(point.scene.ending.points[: point.number]), (
        f"another way: {points[-1:]}\n{chaos.complaints()}"
    )

    def let_go() -> None:
        with gate.open("wb"):  # waits until the run reads
            gate.unlink()

    return let_go


def wrong(
    chaos: Chaos, scene: Scene, home: Path, before: Picture, code: int, changes: Mapping[str, str]
) -> Iterator[str]:
    """Type the command again where it failed, now that all is mended. Yields what differs from the undisturbed run."""
    if any(state == ChunkState.FAILED for state, _ in accounts.troubles(home)):
        yield f"a passing trouble was taken for a lasting one: {accounts.failures(home)}"
        return
    if code != 0:
        kept = accounts.cutoffs(home), accounts.found(home)
        again = chaos.driver.obey(chaos.order(scene.request, scene.half, home, 0, changes=changes))
        if again != 0:
            yield f"typed again, it ended with {again}: {chaos.complaints()}"
            return
        check_kept(home, *kept)
    yield from chaos.differences_of_ends(home, before, scene.ending)
