"""On which day a period ends, and until which day one began that is over."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expunge_config.periods import Period

PERIODS = st.builds(Period, years=st.integers(0, 11), months=st.integers(0, 25), days=st.integers(0, 800))


@given(end=st.dates(date(2000, 1, 1), date(2030, 12, 31)), period=PERIODS)
def test_the_last_day_on_which_one_began_that_is_over(end: date, period: Period) -> None:
    began = period.began(end)
    assert period.after(began) <= end < period.after(began + timedelta(days=1))


def test_of_a_period_longer_than_the_calendar_it_is_the_first_day_of_it() -> None:
    assert Period(years=9000).began(date(2026, 1, 1)) == date.min
