"""`expunge plan` and `expunge adopt`, killed at every write to the ledger and every call of a store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.chaos.disturbed_runs import share
from tests.support.chaos.interrupted_plans import Planning, killed, plans, touched
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import KILLED, Chaos

PARTS = 4
ON_POSTGRES = 24
SENTINEL = "expunge:sentinel"


@pytest.fixture(scope="module")
def rehearsals(chaos: Chaos) -> list[Planning]:
    """The undisturbed plans of both requests."""
    return [Planning.rehearsed(chaos, scenario) for scenario in chaos.scenes if scenario.half == "erase"]


def test_points_are_where_they_should_be(rehearsals: list[Planning]) -> None:
    for planning in rehearsals:
        names = set(planning.points)
        calls = {
            f"{store}.{verb}"
            for store in ("main", "recordings", "cache")
            for verb in ("inspect", "identity", "now", "resolve", "count")
        }
        assert names >= {f"{side} {call}" for side in ("before", "after") for call in calls}
        assert names >= {f"after writing {table} of the ledger" for table in ("alembic_version", "batch", "item")}
        assert planning.points[-2:] == ["before commit of batch, chunk, item", "after commit of batch, chunk, item"]
        assert not any("erase" in name for name in names)


@pytest.mark.parametrize("part", range(PARTS))
def test_planning_killed(chaos: Chaos, choice: Choice, rehearsals: list[Planning], part: int) -> None:
    points = [(planning, number + 1) for planning in rehearsals for number in range(len(planning.points))]
    wrong: list[str] = []
    for planning, number in share(points, choice.sample, choice.seed)[part::PARTS]:
        wrong += killed(chaos, planning, number)
    assert not wrong, "\n".join([str(choice), *wrong])


def test_the_plan_is_there_or_not(chaos: Chaos, rehearsals: list[Planning]) -> None:
    """The two sides of the one moment in which a plan comes to be."""
    for planning in rehearsals:
        for number, left in ((len(planning.points) - 1, 0), (len(planning.points), 1)):
            home, _ = chaos.fresh(planning.start)
            assert chaos.run(planning.scenario.request, "plan", home, number)[0] == KILLED
            assert len(plans(home)) == left
            assert killed(chaos, planning, number) == []


def test_planning_killed_with_the_ledger_on_postgres(fleet: Chaos, choice: Choice) -> None:
    planning = Planning.rehearsed(fleet, fleet.scenes[0])
    last = len(planning.points)
    number = ON_POSTGRES if choice.sample is None else max(2, choice.sample // 5)
    wrong: list[str] = []
    for point in {*share(range(1, last + 1), number, choice.seed), last - 1, last}:
        wrong += killed(fleet, planning, point)
    assert not wrong, "\n".join([str(choice), *wrong])


def test_adopting_killed(chaos: Chaos, rehearsals: list[Planning]) -> None:
    """One sentinel in the end, the one that was planted first; without it nothing is planned."""
    planning = rehearsals[0]
    request = planning.scenario.request
    picture = planning.start.picture
    strange = replace(
        planning.start,
        keys={name: value for name, value in planning.start.keys.items() if name != SENTINEL.encode()},
        picture=replace(
            picture, content={thing: value for thing, value in picture.content.items() if thing != ("redis", SENTINEL)}
        ),
    )
    home, _ = chaos.fresh(strange)
    code, points = chaos.run(request, "adopt", home, 0)
    assert code == 0, chaos.complaints()
    assert points[0] == "before cache.adopt"
    assert "after a conversation with Redis" in points
    for number in range(1, len(points) + 1):
        home, before = chaos.fresh(strange)
        assert chaos.run(request, "adopt", home, number)[0] == KILLED
        planted = chaos.world.client.get(SENTINEL)
        if planted is None:
            assert chaos.run(request, "plan", home, 0)[0] != 0
            assert plans(home) == []
            assert list(touched(chaos, before)) == []
        assert chaos.run(request, "adopt", home, 0)[0] == 0
        assert planted in {None, chaos.world.client.get(SENTINEL)}
        after = chaos.world.picture()
        assert after.content.keys() - before.content.keys() == {("redis", SENTINEL)}
        assert before.content.items() <= after.content.items()
        assert after.rewritten_since(before) == []
        assert chaos.run(request, "plan", home, 0)[0] == 0, chaos.complaints()
        assert [plan.sealed for plan in plans(home)] == [planning.plan.sealed]
