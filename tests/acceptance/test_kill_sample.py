"""A seeded sample of kill points and of outages, in every run of the tests; `make chaos` has all of them."""

from __future__ import annotations

import pytest
from tests.support.chaos.disturbed_runs import share
from tests.support.chaos.fixtures import chaos
from tests.support.chaos.sampling import chosen
from tests.support.chaos.scenarios import Chaos, sample
from tests.support.chaos.server_outages import met, outages

__all__ = ["chaos"]

POINTS = 8
OUTAGES = 4


@pytest.mark.heavy
def test_killed_at_a_sample_of_points(chaos: Chaos) -> None:
    seed = chosen().seed
    wrong: list[str] = []
    for point in sample(chaos.points(), POINTS, seed):
        wrong += chaos.killed(point.scenario, point.number)
    assert not wrong, "\n".join([f"EXPUNGE_CHAOS_SEED={seed}", *wrong])


@pytest.mark.heavy
def test_servers_that_go_away_at_a_sample_of_steps(chaos: Chaos) -> None:
    seed = chosen().seed
    wrong: list[str] = []
    for outage in share(outages(chaos), OUTAGES, seed):
        wrong += met(chaos, outage)[1]
    assert not wrong, "\n".join([f"EXPUNGE_CHAOS_SEED={seed}", *wrong])
