"""Tombstone dry run: evaluates a tombstone by SELECT on live and on invented rows. Returns booleans only."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import sql

from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.sql.fragments import raw
from expunge_connectors.postgres.sql.tombstones import without
from expunge_connectors.postgres.table_spec import Removal

EXAMPLES = {
    "smallint": ("1", "2"),
    "integer": ("1", "2"),
    "bigint": ("1", "2"),
    "numeric": ("1", "2"),
    "uuid": ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"),
    "text": ("x", "y"),
    "character varying": ("x", "y"),
    "character": ("x", "y"),
    "date": ("2000-01-01", "2000-01-02"),
    "timestamp without time zone": ("2000-01-01", "2000-01-02"),
    "timestamp with time zone": ("2000-01-01 00:00:00+00", "2000-01-02 00:00:00+00"),
}
"""Type -> two values of it, for keys of rows that nobody has."""
ROWS_TRIED = 1000
# Quoted names, texts (passed over whole) and words.
_TOKENS = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|[\w$]+""")


@dataclass(frozen=True, slots=True)
class DryRun:
    """One table, with what its tombstone would put where. Only booleans come back from the server.

    Attributes:
        formulas: Generated column -> its expression over other columns of the row.
    """

    connection: Connection
    table: Table
    expressions: dict[str, str]
    removals: dict[str, Removal]
    formulas: dict[str, str]

    def touched(self, text: str) -> set[str]:
        """The tombstoned columns that stand in an expression, or that a generated column in it is computed from."""
        return self._behind(text) & {*self.expressions, *self.removals}

    def others(self, text: str) -> set[str]:
        """Further columns of it, whose values differ from row to row."""
        return self._behind(text) - {*self.expressions, *self.table.key}

    def _behind(self, text: str) -> set[str]:
        """The columns that an expression depends on, generated ones replaced by what they are computed from."""
        named = {column for column in self.table.columns if mentions(text, column)}
        plain = named - self.formulas.keys()
        # No generated column may be computed from another one.
        return plain.union(*(self._behind(self.formulas[column]) for column in named - plain))

    def ask(self, what: str, source: sql.Composable, condition: str = "true") -> bool | None:
        """Whether `what` is true of some tombstone over the source's rows; None: it cannot be computed."""
        overwritten = sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(self._after(column, live.type), sql.Identifier(column))
            for column, live in self.table.columns.items()
        )
        followed = sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(
                raw(f"({self.formulas[column]})") if column in self.formulas else sql.Identifier(column),
                sql.Identifier(column),
            )
            for column in self.table.columns
        )
        statement = sql.SQL(
            "SELECT coalesce(bool_or(tried.answer), false)"
            " FROM (SELECT ({}) AS answer"
            " FROM (SELECT {} FROM (SELECT {} FROM {} AS t) AS plain) AS made WHERE {}) AS tried"
        ).format(raw(what), followed, overwritten, source, raw(condition))
        try:
            with self.connection.transaction(force_rollback=True):
                row = self.connection.execute(statement).fetchone()
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            return None
        return bool(row and row[0])

    def is_cut(self, column: str, source: sql.Composable) -> bool:
        """Whether what some row's tombstone puts into the column is longer than what stands there."""
        live = self.table.columns[column]
        wanted = sql.SQL("(SELECT ({})::{} FROM (SELECT {}) AS key)").format(
            raw(self.expressions[column]), raw(live.uncut), self._key()
        )
        statement = sql.SQL("SELECT bool_or(({})::{}::text <> ({})::text) FROM {} AS t").format(
            wanted, raw(live.type), wanted, source
        )
        try:
            with self.connection.transaction(force_rollback=True):
                row = self.connection.execute(statement).fetchone()
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            return False  # it cannot be computed: another finding
        return bool(row and row[0])

    def _after(self, column: str, type_: str) -> sql.Composable:
        """What stands in a column once the row is a tombstone."""
        before = sql.SQL("t.{}").format(sql.Identifier(column))
        if column in self.removals:
            return without(before, self.removals[column], type_)
        if column in self.expressions:
            return sql.SQL("(SELECT ({})::{} FROM (SELECT {}) AS key)").format(
                raw(self.expressions[column]), raw(type_), self._key()
            )
        return before

    def rows(self) -> sql.Composed:
        """Some live rows."""
        return sql.SQL("(SELECT * FROM {} LIMIT {})").format(self.table.identifier, sql.Literal(ROWS_TRIED))

    def last(self) -> sql.Composed:
        """The rows with the greatest keys, of each column of the key."""
        greatest = sql.SQL("(SELECT * FROM {} ORDER BY {} DESC LIMIT 1)")
        each = [greatest.format(self.table.identifier, sql.Identifier(one)) for one in self.table.key]
        return sql.SQL("({})").format(sql.SQL(" UNION ALL ").join(each)) if each else self.rows()

    def paper(self, *seconds: str | None) -> sql.Composed:
        """Rows that nobody has: a key and nothing else; `seconds` names, for each row, the column that is another."""
        return sql.SQL("({})").format(
            sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT {}").format(
                    sql.SQL(", ").join(
                        sql.SQL("{}::{} AS {}").format(
                            sql.Literal(
                                EXAMPLES[live.base][column == second]
                                if column in self.table.key and live.base in EXAMPLES
                                else None
                            ),
                            raw(live.type),
                            sql.Identifier(column),
                        )
                        for column, live in self.table.columns.items()
                    )
                )
                for second in seconds
            )
        )

    def _key(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(one)) for one in self.table.key)


def mentions(text: str, column: str) -> bool:
    """The column's name stands in an expression as the server writes it, quoted or not: `No` does not in `"No."`."""
    quoted_name = column.replace('"', '""')
    return any(token in {column, f'"{quoted_name}"'} for token in _TOKENS.findall(text))
