"""Period of a report: a year, a quarter or a month. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from expunge_config.errors import UsageError

_FORM = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d\d)))?")


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """From a day on, until before another one."""

    text: str
    since: date
    before: date


def parse_period(text: str) -> ReportPeriod:
    """Read `2026`, `2026-Q4` or `2026-11`.

    Raises:
        UsageError: It is none of these.
    """
    match = _FORM.fullmatch(text)
    year = int(match[1]) if match else 0
    first, months = 1, 12
    if match and match[2]:
        first, months = 3 * int(match[2]) - 2, 3
    elif match and match[3]:
        first, months = int(match[3]), 1
    if not match or not 1 <= first <= 12 or year < 1 or year > 9998:  # noqa: PLR2004 - of the calendar
        raise UsageError("The period is no year, quarter or month.", remedy="Write 2026, 2026-Q4 or 2026-11.")
    last = first + months
    before = date(year + (last - 1) // 12, (last - 1) % 12 + 1, 1)
    return ReportPeriod(text, date(year, first, 1), before)
