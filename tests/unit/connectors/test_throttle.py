"""The pace of an erasure: less at once where others suffer, back by steps, never to a stand."""

from __future__ import annotations

import itertools

import pytest

from expunge_connectors.postgres.erase.throttle import (
    FIRST_REST_SECONDS,
    LONGEST_REST_SECONDS,
    SMALLEST_SHARE,
    LoadSample,
    Throttle,
)


@pytest.mark.parametrize(
    ("sample", "allowed", "strained"),
    [
        (LoadSample(), None, False),
        (LoadSample(blocked=1), None, True),
        (LoadSample(refused=True), None, True),
        (LoadSample(busy=9), None, False),
        (LoadSample(busy=9), 9, False),
        (LoadSample(busy=10), 9, True),
        (LoadSample(busy=0), 0, False),
        (LoadSample(busy=1), 0, True),
        (LoadSample(blocked=1, busy=0), 9, True),
        (LoadSample(busy=None), 0, False),
    ],
)
def test_who_suffers(sample, allowed, strained):
    assert sample.strained(allowed) is strained


def paces(strained, pace=None, steps=20):
    found = [Throttle() if pace is None else pace]
    for _ in range(steps):
        found.append(found[-1].after(strained=strained))
    return found


def test_it_grows_smaller_and_rests_longer_within_bounds():
    down = paces(True)
    assert down[1] == Throttle(0.25, FIRST_REST_SECONDS)
    assert down[2] == Throttle(0.0625, 2 * FIRST_REST_SECONDS)
    assert down[-1] == Throttle(SMALLEST_SHARE, LONGEST_REST_SECONDS)
    assert all(one.share >= two.share and one.rest <= two.rest for one, two in itertools.pairwise(down))


def test_it_comes_back_whole():
    up = paces(False, Throttle(SMALLEST_SHARE, LONGEST_REST_SECONDS))
    assert up[-1] == Throttle()
    assert up[1] == Throttle(2 * SMALLEST_SHARE, LONGEST_REST_SECONDS / 2)
    assert paces(False)[-1] == Throttle()


@pytest.mark.parametrize(
    ("share", "most", "rows"), [(1.0, 25_000, 25_000), (SMALLEST_SHARE, 25_000, 391), (0.25, 3, 1), (0.0625, 1, 1)]
)
def test_a_transaction_touches_at_least_one_row(share, most, rows):
    assert Throttle(share).rows(most) == rows
