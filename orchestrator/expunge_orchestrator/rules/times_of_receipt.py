"""Times of receipt: when a request reached its controller or the operator, as somebody says, and what is not believed.

The clock that Expunge has itself knows when a call came in. Of a list, and of what a controller passes on, somebody
else knows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope
from expunge_orchestrator.clock import parse, stamp

LONG_AGO = timedelta(days=2 * 366)
"""Received longer ago is not believed: no law gives so much time, and calendars do not reach back for ever."""

_LATER, _YEARS = "is in the future", "is years in the past"
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class TimeOfReceiptError(ValueError):
    """Said of nothing that could be received then. The words continue a name, and repeat no value.

    Attributes:
        code: As the API calls it.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def require_plausible(told: datetime, at: datetime) -> None:
    """Refuse a time that is later than now, or years back.

    Raises:
        TimeOfReceiptError: It is.
    """
    if told > at:
        raise TimeOfReceiptError("received-later", _LATER)
    if at - told > LONG_AGO:
        raise TimeOfReceiptError("received-long-ago", _YEARS)


def zone_of(scope: Scope, data_map: DataMap) -> tzinfo:
    """Whose days the days of a controller are: those of its deadline, or else UTC's."""
    spec = data_map.controllers[scope.controller].deadline_of(scope.member)
    return UTC if spec is None else ZoneInfo(spec.time_zone)


def is_day(told: str) -> bool:
    """Whether it is a day, and no time is known."""
    return _DAY.fullmatch(told) is not None


def first_moment(day: str, zone: tzinfo) -> datetime:
    """Of a day: deadlines count days, and end alike from whenever in it. As `BusinessCalendar.end` has it."""
    return _midnight(day, zone).astimezone(UTC)


def last_moment(told: str, zone: tzinfo) -> datetime:
    """When a request was received, at the latest: of a day its end, of a time that is stamped its second's."""
    if is_day(told):
        return _midnight((date.fromisoformat(told) + timedelta(days=1)).isoformat(), zone).astimezone(UTC)
    return parse(told) + timedelta(seconds=1)


def _midnight(day: str, zone: tzinfo) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.min, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class TimesOfReceipt:
    """How the times of a list are read.

    Attributes:
        now: None is later.
        zone: Whose days these are.
        of_all: When those asked of whom the list itself does not say it, as `read` returns it; None: nobody knows.
    """

    now: datetime
    zone: tzinfo = UTC
    of_all: str | None = None

    @classmethod
    def of(cls, scope: Scope, data_map: DataMap, now: datetime, told: str | None) -> TimesOfReceipt:
        """For a list of a controller, by what is said of all of it.

        Raises:
            TimeOfReceiptError: What is said cannot be.
        """
        plain = cls(now, zone_of(scope, data_map))
        return plain if told is None else cls(now, plain.zone, plain.read(told))

    def read(self, text: str) -> str:
        """A day (`2026-11-20`) as it is, or a time with its zone (`2026-11-20T09:30:00+01:00`), stamped.

        Raises:
            TimeOfReceiptError: It is neither, in the future, or years in the past.
        """
        written = text.strip()
        told = self._moment(written)
        require_plausible(told, self.now)
        return written if is_day(written) else stamp(told)

    def _moment(self, text: str) -> datetime:
        found = self._written(text)
        if found is None:
            raise TimeOfReceiptError(
                "call-unusable", "is neither a day (2026-11-20) nor a time with its zone (2026-11-20T09:30:00+01:00)"
            )
        if found.year > self.now.year + 1:  # at the ends of the calendar no other zone can tell the time
            raise TimeOfReceiptError("received-later", _LATER)
        if found.year < self.now.year - 3:
            raise TimeOfReceiptError("received-long-ago", _YEARS)
        return found.astimezone(UTC)

    def _written(self, text: str) -> datetime | None:
        try:
            if is_day(text):
                return _midnight(text, self.zone)
            return datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
        except ValueError:  # the form of a day, and there is no such day
            return None
