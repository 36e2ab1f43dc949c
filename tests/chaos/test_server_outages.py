"""Each server goes away at every step, killed or in order, and comes back: the run ends as if nothing had been."""

from __future__ import annotations

import pytest
from tests.support.chaos.disturbed_runs import share
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos
from tests.support.chaos.server_outages import MANNERS, STORES, met, outages, stayed_away

PARTS = 8
AWAY = 24


def test_every_step_of_every_run_is_among_them(chaos: Chaos) -> None:
    everything = outages(chaos)
    before = 0
    for scenario in chaos.scenes:
        if scenario.half in {"cancel", "end"}:  # chunks are split there, with all that was logged before
            assert any(one.point.scenario is scenario and one.point.begins_step for one in everything)
            continue
        steps = len(scenario.ending.account.told["steps"])
        if scenario.half == "erase":
            before = 0
        for store in STORES:
            begun = [
                one.point.number
                for one in everything
                if one.point.scenario is scenario and one.store == store and one.point.begins_step
            ]
            assert len(begun) >= steps - before
        before = steps
    assert {(one.store, one.manner) for one in everything} == {(store, way) for store in STORES for way in MANNERS}


@pytest.mark.parametrize("part", range(PARTS))
def test_servers_that_go_and_come_back(chaos: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    noticed = 0
    for outage in share(outages(chaos), choice.sample, choice.seed)[part::PARTS]:
        seen, complaints = met(chaos, outage)
        noticed += seen
        wrong += complaints
    assert not wrong, "\n".join([str(choice), *wrong])
    assert noticed or choice.sample is not None, "nobody noticed that a server was away"


def test_a_server_that_stays_away_ends_the_run_visibly(chaos: Chaos, choice: Choice) -> None:
    number = AWAY if choice.sample is None else min(AWAY, max(2, choice.sample // 5))
    wrong: list[str] = []
    for outage in share(outages(chaos), number, choice.seed):
        wrong += stayed_away(chaos, outage)
    assert not wrong, "\n".join([str(choice), *wrong])
