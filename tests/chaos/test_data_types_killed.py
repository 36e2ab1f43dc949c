"""A request for some data types only, killed anywhere: the same end, and nothing else was ever touched."""

from __future__ import annotations

import random

import pytest
from tests.support.chaos.company import EXPORTS, Request
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos, KillPoint, Scenario, sample
from tests.support.chaos.store_snapshot import UPLOADS

from expunge_demo.ground_truth import Erased

RUNS = 60


def asked(chaos: Chaos) -> Request:
    """Found by e-mail, in stores of which one only says who it is; a message comes in between: a second round."""
    mails = [chaos.world.company.holder(ident).user.email for ident in (2, 3)]
    people = f"email,user_id\n{mails[0]},\n,10\n{mails[1]},\n,1\n"
    types = frozenset({"messages", "exports"})
    return Request("information", "calltrack", people, Erased(), in_between=10, data_types=types)


@pytest.fixture(scope="module")
def scenario(chaos: Chaos) -> Scenario:
    """The erasing half, undisturbed."""
    chaos.fresh(chaos.scenes[0].start)
    request = asked(chaos)
    start, _, _ = chaos.world.plan(request)
    return Scenario(request, "erase", start, chaos.undisturbed(request, "erase", start))


def test_undisturbed_it_changes_nothing_else(scenario: Scenario) -> None:
    was, now = scenario.start.picture.content, scenario.ending.picture.content
    places = {place for place, _ in {thing for thing in was.keys() | now.keys() if was.get(thing) != now.get(thing)}}
    assert places == {"messages", EXPORTS, UPLOADS}
    assert {event for _, _, event in scenario.ending.account.told["events"]} == {"accepted", "erased"}


def test_killed_anywhere_it_ends_the_same(chaos: Chaos, choice: Choice, scenario: Scenario) -> None:
    points = [KillPoint(scenario, number) for number in range(1, len(scenario.ending.points) + 1)]
    wrong: list[str] = []
    for point in sample(points, choice.sample or RUNS, choice.seed):
        wrong += chaos.killed(scenario, point.number)
    assert not wrong, "\n".join([str(choice), *wrong])


def test_killed_again_while_resuming(chaos: Chaos, choice: Choice, scenario: Scenario) -> None:
    source, last = random.Random(choice.seed), len(scenario.ending.points) // 2
    wrong: list[str] = []
    for _ in range(max(2, (choice.sample or RUNS) // 4)):
        wrong += chaos.killed(scenario, source.randint(1, last), source.randint(1, 20))
    assert not wrong, "\n".join([str(choice), *wrong])
