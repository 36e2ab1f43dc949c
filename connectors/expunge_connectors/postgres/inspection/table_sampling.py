"""Table sampling: a bounded number of rows, searched by the server. Returns counts, never values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from expunge_connectors.postgres.catalog.column_names import textual
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.sql.fragments import raw

SECONDS_A_TABLE = 5
SECONDS_IN_ALL = 120
LONGEST_TEXT = 10_000  # characters of a value that are searched
_MANY = 10  # times the sample: below, a table is read from its beginning
_PAGES = 20
_TEXTLESS = frozenset(
    {
        *("smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "boolean", "oid", "uuid"),
        *("date", "interval", "time without time zone", "time with time zone"),
        *("timestamp without time zone", "timestamp with time zone", "inet", "cidr", "macaddr", "macaddr8"),
        *("bit", "bit varying", "point", "line", "lseg", "box", "path", "polygon", "circle", "pg_lsn"),
    }
)

# Partitions and children are looked at through their roots, but for their own columns; tables of extensions not at all.
# A domain may be over an array of domains. A type of an extension is told without its schema, which may be any.
_COLUMNS = """
SELECT n.nspname::text, c.relname::text, greatest(c.reltuples, 0)::bigint, c.relpages, a.attname::text,
       (WITH RECURSIVE below (oid, many, depth) AS (
          SELECT a.atttypid, false, 0
          UNION ALL
          SELECT CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.typelem END,
                 below.many OR y.typtype <> 'd', below.depth + 1
            FROM below
            JOIN pg_catalog.pg_type y ON y.oid = below.oid
           WHERE y.typtype = 'd' OR y.typcategory = 'A' AND y.typelem <> 0
        )
        SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend d
                                  WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = y.oid
                                    AND d.deptype = 'e')
                    THEN y.typname::text ELSE pg_catalog.format_type(y.oid, NULL) END
               || CASE WHEN below.many THEN '[]' ELSE '' END
          FROM below
          JOIN pg_catalog.pg_type y ON y.oid = below.oid
         ORDER BY below.depth DESC LIMIT 1),
       a.attnotnull,
       EXISTS (SELECT FROM pg_catalog.pg_constraint f
                WHERE f.conrelid = c.oid AND f.contype = 'f' AND a.attnum = ANY (f.conkey)),
       EXISTS (SELECT FROM pg_catalog.pg_index x
                WHERE x.indrelid = c.oid AND x.indisprimary AND a.attnum = ANY (x.indkey::int2[])),
       pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
       AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
       AND NOT pg_catalog.row_security_active(c.oid),
       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)
            THEN (WITH RECURSIVE up AS (
                    SELECT c.oid AS oid, 0 AS height
                    UNION ALL
                    SELECT i.inhparent, up.height + 1 FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.oid
                  )
                  SELECT rn.nspname || '.' || r.relname
                    FROM up
                    JOIN pg_catalog.pg_class r ON r.oid = up.oid
                    JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
                   ORDER BY up.height DESC LIMIT 1)
            ELSE n.nspname || '.' || c.relname END
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm') AND a.attinhcount = 0 AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND a.attnum > 0 AND NOT a.attisdropped
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, 2, a.attnum
"""


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """A column of any table of the database.

    Attributes:
        base: Its type, without length, domains replaced by what they are over: `citext`, `text[]`, `public.colour`.
        foreign: It is part of a foreign key.
        key: It is part of the primary key.
    """

    name: str
    base: str
    not_null: bool
    foreign: bool
    key: bool
    readable: bool

    @property
    def textual(self) -> bool:
        """Text, or something with text inside."""
        return textual(self.base)

    @property
    def searchable(self) -> bool:
        """Text may stand in it: all but what is known to hold none. So composites, and types that nobody foresaw."""
        return self.base.removesuffix("[]") not in _TEXTLESS and self.base != "bytea[]"


@dataclass(frozen=True, slots=True)
class SampledTable:
    """Any table of the database. `rows` and `pages` are the planner's estimates.

    Attributes:
        columns: Of a table that inherits, those that it does not inherit.
        root: `schema.table` of the table at the top, where it inherits; otherwise its own.
    """

    schema: str
    name: str
    rows: int
    pages: int
    root: str
    columns: tuple[SampledColumn, ...]

    @property
    def text(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.name}"


def tables(connection: Connection) -> list[SampledTable]:
    """Every table and materialised view of the database that is not the server's own or an extension's."""
    found: dict[tuple[str, str, int, int, str], list[SampledColumn]] = {}
    for schema, name, rows, pages, *column, root in connection.execute(_COLUMNS).fetchall():
        found.setdefault((schema, name, rows, pages, root), []).append(SampledColumn(*column))
    return [SampledTable(*table, tuple(columns)) for table, columns in found.items()]


def sampled(connection: Connection, table: Table, columns: Iterable[Column] = ()) -> SampledTable:
    """A table of the catalogue, with these of its columns."""
    return all_sampled(connection, [(table, columns)])[0]


def all_sampled(connection: Connection, tables: Iterable[tuple[Table, Iterable[Column]]]) -> list[SampledTable]:
    """Tables of the catalogue, each with these of its columns."""
    wanted = list(tables)
    answer = connection.execute(
        "SELECT c.oid::bigint, greatest(c.reltuples, 0)::bigint, c.relpages FROM pg_catalog.pg_class c"
        " WHERE c.oid = ANY (%s::oid[])",
        ([table.oid for table, _ in wanted],),
    )
    sizes = {oid: (rows, pages) for oid, rows, pages in answer.fetchall()}
    return [_sampled(table, *sizes.get(table.oid, (0, 0)), columns) for table, columns in wanted]


def _sampled(table: Table, rows: int, pages: int, columns: Iterable[Column]) -> SampledTable:
    held = (SampledColumn(one.name, one.base, one.not_null, foreign=False, key=False, readable=True) for one in columns)
    return SampledTable(table.schema, table.name, rows, pages, table.text, tuple(held))


def counted(
    connection: Connection, table: SampledTable, rows: int, conditions: Mapping[str, sql.Composable]
) -> tuple[int, dict[str, int]] | None:
    """How many rows of a sample meet each condition.

    Args:
        connection: Outside a transaction.
        table: What is sampled.
        rows: The size of the sample, at most.
        conditions: A name of the caller's -> a condition on the row `s`.

    Returns:
        The size of the sample, and the number for each name; None if the server would not, or not in time.
    """
    counts: Iterable[sql.Composable] = (
        sql.SQL(", count(*) FILTER (WHERE {})").format(condition) for condition in conditions.values()
    )
    answer = asked(
        connection,
        sql.SQL("SELECT count(*){} FROM {}").format(
            sql.SQL("").join(counts), sample(table, rows, [one.name for one in table.columns if one.readable])
        ),
    )
    return None if answer is None else (answer[0][0], dict(zip(conditions, answer[0][1:], strict=True)))


def met(
    connection: Connection, rows: int, tables: Sequence[tuple[SampledTable, Sequence[sql.Composable]]]
) -> list[list[bool] | None]:
    """Which conditions some row of each table's sample meets, asked in one statement.

    Where the server would not say of all at once, it is asked of each table: one has its own rights, and its own time.

    Args:
        connection: Outside a transaction, or in one.
        rows: The size of a sample, at most.
        tables: Conditions on the row `s` of each.

    Returns:
        For each table, in their order; None if the server would not, or not in time.
    """
    if not tables:
        return []
    answer = asked(connection, sql.SQL("SELECT {}").format(sql.SQL(", ").join(met_by(rows, *one) for one in tables)))
    if answer is not None:
        return list(answer[0])
    return [None] if len(tables) == 1 else [met(connection, rows, [one])[0] for one in tables]


def met_by(rows: int, table: SampledTable, conditions: Sequence[sql.Composable]) -> sql.Composed:
    """Whether each is met, as an array."""
    each = (sql.SQL("coalesce(pg_catalog.bool_or({}), false)").format(condition) for condition in conditions)
    return sql.SQL("(SELECT ARRAY[{}] FROM {})").format(
        sql.SQL(", ").join(each), sample(table, rows, [one.name for one in table.columns])
    )


def sample(table: SampledTable, rows: int, columns: Iterable[str]) -> sql.Composed:
    """These columns of a sample, as `s`."""
    # TABLESAMPLE SYSTEM takes whole pages, each with this chance: so many that none at all is out of the question.
    chance = max(rows / table.rows, _PAGES / max(table.pages, 1)) if table.rows > _MANY * rows else 1.0
    return sql.SQL("(SELECT {} FROM {}{} LIMIT {}) AS s").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(table.schema, table.name),
        sql.SQL("") if chance >= 1 else sql.SQL(" TABLESAMPLE SYSTEM ({})").format(sql.Literal(100 * chance)),
        sql.Literal(rows),
    )


def asked(connection: Connection, statement: sql.Composed) -> list[tuple[Any, ...]] | None:
    """What a statement about a sample answers; None if the server would not, or not in time."""
    try:
        with connection.transaction(force_rollback=True):
            bound = sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(f"{SECONDS_A_TABLE}s"))
            connection.execute(sql.SQL("SET TRANSACTION READ ONLY; {}").format(bound))
            return connection.execute(statement).fetchall()
    except psycopg.Error as error:
        if error.sqlstate is None or connection.closed:
            raise
        return None


def value(column: SampledColumn) -> sql.Composable:
    """What stands in the column; of bytes those that are letters and signs, as a text."""
    if column.base == "bytea":
        return sql.SQL("pg_catalog.encode(pg_catalog.substring({}, 1, {}), 'escape')").format(
            sql.Identifier("s", column.name), sql.Literal(LONGEST_TEXT)
        )
    return sql.Identifier("s", column.name)


def matches(what: sql.Composable, pattern: str) -> sql.Composed:
    """The text of a value holds this."""
    return sql.SQL("pg_catalog.left(({})::text, {}) ~ {}").format(what, sql.Literal(LONGEST_TEXT), sql.Literal(pattern))


def filled(column: SampledColumn) -> sql.Composed:
    """The column holds anything."""
    return sql.SQL("{} IS NOT NULL").format(sql.Identifier("s", column.name))


def refers(what: sql.Composable, table: sql.Identifier, key: str, base: str) -> sql.Composed:
    """A value, or the first one in its text, stands in the key column of a table.

    Compared as the key's own type, so that its index serves.
    """
    text = sql.SQL("pg_catalog.left(({})::text, {})").format(what, sql.Literal(LONGEST_TEXT))
    if base == "uuid":
        pattern = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
        found = sql.SQL("pg_catalog.substring({}, {})").format(text, sql.Literal(pattern))
    else:
        found = sql.SQL("CASE WHEN {} ~ '^[0-9]{{1,15}}$' THEN {} END").format(text, text)
    return sql.SQL("EXISTS (SELECT FROM {} AS p WHERE p.{} = ({})::{})").format(
        table, sql.Identifier(key), found, raw("uuid" if base == "uuid" else "bigint")
    )
