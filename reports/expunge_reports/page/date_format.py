"""Date formatting: days, times and periods in words, independent of the machine's locale."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from expunge_reports.forms import stated_time

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PERIOD: Final = re.compile(r"P(?=\d)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?", re.ASCII)
_UNITS: Final = ("year", "month", "week", "day")


@dataclass(frozen=True, slots=True)
class Label:
    """A day or a time: `iso` for machines (the `datetime` of a `time` element), `text` for readers."""

    iso: str
    text: str


def parse(value: object) -> datetime | None:
    """Return a day or a time in UTC, or None if `value` is neither, as the verifier's rules read it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return stated_time.moment(value) if isinstance(value, str) else None


def label(value: object, *, end: bool = False) -> Label | None:
    """Return how a day or a time is shown, or None if `value` is neither.

    Args:
        value: a text of a body, or a statement's own time.
        end: the value ends something: then midnight is shown as the day alone, and seconds are not.
    """
    moment = parse(value)
    if moment is None:
        return None
    if isinstance(value, str) and _DAY.fullmatch(value):
        return Label(value, value)
    if end:
        midnight = (moment.hour, moment.minute) == (0, 0)
        return Label(moment.isoformat(), moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M UTC"))
    moment = moment.replace(microsecond=0)
    return Label(moment.isoformat(), time(moment))


def time(moment: datetime) -> str:
    """Return `2026-11-24 10:15:42 UTC`, of a time in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def month(index: int) -> str:
    """Return the short English name of a month, 0 for January."""
    return _MONTHS[index]


def day(moment: date) -> str:
    """Return `24 Nov 2026`."""
    return f"{moment.day} {month(moment.month - 1)} {moment.year}"


def period(text: str) -> str:
    """Return an ISO 8601 period of whole years, months, weeks and days in words; any other text as it is."""
    matched = _PERIOD.fullmatch(text)
    if matched is None:
        return text
    return ", ".join(
        f"{int(number)} {unit}{'' if int(number) == 1 else 's'}"
        for number, unit in zip(matched.groups(), _UNITS, strict=True)
        if number is not None
    )
