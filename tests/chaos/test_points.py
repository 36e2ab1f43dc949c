"""Kill -9 at every point: the resumed run ends as the undisturbed one did."""

from __future__ import annotations

import random

import pytest
from tests.chaos.choice import Choice
from tests.chaos.runs import Chaos, sample

from expunge_orchestrator.demo.judge import judge, snapshot

PARTS = 8
"""Of the points: parts can be run by several workers, each with servers of its own."""


def test_undisturbed_runs_are_repeatable(chaos: Chaos) -> None:
    for scene in chaos.scenes:
        again = chaos.undisturbed(scene.request, scene.half, scene.start)
        assert list(again.points) == list(scene.ending.points)
        assert again.picture.differences(scene.ending.picture) == []
        assert list(again.account.differences(scene.ending.account)) == []


def test_points_are_where_they_should_be(chaos: Chaos) -> None:
    names = {name for scene in chaos.scenes for name in scene.ending.points}
    calls = {
        f"{store}.{verb}"
        for store in ("main", "recordings", "cache")
        for verb in ("inspect", "identity", "now", "resolve", "count", "erase", "verify")
    } | {"dumps.inspect", "dumps.copies", "append to the log", "DeleteObjects"}
    assert names >= {f"{side} {call}" for side in ("before", "after") for call in calls}
    assert names >= {f"beat {store}.erase" for store in ("main", "recordings", "cache")}
    assert names >= {f"log file {step}" for step in ("written", "flushed", "renamed", "directory flushed")}
    assert names >= {f"{side} the end of a transaction in main" for side in ("before", "after")}
    moved = [name for name in names if name.startswith("after commit of") and "step_log" in name]
    assert {"statement" in name for name in moved} == {True, False}


def test_undisturbed_runs_do_what_they_are_meant_to(chaos: Chaos) -> None:
    """A second round, an erasure repeated at settling time, an ambiguous person and an unknown one are among them."""
    told = {str(scene): scene.ending.account.told for scene in chaos.scenes}
    assert max(rounds for *_, rounds, _ in told["holders, erase"]["chunks"]) == 1
    assert {event for _, _, event in told["holders, settle"]["events"]} == {
        "accepted",
        "denied",
        "partially-erased",
        "re-erased",
        "settled",
    }
    assert {event for _, _, event in told["callers, settle"]["events"]} == {
        "accepted",
        "erased",
        "not-found",
        "settled",
    }


def test_undisturbed_runs_keep_the_laws(chaos: Chaos) -> None:
    """What everything is compared with is right: judged by code that shares nothing with the connectors."""
    for scene in (one for one in chaos.scenes if one.half == "erase"):
        request = scene.request
        home, _ = chaos.fresh(scene.start)
        before = snapshot(chaos.world.endpoints)
        assert chaos.run(request, "erase", home, 0)[0] == 0
        if request.afterwards is not None:
            chaos.world.arrive_late(request.afterwards)
        assert chaos.run(request, "settle", home, 0)[0] == 0
        assert judge(before, snapshot(chaos.world.endpoints), request.erased) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_once(chaos: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    for point in sample(chaos.points(), choice.sample, choice.seed)[part::PARTS]:
        wrong += chaos.killed(point.scene, point.number)
    assert not wrong, "\n".join([str(choice), *wrong])


def test_killed_again_while_resuming(chaos: Chaos, choice: Choice) -> None:
    """Pairs and triples of kills; the later ones come soon after the resumption, where a resumed run still differs."""
    source = random.Random(choice.seed)
    wrong: list[str] = []
    for _ in range(40 if choice.sample is None else max(2, choice.sample // 5)):
        scene = source.choice(chaos.scenes)
        first = source.randrange(1, len(scene.ending.points) - 30)
        again = [source.randint(1, 12) for _ in range(source.randint(1, 2))]
        wrong += chaos.killed(scene, first, *again)
    assert not wrong, "\n".join([str(choice), *wrong])
