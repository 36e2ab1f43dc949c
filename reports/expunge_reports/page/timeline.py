"""When each backup copy ends, as an inline SVG. It shows nothing that the table does not say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from expunge_reports.page import markup, words
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Copies, Copy

LIMIT: Final = 40
"""Bars drawn at most: those that end last. The table has them all."""

_WIDTH: Final = 760
_LEFT: Final = 16
_RIGHT: Final = 744
_TOP: Final = 56
_ROW: Final = 46
_MOST_TICKS: Final = 13
_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200, 6000, 12000)
_ROOM: Final = 150
"""Below this distance from the right edge a label stands left of its mark."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One copy to be drawn; times are in months (see `_months`), `until` None for an open arrow."""

    number: int
    copy: Copy
    due: float | None
    until: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Months from `start` to `stop`, with a tick every `step`."""

    start: int
    stop: int
    step: int

    def x(self, months: float) -> float:
        """Return the place of a time, rounded so that the same receipt always gives the same page."""
        share = (months - self.start) / (self.stop - self.start)
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    @property
    def ticks(self) -> range:
        """The months that are named."""
        return range(self.start, self.stop, self.step)


def render(names: Names, known: Copies) -> Html:
    """Return the figure, or nothing if no listing says when it was made."""
    seen = max((moment for one in known.listings if (moment := markup.moment_of(one.at))), default=None)
    if seen is None:
        return markup.NOTHING
    bars = sorted(
        (_bar(number, copy) for number, copy in enumerate(known.held, 1)),
        key=lambda bar: (bar.until is None, bar.until or 0.0, bar.number),
    )
    drawn = bars[-LIMIT:]
    start = _months(seen)
    axis = _axis(start, [bar.until for bar in drawn if bar.until is not None])
    title, described, caption = (names.new(stem) for stem in ("title", "description", "figure"))
    height = _TOP + _ROW * len(drawn) + 8
    parts = [
        f'<svg role="img" aria-labelledby="{title} {described}" viewBox="0 0 {_WIDTH} {height}">\n',
        f'<title id="{title}">When each backup copy ends</title>\n',
        f'<desc id="{described}">{markup.text(_description(seen, drawn))}</desc>\n',
        _scale(axis, height),
        f'<line class="seen" x1="{axis.x(start)}" x2="{axis.x(start)}" y1="36" y2="{height - 4}"/>\n',
        *(_draw(axis, bar, start, _TOP + _ROW * place) for place, bar in enumerate(drawn)),
        "</svg>\n",
    ]
    said = f"When each backup copy ends, seen from the listing of {words.day(seen)} (dotted line). "
    said += (
        "Full bar: until the storage may remove it; dashed frame: allowance for delay; dashed arrow: no day ends it. "
    )
    if len(bars) > len(drawn):
        said += f"Drawn are the {len(drawn)} of {len(bars)} copies that end last. "
    said += "The numbers are those of the table, which says the same."
    figcaption = markup.element("figcaption", markup.text(said), id=caption)
    return Html(f"<figure>\n{markup.region(caption, Html(''.join(parts)))}{figcaption}\n</figure>\n")


def _bar(number: int, copy: Copy) -> Bar:
    due = markup.moment_of(copy.due) if copy.status == "due" else None
    last = markup.moment_of(copy.expected_by) if copy.status == "due" else None
    end = last or due
    label = f"ends by {words.day(end)}" if end else f"{copy.status.upper() if copy.status != 'due' else 'no day'}"
    return Bar(number, copy, _months(due) if due else None, _months(end) if end else None, label)


def _months(moment: datetime) -> float:
    """Return a time in months since the year 0: linear enough for a picture, and no month is out of range."""
    return moment.year * 12 + moment.month - 1 + (moment.day - 1 + moment.hour / 24) / 31


def _axis(start: float, ends: Sequence[float]) -> Axis:
    first = int(start)
    last = max(int(max(ends, default=start)) + 1, first + 2)
    step = next((step for step in _STEPS if (last - first) / step <= _MOST_TICKS), _STEPS[-1])
    # A month of room at the right, so that an open arrow is seen to go on beyond the last day.
    return Axis(first, last + max(1, step // 2), step)


def _scale(axis: Axis, height: int) -> str:
    lines: list[str] = []
    for months in axis.ticks:
        x = axis.x(months)
        year, month = divmod(months, 12)
        lines.append(f'<line class="grid" x1="{x}" x2="{x}" y1="36" y2="{height - 4}"/>\n')
        lines.append(f'<text class="axis" x="{x}" y="14">{words.month(month)}</text>\n')
        if months == axis.start or month < axis.step or axis.step >= len(range(12)):
            lines.append(f'<text class="axis" x="{x}" y="30">{year}</text>\n')
    return "".join(lines)


def _draw(axis: Axis, bar: Bar, start: float, top: int) -> str:
    copy = bar.copy
    name = _shortened(f"{bar.number}  {', '.join(part for part in (copy.place, copy.kind, copy.store) if part)}")
    middle = top + 26
    left = axis.x(start)
    named = f'<text x="{left + 6}" y="{top + 12}">{markup.text(name)}</text>\n'
    if bar.until is None:
        right = _RIGHT + 8
        return (
            f'{named}<line class="ever" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>\n'
            f'<path class="head" d="M{right - 9} {middle - 7}L{right} {middle}L{right - 9} {middle + 7}"/>\n'
            f'<text class="open" x="{_RIGHT}" y="{top + 12}" text-anchor="end">{markup.text(bar.label)}</text>\n'
        )
    end = max(axis.x(bar.until), left)
    due = min(max(axis.x(bar.due), left), end) if bar.due is not None else end
    beside = f'x="{end + 7}"' if end < _RIGHT - _ROOM else f'x="{_RIGHT}" text-anchor="end"'
    level = middle + 5 if end < _RIGHT - _ROOM else top + 12
    return (
        f'{named}<rect class="until" x="{left}" y="{middle - 6}" width="{round(due - left, 1)}" height="12"/>\n'
        f'<rect class="lag" x="{due}" y="{middle - 6}" width="{round(end - due, 1)}" height="12"/>\n'
        f'<line class="end" x1="{end}" x2="{end}" y1="{middle - 10}" y2="{middle + 10}"/>\n'
        f'<text {beside} y="{level}">{markup.text(bar.label)}</text>\n'
    )


def _description(seen: datetime, drawn: Sequence[Bar]) -> str:
    each = "; ".join(f"copy {bar.number} in {bar.copy.place}: {bar.label}" for bar in drawn)
    return f"Seen from the listing of {words.day(seen)}. {each}. The table says the same."


def _shortened(name: str, most: int = 60) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
