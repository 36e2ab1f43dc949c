"""What the live database says about tables: read from pg_catalog, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.postgres.connection import Connection


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        type: Its type as DDL writes it, with length or precision: `character varying(20)`.
        base: The type without them, a domain replaced by what it is a domain over: `character varying`.
    """

    name: str
    type: str
    base: str
    not_null: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One relation that the map names.

    Attributes:
        kind: `pg_class.relkind`: r table, p partitioned, v view, m materialised view, f foreign table.
        inherits: It is a partition, or it has children by inheritance.
        primary_key: Names of the key's columns, in the key's order; empty without a primary key.
    """

    oid: int
    schema: str
    name: str
    kind: str
    inherits: bool
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """The name, qualified and quoted."""
        return sql.Identifier(self.schema, self.name)

    @property
    def text(self) -> str:
        """The name as the map writes it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`child (columns) REFERENCES parent (parent_columns)`. Tables as `schema.table`.

    Attributes:
        on_delete: `pg_constraint.confdeltype`: a no action, r restrict, c cascade, n set null, d set default.
    """

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str

    @property
    def writes_child(self) -> bool:
        """A deletion of the parent changes or deletes rows of the child by itself."""
        return self.on_delete in {"c", "n", "d"}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tables by `schema.table`, and every foreign key of the database."""

    tables: Mapping[str, Table]
    foreign_keys: tuple[ForeignKey, ...]


_TABLES = """
SELECT n.nspname || '.' || c.relname, c.oid::bigint, n.nspname, c.relname, c.relkind::text,
       c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid)),
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_index x
              CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
              WHERE x.indrelid = c.oid AND x.indisprimary
              ORDER BY k.position)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname || '.' || c.relname = ANY (%s)
"""

_COLUMNS = """
SELECT a.attrelid::bigint, a.attname::text,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       pg_catalog.format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL),
       a.attnotnull OR t.typnotnull
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""

# conparentid: a partition's own copy of its parent's constraint says nothing new.
_FOREIGN_KEYS = """
SELECT f.conname::text,
       cn.nspname || '.' || c.relname,
       ARRAY(SELECT a.attname::text
               FROM unnest(f.conkey) WITH ORDINALITY AS k (attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum
              ORDER BY k.position),
       pn.nspname || '.' || p.relname,
       ARRAY(SELECT a.attname::text
               FROM unnest(f.confkey) WITH ORDINALITY AS k (attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum
              ORDER BY k.position),
       f.confdeltype::text
  FROM pg_catalog.pg_constraint f
  JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
  JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
  JOIN pg_catalog.pg_class p ON p.oid = f.confrelid
  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
 WHERE f.contype = 'f' AND f.conparentid = 0
 ORDER BY 2, 1
"""


def read(connection: Connection, names: Iterable[str]) -> Catalogue:
    """Read the named tables and all foreign keys.

    Args:
        connection: Outside or inside a transaction.
        names: Tables as `schema.table`. One that does not exist is absent from the answer.
    """
    rows = connection.execute(_TABLES, (sorted(set(names)),)).fetchall()
    columns: dict[int, dict[str, Column]] = {}
    for oid, name, type_, base, not_null in connection.execute(_COLUMNS, ([row[1] for row in rows],)).fetchall():
        columns.setdefault(oid, {})[name] = Column(name, type_, base, not_null)
    tables = {
        text: Table(oid, schema, name, kind, inherits, columns.get(oid, {}), tuple(primary_key))
        for text, oid, schema, name, kind, inherits, primary_key in rows
    }
    foreign_keys = tuple(
        ForeignKey(name, child, tuple(ours), parent, tuple(theirs), on_delete)
        for name, child, ours, parent, theirs, on_delete in connection.execute(_FOREIGN_KEYS).fetchall()
    )
    return Catalogue(tables, foreign_keys)
