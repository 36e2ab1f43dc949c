"""ISO 8601 calendar periods (whole days, months, years) of deletion rules, and date arithmetic with them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_PERIOD = re.compile(r"P(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?")


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar period such as `P10Y` or `P1Y6M`.

    Months are added before days, and a day that the target month lacks becomes its last day: 31 January + P1M is the
    last day of February (as Regulation (EEC) 1182/71 art. 3(2)(c) has it).
    """

    years: int = 0
    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `P[nY][nM][nD]`.

        Raises:
            ValueError: The text is no such period.
        """
        match = _PERIOD.fullmatch(text)
        if not match or not any(match.groups()):
            raise ValueError("a period is written P<n>Y<n>M<n>D, for example P10Y or P90D")
        years, months, days = (int(part or 0) for part in match.groups())
        return cls(years, months, days)

    def after(self, start: date) -> date:
        """The day on which the period that began on `start` ends."""
        month_index = start.year * 12 + start.month - 1 + self.years * 12 + self.months
        year, month = divmod(month_index, 12)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        return date(year, month + 1, day) + timedelta(days=self.days)

    def began(self, end: date) -> date:
        """The last day of those on which a period began that is over on `end`; the calendar's first: it has none.

        One that began on the 31st may end on a 28th: it lies at most three days after the day that is as far back.
        """
        try:
            back = end - timedelta(days=self.days)
            year, month = divmod(back.year * 12 + back.month - 1 - self.years * 12 - self.months, 12)
            day = date(year, month + 1, min(back.day, calendar.monthrange(year, month + 1)[1])) + timedelta(days=3)
            while self.after(day) > end:
                day -= timedelta(days=1)
        except (ValueError, OverflowError):
            return date.min
        return day

    def shorter_than(self, other: Period) -> bool:
        """Whether it ends before the other one, of some day on which both begin.

        A period of 365 days is shorter than a year that has a leap day. Years of a century without one are tried, too.
        """
        ours, theirs = self.years * 12 + self.months, other.years * 12 + other.months
        if (ours, self.days) == (theirs, other.days) or (ours >= theirs and self.days >= other.days):
            return False
        return any(self.after(day) < other.after(day) for day in _days())

    @property
    def longest(self) -> int:
        """Days: the longest that it can be, of whatever day it begins."""
        return max((self.after(day) - day).days for day in _days())

    @property
    def shortest(self) -> int:
        """Days: the shortest that it can be."""
        return min((self.after(day) - day).days for day in _days())

    def __str__(self) -> str:
        parts = ((self.years, "Y"), (self.months, "M"), (self.days, "D"))
        return "P" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0D")


def _days() -> Iterator[date]:
    """Days on which a period may begin: of leap years and others, and of a century without a leap day."""
    return (date(year, 1, 1) + timedelta(days=one) for year in (2000, 2096) for one in range(8 * 366))
