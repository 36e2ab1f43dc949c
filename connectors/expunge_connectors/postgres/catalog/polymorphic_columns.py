"""Polymorphic columns: ids of rows of many tables; a column beside says of which. Evidence by name (ADR 23)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from expunge_connectors.postgres.catalog.column_names import snaked

_ID = re.compile(r"(?P<stem>.+)_(?:ids?|pk|uuid|guid)")
_KINDS = ("type", "class", "model")
_GENERIC = re.compile(r"(?P<before>(?:.+_)?)object_(?:id|pk)")
_ODOO = {"res_id": "model"}


def kind_column(name: str, columns: Iterable[str]) -> str | None:
    """The column that says of which table a column holds ids; None: none by its name.

    commentable_type of commentable_id (Rails, Laravel), ownerType of ownerId, content_type_id of object_id (Django),
    res_model of res_id (Odoo).
    """
    snake, there = snaked(name), {snaked(one): one for one in columns if one != name}
    wanted = [_ODOO[snake]] if snake in _ODOO else []
    if (found := _ID.fullmatch(snake)) is not None:
        wanted = [*(f"{found['stem']}_{kind}" for kind in _KINDS), *wanted]
    if (found := _GENERIC.fullmatch(snake)) is not None:
        wanted = [f"{found['before']}content_type_id", *wanted]
    return next((there[one] for one in wanted if one in there), None)
