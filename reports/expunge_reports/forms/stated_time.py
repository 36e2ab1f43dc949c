"""Stated times: times and days as receipts have them, which are texts."""

from datetime import UTC, date, datetime, time
from typing import Final, NewType

from expunge_reports import json_fields
from expunge_reports.errors import MalformedError

_DAY: Final = len("2026-11-29")

Time = NewType("Time", str)
"""A text that is a time with its zone: what gives none is no form that is known."""

Day = NewType("Day", str)
"""A text that is a day, `2026-11-29`."""


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
    if (len(text) == _DAY) != is_day or moment(text) is None:
        raise MalformedError(f"{what} is no {'day' if is_day else 'time with its zone'}")
    return text
