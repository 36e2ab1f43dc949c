"""Any JSON data as nested tables and lists: what a form that is not known falls back to, so nothing is dropped."""

from collections.abc import Mapping

from expunge_reports.page import markup
from expunge_reports.page.markup import Html, Names


def titled(names: Names, caption: str, value: object) -> Html:
    """Return a value under a caption, in a region that scrolls by itself."""
    name = names.new("table")
    if isinstance(value, Mapping) and value:
        return markup.region(name, _table(value, Html(f'<caption id="{name}">{markup.text(caption)}</caption>\n')))
    heading = markup.element("p", markup.text(caption), class_="caption", id=name)
    return markup.region(name, Html(f"{heading}\n{markup.element('div', inline(value))}\n"))


def inline(value: object) -> Html:
    """Return a value without a caption; the depth is bounded by the canonical form's."""
    if isinstance(value, Mapping):
        return _table(value) if value else markup.NONE
    if isinstance(value, list):
        return markup.bullets([inline(item) for item in value]) or markup.NONE
    if value is None:
        return markup.NONE
    if isinstance(value, bool):
        return Html("yes" if value else "no")
    return markup.text(value)


def _table(value: Mapping[str, object], caption: Html = markup.NOTHING) -> Html:
    cells = [(markup.text(key), inline(item)) for key, item in value.items()]
    return Html(f'<table class="generic">\n{caption}{markup.rows(cells)}</table>\n')
