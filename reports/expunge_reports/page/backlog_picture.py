"""Backlog picture: geometry of the SVG of what is left by age, what came due and what went. The table says the same.

The template draws on a field 760 wide: above, what is left, as a line; below, what came due (upwards) and what went
(downwards) since the run before. Days stand between 72 and 736.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from expunge_reports.page import date_format

LEFT: Final = 72
RIGHT: Final = 736
TOP: Final = 40
FLOOR: Final = 150
"""Of what is left: its greatest number stands at the top, 0 at the floor."""
ZERO: Final = 224
HEIGHT: Final = 44
"""Of the bars, up and down from the zero line."""

_LEAST_DAYS: Final = 7
_MOST_DOTS: Final = 45
_MOST_TICKS: Final = 9
_STEPS: Final = (1, 2, 7, 14)
_MONTHS_FROM: Final = 100
"""Days, from which on months are named."""
_WIDEST: Final = 16.0
_ROOM: Final = 90
_WEEKLY_FROM: Final = 40
"""Rows of the table, from which on a week is one."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day with a run: how many records came due since the one before (None: not known), went, and were left."""

    day: date
    came: int | None
    gone: int
    left: int


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A forecast: so many were left on a day, and it said on which nothing would be."""

    day: date
    left: int
    empty_on: date


@dataclass(frozen=True, slots=True)
class Tick:
    """A day of the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """What came due, or went: from where, how high."""

    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast as a line from what was left down to its day; `label` stands at its end."""

    path: str
    x: float
    label: str
    beside: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of one data type, or of all.

    Attributes:
        points: Of the line of what is left; `dotted`: there are so few that each can be seen.
        most_left, most_moved: What the upper edges of the two fields stand for.
        said: The same in a sentence.
        rows: The same as a table: (first day, last day, came due, went, left); `weekly`: of whole weeks.
    """

    ticks: Sequence[Tick]
    points: Sequence[tuple[float, float]]
    dotted: bool
    came: Sequence[Bar]
    gone: Sequence[Bar]
    width: float
    most_left: str
    most_moved: str
    forecasts: Sequence[Forecast]
    said: str
    rows: Sequence[tuple[str, str, int | None, int, int]]
    weekly: bool


@dataclass(frozen=True, slots=True)
class _Axis:
    first: date
    last: date

    def x(self, day: date) -> float:
        span = (self.last - self.first).days
        return round(LEFT + (day - self.first).days / span * (RIGHT - LEFT), 1)

    def ticks(self) -> list[Tick]:
        span = (self.last - self.first).days
        if span >= _MONTHS_FROM:
            days = [one for one in _every(self.first, self.last, 1) if one.day == 1]
            return [Tick(self.x(one), f"{date_format.month(one.month - 1)} {one.year}") for one in _thinned(days)]
        step = next((step for step in _STEPS if span / step <= _MOST_TICKS), _STEPS[-1])
        days = _every(self.first, self.last, step)
        return [Tick(self.x(one), f"{one.day} {date_format.month(one.month - 1)}") for one in days]


def draw(days: Sequence[Day], foreseen: Sequence[Foreseen] = ()) -> Picture | None:
    """Return the picture of these days, in their order, or None if there is none."""
    if not days:
        return None
    axis = _axis(days, foreseen)
    most_left = _above(max(one.left for one in days))
    most_moved = _above(max(max(one.came or 0, one.gone) for one in days))
    points = [(axis.x(one.day), _down(one.left, most_left)) for one in days]
    width = round(min(_WIDEST, max(1.2, 0.7 * (RIGHT - LEFT) / (axis.last - axis.first).days)), 1)
    heights = [(one, HEIGHT * (one.came or 0) / most_moved, HEIGHT * one.gone / most_moved) for one in days]
    rows, weekly = _rows(days)
    return Picture(
        ticks=axis.ticks(),
        points=points,
        dotted=len(points) <= _MOST_DOTS,
        came=[_bar(axis.x(one.day), width, up, upwards=True) for one, up, _ in heights if up],
        gone=[_bar(axis.x(one.day), width, down, upwards=False) for one, _, down in heights if down],
        width=width,
        most_left=number(most_left),
        most_moved=number(most_moved),
        forecasts=[_forecast(axis, one, most_left) for one in foreseen],
        said=_said(days),
        rows=rows,
        weekly=weekly,
    )


