"""Row estimates: the planner's row counts of the mapped tables, partitions and children included."""

from __future__ import annotations

from psycopg import sql

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.spec import PostgresSpec

COUNTED_BELOW = 10_000
"""Small tables are counted: their estimates may be far off, and the question is cheap."""

# reltuples is -1 for a table that was never vacuumed or analysed.
_ESTIMATES = """
WITH RECURSIVE part AS (
    SELECT c.oid AS root, c.oid, c.reltuples, c.relkind
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname || '.' || c.relname = ANY (%s)
     UNION ALL
    SELECT part.root, c.oid, c.reltuples, c.relkind
      FROM part
      JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
)
SELECT n.nspname || '.' || c.relname, n.nspname, c.relname,
       CASE WHEN bool_or(part.reltuples < 0 AND part.relkind = 'r') THEN -1
            ELSE sum(greatest(part.reltuples, 0)) FILTER (WHERE part.relkind = 'r') END::bigint
  FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.root
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 GROUP BY 1, 2, 3
"""


def sizes(connection: Connection, spec: PostgresSpec) -> dict[str, int]:
    """Collection -> rows. A table that is not there is absent."""
    tables = {one.table for one in spec.collections.values() if one.log is None}
    found: dict[str, int] = {}
    for text, schema, name, estimate in connection.execute(_ESTIMATES, (sorted(tables),)).fetchall():
        found[text] = int(estimate or 0)
        if found[text] < COUNTED_BELOW:
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))).fetchone()
            assert row is not None
            found[text] = int(row[0])
    return {name: found[one.table] for name, one in spec.collections.items() if one.log is None and one.table in found}
