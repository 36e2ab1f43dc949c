"""The database and the reference model agree on every row of every table, for any schema, map, data and request."""

from __future__ import annotations

from collections import Counter
from string import digits

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from tests.support.model import postgres, sampling
from tests.support.model.repro_report import told
from tests.support.model.shrinking import reduced
from tests.support.model.strategies import worlds
from tests.support.model.trial import Trial
from tests.support.model.world import World

SHARES = 2
"""So that two workers have work; each share has a seed of its own."""

_SETTINGS = settings(
    max_examples=sampling.cases() // SHARES,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


_PLANNED = ("since the plan", "somebody else by now", "asked again")

SEEN: Counter[str] = Counter()
"""What the worlds so far held."""


def agree(url: str, world: World) -> None:
    """One world: made, asked, erased, compared; made smaller and told as text when it fails."""
    try:
        _try(url, world)
    except Exception as error:
        kind = _kind(error)
        least = reduced(world, lambda smaller: _failure(url, smaller) == kind)
        note(told(least))
        _try(url, least)
        raise


def _try(url: str, world: World) -> None:
    with postgres.standing(url, world):
        Trial(url, world, SEEN).run()


def _kind(error: Exception) -> str:
    """What kind of disagreement it is, without the rows."""
    return f"{type(error).__name__} {str(error).splitlines()[:1]}".translate(str.maketrans("", "", digits))


def _failure(url: str, world: World) -> str | None:
    try:
        _try(url, world)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return _kind(error)
    return None


@pytest.mark.parametrize("share", range(SHARES))
def test_the_database_and_the_model_agree_on_every_row(database, share):
    SEEN.clear()
    drawn = given(world=worlds())(lambda world: agree(database, world))
    _SETTINGS(seed(sampling.seed() * SHARES + share)(drawn))()
    # A generator that makes nothing to erase agrees with everything.
    often, seldom = (
        ("due: delete", "due: tombstone", "as many", "as few", "something came", "another relation"),
        ("due: retain", "kept: retained", "kept: shared", "newer", "refused", "somebody else's as well", *_PLANNED),
    )
    # One world in fifty has a record that is known by nothing but a value that was taken over.
    rare = ("ambiguous",) if sampling.cases() >= 1_000 else ()
    wanted = (*often, *seldom, *rare) if sampling.cases() >= 500 else often
    assert not [what for what in wanted if not SEEN[what]], dict(SEEN)
