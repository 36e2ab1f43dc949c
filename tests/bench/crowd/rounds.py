"""Rounds over the crowd, each in a fresh copy of the database and a fresh process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from tests.bench.crowd import baseline, erasure
from tests.bench.crowd.baseline import ByHand
from tests.bench.crowd.database import Crowd
from tests.bench.crowd.erasure import ByExpunge
from tests.bench.measurements import median

T = TypeVar("T")

CHUNKS = (250, 500, 1000, 2000, 5000)
CHUNK_TRIAL = 10_000
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """The rounds of one size.

    Attributes:
        bare: Runs of Expunge without receipts.
    """

    people: int
    scripts: Sequence[ByHand]
    runs: Sequence[ByExpunge]
    bare: Sequence[ByExpunge]

    @property
    def script(self) -> float:
        """Milliseconds per person, median."""
        return median([one.per_person for one in self.scripts])

    @property
    def deletes_only(self) -> float:
        """Milliseconds per person, median."""
        return median([one.deletes_only for one in self.scripts])


def best_chunk(crowd: Crowd, people: int) -> tuple[int, dict[int, float]]:
    """The script's best chunk size, and milliseconds per person with each; other people for each on one copy."""
    with crowd.copied() as url:
        found = {}
        for place, chunk in enumerate(CHUNKS):
            # One more, who warms up.
            callers = crowd.people_of_client(people + 1, skip=place * (people + 1))
            found[chunk] = apart(baseline.erase, url, callers, chunk).per_person
    return min(found, key=lambda chunk: found[chunk]), found


def measure(crowd: Crowd, people: int, chunk: int, rounds: int) -> Found:
    """So many rounds: the script, Expunge, and Expunge without receipts, in an order that turns."""
    callers = crowd.people_of_client(people + 1)
    scripts: list[ByHand] = []
    runs: list[ByExpunge] = []
    bare: list[ByExpunge] = []

    def by_hand() -> None:
        with crowd.copied() as url:
            scripts.append(apart(baseline.erase, url, callers, chunk))

    def by_expunge(kept: list[ByExpunge], *, receipts: bool) -> None:
        with crowd.copied() as url, tempfile.TemporaryDirectory(prefix="expunge-bench-") as home:
            kept.append(apart(erasure.erase, url, Path(home), callers, receipts=receipts))

    turns: list[Callable[[], None]] = [
        by_hand,
        lambda: by_expunge(runs, receipts=True),
        lambda: by_expunge(bare, receipts=False),
    ]
    for number in range(rounds):
        for turn in turns[number % len(turns) :] + turns[: number % len(turns)]:
            turn()
    return Found(people, scripts, runs, bare)


def apart(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Do it in a fresh process: its memory and its caches are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments, **named).result()
