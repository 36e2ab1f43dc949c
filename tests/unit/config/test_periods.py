"""On which day a period ends, and before which it began."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expunge_config.periods import Period


@given(
    start=st.dates(date(1990, 1, 1), date(2030, 12, 31)),
    period=st.builds(Period, years=st.integers(0, 11), months=st.integers(0, 25), days=st.integers(0, 800)),
    later=st.integers(0, 3),
)
def test_what_is_over_began_before_that_day(start: date, period: Period, later: int) -> None:
    """With two days to spare for the time of the day, and for zones; and it is never far off."""
    begun = period.begun_before(period.after(start) + timedelta(days=later))
    assert begun is not None
    assert start + timedelta(days=2) <= begun <= start + timedelta(days=later + 12)


def test_of_a_period_longer_than_the_calendar_nothing_is_said() -> None:
    assert Period(years=9000, months=0, days=0).begun_before(date(2026, 1, 1)) is None
