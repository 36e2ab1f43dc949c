"""Tables of a Postgres database that the blind search reads: those with text-like columns, and whose their rows are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from expunge_connectors.blind_search.report import Gap, Place

Connection = psycopg.Connection[tuple[Any, ...]]
Describe = Callable[[str, str | None], Place]
"""(`schema.table`, column; None: of the table's own name) -> the place."""
Link = tuple[str, ...]
"""Columns that together say whose a row is: nobody's, where one of them is empty."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """What says whose the rows of a table are.

    Attributes:
        links: None: of no row it can be said that it names nobody.
        member: Whose all of them are, of the members of a controller.
        member_column: Tells whose a row is that names nobody.
    """

    links: Sequence[Link] = ()
    member: str | None = None
    member_column: str | None = None


Belongs = Callable[[str], Belonging]
"""`schema.table` -> what says whose its rows are."""


_AS_THEY_ARE = "text", "character varying", "character", '"char"', "name", "json", "jsonb", "xml", "bytea", "citext"
# What holds no text. Enumerations hold the words of their type; numbers are ids, and ids are not searched for.
_TEXTLESS = (
    *("smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "boolean", "oid", "xid", "cid"),
    *("xid8", "tid", "date", "interval", "time without time zone", "time with time zone"),
    *("timestamp without time zone", "timestamp with time zone", "inet", "cidr", "macaddr", "macaddr8", "bit"),
    *("bit varying", "point", "line", "lseg", "box", "path", "polygon", "circle", "pg_lsn", "pg_snapshot"),
    *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "int4multirange", "int8multirange"),
    *("nummultirange", "tsmultirange", "tstzmultirange", "datemultirange"),
)
# Every table that holds rows of its own: partitions and children by themselves, tables of extensions too. A type is
# told without its schema; a domain as what it is over, an array by its elements with `[]`.
_COLUMNS = """
WITH RECURSIVE below (oid, type, many) AS (
    SELECT y.oid, y.oid, false FROM pg_catalog.pg_type y
    UNION
    SELECT below.oid, CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.typelem END, below.many OR y.typtype <> 'd'
      FROM below
      JOIN pg_catalog.pg_type y ON y.oid = below.type
     WHERE y.typtype = 'd' OR y.typcategory = 'A' AND y.typelem <> 0
), base (oid, type, many, kind) AS (
    SELECT below.oid, CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.format_type(y.oid, NULL) ELSE y.typname END,
           below.many, y.typtype
      FROM below
      JOIN pg_catalog.pg_type y ON y.oid = below.type
      JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
     WHERE NOT (y.typtype = 'd' OR y.typcategory = 'A' AND y.typelem <> 0)
)
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.row_security_active(c.oid),
       a.attname::text, base.type, base.many,
       pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN base ON base.oid = a.atttypid
 WHERE c.relkind IN ('r', 'm', 'f') AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND base.kind <> 'e' AND NOT (base.type = ANY (%s))
 ORDER BY 2, 3, a.attnum
"""
NAMES = """
SELECT n.nspname || '.' || c.relname, a.attname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'm', 'f', 'p', 'v') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
"""(`schema.table`, column; None: it has none) of all tables, to be run without parameters."""


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column that is read.

    Attributes:
        written: The server is to write it out as text.
        many: It is an array that comes as it is.
    """

    name: str
    written: bool
    many: bool


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table that is read.

    Attributes:
        whole: The role may read the system's columns, too.
        belonging: What says whose its rows are.
    """

    oid: int
    schema: str
    name: str
    whole: bool
    columns: tuple[ReadColumn, ...]
    belonging: Belonging = field(default_factory=Belonging)

    @property
    def text(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.name}"


def readable_tables(
    connection: Connection, describe: Describe, belongs: Belongs, names: Collection[tuple[Any, ...]]
) -> tuple[list[ReadTable], list[Gap]]:
    """The tables that can be read, and what cannot.

    Args:
        connection: In a transaction.
        describe: Says what a table or column is.
        belongs: Says which columns tell whose a row is.
        names: What `NAMES` gives.
    """
    found: dict[tuple[Any, ...], list[tuple[ReadColumn, bool]]] = {}
    rows = connection.execute(_COLUMNS, (list(_TEXTLESS),)).fetchall()
    for *of_table, name, base, many, readable in rows:
        column = ReadColumn(name, base not in _AS_THEY_ARE, many and base in _AS_THEY_ARE)
        found.setdefault(tuple(of_table), []).append((column, readable))
    tables: list[ReadTable] = []
    gaps: list[Gap] = []
    for (oid, schema, name, kind, usable, whole, hidden), columns in found.items():
        text = f"{schema}.{name}"
        read = tuple(column for column, readable in columns if readable)
        whose = _readable(belongs(text), text, names if whole else ())
        if kind == "f":
            gaps.append(Gap(describe(text, None).name, "a foreign table: another server's"))
        elif hidden:
            gaps.append(Gap(describe(text, None).name, "row-level security hides rows from the role"))
        elif not usable or not read:
            gaps.append(Gap(describe(text, None).name, "the role may not read it"))
        else:
            gaps += [
                Gap(describe(text, column.name).name, "the role may not read it")
                for column, readable in columns
                if not readable
            ]
            tables.append(ReadTable(oid, schema, name, whole, read, whose))
    return tables, gaps


def _readable(one: Belonging, table: str, there: Collection[tuple[Any, ...]]) -> Belonging:
    """The columns that say whose a row is, if all of them are there and may be read."""
    named = [*(column for link in one.links for column in link), *filter(None, [one.member_column])]
    return one if all((table, column) in there for column in named) else Belonging(member=one.member)
