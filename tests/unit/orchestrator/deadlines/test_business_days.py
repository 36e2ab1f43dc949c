"""Month ends, leap days, clock changes, zones far from UTC, and a controller's midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_config.datamap import Calendar, DeadlineSpec, Statute
from expunge_orchestrator import deadlines
from expunge_orchestrator.deadlines import BusinessCalendar

GERMANY = Calendar(country="DE")
ZONES = sorted(available_timezones() - {"localtime", "Factory"})

INSTANTS = st.builds(datetime.combine, st.dates(date(2024, 1, 1), date(2033, 12, 31)), st.times(), st.just(UTC))


def spec(zone: str = "Europe/Berlin", **changes) -> DeadlineSpec:
    return DeadlineSpec(**({"time_zone": zone, "calendar": GERMANY, "business_days": 30} | changes))


def law(received: str, zone: str = "Europe/Berlin", statute: Statute = Statute.GDPR):
    found = deadlines.calculate(
        spec(zone, business_days=None, statute=statute), datetime.fromisoformat(received)
    ).statute
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("received", "last_day"),
    [
        ("2026-03-05", "2026-04-07"),  # EDPB's 5 April, here Easter Sunday, and Monday after it
        ("2025-09-03", "2025-10-06"),  # ICO's 3 October, which is a holiday in Germany, and a weekend
        ("2026-01-31", "2026-03-02"),  # 28 February is a Saturday
        ("2025-01-31", "2025-02-28"),
        ("2024-01-31", "2024-02-29"),  # a leap year
        ("2024-01-30", "2024-02-29"),
        ("2024-01-29", "2024-02-29"),
        ("2028-02-29", "2028-03-29"),
        ("2023-12-29", "2024-01-29"),
        ("2026-08-31", "2026-09-30"),
        ("2025-12-31", "2026-02-02"),  # 31 January is a Saturday
        ("2026-11-24", "2026-12-24"),  # a working day, whoever is closed on it
        ("2026-11-25", "2026-12-28"),  # Christmas, Boxing Day, Sunday
    ],
)
def test_month_ends_leap_days_and_holidays(received: str, last_day: str) -> None:
    assert law(f"{received}T09:00:00+01:00").last_day == date.fromisoformat(last_day)


def test_what_was_moved_says_from_where() -> None:
    assert law("2026-01-31T12:00:00+01:00").fell_on == date(2026, 2, 28)
    assert law("2025-01-31T12:00:00+01:00").fell_on is None


def test_two_further_months_count_from_receipt_not_from_the_moved_end() -> None:
    clocks = deadlines.calculate(spec(statute=Statute.GDPR), datetime(2026, 1, 31, 12, tzinfo=UTC))
    longer = deadlines.extend_statute(clocks, at=datetime(2026, 2, 27, tzinfo=UTC), reason="Complex").statute
    assert longer is not None
    assert longer.ends_on == date(2026, 4, 30)


@pytest.mark.parametrize(
    ("zone", "day", "over"),
    [
        ("Europe/Berlin", "2026-03-28", "2026-03-28T23:00:00"),  # the night of the change to summer
        ("Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00"),  # 23 hours long
        ("Europe/Berlin", "2026-10-24", "2026-10-24T22:00:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00"),  # 25 hours long
        ("America/New_York", "2026-03-08", "2026-03-09T04:00:00"),
        ("America/New_York", "2026-11-01", "2026-11-02T05:00:00"),
        ("Pacific/Kiritimati", "2026-06-01", "2026-06-01T10:00:00"),  # UTC+14
        ("Etc/GMT+12", "2026-06-01", "2026-06-02T12:00:00"),  # UTC-12
        ("Asia/Kathmandu", "2026-06-01", "2026-06-01T18:15:00"),
        ("Australia/Lord_Howe", "2026-10-03", "2026-10-03T13:30:00"),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-04T13:00:00"),  # half an hour of summer time
        ("Africa/Cairo", "2026-04-23", "2026-04-23T22:00:00"),  # the next day begins at one o'clock
        ("America/Havana", "2026-10-31", "2026-11-01T04:00:00"),  # midnight comes twice: the first ends the day
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00"),  # the day after never was
    ],
)
def test_when_a_day_is_over(zone: str, day: str, over: str) -> None:
    assert BusinessCalendar(spec(zone)).end(date.fromisoformat(day)) == datetime.fromisoformat(over).replace(tzinfo=UTC)


@given(st.sampled_from(ZONES), st.dates(date(2024, 1, 1), date(2033, 12, 31)))
def test_a_day_is_over_at_the_first_instant_of_another(zone: str, day: date) -> None:
    """Looked for second by second around it, by the zone's own rules for instants."""
    over, local = BusinessCalendar(spec(zone)).end(day), ZoneInfo(zone)
    assert over.tzinfo is UTC
    assert over.astimezone(local).date() > day
    assert (over - timedelta(seconds=1)).astimezone(local).date() <= day
    assert (
        timedelta(hours=22) <= over - BusinessCalendar(spec(zone)).end(day - timedelta(days=1)) <= timedelta(hours=26)
    )


