"""Tombstone proposal: a tombstone for a person's row, as lines of the data map. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator

from expunge_connectors.postgres.catalog.column_names import Kind
from expunge_connectors.postgres.catalog.tables import ForeignKey, Table
from expunge_connectors.postgres.inspection.column_classifier import Kinds


def tombstone(
    table: Table, key: str, kinds: Kinds, leading: Iterable[ForeignKey], unique: Container[str] = ()
) -> Iterator[str]:
    """What is put in the place of what a row of a person says.

    Args:
        table: Of persons.
        key: The column that tells them apart.
        kinds: What it seems to hold.
        leading: Its foreign keys to rows that people share: left as they are, they would keep those rows.
        unique: Columns in which two tombstones may not be alike.
    """
    taken = {column.name for column in table.columns.values() if column.not_null}
    for name in dict.fromkeys(place.column for place in kinds):
        places = {place: kind for place, kind in kinds.items() if place.column == name}
        base = table.columns[name].base
        one = f"'erased-' || {_sql(key)}" if name in unique else "'erased'"
        empty = f'"{one}"' if name in taken else '"NULL"'
        if all(place.path for place in places):
            empty = f"{{remove: {json.dumps([place.path for place in places])}}}"
        elif base in {"json", "jsonb"} or base.endswith("[]"):
            empty = "\"'{}'\"" if name in taken else '"NULL"'
        elif Kind.EMAIL in places.values():
            empty = f"\"'erased-' || {_sql(key)} || '@erased.invalid'\""
        yield f"  {word(name)}: {empty}"
    for name in dict.fromkeys(column for lead in leading for column in lead.columns):
        if name not in taken:
            yield f'  {word(name)}: "NULL"'


def word(name: str) -> str:
    """A name that needs no quotes in YAML."""
    return "".join(one if one.isalnum() or one in "_-" else "_" for one in name)


def _sql(name: str) -> str:
    return name if name.isidentifier() and name.islower() else '\\"' + name + '\\"'
