"""Backup copies that may still hold the records, as a table beside the picture of `timeline`."""

from collections.abc import Sequence
from typing import Final

from expunge_reports.page import generic, markup, timeline, words
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Copies, Copy, Listing

TITLE: Final = "Backup copies that may still hold the records"

_COLUMNS: Final = (
    "No.",
    "Place",
    "Kind",
    "Ends",
    "Ground",
    "What stands in the way",
    "Data read between",
    "Of store",
    "Copy",
)
_PREDICTED: Final = (
    "The days are predictions from the storage's own rules. That a copy is gone is said only once it was looked for "
    "and not there."
)
_SILENT: Final = "No statement of this receipt lists backup copies, so nothing is said about them here."
_NONE_HELD: Final = "Of the copies listed below, none is known to have been taken while the records were still there."
_NO_PLACE: Final = "No place with backup copies is declared, so none was looked at."


def render(names: Names, latest: Copies | None, *, owed: int) -> Html:
    """Return the section.

    Args:
        names: where element ids come from.
        latest: what the last statement that speaks of copies cites.
        owed: how many items the last statement leaves open.
    """
    if latest is None:
        return markup.section(names, TITLE, markup.paragraph(_SILENT))
    parts: list[Html] = []
    if latest.held:
        count = len(latest.held)
        endless = sum(1 for copy in latest.held if ends(copy) is None)
        said = f"{count} {'copy' if count == 1 else 'copies'} may still hold the records; "
        said += "each has a day by which it should be gone." if not endless else f"{endless} without a day of its end."
        parts += [markup.paragraph(said), markup.paragraph(_PREDICTED)]
        if not owed:
            parts.append(markup.paragraph("The last statement counts none of them as owed: its open items are 0."))
        parts += [table(names, "Backup copies, and when each ends", latest.held)]
        parts += [timeline.render(names, latest)]
    else:
        parts.append(markup.paragraph(_NONE_HELD if latest.listings else _NO_PLACE))
    parts.append(listings(names, latest.listings))
    if latest.further:
        parts.append(generic.titled(names, "Also stated about backup copies", latest.further))
    return markup.section(names, TITLE, markup.join(parts))


def ends(copy: Copy) -> str | None:
    """Return the last day of a copy as stated, or None if its status or its members give none."""
    return (copy.expected_by or copy.due) if copy.status == "due" else None


def table(names: Names, caption: str, held: Sequence[Copy]) -> Html:
    """Return the copies as a table, numbered as in the picture."""
    extra = any(copy.further for copy in held)
    lines = [f"<tr>{_row(number, copy, extra=extra)}</tr>\n" for number, copy in enumerate(held, 1)]
    body = Html(f"<tbody>\n{''.join(lines)}</tbody>\n")
    return markup.table(names, caption, (*_COLUMNS, "Also stated") if extra else _COLUMNS, [body])


def listings(names: Names, looked: Sequence[Listing]) -> Html:
    """Return where copies were looked for, and what shows that the right place was looked at."""
    if not looked:
        return markup.NOTHING
    extra = any(one.further for one in looked)
    cells = [
        [
            markup.text(one.place),
            markup.when(one.at),
            markup.text(one.copies),
            markup.text(one.control or "nothing: that a copy is absent here proves nothing"),
            *([generic.inline(one.further) if one.further else markup.NOTHING] if extra else []),
        ]
        for one in looked
    ]
    columns = ["Place", "Listed", "Copies in it", "Seen beside them as a control", *(["Also stated"] if extra else [])]
    return markup.table(names, "Where backup copies were looked for", columns, [markup.rows(cells)])


def _row(number: int, copy: Copy, *, extra: bool) -> Html:
    def cell(value: str | None, class_: str = "") -> Html:
        return markup.element("td", markup.NOT_STATED if value is None else markup.text(value), class_=class_)

    blocker = Html("nothing known") if copy.blocker is None else markup.text(copy.blocker)
    cells = [
        markup.element("th", markup.text(number), scope="row"),
        cell(copy.place),
        cell(copy.kind),
        markup.element("td", _end(copy), class_="words"),
        cell(copy.ground, "ground"),
        markup.element("td", blocker, class_="words"),
        markup.element("td", markup.join((markup.when(one) for one in copy.taken), "<br>") or markup.NOT_STATED),
        cell(copy.store),
        markup.element("td", markup.NOT_STATED if copy.id is None else markup.code(copy.id), class_="copy"),
    ]
    if extra:
        cells.append(markup.element("td", generic.inline(copy.further) if copy.further else markup.NOTHING))
    return markup.join(cells)


def _end(copy: Copy) -> Html:
    last = ends(copy)
    if last is not None:
        due = Html(f"<br>due {markup.end(copy.due)}") if copy.due is not None and copy.due != last else markup.NOTHING
        return Html(f"by {markup.end(last)}{due}")
    word = markup.element("span", markup.text(copy.status.upper()), class_="no-day")
    meaning = words.STATUS_WORDS.get(copy.status, "no day is stated")
    # A day beside a status that gives none is shown, and not taken for the end.
    days = [("due", copy.due), ("expected by", copy.expected_by)] if copy.status != "due" else []
    given = markup.join(Html(f"<br>{name} {markup.when(day)}") for name, day in days if day is not None)
    return Html(f"{word}<br>{markup.text(meaning)}{given}")
