"""When the people of a list asked, as who plans it says: a day or a time, never in the future and never years back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.rules.times_of_receipt import (
    LONG_AGO,
    TimeOfReceiptError,
    TimesOfReceipt,
    first_moment,
    is_day,
    last_moment,
)

NOW = datetime(2026, 11, 29, 8, 20, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-11-20T09:30:00+01:00", "2026-11-20T08:30:00Z"),
        ("2026-11-20T09:30Z", "2026-11-20T09:30:00Z"),
        (" 2026-11-20 09:30:00.5-05:00 ", "2026-11-20T14:30:00Z"),
        ("2026-11-29T08:20:05Z", "2026-11-29T08:20:05Z"),
        (" 2026-11-20 ", "2026-11-20"),
        ("2024-11-28", "2024-11-28"),
    ],
)
def test_a_day_is_kept_as_it_is_and_a_time_in_utc(text: str, kept: str) -> None:
    assert TimesOfReceipt(NOW, BERLIN).read(text) == kept
    assert is_day(kept) == (len(kept) == 10)


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        ("UTC", "2026-09-06T00:00:00Z"),
        ("Europe/Berlin", "2026-09-05T22:00:00Z"),
        ("America/Santiago", "2026-09-06T04:00:00Z"),  # it has no midnight: the day begins with the change
    ],
)
def test_a_day_begins_where_the_controller_is(zone: str, begins: str) -> None:
    assert stamp(first_moment("2026-09-06", ZoneInfo(zone))) == begins


def test_a_day_has_begun_where_the_controller_is_or_lies_in_the_future() -> None:
    for zone, last in (
        ("UTC", "2026-11-29"),
        ("Pacific/Kiritimati", "2026-11-29"),
        ("Pacific/Pago_Pago", "2026-11-28"),
    ):
        times = TimesOfReceipt(NOW, ZoneInfo(zone))
        assert times.read(last) == last
        with pytest.raises(TimeOfReceiptError, match="in the future"):
            times.read(str(date.fromisoformat(last) + timedelta(days=1)))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-11-30", "received-later"),
        ("2026-11-29T08:20:06Z", "received-later"),
        ("2026-11-29T08:20:05-00:30", "received-later"),
        ("9999-12-31T23:59:59-14:00", "received-later"),
        ("2024-11-27", "received-long-ago"),
        ("0001-01-01T00:00:00+14:00", "received-long-ago"),
        ("0001-01-01", "received-long-ago"),
        *(
            (text, "call-unusable")
            for text in (
                "",
                "yesterday",
                "ann@mail.example",
                "20261120",
                "2026-W47-5",
                "2026-02-30",
                "2026-11-19T08:30:00",
                "2026-11-20T25:00Z",
                "20.11.2026",
                "2026-11-20\n2026-11-21",
                "\u0662026-11-20",
                "2026-11-20T09:30:00+99:99",
                "1" * 5000,
            )
        ),
    ],
)
def test_what_cannot_be_is_refused_and_not_repeated(text: str, code: str) -> None:
    with pytest.raises(TimeOfReceiptError) as refused:
        TimesOfReceipt(NOW, UTC).read(text)
    assert refused.value.code == code
    assert not text or text not in str(refused.value)


def test_long_ago_is_two_years_to_the_second() -> None:
    for late, code in ((timedelta(0), None), (timedelta(seconds=1), "received-long-ago")):
        moment = (NOW - LONG_AGO - late).strftime("%Y-%m-%dT%H:%M:%SZ")
        if code is None:
            assert TimesOfReceipt(NOW, UTC).read(moment) == moment
        else:
            with pytest.raises(TimeOfReceiptError, match="years"):
                TimesOfReceipt(NOW, UTC).read(moment)


@pytest.mark.parametrize(
    ("told", "zone", "until"),
    [
        ("2026-11-20", UTC, datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-03-29", BERLIN, datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-11-20T08:30:00Z", BERLIN, datetime(2026, 11, 20, 8, 30, 1, tzinfo=UTC)),
    ],
)
def test_the_latest_that_may_be_meant(told: str, zone: tzinfo, until: datetime) -> None:
    """Of a day, with 23 hours as well, its end; of a time without fractions its second's."""
    assert last_moment(told, zone) == until
