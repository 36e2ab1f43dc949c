"""Stated times: times, days and periods as receipts have them, which are texts."""

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NewType

from expunge_reports import json_fields
from expunge_reports.errors import MalformedError

_DAY: Final = len("2026-11-29")
_FORMS: Final = {
    False: re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)", re.ASCII),
    True: re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
}
"""As the schemas have them. Of what ISO 8601 allows besides, week dates for instance, a reader knows less."""

Time = NewType("Time", str)
"""A text that is a time in UTC, `2026-11-29T10:00:00Z`: what gives no zone is no form that is known."""

Day = NewType("Day", str)
"""A text that is a day, `2026-11-29`."""


Period = NewType("Period", str)
"""A text that is a period of whole years, months and days (ISO 8601), as `P10Y`."""

_PERIOD: Final = re.compile(r"P(?=\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?", re.ASCII)


def after(start: str, period: str) -> str | None:
    """Return the day on which a stated period ends that begins on a stated day; None beyond the calendar.

    Months are added before days; a day that the month lacks becomes its last (Regulation (EEC) 1182/71 art. 3(2)(c)).
    """
    matched, began = _PERIOD.fullmatch(period), date.fromisoformat(start)
    assert matched is not None
    years, months, days = (int(one or 0) for one in matched.groups())
    year, month = divmod(began.year * 12 + began.month - 1 + years * 12 + months, 12)
    try:
        last = calendar.monthrange(year, month + 1)[1]
        return (date(year, month + 1, min(began.day, last)) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return None


def read_period(value: object, what: str) -> str:
    """Return a period as it is stated; `what` is named in the error."""
    text = json_fields.text(value, what)
    if not _PERIOD.fullmatch(text):
        raise MalformedError(f"{what} is no period")
    return text


def moment(text: str | None) -> datetime | None:
    """Return a stated time; None if none is stated, or what is stated is none. A day ends with its last second, UTC."""
    if text is None:
        return None
    try:
        if len(text) == _DAY:
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: year 1 or 9999 moved over the edge by its zone
        return None


def read_time(value: object, what: str) -> str:
    """Return a time with its zone as it is stated; `what` is named in the error."""
    return _moment(value, what, is_day=False)


def read_day(value: object, what: str) -> str:
    """Return a day as it is stated; `what` is named in the error."""
    return _moment(value, what, is_day=True)


def _moment(value: object, what: str, *, is_day: bool) -> str:
    text = json_fields.text(value, what)
    if not _FORMS[is_day].fullmatch(text) or moment(text) is None:
        raise MalformedError(f"{what} is no {'day' if is_day else 'time with its zone'}")
    return text
