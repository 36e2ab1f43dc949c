"""Issue 4, must show 4: deadlines over five countries' calendars and ten years against an independent calculation."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.support import holiday_oracle
from tests.support.holiday_oracle import DAY, PLACES, SATURDAY

from expunge_config import calendars
from expunge_config.datamap import Calendar, DeadlineSpec, Statute
from expunge_orchestrator import deadlines

pytestmark = pytest.mark.matrix(5)  # each case is 3653 days
FIRST, LAST = date(2024, 1, 1), date(2033, 12, 31)
STARTS = [FIRST + place * DAY for place in range((LAST - FIRST).days + 1)]


@pytest.fixture(scope="module", params=PLACES.items(), ids=lambda one: "-".join(filter(None, one[0])))
def place(request: pytest.FixtureRequest) -> tuple[Calendar, set[date]]:
    (country, part), law = request.param
    return Calendar(country=country, subdivision=part), set().union(*(law(year) for year in range(2024, 2035)))


def test_the_holidays_are_those_of_the_law(place: tuple[Calendar, set[date]]) -> None:
    calendar_, law = place
    for year in range(2024, 2034):
        found = set(calendars.year(calendar_.country, calendar_.subdivision, year).holidays)
        expected = {day for day in law if day.year == year}
        assert {day for day in found ^ expected if day.weekday() < SATURDAY} == set(), year


def test_thirty_business_days_from_every_day(place: tuple[Calendar, set[date]]) -> None:
    calendar_, law = place
    spec = DeadlineSpec(time_zone="UTC", calendar=calendar_, business_days=30)
    wrong = []
    for start in STARTS:
        day, left = start, 30
        while left:
            day += DAY
            left -= day.weekday() < SATURDAY and day not in law
        promise = deadlines.calculate(spec, at(start)).promise
        assert promise is not None
        if (promise.last_day, promise.due_at) != (day, at(day + DAY, hour=0)):
            wrong.append(start)
    assert wrong == []


@pytest.mark.parametrize("statute", [Statute.GDPR, Statute.UK_GDPR])
def test_a_month_and_three_from_every_day(place: tuple[Calendar, set[date]], statute: Statute) -> None:
    calendar_, law = place
    spec = DeadlineSpec(time_zone="UTC", calendar=calendar_, statute=statute)
    wrong = []
    for start in STARTS:
        clocks = deadlines.calculate(spec, at(start))
        longer = deadlines.extend_statute(clocks, at=at(start), reason="Many requests").statute
        if clocks.first.last_day != working(month_later(start, 1), law):
            wrong.append(start)
        if longer is None or longer.extended_to != at(working(month_later(start, 3), law) + DAY, hour=0):
            wrong.append(start)
    assert wrong == []


def test_ten_business_days_and_forty_five_days_from_every_day(place: tuple[Calendar, set[date]]) -> None:
    calendar_, law = place
    spec = DeadlineSpec(time_zone="UTC", calendar=calendar_, statute=Statute.CCPA)
    wrong = []
    for start in STARTS:
        worked = [day for day in (start + n * DAY for n in range(1, 30)) if day.weekday() < SATURDAY and day not in law]
        clocks = deadlines.calculate(spec, at(start))
        longer = deadlines.extend_statute(clocks, at=at(start), reason="Many requests")
        assert clocks.confirmation is not None
        found = clocks.confirmation.last_day, clocks.first.last_day, longer.first.ends_on
        if found != (worked[9], start + timedelta(45), start + timedelta(90)):
            wrong.append(start)
    assert wrong == []


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def working(day: date, law: set[date]) -> date:
    while day.weekday() >= SATURDAY or day in law:
        day += DAY
    return day


def month_later(start: date, months: int) -> date:
    """The same date, else the month's last day, one month at a time so that nothing is shared with `Period`."""
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def test_the_oracle_itself() -> None:
    """Against dates that everybody can look up."""
    assert [holiday_oracle.easter(year) for year in (2024, 2026, 2038)] == [
        date(2024, 3, 31),
        date(2026, 4, 5),
        date(2038, 4, 25),
    ]
    assert {date(2026, 9, 21), date(2026, 9, 22), date(2026, 9, 23), date(2026, 5, 6)} < holiday_oracle.japan(2026)
    assert {date(2027, 12, 27), date(2027, 12, 28)} < holiday_oracle.england(2027)
    assert {date(2027, 12, 31), date(2027, 12, 24)} < holiday_oracle.united_states(2027)
