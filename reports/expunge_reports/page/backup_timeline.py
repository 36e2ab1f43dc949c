"""Backup timeline: geometry of the SVG that shows when each backup copy ends. The table beside it says the same.

The template draws on a field 760 wide, 56 high above the first bar; times stand between 16 and 744.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from expunge_reports.forms.shared_documents import BackupCopies, BackupCopy
from expunge_reports.page import date_format

LIMIT: Final = 40
"""Bars drawn at most: those that end last. The table has them all."""

_LEFT: Final = 16
_RIGHT: Final = 744
_TOP: Final = 56
_ROW: Final = 46
_MOST_TICKS: Final = 13
_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200, 6000, 12000)
_YEAR: Final = 12
_ROOM: Final = 150
"""Below this distance from the right edge a label stands left of its mark."""
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Tick:
    """A month of the axis; the year is named where it is new."""

    x: float
    month: str
    year: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One copy, or so many as the table has in one line.

    Attributes:
        number: its number in the table.
        place: where it is.
        name: what it is called in the picture.
        label: when it ends.
        top: where its bar begins, downwards.
        due: where the storage may remove it.
        end: where it ends. Both are None for an open arrow.
        beside: there is room for the label beside the end.
    """

    number: int
    place: str
    name: str
    label: str
    top: int
    due: float | None
    end: float | None
    beside: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture; `count` is the number of lines that the table has."""

    seen: str
    seen_x: float
    height: int
    ticks: Sequence[Tick]
    bars: Sequence[Bar]
    count: int


@dataclass(frozen=True, slots=True)
class _Axis:
    """Months from `start` to `stop`, with a tick every `step`; `seen` is the time of the last listing."""

    seen: float
    start: int
    stop: int
    step: int

    def x(self, months: float) -> float:
        """Return the place of a time, rounded so that the same receipt always gives the same page."""
        return round(_LEFT + (months - self.start) / (self.stop - self.start) * (_RIGHT - _LEFT), 1)

    def ticks(self) -> list[Tick]:
        named: list[Tick] = []
        for months in range(self.start, self.stop, self.step):
            year, month = divmod(months, _YEAR)
            new = months == self.start or month < self.step or self.step >= _YEAR
            named.append(Tick(self.x(months), date_format.month(month), year if new else None))
        return named


def draw(copies: BackupCopies) -> Timeline | None:
    """Return the picture, or None if no listing says when it was made."""
    seen = max((moment for one in copies.listings if (moment := date_format.parse(one.at))), default=None)
    if seen is None:
        return None
    held = [(number, copy, _end(copy)) for number, copy in enumerate(copies.may_hold_the_records, 1)]
    drawn = sorted(held, key=lambda one: (one[2] is None, one[2] and _months(one[2]), one[0]))[-LIMIT:]
    axis = _axis(_months(seen), [_months(end) for _, _, end in drawn if end is not None])
    return Timeline(
        seen=date_format.day(seen),
        seen_x=axis.x(axis.seen),
        height=_TOP + _ROW * len(drawn) + 8,
        ticks=axis.ticks(),
        bars=[_bar(axis, _TOP + _ROW * row, *one) for row, one in enumerate(drawn)],
        count=len(held),
    )


def _end(copy: BackupCopy) -> datetime | None:
    return (date_format.parse(copy.expected_by) or date_format.parse(copy.due)) if copy.status == "due" else None


def _months(moment: datetime) -> float:
    """Return a time in months since the year 0: linear enough for a picture, and no month is out of range."""
    return moment.year * _YEAR + moment.month - 1 + (moment.day - 1 + moment.hour / 24) / 31


def _axis(seen: float, ends: Sequence[float]) -> _Axis:
    first = int(seen)
    last = max(int(max(ends, default=seen)) + 1, first + 2)
    step = next((step for step in _STEPS if (last - first) / step <= _MOST_TICKS), _STEPS[-1])
    # A month of room at the right, so that an open arrow is seen to go on beyond the last day.
    return _Axis(seen, first, last + max(1, step // 2), step)


def _bar(axis: _Axis, top: int, number: int, copy: BackupCopy, ends: datetime | None) -> Bar:
    name = f"{number}  {', '.join(part for part in (copy.place, copy.kind, copy.store) if part)}"
    name += f", {copy.copies} copies" if copy.copies != 1 else ""
    left = axis.x(axis.seen)
    end = None if ends is None else max(axis.x(_months(ends)), left)
    allowed = date_format.parse(copy.due)
    due = end if allowed is None or end is None else min(max(axis.x(_months(allowed)), left), end)
    endless = "no day" if copy.status == "due" else copy.status.upper()
    return Bar(
        number=number,
        place=copy.place,
        name=name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…",
        label=endless if ends is None else f"ends by {date_format.day(ends)}",
        top=top,
        due=due,
        end=end,
        beside=end is not None and end < _RIGHT - _ROOM,
    )
