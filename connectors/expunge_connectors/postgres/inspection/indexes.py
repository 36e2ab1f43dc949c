"""Indexes: without them a request scans whole tables, and so does every deletion of a row that others may point to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalogue import ForeignKey, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.subject import Inspection, quoted, quoted_table
from expunge_connectors.postgres.keytypes import key_type
from expunge_connectors.postgres.spec import Tie
from expunge_connectors.postgres.wording import raw

_INDEXED = """
SELECT 1
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname || '.' || c.relname = %(table)s
   AND x.indisvalid AND x.indpred IS NULL
   AND (SELECT array_agg(a.attname::text)
          FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
         WHERE k.position <= cardinality(%(columns)s::text[])) @> %(columns)s::text[]
 LIMIT 1
"""


def findings(connection: Connection, inspection: Inspection) -> Iterator[Finding]:
    """Ties and foreign keys that no index serves."""
    suggested: set[str] = set()
    for name, spec, table in inspection.live_data():
        for tie in spec.ties:
            if not set(tie.names) <= set(table.columns):
                continue
            where = f"{table.text} ({', '.join(tie.names)})"
            if tie.several:
                yield inspection.info(
                    "tie-scan",
                    name,
                    f"Identifiers are looked for inside the values of {where}: every chunk reads the whole table.",
                    "Keep them in a column or a table of their own, if that takes too long.",
                )
                continue
            expression = _expression(inspection, table, tie)
            statement = f"CREATE INDEX CONCURRENTLY ON {quoted_table(table.text)} ({expression.as_string(connection)});"
            if statement not in suggested and not _served(connection, table, tie, expression):
                suggested.add(statement)
                yield inspection.warning(
                    "tie-index",
                    name,
                    f"No index serves the look-up of {where}: every chunk reads the whole table.",
                    statement,
                )
    for key in inspection.catalogue.foreign_keys:
        parent = inspection.collection_of(key.parent)
        if parent is None or not inspection.deletes(inspection.spec.collections[parent]):
            continue
        columns = ", ".join(map(quoted, key.columns))
        statement = f"CREATE INDEX CONCURRENTLY ON {quoted_table(key.child)} ({columns});"
        if statement not in suggested and not _indexed(connection, key):
            suggested.add(statement)
            yield inspection.warning(
                "foreign-key-index",
                inspection.collection_of(key.child) or parent,
                f"No index serves {key.child} ({columns}): every row deleted from {key.parent} reads that whole table.",
                statement,
            )


def _expression(inspection: Inspection, table: Table, tie: Tie) -> sql.Composed:
    """What is compared, as it would stand in an index definition."""
    if tie.identity is None:
        return sql.SQL(", ").join(_plain(table, name) for name in tie.names)
    identity = inspection.data_map.identities[tie.identity]
    [name] = tie.names
    if identity.kind is IdentityKind.NOMINATING or identity.rule.sql != "{column}::text":
        before, _, after = identity.rule.sql.partition("{column}")
        return sql.Composed([raw("("), raw(before), sql.Identifier(name), raw(after), raw(")")])
    return _plain(table, name)


def _plain(table: Table, name: str) -> sql.Composed:
    """A column as it is compared."""
    column = sql.Identifier(name)
    return sql.SQL("({}::text)").format(column) if key_type(table.columns[name]).cast else sql.Composed([column])


def _served(connection: Connection, table: Table, tie: Tie, expression: sql.Composed) -> bool:
    """Ask the planner, with scans of whole tables made unattractive, whether an index would do."""
    column = table.columns[tie.names[0]]
    plain = expression.as_string(connection).startswith('"')
    kind = column.base if plain else "text"
    operator = sql.SQL("=")
    if plain and column.equality is not None:
        operator = sql.SQL("OPERATOR({}.=)").format(sql.Identifier(column.equality))  # type: ignore[assignment]
    # Of several columns, an index that begins with the first one will do.
    statement = sql.SQL("EXPLAIN (FORMAT JSON) SELECT 1 FROM {} WHERE {} {} (SELECT NULL::{})").format(
        table.identifier, _first(table, tie, expression), operator, raw(kind)
    )
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL enable_seqscan = off")
            row = connection.execute(statement).fetchone()
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        return True  # a missing right, a part that cannot be planned: reported for itself; no need to guess
    return row is not None and "Index Cond" in json.dumps(row[0])


def _first(table: Table, tie: Tie, expression: sql.Composed) -> sql.Composed:
    return expression if tie.identity is not None else _plain(table, tie.names[0])


def _indexed(connection: Connection, key: ForeignKey) -> bool:
    """Whether an index begins with the key's columns, in any order."""
    parameters = {"table": key.child, "columns": list(key.columns)}
    return connection.execute(_INDEXED, parameters).fetchone() is not None
