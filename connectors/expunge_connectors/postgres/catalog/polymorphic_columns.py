"""Polymorphic columns: ids of rows of many tables; a column beside says of which. Evidence by name (ADR 23)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from expunge_connectors.postgres.catalog.column_names import snaked

_ID = re.compile(r"(?P<stem>.+)_(?:ids?|pk|uuid|guid|key)")
_KINDS = ("type", "class", "model", "kind", "table", "table_name")
_GENERIC = re.compile(r"(?P<before>(?:.+_)?)object_(?:id|pk)")
_ODOO = {"res_id": "model"}
_ANY_ROW = frozenset({"row", "record", "rec", "object", "obj", "entity", "foreign"})
"""Of a row of whatever table: `row_id`."""
_ANY_THING = _ANY_ROW | {
    "ref",
    "reference",
    "resource",
    "res",
    "target",
    "related",
    "linked",
    "subject",
    "source",
    "src",
}
_WHICH_TABLE = ("table_name", "table", "tablename", "model", "model_name", "type_id")


def kind_column(name: str, columns: Iterable[str]) -> str | None:
    """The column that says of which table a column holds ids; None: none by its name.

    commentable_type of commentable_id (Rails, Laravel), ownerType of ownerId, content_type_id of object_id (Django),
    res_model of res_id (Odoo), entity_type_id of entity_id (Magento), table_name of row_id (audit triggers), target of
    target_id, ref_kind of ref.
    """
    there = _others(name, columns)
    return next((there[one] for one in _by_name(snaked(name)) if one in there), None)


def possible_kinds(name: str, columns: Iterable[str]) -> list[str]:
    """Columns that may say it, if they hold names of tables: party_role of party_id; of row_id any."""
    there = _others(name, columns)
    stem = _stem(snaked(name))
    if stem in _ANY_THING:
        return list(there.values())
    return [column for snake, column in there.items() if snake.startswith(f"{stem}_") and _ID.fullmatch(snake) is None]


def _others(name: str, columns: Iterable[str]) -> dict[str, str]:
    return {snaked(one): one for one in columns if one != name}


def _stem(snake: str) -> str:
    found = _ID.fullmatch(snake)
    return snake if found is None else found["stem"]


def _by_name(snake: str) -> Iterator[str]:
    stem = _stem(snake)
    if (found := _GENERIC.fullmatch(snake)) is not None:
        yield f"{found['before']}content_type_id"
    if stem != snake or stem in _ANY_THING:
        yield from (f"{stem}_{kind}" for kind in _KINDS)
    if stem in _ANY_THING:  # what has a table of its own is ordered by a table of its types: order_type_id
        yield f"{stem}_type_id"
    if stem != snake and (stem in _ANY_THING or stem in _KINDS):
        yield stem
    if stem != snake and stem in _ANY_ROW:
        yield from _WHICH_TABLE
    if snake in _ODOO:
        yield _ODOO[snake]
