"""Backlog forecast: on which day nothing is overdue any more, at the rate that was measured. Pure.

B(d + 1) = max(0, B(d) + due(d) - r * w): what comes due is told by the starts of the next weeks, r is the 20th
percentile of the rates of the windows that were measured, w the seconds of a day in which sweeps may run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

DAY = 86_400.0
"""Seconds."""

_PERCENTILE = 0.2
_AHEAD = 1.3
"""It keeps up if in every week so much more can go than comes due."""

_LONGEST = 3_660
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Window:
    """One run of sweeps.

    Attributes:
        day: On which it began.
        seconds: How long it lasted.
        gone: How many records went by their own age.
        allowed: The seconds that it had; None: it went on until nothing was left that could go.
        full: Its time was over before that.
    """

    day: date
    seconds: float
    gone: int
    allowed: float | None
    full: bool


@dataclass(frozen=True, slots=True)
class Drain:
    """How much can go.

    Attributes:
        per_second: Records a second of a window.
        seconds_a_day: For which windows last on a day, on the average.
    """

    per_second: float
    seconds_a_day: float

    @property
    def a_day(self) -> float:
        """Records a day."""
        return self.per_second * self.seconds_a_day


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected.

    Attributes:
        drain: By how much can go.
        empty_on: The day on which nothing that could go is overdue any more; None: never, as far as can be seen.
        keeps_up: In every week ahead at least 1.3 times as much can go as comes due.
    """

    drain: Drain
    empty_on: date | None
    keeps_up: bool


def drain(windows: Sequence[Window]) -> Drain | None:
    """What was measured; None: nothing was.

    Of windows that took all that could go it is not known how much more would have gone: where others were full, these
    alone are counted.
    """
    full = [one for one in windows if one.full and one.seconds > 0]
    measured = full or [one for one in windows if one.gone and one.seconds > 0]
    if not measured:
        return None
    rates = sorted(one.gone / one.seconds for one in measured)
    days = (max(one.day for one in windows) - min(one.day for one in windows)).days + 1
    allowed = sum(min(DAY, DAY if one.allowed is None else one.allowed) for one in windows)
    return Drain(rates[int(_PERCENTILE * (len(rates) - 1))], min(DAY, allowed / days))


def forecast(backlog: int, due: Sequence[float], measured: Drain, first: date) -> Forecast:
    """See the module.

    Args:
        backlog: Records that are due before the first day and can go.
        due: How many come due on each day, from the first one on; beyond them, as many as on the average.
        measured: How much can go.
        first: The first day on which a window is to come.
    """
    a_day = measured.a_day
    weeks = [sum(due[at : at + _WEEK]) for at in range(0, len(due) - _WEEK + 1, _WEEK)]
    keeps_up = all(a_day * _WEEK >= _AHEAD * one for one in weeks)
    average = sum(due) / len(due) if due else 0.0
    left, days = float(backlog), 0
    while days == 0 or (left > 0 and days < _LONGEST):
        left = max(0.0, left + (due[days] if days < len(due) else average) - a_day)
        days += 1
    return Forecast(measured, None if left > 0 else first + timedelta(days=days - 1), keeps_up)
