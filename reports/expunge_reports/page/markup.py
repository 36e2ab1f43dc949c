"""HTML elements. Texts become markup here and nowhere else, so escaping has one place."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Final, NewType

Html = NewType("Html", str)
"""Markup that is safe to stand in the page."""

NOTHING: Final = Html("")
NOT_STATED: Final = Html('<span class="quiet">not stated</span>')
NONE: Final = Html('<span class="quiet">none</span>')

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(slots=True)
class Names:
    """Element ids of one page, each given out once. They are counted, never made of a receipt's own text."""

    counts: dict[str, int] = field(default_factory=dict)

    def new(self, stem: str) -> str:
        """Return `stem` with the next number."""
        self.counts[stem] = self.counts.get(stem, 0) + 1
        return f"{stem}-{self.counts[stem]}"


def text(value: object) -> Html:
    """Return `value` as escaped text."""
    return Html(escape(str(value)))


def join(parts: Iterable[Html], between: str = "") -> Html:
    """Return the parts one after the other."""
    return Html(between.join(parts))


def element(name: str, content: Html, **attributes: str) -> Html:
    """Return one element; `class_` stands for `class`, and `_` in other names for `-`."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{written}>{content}</{name}>")


def paragraph(content: object, class_: str = "") -> Html:
    """Return a paragraph of plain text."""
    return Html(f"{element('p', text(content), **({'class_': class_} if class_ else {}))}\n")


def code(value: object) -> Html:
    """Return a digest, a name or a command: it may break anywhere."""
    return element("code", text(value))


def time(moment: datetime) -> Html:
    """Return a moment in UTC, whole seconds."""
    known = moment.astimezone(UTC).replace(microsecond=0)
    return element("time", text(known.strftime("%Y-%m-%d %H:%M:%S UTC")), datetime=known.isoformat())


def end(value: str) -> Html:
    """Return the day of an end from a body, with the minute unless it is midnight."""
    moment = moment_of(value)
    if moment is None or _DAY.fullmatch(value):
        return when(value)
    shown = "%Y-%m-%d" if (moment.hour, moment.minute) == (0, 0) else "%Y-%m-%d %H:%M UTC"
    return element("time", text(moment.strftime(shown)), datetime=moment.isoformat())


def when(value: str | None, absent: Html = NOT_STATED) -> Html:
    """Return a day or a moment from a body; what is neither is shown as it stands."""
    if value is None:
        return absent
    moment = moment_of(value)
    if moment is None:
        return text(value)
    if _DAY.fullmatch(value):
        return element("time", text(value), datetime=value)
    return time(moment)


def moment_of(value: str | None) -> datetime | None:
    """Return a body's day or moment in UTC, or None if it is neither. A text without a zone is taken as UTC."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: year 1 or 9999 moved over the edge by its zone
        return None


def section(names: Names, title: str, content: Html, *, level: int = 2) -> Html:
    """Return a section with its heading."""
    name = names.new("section")
    heading = element(f"h{level}", text(title), id=name)
    return Html(f'<section aria-labelledby="{name}">\n{heading}\n{content}</section>\n')


def region(label: str, content: Html) -> Html:
    """Return content that scrolls sideways by itself, reachable by keyboard, so that the page never does."""
    return Html(f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{label}">\n{content}</div>\n')


def table(names: Names, caption: str, columns: Sequence[str], bodies: Iterable[Html]) -> Html:
    """Return a table in a region of its own.

    Args:
        names: where its id comes from.
        caption: what the table shows; also the region's label.
        columns: the headings.
        bodies: complete `tbody` elements (see `rows`).
    """
    name = names.new("table")
    head = join(element("th", text(column), scope="col") for column in columns)
    return region(
        name,
        Html(
            f'<table>\n<caption id="{name}">{text(caption)}</caption>\n'
            f"<thead>\n<tr>{head}</tr>\n</thead>\n{join(bodies)}</table>\n"
        ),
    )


def rows(cells: Iterable[Sequence[Html]], heading: int = 0) -> Html:
    """Return a `tbody`; the cell at place `heading` heads its row."""
    lines = [
        "<tr>"
        + "".join(
            element("th", cell, scope="row") if place == heading else element("td", cell)
            for place, cell in enumerate(row)
        )
        + "</tr>\n"
        for row in cells
    ]
    return Html(f"<tbody>\n{''.join(lines)}</tbody>\n")


def facts(pairs: Mapping[str, Html]) -> Html:
    """Return names and values; nothing for none."""
    if not pairs:
        return NOTHING
    lines = "".join(f"<div>{element('dt', text(name))}{element('dd', value)}</div>\n" for name, value in pairs.items())
    return Html(f"<dl>\n{lines}</dl>\n")


def bullets(items: Sequence[Html], class_: str = "") -> Html:
    """Return a list; nothing for none."""
    if not items:
        return NOTHING
    lines = join(Html(f"{element('li', item)}\n") for item in items)
    return Html(f"{element('ul', Html(chr(10) + lines), **({'class_': class_} if class_ else {}))}\n")
