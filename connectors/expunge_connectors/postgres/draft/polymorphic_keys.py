"""Polymorphic keys in a draft: pairs of columns that name rows of many tables, and the tables that they seem to name.

Of the column that says which table (`polymorphic_columns`) a sample's values are told, if they are few and look like
names of classes or numbers: a person decides which of them are a person's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.postgres.catalog.column_names import snaked
from expunge_connectors.postgres.catalog.polymorphic_columns import kind_column
from expunge_connectors.postgres.catalog.tables import ForeignKey, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.draft.table_roles import singular
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.table_sampling import SampledTable

_MOST = 20
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_:.\\/-]{0,79}|[0-9]{1,9}")
_CONTENT_TYPES = "django_content_type"


@dataclass(frozen=True, slots=True)
class PolymorphicKey:
    """One column that names rows of many tables.

    Attributes:
        kind: The column that says which.
        seen: The values of a sample; None: too many, or no names of classes.
        tables: Those of them that are called like a table -> the table.
    """

    table: str
    column: str
    kind: str
    seen: tuple[str, ...] | None
    tables: Mapping[str, str]

    def keys(self, tables: Mapping[str, Table]) -> Iterator[ForeignKey]:
        """As foreign keys would say it, one for each table that it names rows of."""
        for parent in dict.fromkeys(self.tables.values()):
            if len(tables[parent].primary_key) == 1:
                yield ForeignKey("", self.table, (self.column,), parent, tables[parent].primary_key, "a")

    def values(self, parent: str) -> list[str]:
        """Those that name rows of a table."""
        return [value for value, table in self.tables.items() if table == parent]

    @property
    def question(self) -> str:
        """What is to be decided about it."""
        seen = "too many values" if self.seen is None else ", ".join(self.seen) or "no value"
        return (
            f"{self.kind} says of which table {self.column} holds ids (a sample has {seen}): a link by it for each kind"
            f" that is a person's, with `where: {{{self.kind}: …}}`"
        )


def polymorphic_keys(
    connection: Connection, sampled: Mapping[str, SampledTable], tables: Mapping[str, Table], rows: int
) -> list[PolymorphicKey]:
    """Those of a database; what a foreign key is over names rows of one table.

    Args:
        connection: In autocommit mode and outside a transaction.
        sampled: How each table is sampled.
        tables: Every table.
        rows: Of one table, at most.
    """
    models = dict(_models(connection, tables))
    found: list[PolymorphicKey] = []
    for text, table in tables.items():
        for column in table.columns:
            kind = kind_column(column, table.columns)
            if kind is not None and not table.columns[kind].base.endswith("[]"):
                seen = _seen(connection, sampled[text], kind, rows)
                named = {value: _named(models.get(value, value), text, tables) for value in seen or ()}
                known = {value: parent for value, parent in named.items() if parent is not None and parent != text}
                found.append(PolymorphicKey(text, column, kind, seen, known))
    return found


def _seen(connection: Connection, table: SampledTable, kind: str, rows: int) -> tuple[str, ...] | None:
    statement = sql.SQL("SELECT DISTINCT {}::text FROM {} WHERE {} IS NOT NULL ORDER BY 1 LIMIT {}").format(
        sql.Identifier("s", kind),
        table_sampling.sample(table, rows, [kind]),
        sql.Identifier("s", kind),
        sql.Literal(_MOST + 1),
    )
    told = table_sampling.asked(connection, statement)
    values = None if told is None else tuple(value for (value,) in told)
    return values if values is not None and len(values) <= _MOST and all(map(_CLASS.fullmatch, values)) else None


def _models(connection: Connection, tables: Mapping[str, Table]) -> Iterator[tuple[str, str]]:
    """Django's content types: number -> app_label.model."""
    for table in tables.values():
        if table.name == _CONTENT_TYPES and {"id", "app_label", "model"} <= set(table.columns):
            told = table_sampling.asked(
                connection,
                sql.SQL("SELECT id::text, app_label::text || '.' || model::text FROM {}").format(table.identifier),
            )
            yield from told or ()


def _named(value: str, child: str, tables: Mapping[str, Table]) -> str | None:
    """The table that is called like a class, whatever stands before that; near the child, if several are."""
    words = [snaked(word) for word in re.split(r"[\\:./]+", value) if word]
    schema = child.partition(".")[0]
    for at in range(len(words)):
        wanted = "_".join(words[at:])
        same = [text for text in tables if wanted in {singular(text), snaked(tables[text].name)}]
        near = [text for text in same if text.partition(".")[0] == schema] or same
        if len(near) == 1:
            return near[0]
    return None
