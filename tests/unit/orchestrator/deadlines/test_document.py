"""What is told of the clocks: the progress, the warning, the document on the receipt, the lines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from expunge_config import calendars
from expunge_config.calendars import CalendarEndsError
from expunge_config.datamap import Calendar, DeadlineSpec, Statute
from expunge_orchestrator import deadlines
from expunge_orchestrator.deadlines import Deadlines
from expunge_reports import canonical

RECEIVED = datetime(2026, 11, 2, 9, tzinfo=UTC)
SPEC = DeadlineSpec(
    time_zone="Europe/Berlin",
    calendar=Calendar(country="DE", subdivision="BY"),
    business_days=35,
    closed=("12-24", "2026-12-31"),
    statute=Statute.GDPR,
)


def started() -> Deadlines:
    return deadlines.calculate(SPEC, RECEIVED, datetime(2026, 10, 30, 8, tzinfo=UTC))


def test_the_document_says_all_and_is_canonical() -> None:
    document = deadlines.document(started())
    assert json.loads(canonical.encode(document)) == document
    assert document == {
        "kind": "deadlines",
        "receivedAt": "2026-11-02T09:00:00Z",
        "controllerReceivedAt": "2026-10-30T08:00:00Z",
        "timeZone": "Europe/Berlin",
        "calendar": {"country": "DE", "subdivision": "BY", "source": calendars.source()},
        "businessDays": 35,
        "statute": "gdpr",
        "clocks": [
            {
                "clock": "promise",
                "ground": "35 business days after the day of receipt, as promised",
                "receivedAt": "2026-11-02T09:00:00Z",
                "lastDay": "2026-12-21",
                "dueAt": "2026-12-21T23:00:00Z",
            },
            {
                "clock": "statute",
                "ground": "One month from receipt (GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3)",
                "receivedAt": "2026-10-30T08:00:00Z",
                "lastDay": "2026-11-30",
                "dueAt": "2026-11-30T23:00:00Z",
            },
        ],
        "first": "statute",
        "answerBy": "2026-11-30T23:00:00Z",
        "warning": "The statutory clock ends on 2026-11-30, 21 days before the promise (2026-12-21): "
        "answer by 2026-11-30.",
    }


def test_days_that_were_not_counted_are_named_and_a_moved_end_says_from_where() -> None:
    later = deadlines.calculate(SPEC, datetime(2026, 11, 25, 9, tzinfo=UTC))
    promise, statute = deadlines.document(later)["clocks"]  # type: ignore[misc]
    assert promise["notCounted"] == [
        {"day": "2026-12-24", "name": "closed"},
        {"day": "2026-12-25", "name": "Christmas Day"},
        {"day": "2026-12-31", "name": "closed"},
        {"day": "2027-01-01", "name": "New Year's Day"},
        {"day": "2027-01-06", "name": "Epiphany"},
    ]
    assert (statute["movedFrom"], statute["lastDay"]) == ("2026-12-25", "2026-12-28")


def test_an_extension_stands_beside_what_was_due() -> None:
    longer = deadlines.extend_statute(started(), at=RECEIVED, reason="Many requests at once")
    _, statute = deadlines.document(longer)["clocks"]  # type: ignore[misc]
    assert (statute["dueAt"], statute["extendedTo"]) == ("2026-11-30T23:00:00Z", "2027-02-01T23:00:00Z")
    assert statute["extension"] == {
        "at": "2026-11-02T09:00:00Z",
        "reason": "Many requests at once",
        "lastDay": "2027-02-01",
        "ground": "Two further months, with notice and reasons within the first (GDPR Art. 12(3))",
    }
    assert "warning" not in deadlines.document(longer)


def test_lines_to_read() -> None:
    promise, statute, warning = deadlines.as_text(started())
    assert promise.startswith("Answer, as promised: 2026-12-21 (Europe/Berlin). 35 business days")
    assert statute.startswith("Answer, by law: 2026-11-30 (Europe/Berlin). One month")
    assert statute.endswith("<- first")
    assert warning == str(deadlines.warning(started()))


def test_progress_counts_down_to_what_ends_first() -> None:
    known = started()
    last = datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC)  # one second before midnight in Berlin
    at_once, friday, on_the_last_day, too_late = (
        deadlines.standing(known, at)
        for at in (RECEIVED, datetime(2026, 11, 27, 9, tzinfo=UTC), last, last + timedelta(seconds=1))
    )
    assert (at_once.first, at_once.ends_on) == (deadlines.Kind.STATUTE, date(2026, 11, 30))
    assert [one.business_days_left for one in (at_once, friday, on_the_last_day, too_late)] == [20, 1, 0, 0]
    assert [one.overdue for one in (at_once, friday, on_the_last_day, too_late)] == [False, False, False, True]


def test_the_same_end_is_the_laws() -> None:
    spec = DeadlineSpec(time_zone="UTC", calendar=Calendar(country="DE"), business_days=22, statute=Statute.GDPR)
    known = deadlines.calculate(spec, datetime(2026, 11, 2, 9, tzinfo=UTC))
    assert known.promise is not None
    assert known.statute is not None
    assert known.promise.due_at == known.statute.due_at
    assert known.first is known.statute
    assert deadlines.warning(known) is None


def test_a_calendar_that_ends_is_an_error_and_no_year_without_holidays() -> None:
    with pytest.raises(CalendarEndsError, match="holds no holidays of 2101"):
        deadlines.calculate(SPEC, datetime(2100, 12, 20, tzinfo=UTC))
    with pytest.raises(CalendarEndsError, match="holds no holidays of 1776"):
        deadlines.calculate(SPEC, datetime(1776, 7, 4, tzinfo=UTC))


def test_names_of_holidays_do_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LANG"):
        monkeypatch.setenv(name, "th_TH.UTF-8")
    assert calendars.year.__wrapped__("DE", "BY", 2027).holidays[date(2027, 1, 6)] == "Epiphany"


def test_a_weekend_is_the_countrys_own_for_a_promise_and_saturday_and_sunday_for_the_regulation() -> None:
    days = deadlines.BusinessCalendar(
        DeadlineSpec(time_zone="Asia/Riyadh", calendar=Calendar(country="SA"), business_days=1)
    )
    friday, sunday = date(2026, 6, 5), date(2026, 6, 7)
    assert [days.is_business_day(friday), days.is_business_day(sunday)] == [False, True]
    assert [days.is_working_day(friday), days.is_working_day(sunday)] == [True, False]


def test_closing_days_lengthen_the_promise_and_no_law() -> None:
    closed = ("11-16", "12-02", "01-04")
    spec = DeadlineSpec(
        time_zone="America/Los_Angeles",
        calendar=Calendar(country="US"),
        business_days=10,
        closed=closed,
        statute=Statute.CCPA,
    )
    known = deadlines.calculate(spec, datetime(2026, 11, 2, 20, tzinfo=UTC))
    assert known.promise is not None
    assert known.confirmation is not None
    assert (known.promise.last_day, known.confirmation.last_day) == (date(2026, 11, 18), date(2026, 11, 17))
    moved = spec.model_copy(update={"statute": Statute.GDPR})
    assert deadlines.calculate(moved, datetime(2026, 11, 2, 20, tzinfo=UTC)).statute.last_day == date(2026, 12, 2)  # type: ignore[union-attr]