def number(of: int) -> str:
    """Return `12,000`."""
    return f"{of:,}"


def _axis(days: Sequence[Day], foreseen: Sequence[Foreseen]) -> _Axis:
    """Days with a run, a week at least, and a forecast's day if that makes it no more than twice as long."""
    first, last = days[0].day, max(days[-1].day, days[0].day + timedelta(days=_LEAST_DAYS))
    furthest = last + (last - first)
    return _Axis(first, max([last, *(min(one.empty_on, furthest) for one in foreseen)]))


def _every(first: date, last: date, step: int) -> list[date]:
    return [first + timedelta(days=at) for at in range(0, (last - first).days + 1, step)]


def _thinned(days: Sequence[date]) -> Sequence[date]:
    return days[:: -(-len(days) // _MOST_TICKS)]


def _above(most: int) -> int:
    """Return the next number of one or two digits and zeros, at least 1."""
    unit = int(10 ** max(0, len(str(most)) - 2))
    return max(1, -(-most // unit) * unit)


def _down(left: int, most: int) -> float:
    return round(FLOOR - left / most * (FLOOR - TOP), 1)


def _bar(x: float, width: float, height: float, *, upwards: bool) -> Bar:
    seen = round(max(1.0, height), 1)
    return Bar(round(x - width / 2, 1), round(ZERO - seen, 1) if upwards else float(ZERO), seen)


def _forecast(axis: _Axis, one: Foreseen, most_left: int) -> Forecast:
    """A line to the day on which nothing is left, or as far as the axis goes."""
    ends = min(one.empty_on, axis.last)
    days = max(1, (one.empty_on - one.day).days)
    rest = one.left * (1 - max(0, (ends - one.day).days) / days)
    x = axis.x(max(ends, one.day))
    return Forecast(
        f"M{axis.x(one.day)} {_down(one.left, most_left)} L{x} {_down(round(rest), most_left)}",
        x,
        f"forecast on {_short(one.day)}: gone on {_short(one.empty_on)}",
        x < LEFT + 2 * _ROOM,
    )


def _short(day: date) -> str:
    return f"{day.day} {date_format.month(day.month - 1)}"


def _said(days: Sequence[Day]) -> str:
    most, last = max(days, key=lambda one: one.left), days[-1]
    came, gone = sum(one.came or 0 for one in days), sum(one.gone for one in days)
    return (
        f"{number(days[0].left)} left on {date_format.day(days[0].day)}, at most {number(most.left)} on"
        f" {date_format.day(most.day)}, {number(last.left)} on {date_format.day(last.day)}. In these"
        f" {(last.day - days[0].day).days + 1} days {number(came)} came due and {number(gone)} went."
    )


def _rows(days: Sequence[Day]) -> tuple[list[tuple[str, str, int | None, int, int]], bool]:
    if len(days) <= _WEEKLY_FROM:
        return [(one.day.isoformat(), one.day.isoformat(), one.came, one.gone, one.left) for one in days], False
    weeks: dict[date, list[Day]] = {}
    for one in days:
        weeks.setdefault(one.day - timedelta(days=one.day.weekday()), []).append(one)
    return [
        (
            of[0].day.isoformat(),
            of[-1].day.isoformat(),
            sum(known) if (known := [one.came for one in of if one.came is not None]) else None,
            sum(one.gone for one in of),
            of[-1].left,
        )
        for of in weeks.values()
    ], True