def test_a_controllers_midnight_decides_on_which_day_it_was_received() -> None:
    before, after = (
        deadlines.calculate(spec(), datetime.fromisoformat(f"2026-07-01T{time}+00:00")).promise
        for time in ("21:59:59", "22:00:00")  # midnight in Berlin
    )
    assert before is not None
    assert after is not None
    assert (before.last_day, after.last_day) == (date(2026, 8, 12), date(2026, 8, 13))


def test_one_instant_is_two_days_apart_on_both_sides_of_the_date_line() -> None:
    received = datetime(2026, 6, 1, 10, 30, tzinfo=UTC)
    far_east, far_west = (
        BusinessCalendar(spec("Pacific/Kiritimati")).of(received),
        BusinessCalendar(spec("Etc/GMT+12")).of(received),
    )
    assert (far_east, far_west) == (date(2026, 6, 2), date(2026, 5, 31))


def test_the_same_instant_gives_the_same_clocks_in_whatever_zone_it_is_written() -> None:
    received = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    written = [received.astimezone(ZoneInfo(zone)) for zone in ("Asia/Tokyo", "America/Los_Angeles", "Europe/Berlin")]
    known = [deadlines.calculate(spec(statute=Statute.GDPR), one) for one in (received, *written)]
    assert [one == known[0] for one in known] == [True] * 4


@given(
    INSTANTS,
    st.sampled_from(ZONES),
    st.integers(1, 60),
    st.sampled_from([None, *Statute]),
)
def test_what_holds_for_every_clock(received: datetime, zone: str, count: int, statute: Statute | None) -> None:
    rule = spec(zone, business_days=count, statute=statute, closed=("12-24", "12-31"))
    clocks, days = deadlines.calculate(rule, received), BusinessCalendar(rule)
    promise = clocks.promise
    assert promise is not None
    day = days.of(received)
    assert days.is_business_day(promise.last_day)
    assert days.business_days_between(day, promise.last_day) == count
    assert deadlines.calculate(rule, received + timedelta(days=1)).promise.last_day >= promise.last_day  # type: ignore[union-attr]
    weekdays = sum((day + timedelta(days=n)).weekday() < 5 for n in range(1, (promise.last_day - day).days + 1))
    assert weekdays == count + len(promise.off)
    for one in clocks.all:
        assert days.of(one.due_at - timedelta(seconds=1)) == one.last_day
        assert one.due_at > received
    assert clocks.first.ends_at == min(one.ends_at for one in clocks.all if one is not clocks.confirmation)
    warned = deadlines.warning(clocks)
    assert (warned is not None) == (clocks.statute is not None and clocks.statute.due_at < promise.due_at)
    now = deadlines.standing(clocks, received)
    assert not now.overdue
    assert deadlines.standing(clocks, clocks.first.ends_at).overdue
    assert deadlines.standing(clocks, clocks.first.ends_at).business_days_left == 0
