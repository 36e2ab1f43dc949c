"""Sweeps, requests, holds, restrictions and days in any order: every row is as the model of ages says."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from tests.support.model import sampling
from tests.support.model.ages.age_shrinking import lessened
from tests.support.model.ages.age_trial import AgeTrial
from tests.support.model.ages.age_world import AgeWorld, age_world
from tests.support.model.random_source import Dice

SHARES = 2
CASES = max(20, min(400, sampling.cases() // 5))
"""400 in `make chaos`."""
ENOUGH = 400
_FURTHEST = max(200, CASES)
"""Worlds of a share at most."""
_ALWAYS = ("gone", "stays", "a sweep under holds")
_SELDOM = ("overwritten", "a restriction", "a request", "a request is answered", "a request waits", "a request goes on")


def _failure(url: str, world: AgeWorld, seen: Counter[str], *, installed: bool) -> str | None:
    try:
        AgeTrial(url, world, seen, installed=installed).run()
    except AssertionError as error:
        return str(error).splitlines()[0]
    return None


@pytest.mark.parametrize("share", range(SHARES))
def test_the_database_and_the_model_agree_on_what_has_had_its_time(database: str, share: int) -> None:
    """Every second world has an installation of its own.

    A small sample goes on until what it always has to have was drawn: which day's seed draws it late is chance.
    """
    seen: Counter[str] = Counter()
    wanted = _ALWAYS if CASES < ENOUGH else (*_ALWAYS, *_SELDOM)
    first, enough = sampling.seed() * 10_000 + share * _FURTHEST, CASES // SHARES
    for number in range(first, first + _FURTHEST):
        if number >= first + enough and all(seen[what] for what in wanted):
            break
        failure = partial(_failure, database, seen=seen, installed=number % 2 == 0)
        world = age_world(Dice(number))
        if said := failure(world):
            least = lessened(world, lambda smaller, failure=failure: failure(smaller) is not None)  # type: ignore[misc]
            pytest.fail(f"world {number}: {said}\n{failure(least)}\n{least}")
    print(dict(seen))  # noqa: T201 - what was drawn
    assert not [what for what in wanted if not seen[what]], dict(seen)
