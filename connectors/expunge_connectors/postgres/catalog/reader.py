"""Catalogue reader: tables, columns, keys and constraints from pg_catalog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expunge_connectors.postgres.catalog.tables import Catalogue, Column, Existing, ForeignKey, Table
from expunge_connectors.postgres.connection import Connection

_UNIQUE = """
SELECT a.attname::text
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid
 WHERE x.indrelid = %s AND x.indisunique AND NOT x.indisprimary
   AND pg_catalog.pg_get_indexdef(x.indexrelid) ~ ('\\m' || a.attname || '\\M')
"""


def unique_columns(connection: Connection, table: int) -> frozenset[str]:
    """Columns that stand in a unique index, perhaps in an expression of it, beside the primary key's.

    Args:
        connection: In any state.
        table: Its oid.
    """
    return frozenset(name for (name,) in connection.execute(_UNIQUE, (table,)).fetchall())


# A key is the primary key, or a unique index as REPLICA IDENTITY takes one. An expression stands in it as column 0.
_TABLES = """
SELECT n.nspname || '.' || c.relname, c.oid::bigint, n.nspname, c.relname, c.relkind::text,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid),
       coalesce(known.indisprimary, false),
       ARRAY(SELECT a.attname::text
               FROM unnest(known.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
              WHERE k.position <= known.indnkeyatts
              ORDER BY k.position),
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_index x
               JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
              WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indnkeyatts = 1
                AND x.indpred IS NULL AND x.indexprs IS NULL)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
       SELECT x.indisprimary, x.indkey, x.indnkeyatts
         FROM pg_catalog.pg_index x
        WHERE x.indrelid = c.oid
          AND (x.indisprimary
               OR x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL
              AND NOT EXISTS (
                  SELECT FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
                    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                   WHERE k.position <= x.indnkeyatts
                     AND (a.attnotnull IS NOT TRUE
                          OR EXISTS (SELECT FROM pg_catalog.pg_constraint z
                                      WHERE z.conrelid = c.oid AND z.contype = 'n' AND z.conkey = ARRAY[a.attnum]
                                        AND NOT z.convalidated))))
        ORDER BY x.indisprimary DESC, x.indisreplident DESC, x.indnkeyatts, x.indexrelid
        LIMIT 1
  ) AS known ON true
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname || '.' || c.relname = ANY (%s)
"""

# The partitions and inheriting tables of the tables above, however deep.
_MEMBERS = """
WITH RECURSIVE member (oid, root) AS (
    SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhparent = ANY (%s::bigint[]::oid[])
    UNION
    SELECT i.inhrelid, member.root FROM pg_catalog.pg_inherits i JOIN member ON i.inhparent = member.oid
)
SELECT c.oid::bigint, n.nspname || '.' || c.relname, member.root::bigint
  FROM member
  JOIN pg_catalog.pg_class c ON c.oid = member.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""

