"""Unique columns: the sets of columns whose values no two rows of a table share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection

_UNIQUE = """
SELECT x.indrelid::bigint,
       ARRAY(SELECT a.attname::text
               FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
              WHERE k.position <= x.indnkeyatts)
  FROM pg_catalog.pg_index x
 WHERE x.indrelid = ANY (%s)
   AND x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
"""

Uniques = Mapping[str, tuple[frozenset[str], ...]]
"""`schema.table` -> sets of columns whose values no two rows share."""


def uniques(connection: Connection, tables: Iterable[Table]) -> Uniques:
    """The unique sets of columns of every table.

    An index of the root of an inheritance tree does not hold for the tables below it: two of them may hold one value.
    """
    by_oid = {table.oid: table.text for table in tables if not table.tree}
    found: dict[str, tuple[frozenset[str], ...]] = {}
    for oid, columns in connection.execute(_UNIQUE, (list(by_oid),)).fetchall():
        found[by_oid[oid]] = (*found.get(by_oid[oid], ()), frozenset(columns))
    return found
