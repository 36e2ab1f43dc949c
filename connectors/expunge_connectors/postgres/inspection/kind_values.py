"""Kind values: whether a column beside an id holds names of tables, as `party_role: customer` does. Counts alone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from expunge_connectors.postgres.catalog.column_names import table_names
from expunge_connectors.postgres.catalog.polymorphic_columns import possible_kinds
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling

_WORDS = frozenset({"text", "character varying", "character", "name", "citext"})
_ROWS = 1000
_FEW = 20
_TABLES = """
SELECT c.relname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
# App\Models\User, crm.customers, SalesOrder: the last word, in snake case.
_KINDS = r"""
SELECT count(*), count(*) FILTER (WHERE kind = ANY ({named})), count(*) FILTER (WHERE kind = ANY ({other}))
  FROM (SELECT DISTINCT pg_catalog.lower(pg_catalog.regexp_replace(pg_catalog.regexp_replace(
                 s.held, '^.*[.:/\\]', ''), '([a-z0-9])([A-Z])', '\1_\2', 'g')) AS kind
          FROM (SELECT {column}::text AS held FROM {table} AS t WHERE {column} IS NOT NULL LIMIT {rows}) AS s) AS k
"""


@dataclass
class KindValues:
    """What samples of columns say, as long as there is time."""

    connection: Connection
    until: float

    def beside(self, table: Table, column: str, own: Iterable[str]) -> str | None:
        """The column whose few values are mostly names of tables, and of others than `own`; None: there is none."""
        for name in possible_kinds(column, table.columns):
            live = table.columns[name]
            words = live.labels is not None or live.base in _WORDS
            if words and time.monotonic() < self.until and self._names_tables(table, name, own):
                return name
        return None

    def _names_tables(self, table: Table, name: str, own: Iterable[str]) -> bool:
        named = self._tables
        other = named - {form for one in own for form in table_names(one.rpartition(".")[2])}
        statement = sql.SQL(_KINDS).format(
            named=sql.Literal(sorted(named)),
            other=sql.Literal(sorted(other)),
            column=sql.Identifier("t", name),
            table=table.identifier,
            rows=sql.Literal(_ROWS),
        )
        answer = table_sampling.asked(self.connection, statement)
        if not answer:
            return False
        values, tables, others = answer[0]
        return bool(0 < values <= _FEW and others > 0 and 2 * tables >= values)

    @cached_property
    def _tables(self) -> set[str]:
        return {form for (name,) in self.connection.execute(_TABLES).fetchall() for form in table_names(name)}
