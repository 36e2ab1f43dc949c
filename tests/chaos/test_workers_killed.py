"""Two workers at once, several chunks in flight, killed at every so many points: the same end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.chaos import ledger_summary
from tests.support.chaos.commands import REQUEST
from tests.support.chaos.company import Request, Start
from tests.support.chaos.ledger_backends import rows
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import KILLED, Baseline, Chaos
from tests.support.chaos.store_snapshot import StoreSnapshot

from expunge_demo.ground_truth import Erased

WORKERS = 2
HALVES = ("erase", "settle")
PARTS = 2
RUNS = 48
STRANGERS = replace(REQUEST, name="strangers", chunk=1)
# Holders 2 and 3 share a home: who of them comes last, and so takes it along, is open. That it goes is not.
NEIGHBOURS = Request("neighbours", "calltrack", "user_id\n2\n3\n4\n8\n", Erased(users=frozenset({2, 3, 4, 8})), chunk=1)


@dataclass(frozen=True, slots=True)
class Race:
    """A request whose chunks are driven by two workers, and how it ends: both halves, one after the other."""

    request: Request
    start: Start
    ending: Baseline
    lengths: tuple[int, ...]


def run(chaos: Chaos, race: Request, half: str, home: Path, fatal: int) -> tuple[int, int, int]:
    """Type a command: exit code, points that were passed, chunks that were in flight at its end."""
    code, points = chaos.run(race, half, home, fatal, workers=WORKERS)
    ((flying,),) = rows(home, "SELECT count(*) FROM chunk WHERE state = 'running'")
    return code, len(points), flying


def rehearsed(chaos: Chaos) -> list[Race]:
    """Both requests, undisturbed."""
    made = []
    for request in (STRANGERS, NEIGHBOURS):
        chaos.fresh(chaos.scenes[0].start)
        start, _, _ = chaos.world.plan(request)
        home, before = chaos.fresh(start)
        lengths = []
        for half in HALVES:
            code, number, _ = run(chaos, request, half, home, 0)
            assert code == 0, chaos.complaints()
            lengths.append(number)
        ending = Baseline((), chaos.world.picture(), ledger_summary.of(home), home)
        assert list(ledger_summary.complaints(home)) == []
        assert ending.picture.rewritten_since(before) == []
        made.append(Race(request, start, ending, tuple(lengths)))
    return made


def killed(chaos: Chaos, races: list[Race], number: int, source: random.Random) -> list[str]:
    """So many races, killed once or twice in each half, and more until two chunks were in flight at a death.

    They are at half of the deaths, so that a few races may have none. Returns what is wrong.
    """
    wrong: list[str] = []
    deaths, together = 0, 0
    for done in range(RUNS):
        if done >= number and together:
            break
        race = source.choice(races)
        home, before = chaos.fresh(race.start)
        said = []
        for half, length in zip(HALVES, race.lengths, strict=True):
            for fatal in (source.randint(1, length), source.choice((0, source.randint(1, length))), 0):
                code, reached, flying = run(chaos, race.request, half, home, fatal)
                said.append(f"{half} {fatal}: {code} after {reached}, {flying} in flight")
                assert code in {0, KILLED}, f"{said}\n{chaos.complaints()}"
                deaths += code == KILLED
                together += code == KILLED and flying == WORKERS
        wrong += [f"{race.request.name}, {said}: {one}" for one in differences(chaos, race, home, before)]
    assert together, f"{deaths} deaths, never with two chunks in flight"
    return wrong


@pytest.fixture(scope="module")
def races(chaos: Chaos) -> list[Race]:
    """With the ledger in a file."""
    return rehearsed(chaos)


@pytest.mark.parametrize("part", range(PARTS))
def test_two_workers_killed(chaos: Chaos, choice: Choice, races: list[Race], part: int) -> None:
    number = RUNS if choice.sample is None else max(4, choice.sample // 2)
    wrong = killed(chaos, races, number // PARTS, random.Random(choice.seed + part))
    assert not wrong, "\n".join([str(choice), *wrong])


def test_two_workers_killed_with_the_ledger_on_postgres(fleet: Chaos, choice: Choice) -> None:
    number = RUNS // 3 if choice.sample is None else max(3, choice.sample // 5)
    wrong = killed(fleet, rehearsed(fleet), number, random.Random(choice.seed))
    assert not wrong, "\n".join([str(choice), *wrong])


def differences(chaos: Chaos, race: Race, home: Path, before: StoreSnapshot) -> Iterator[str]:
    """Between strangers everything is the same; between neighbours all but who of them was counted with the home."""
    if race.request is STRANGERS:
        yield from chaos.differences(home, before, race.ending)
        return
    picture = chaos.world.picture()
    yield from picture.differences(race.ending.picture)
    yield from (f"written again though the same: {place}" for place in picture.rewritten_since(before))
    yield from ledger_summary.complaints(home)
    told, expected = ledger_summary.of(home).told, race.ending.account.told
    if told["events"] != expected["events"]:
        yield "other statements"
