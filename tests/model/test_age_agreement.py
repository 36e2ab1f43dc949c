"""Sweeps, requests, holds and the clock in any order: every row of every table is as the model of ages says."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.support.model import sampling
from tests.support.model.ages.age_shrinking import lessened
from tests.support.model.ages.age_trial import AgeTrial
from tests.support.model.ages.age_world import AgeWorld, age_world
from tests.support.model.random_source import Dice

SHARES = 2
CASES = max(20, min(400, sampling.cases() // 5))
"""400 in `make chaos`."""


def _failure(url: str, world: AgeWorld) -> str | None:
    try:
        AgeTrial(url, world, Counter()).run()
    except AssertionError as error:
        return str(error).splitlines()[0]
    return None


@pytest.mark.parametrize("share", range(SHARES))
def test_the_database_and_the_model_agree_on_what_has_had_its_time(database: str, share: int) -> None:
    seen: Counter[str] = Counter()
    first = sampling.seed() * 10_000 + share * CASES
    for number in range(first, first + CASES // SHARES):
        world = age_world(Dice(number))
        try:
            AgeTrial(database, world, seen).run()
        except AssertionError:
            least = lessened(world, lambda smaller: _failure(database, smaller) is not None)
            pytest.fail(f"world {number}: {_failure(database, least)}\n{least}")
    wanted = ("gone", "overwritten", "stays", "a sweep under holds", "a request")
    assert not [what for what in wanted if not seen[what]], dict(seen)