# From version 18 on the server calls a column NOT NULL whose rows of before nobody looked at, or whose inheriting
# tables may have it empty.
# A domain may be over a domain, to any depth; so may the elements of an array. What an operator class of btree calls
# `=` is the type's equality.
_COLUMNS = """
SELECT a.attrelid::bigint, a.attname::text,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN e.oid IS NULL THEN pg_catalog.format_type(b.oid, NULL)
            ELSE pg_catalog.format_type(e.oid, NULL) || '[]' END,
       t.typnotnull OR a.attnotnull AND NOT EXISTS (
         WITH RECURSIVE family (oid) AS (
           SELECT a.attrelid
            UNION ALL
           SELECT i.inhrelid
             FROM family
             JOIN pg_catalog.pg_class p ON p.oid = family.oid AND p.relkind = 'r'
             JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
         )
         SELECT FROM family
           JOIN pg_catalog.pg_attribute x ON x.attrelid = family.oid AND x.attname = a.attname
          WHERE NOT x.attnotnull
             OR EXISTS (SELECT FROM pg_catalog.pg_constraint z
                         WHERE z.conrelid = x.attrelid AND z.contype = 'n' AND z.conkey = ARRAY[x.attnum]
                           AND NOT z.convalidated)
       ),
       a.attgenerated <> '' OR a.attidentity = 'a',
       (SELECT n.nspname::text
          FROM pg_catalog.pg_opclass k
          JOIN pg_catalog.pg_am m ON m.oid = k.opcmethod AND m.amname = 'btree'
          JOIN pg_catalog.pg_amop p ON p.amopfamily = k.opcfamily AND p.amopstrategy = 3
                                   AND p.amoplefttype = b.oid AND p.amoprighttype = b.oid
          JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
         WHERE k.opcintype = b.oid AND k.opcdefault AND b.typnamespace <> 'pg_catalog'::regnamespace
           AND b.typtype <> 'e'),
       CASE WHEN b.typtype = 'e'
            THEN ARRAY(SELECT l.enumlabel::text FROM pg_catalog.pg_enum l WHERE l.enumtypid = b.oid) END,
       e.typtype IS NOT DISTINCT FROM 'e'
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_type b ON b.typtype <> 'd' AND b.oid IN (
       WITH RECURSIVE under (oid) AS (
         SELECT t.oid
         UNION ALL
         SELECT d.typbasetype FROM pg_catalog.pg_type d JOIN under ON d.oid = under.oid AND d.typtype = 'd'
       )
       SELECT under.oid FROM under
     )
  LEFT JOIN LATERAL (
       WITH RECURSIVE under (oid) AS (
         SELECT i.oid FROM pg_catalog.pg_type i WHERE i.oid = b.typelem AND i.typarray = b.oid
         UNION ALL
         SELECT d.typbasetype FROM pg_catalog.pg_type d JOIN under ON d.oid = under.oid AND d.typtype = 'd'
       )
       SELECT y.oid, y.typtype FROM under JOIN pg_catalog.pg_type y ON y.oid = under.oid AND y.typtype <> 'd'
     ) AS e ON true
 WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""

# conparentid: a partition's own copy of its parent's constraint says nothing new.
# What holds a foreign key are triggers of the server, on both tables and on each partition; they can be switched off,
# and do not fire in sessions with session_replication_role = replica.
_FOREIGN_KEYS = """
WITH RECURSIVE off (oid, above) AS (
    SELECT k.oid, k.conparentid
      FROM pg_catalog.pg_trigger g
      JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint AND k.contype = 'f'
     WHERE g.tgenabled IN ('D', 'R')
        OR g.tgenabled = 'O'
           AND (pg_catalog.current_setting('session_replication_role') = 'replica'
                OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting d
                             JOIN pg_catalog.pg_database b ON d.setdatabase IN (0, b.oid)
                            WHERE b.datname = pg_catalog.current_database()
                              AND 'session_replication_role=replica' = ANY (d.setconfig)))
    UNION
    SELECT k.oid, k.conparentid FROM off JOIN pg_catalog.pg_constraint k ON k.oid = off.above
)
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
       f.confdeltype::text,
       f.convalidated,
       coalesce((pg_catalog.to_jsonb(f) ->> 'conenforced')::boolean, true) AND f.oid NOT IN (SELECT off.oid FROM off),
       coalesce((pg_catalog.to_jsonb(f) ->> 'conperiod')::boolean, false)
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
        connection: Inside a transaction of ours: how a type is called follows from the search_path.
        names: Tables as `schema.table`. One that does not exist is absent from the answer.
    """
    rows = connection.execute(_TABLES, (sorted(set(names)),)).fetchall()
    oids = [row[1] for row in rows]
    columns: dict[int, dict[str, Column]] = {}
    for oid, name, type_, base, not_null, generated, equality, labels, enums in connection.execute(
        _COLUMNS, (oids,)
    ).fetchall():
        told = None if labels is None else tuple(labels)
        columns.setdefault(oid, {})[name] = Column(name, type_, base, not_null, generated, equality, told, enums)
    tables = {
        text: Table(
            oid,
            schema,
            name,
            kind,
            below,
            tree,
            Existing(columns.get(oid, {}), f"In {text} the column"),
            tuple(key) if primary else (),
            tuple(key),
            frozenset(() if tree else alone),
        )
        for text, oid, schema, name, kind, below, tree, primary, key, alone in rows
    }
    by_oid = {table.oid: table for table in tables.values()}
    members = connection.execute(_MEMBERS, (oids,)).fetchall()
    roots: dict[str, str] = {member: by_oid[root].text for _, member, root in members}
    trees = {table.text for table in tables.values() if table.tree}
    partly = roots.keys() | trees

    def foreign_key(row: tuple[Any, ...]) -> ForeignKey:
        name, child, ours, parent, theirs, on_delete, validated, enforced, temporal = row
        below, above = str(child), str(parent)
        sound = validated and enforced and child not in partly and parent not in partly
        return ForeignKey(
            name,
            roots.get(below, below),
            tuple(ours),
            roots.get(above, above),
            tuple(theirs),
            on_delete,
            enforced,
            sound,
            child not in roots,
            temporal,
        )

    return Catalogue(
        Existing(tables, "The table"),
        tuple(map(foreign_key, connection.execute(_FOREIGN_KEYS).fetchall())),
        frozenset(oid for oid, _, _ in members),
    )
