"""Kill -9 at every point: the resumed run ends as the undisturbed one did."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.support.chaos import extra_records
from tests.support.chaos.extra_records import VAULT
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos, sample
from tests.support.chaos.store_snapshot import UPLOADS, StoreSnapshot, Thing

from expunge_demo.ground_truth import check

PARTS = 8
"""Of the points: parts can be run by several workers, each with servers of its own."""


def test_undisturbed_runs_are_repeatable(chaos: Chaos) -> None:
    for scenario in chaos.scenes:
        again = chaos.undisturbed(scenario.request, scenario.half, scenario.start)
        assert list(again.points) == list(scenario.ending.points)
        assert again.picture.differences(scenario.ending.picture) == []
        assert list(again.account.differences(scenario.ending.account)) == []


def test_points_are_where_they_should_be(chaos: Chaos) -> None:
    names = {name for scenario in chaos.scenes for name in scenario.ending.points}
    calls = {
        f"{store}.{verb}"
        for store in ("main", "recordings", "cache")
        for verb in ("inspect", "identity", "now", "resolve", "count", "erase", "verify")
    } | {"dumps.inspect", "dumps.copies", "append to the log", "DeleteObjects", "DeleteObject", "AbortMultipartUpload"}
    assert names >= {f"{side} {call}" for side in ("before", "after") for call in calls}
    assert names >= {f"beat {store}.erase" for store in ("main", "recordings", "cache")}
    assert names >= {f"log file {step}" for step in ("written", "flushed", "renamed", "directory flushed")}
    assert names >= {f"{side} the end of a transaction in main" for side in ("before", "after")}
    moved = [name for name in names if name.startswith("after commit of") and "step_log" in name]
    assert {"statement" in name for name in moved} == {True, False}


def test_undisturbed_runs_do_what_they_are_meant_to(chaos: Chaos) -> None:
    """A second round, an erasure repeated at settling time, an ambiguous person and an unknown one are among them."""
    told = {str(scenario): scenario.ending.account.told for scenario in chaos.scenes}
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
        "partially-erased",
        "settled",
    }
    outcomes = {name: sorted(row[2] for row in account["items"]) for name, account in told.items()}
    # Two of the first chunk's people were touched, the third is ambiguous; nobody of the second chunk was touched.
    assert outcomes["holders, cancel"] == ["cancelled"] * 3 + ["partially-erased"] * 2
    assert outcomes["callers, end"] == ["not-found", "on-hold", "partially-erased"]
    assert outcomes["holders, end"].count("partially-erased") == 4
    # Of every holder a law keeps invoices; of one a store refuses the rest as well.
    assert [len(told[f"{name}, end"]["residual keys"]) for name in ("holders", "callers")] == [4, 1]


def besides(chaos: Chaos, request: str) -> tuple[StoreSnapshot, StoreSnapshot, dict[Thing, Any]]:
    """The pictures before and after a request, and what became of each thing beside the example's that changed."""
    ends = {str(scenario): scenario for scenario in chaos.scenes}
    before, after = ends[f"{request}, erase"].start.picture, ends[f"{request}, settle"].ending.picture
    was, now = before.content, after.content
    things = {
        thing
        for thing in was.keys() | now.keys()
        if thing[0] in {VAULT, UPLOADS} or (thing[0] == "redis" and extra_records.is_sundry(thing[1].encode()))
    }
    return before, after, {thing: now.get(thing) for thing in things if was.get(thing) != now.get(thing)}


def test_undisturbed_runs_take_what_the_company_keeps_besides(chaos: Chaos) -> None:
    """Of each kind what is theirs, of which something arrived late, and nothing of others: lists keep their order."""
    before, after, changed = besides(chaos, "holders")
    assert after.rewritten_since(before) == []
    assert changed == {
        ("redis", extra_records.page(1)): None,
        ("redis", extra_records.page(10)): None,
        ("redis", extra_records.RECENT): ("list", [b"12", b"100", b"21", b"12"], False),
        (UPLOADS, extra_records.upload(1)): None,
    }
    before, after, changed = besides(chaos, "callers")
    assert after.rewritten_since(before) == []
    (_, *locked), _ = before.content[VAULT, extra_records.consent(2)]
    assert str(extra_records.LOCKED_UNTIL) in locked
    rang = [(b"2-1", {b"caller": b"20", b"at": b"2"}), (b"5-1", {b"caller": b"82", b"at": b"5"})]
    assert changed == {
        ("redis", "ringing:42"): ("stream", rang, False),
        ("redis", "labels:42"): ("hash", {b"20": b"call 20 back", b"82": b"call 82 back"}, False),
        (VAULT, extra_records.consent(2)): [(False, *locked), (True, "marker", "")],
        (VAULT, extra_records.consent(8)): None,
    }


@pytest.mark.parametrize("half", ["erase", "settle"])
def test_what_object_lock_keeps_is_stated_as_retained_until_its_date(chaos: Chaos, half: str) -> None:
    (told,) = (scenario.ending.account.told for scenario in chaos.scenes if str(scenario) == f"callers, {half}")
    stated = [
        (one["outcome"], one["retained"], one.get("until"))
        for body in told["bodies"]
        for store in body["predicate"]["body"].get("stores", [])
        for one in store["collections"]
        if one["collection"] == "consents" and one["retained"]
    ]
    assert set(stated) == {("retained", 1, f"{extra_records.LOCKED_UNTIL:%Y-%m-%d}")}


def test_undisturbed_runs_keep_the_laws(chaos: Chaos) -> None:
    """What everything is compared with is right: judged by code that shares nothing with the connectors."""
    for scenario in (one for one in chaos.scenes if one.half == "erase"):
        request = scenario.request
        home, _ = chaos.fresh(scenario.start)
        before = chaos.world.snapshot()
        assert chaos.run(request, "erase", home, 0)[0] == 0
        if request.afterwards is not None:
            chaos.world.arrive_late(request.afterwards)
        assert chaos.run(request, "settle", home, 0)[0] == 0
        assert check(before, chaos.world.snapshot(), request.erased) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_once(chaos: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    for point in sample(chaos.points(), choice.sample, choice.seed)[part::PARTS]:
        wrong += chaos.killed(point.scenario, point.number)
    assert not wrong, "\n".join([str(choice), *wrong])


def test_killed_again_while_resuming(chaos: Chaos, choice: Choice) -> None:
    """Pairs and triples of kills; the later ones come soon after the resumption, where a resumed run still differs."""
    source = random.Random(choice.seed)
    wrong: list[str] = []
    for _ in range(40 if choice.sample is None else max(2, choice.sample // 5)):
        scenario = source.choice(chaos.scenes)
        first = source.randrange(1, len(scenario.ending.points) - 30)
        again = [source.randint(1, 12) for _ in range(source.randint(1, 2))]
        wrong += chaos.killed(scenario, first, *again)
    assert not wrong, "\n".join([str(choice), *wrong])
