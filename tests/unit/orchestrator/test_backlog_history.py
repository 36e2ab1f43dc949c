"""What came due, went and was left day by day, and what forecasts were worth, of a backlog that is played through."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expunge_orchestrator.rules.backlog_history import Day, Judged, Look, days, judged

FIRST = date(2026, 12, 3)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


nights = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50), st.integers(0, 60)), min_size=1, max_size=20)


@given(st.integers(0, 200), nights)
def test_it_says_what_was_played(backlog: int, played: list[tuple[int, int, int]]) -> None:
    """Each night comes days after the one before; so many came due since, and so many can go in it."""
    left, day, looks, expected = backlog, 0, [], []
    for number, (pause, came, rate) in enumerate(played):
        day += pause
        gone = min(left + came, rate)
        left = left + came - gone
        looks.append(Look(on(day), gone, left))
        expected.append(Day(on(day), None if number == 0 else came, gone, left))
    assert days(looks) == expected


def test_runs_of_one_day_are_one_day() -> None:
    looks = [Look(on(0), 5, 20), Look(on(1), 5, 20), Look(on(1), 5, 18), Look(on(1), 18, 0)]
    assert days(looks) == [Day(on(0), None, 5, 20), Day(on(1), 8, 28, 0)]
    assert days(looks[1:3]) == [Day(on(1), None, 10, 18)]


def test_what_requests_took_is_nothing_that_came_due() -> None:
    assert days([Look(on(0), 0, 100), Look(on(1), 10, 60)])[1] == Day(on(1), 0, 10, 60)


def test_a_forecast_stands_beside_the_day_on_which_nothing_was_left() -> None:
    looks = [
        Look(on(0), 5, 20, on(2)),
        Look(on(1), 5, 15, None),
        Look(on(4), 15, 0, None),
        Look(on(5), 1, 3, on(5)),
    ]
    found = judged(looks)
    assert found == [Judged(looks[0], on(4)), Judged(looks[1], on(4)), None, Judged(looks[3], None)]
    assert [one and one.late for one in found] == [2, None, None, None]
    assert Judged(Look(on(0), 1, 1, on(6)), on(4)).late == -2
