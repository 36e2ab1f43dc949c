"""The day on which a backlog is gone: as the rule of the books says it, day by day; and what is measured for it."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expunge_orchestrator.rules.backlog_forecast import DAY, Drain, Window, drain, forecast

FIRST = date(2026, 12, 3)
counts = st.integers(0, 5_000)
weeks_of_days = st.lists(st.integers(0, 500), max_size=56)
drains = st.builds(Drain, st.floats(0.01, 5.0), st.floats(1.0, 5_000.0))
windows = st.builds(
    Window,
    st.integers(0, 30).map(lambda day: FIRST + timedelta(days=day)),
    st.floats(1.0, 20_000.0),
    counts,
    st.none() | st.floats(60.0, 20_000.0),
    full=st.booleans(),
)


@given(counts, weeks_of_days, drains)
def test_the_day_is_the_first_on_which_nothing_is_left(backlog: int, due: list[int], measured: Drain) -> None:
    """B(d + 1) = max(0, B(d) + due(d) - r * w)."""
    found = forecast(backlog, due, measured, FIRST).empty_on
    average = sum(due) / len(due) if due else 0.0
    left = float(backlog)
    for day in range(400):
        left = max(0.0, left + (due[day] if day < len(due) else average) - measured.per_second * measured.seconds_a_day)
        if left == 0:
            assert found == FIRST + timedelta(days=day)
            return
    assert found is None or found >= FIRST + timedelta(days=400)


@given(counts, counts, weeks_of_days, drains, st.floats(1.0, 3.0))
def test_more_to_do_is_never_done_sooner_and_more_that_goes_never_later(
    backlog: int, more: int, due: list[int], measured: Drain, faster: float
) -> None:
    def day(records: int, by: Drain) -> date:
        return forecast(records, due, by, FIRST).empty_on or date.max

    assert day(backlog + more, measured) >= day(backlog, measured)
    assert day(backlog, Drain(measured.per_second * faster, measured.seconds_a_day)) <= day(backlog, measured)


@given(counts, weeks_of_days, drains)
def test_it_keeps_up_if_in_every_week_so_much_more_can_go(backlog: int, due: list[int], measured: Drain) -> None:
    weeks = [sum(due[at : at + 7]) for at in range(0, len(due) // 7 * 7, 7)]
    keeps_up = forecast(backlog, due, measured, FIRST).keeps_up
    assert keeps_up == all(7 * measured.a_day >= 1.3 * one for one in weeks)


@given(st.lists(windows, max_size=25))
def test_what_is_measured_is_slower_than_four_of_five(of: list[Window]) -> None:
    """Of windows that were full; where none was, of all in which something went: more may have been possible there."""
    found = drain(of)
    counted = [one for one in of if one.full] or [one for one in of if one.gone]
    if not counted:
        assert found is None
        return
    assert found is not None
    rates = [one.gone / one.seconds for one in counted]
    assert found.per_second in rates
    slower = sum(rate < found.per_second for rate in rates)
    faster = sum(rate > found.per_second for rate in rates)
    assert slower <= 0.2 * (len(rates) - 1)
    assert faster >= 0.8 * (len(rates) - 1) - sum(rate == found.per_second for rate in rates)
    assert 0 < found.seconds_a_day <= DAY


def test_nights_in_which_nobody_ran_are_nights() -> None:
    """An hour on Saturdays and Sundays is two hours a week, and one without an end is a day."""
    hours = [Window(FIRST + timedelta(days=day), 3600, 3600, 3600, full=True) for day in (0, 1, 7, 8, 13)]
    assert drain(hours) == Drain(1.0, 5 * 3600 / 14)
    assert drain([Window(FIRST, 60, 120, None, full=False)]) == Drain(2.0, DAY)
