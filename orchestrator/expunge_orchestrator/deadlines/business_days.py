"""Business days of a calendar, working days of a law, and the end of a day in a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from expunge_config import calendars
from expunge_config.calendars import CalendarYear
from expunge_config.datamap import DeadlineSpec

_DAY = timedelta(days=1)
_SATURDAY = 6
CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class DayOff:
    """A day that was not counted although it is no weekend's; `name` is the holiday's, or `closed`."""

    day: date
    name: str


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The days of one controller. All methods are pure; calendars are computed per year and never end silently.

    Raises:
        CalendarEndsError: From every method that asks for a year which the calendar does not hold.
    """

    spec: DeadlineSpec

    def of(self, moment: datetime) -> date:
        """The controller's day in which an instant lies.

        Raises:
            ValueError: The instant has no zone, so nobody can say which one it is.
        """
        if moment.utcoffset() is None:
            raise ValueError("an instant of a deadline carries its time zone")
        return moment.astimezone(ZoneInfo(self.spec.time_zone)).date()

    def end(self, day: date) -> datetime:
        """The instant at which a day is over: the first one of the next day, in UTC.

        Where a clock change leaves out midnight, the next day begins with the change; where midnight comes twice, the
        day ends with the first (fold 0, PEP 495, gives both).
        """
        following = day + _DAY
        midnight = datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(self.spec.time_zone))
        return midnight.astimezone(UTC)

    def is_business_day(self, day: date) -> bool:
        """Neither weekend nor public holiday of the calendar, nor a day on which the controller is closed."""
        return day in self._year(day).working and not self._closed(day)

    def is_working_day(self, day: date) -> bool:
        """A day that is no public holiday, Sunday or Saturday (Regulation 1182/71 Art. 2(2)), closed or not."""
        return day.isoweekday() < _SATURDAY and day not in self._year(day).holidays

    def business_day_after(self, start: date, count: int) -> date:
        """The `count`-th business day after a day, which is not counted itself."""
        return next(day for place, day in enumerate(self._business_days(start), start=1) if place == count)

    def business_days_between(self, start: date, end: date) -> int:
        """How many business days lie after `start`, up to and with `end`; 0 if it is not later."""
        return sum(self.is_business_day(day) for day in _after(start, end))

    def working_day_from(self, day: date) -> date:
        """The day itself, or the next working day of the law."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def off_between(self, start: date, end: date) -> tuple[DayOff, ...]:
        """Holidays and closing days after `start`, up to and with `end`, that are no weekend's and were not counted."""
        return tuple(
            DayOff(day, self._year(day).holidays.get(day, CLOSED))
            for day in _after(start, end)
            if day not in self._year(day).weekend and not self.is_business_day(day)
        )

    def _business_days(self, start: date) -> Iterator[date]:
        day = start
        while True:
            day += _DAY
            if self.is_business_day(day):
                yield day

    def _year(self, day: date) -> CalendarYear:
        calendar = self.spec.calendar
        return calendars.year(calendar.country, calendar.subdivision, day.year)

    def _closed(self, day: date) -> bool:
        written = day.isoformat()
        return written in self.spec.closed or written[len("2026-") :] in self.spec.closed


def _after(start: date, end: date) -> Iterator[date]:
    return (start + place * _DAY for place in range(1, (end - start).days + 1))
