"""Backlog forecast: on which day nothing is overdue any more, at the rate that was measured. Pure.

B(d + 1) = max(0, B(d) + due(d) - r * w): what comes due is told by the starts of the next weeks, r is the 20th
percentile of the rates that were measured, w the seconds of a day in which sweeps run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

_PERCENTILE = 0.2
_AHEAD = 1.3
"""It keeps up if in every week so much more can go than comes due."""

_LONGEST = 3_660
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected.

    Attributes:
        rate: Records a second.
        empty_on: The first day on which nothing is overdue; None: at this rate never, as far as can be seen.
        keeps_up: In every week ahead at least 1.3 times as much can go as comes due.
    """

    rate: float
    empty_on: date | None
    keeps_up: bool


def rate(measured: Sequence[float]) -> float | None:
    """The rate to count on, in records a second; None: nothing was measured."""
    if not measured:
        return None
    ordered = sorted(measured)
    return ordered[int(_PERCENTILE * (len(ordered) - 1))]


def forecast(backlog: int, coming: Sequence[int], per_second: float, seconds_a_day: float, today: date) -> Forecast:
    """See the module.

    Args:
        backlog: Records that are due and can go.
        coming: How many come due in each of the next weeks; beyond them, as many as on the average.
        per_second: How many go in a second.
        seconds_a_day: In which sweeps run.
        today: From which day on.
    """
    a_day = per_second * seconds_a_day
    keeps_up = all(a_day * _WEEK >= _AHEAD * one for one in coming)
    average = sum(coming) / (len(coming) * _WEEK) if coming else 0.0
    left, day = float(backlog), 0
    while left > 0 and day < _LONGEST:
        week = day // _WEEK
        left = max(0.0, left + (coming[week] / _WEEK if week < len(coming) else average) - a_day)
        day += 1
    return Forecast(per_second, None if left > 0 else today + timedelta(days=day), keeps_up)
