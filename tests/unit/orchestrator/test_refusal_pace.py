"""Refusals of one caller are told one after another; nobody else waits for them."""

from __future__ import annotations

import heapq

import pytest

from expunge_orchestrator.api.refusal_pace import AT_ONCE, HELD_BACK, PACE, RefusalPace

LONGEST = 10.0


def told(callers: int, seconds: float, least: float) -> list[float]:
    """When refusals are told to so many who each ask again at once."""
    pace, asks, moments = RefusalPace(LONGEST), [0.0] * callers, list[float]()
    while asks[0] < seconds:
        at = asks[0] + pace.pause("one", least, asks[0])
        heapq.heapreplace(asks, at)
        moments.append(at)
    return sorted(moments)


def test_the_first_are_told_at_once_and_the_others_one_after_another() -> None:
    pace = RefusalPace(LONGEST)
    pauses = [pace.pause("one", 0.0, 100.0) for _ in range(AT_ONCE + 21)]
    assert pauses[: AT_ONCE + 1] == [0.0] * (AT_ONCE + 1)
    assert pauses[AT_ONCE:] == pytest.approx([PACE * number for number in range(21)])
    assert pace.pause("other", 0.0, 100.0) == 0.0


@pytest.mark.parametrize("least", [0.0, HELD_BACK])
@pytest.mark.parametrize("callers", [1, 4, 150])
def test_however_many_ask_again_no_more_are_told(callers: int, least: float) -> None:
    moments = told(callers, 60.0, least)
    assert len(moments) <= AT_ONCE + 2 + moments[-1] / PACE
    for first in moments:
        assert sum(first <= one < first + 1 for one in moments) <= AT_ONCE + 2 + 1 / PACE


def test_nobody_waits_longer_than_a_call_may_take() -> None:
    pace = RefusalPace(LONGEST)
    pauses = [pace.pause("one", HELD_BACK, 0.0) for _ in range(5000)]
    assert (min(pauses), max(pauses)) == (HELD_BACK, LONGEST)
    assert pace.pause("one", 0.0, 2 * LONGEST) == 0.0, "nothing is owed for those that were told at the same time"


def test_who_was_refused_some_time_ago_is_forgotten() -> None:
    pace = RefusalPace(LONGEST)
    for number in range(1000):
        pace.pause(f"{number}", 0.0, number / 100)
    assert len(pace._next) < 20
