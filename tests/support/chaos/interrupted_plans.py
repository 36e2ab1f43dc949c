"""Plans that are killed while they are made, and what must be true of every ledger that comes of it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.chaos import ledger_summary
from tests.support.chaos.company import Start
from tests.support.chaos.ledger_backends import founded, rows
from tests.support.chaos.scenarios import KILLED, Chaos, Scenario
from tests.support.chaos.store_snapshot import StoreSnapshot

EVERY = 12
"""One plan of so many is carried out where the kill left nothing of the first; the others are only looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch as the ledger has it."""

    uid: str
    state: str
    counts: Any = field(repr=False)
    chunks: Sequence[int]
    sealed: int


@dataclass(frozen=True, slots=True)
class Planning:
    """A plan to kill: where it starts, the points of the undisturbed one by name, and what comes of it."""

    scenario: Scenario
    start: Start
    points: Sequence[str]
    plan: Plan

    @classmethod
    def rehearsed(cls, chaos: Chaos, scenario: Scenario) -> Planning:
        """Plan what the scene erases in an installation without a ledger."""
        bare = chaos.new_home()
        shutil.copytree(scenario.start.home, bare)
        for file in bare.glob("ledger.sqlite3*"):
            file.unlink()
        start = replace(scenario.start, home=bare, ledger=None)
        home, before = chaos.fresh(start)
        code, points = chaos.run(scenario.request, "plan", home, 0)
        assert code == 0, chaos.complaints()
        assert list(touched(chaos, before)) == []
        (plan,) = plans(home)
        return cls(scenario, start, points, plan)


def plans(home: Path) -> list[Plan]:
    """All of this home's ledger, whole or not. One that was not written to its end is `building`, and none."""
    if not founded(home):
        return []
    found = rows(home, "SELECT id, uid, state, plan FROM batch WHERE state <> 'building' ORDER BY id")
    sealed = Counter(
        batch
        for (batch,) in rows(
            home, "SELECT batch_id FROM item WHERE wrapped_key IS NOT NULL AND sealed_identifiers IS NOT NULL"
        )
    )
    chunks = rows(home, "SELECT batch_id, chunk_id, count(*) FROM item GROUP BY batch_id, chunk_id ORDER BY chunk_id")
    return [
        Plan(
            uid,
            state,
            _timeless(json.loads(counts) if isinstance(counts, str) else counts),
            [number for of, _, number in chunks if of == batch],
            sealed[batch],
        )
        for batch, uid, state, counts in found
    ]


def _timeless(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan without when it began: no two begin at one time."""
    return {name: value for name, value in plan.items() if name != "begun_at"}


def touched(chaos: Chaos, before: StoreSnapshot) -> Iterator[str]:
    """What planning did to the stores; it must not."""
    picture = chaos.world.picture()
    yield from picture.differences(before)
    yield from (f"written again: {place}" for place in picture.rewritten_since(before))


def killed(chaos: Chaos, planning: Planning, number: int) -> list[str]:
    """Kill planning at a point, plan again, and carry out the oldest plan there is. Returns what is wrong."""
    scenario = planning.scenario
    home, before = chaos.fresh(planning.start)
    code, points = chaos.run(scenario.request, "plan", home, number)
    where = f"{scenario.request.name}, planning killed at {number} {points[-1]!r}"
    assert code == KILLED, f"{where}: exit code {code}\n{chaos.complaints()}"
    assert points == list(planning.points[:number]), where
    left = plans(home)
    wrong = [*touched(chaos, before), *_unlike(planning, left)]
    code, _ = chaos.run(scenario.request, "plan", home, 0)
    if code != 0:
        return [f"{where}: planning again ended with {code}: {chaos.complaints()}"]
    wrong += [*touched(chaos, before), *_unlike(planning, plans(home))]
    if len(plans(home)) != len(left) + 1:
        wrong.append(f"{len(left)} plans, then {len(plans(home))}")
    if left or number % EVERY == 0:
        wrong += _carried_out(chaos, planning, home, before)
    return [f"{where}: {one}" for one in wrong]


def _unlike(planning: Planning, found: Sequence[Plan]) -> Iterator[str]:
    for plan in found:
        if replace(plan, uid=planning.plan.uid) != planning.plan:
            yield f"a plan that is not the undisturbed one: {plan}"


def _carried_out(chaos: Chaos, planning: Planning, home: Path, before: StoreSnapshot) -> Iterator[str]:
    """The first plan in the ledger, erased: stores, people and statements are those of the undisturbed run."""
    scenario, oldest = planning.scenario, plans(home)[0]
    code, _ = chaos.run(scenario.request, "erase", home, 0, batch=oldest.uid)
    if code != 0:
        yield f"carrying it out ended with {code}: {chaos.complaints()}"
        return
    picture, told, expected = chaos.world.picture(), ledger_summary.of(home).told, scenario.ending.account.told
    yield from picture.differences(scenario.ending.picture)
    yield from (f"written again though the same: {place}" for place in picture.rewritten_since(before))
    yield from ledger_summary.complaints(home)
    if told["items"][: len(expected["items"])] != expected["items"]:
        yield "people ended otherwise"
    if ledger_summary.lives(told) != ledger_summary.lives(expected):
        yield "other statements"
