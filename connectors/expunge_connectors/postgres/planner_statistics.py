"""Planner statistics: samples of values (`pg_stats`), which outlive the rows that they were drawn from.

ANALYZE draws them anew, of a table that has rows: of an empty one it leaves the old samples. Looked at are the samples
that our own role is shown: of columns that it may read, of expressions (under the name of their index) and of extended
statistics. Tables that others inherit from, and partitioned ones, have samples of all their rows beside each part's.

Sources: PostgreSQL documentation, "ANALYZE", "pg_stats", "pg_stats_ext_exprs".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import psycopg
from psycopg import sql

from expunge_connectors.postgres.connection import Connection

_MAINTAIN_SINCE = 170000
"""The server of which MAINTAIN is a word; an older one refuses it."""

_STATES = """
WITH RECURSIVE part AS (
    SELECT n.nspname || '.' || c.relname AS root, c.oid
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname || '.' || c.relname = ANY (%(tables)s)
     UNION
    SELECT part.root, i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
), sampled AS (
    SELECT schemaname, tablename FROM pg_catalog.pg_stats
     WHERE most_common_vals IS NOT NULL OR histogram_bounds IS NOT NULL OR most_common_elems IS NOT NULL
     UNION
    SELECT schemaname, tablename FROM pg_catalog.pg_stats_ext WHERE most_common_vals IS NOT NULL
     UNION
    SELECT schemaname, tablename FROM pg_catalog.pg_stats_ext_exprs
     WHERE most_common_vals IS NOT NULL OR histogram_bounds IS NOT NULL OR most_common_elems IS NOT NULL
)
SELECT part.root, n.nspname, c.relname,
       greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid),
                pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid))
           > pg_catalog.clock_timestamp() - %(ago)s::interval,
       c.reltuples = 0,
       pg_catalog.pg_has_role(c.relowner, 'USAGE')
           OR pg_catalog.pg_has_role((SELECT datdba FROM pg_catalog.pg_database
                                       WHERE datname = pg_catalog.current_database()), 'USAGE')
           OR coalesce(pg_catalog.has_table_privilege(c.oid, %(right)s), false)
  FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE EXISTS (
    SELECT FROM sampled
     WHERE sampled.schemaname = n.nspname AND sampled.tablename = c.relname
        OR (sampled.schemaname, sampled.tablename) IN (
            SELECT of_index.nspname, index.relname
              FROM pg_catalog.pg_index i
              JOIN pg_catalog.pg_class index ON index.oid = i.indexrelid
              JOIN pg_catalog.pg_namespace of_index ON of_index.oid = index.relnamespace
             WHERE i.indrelid = c.oid)
)
"""


class _Sampled(NamedTuple):
    """A table, or a part of one, of whose values there are samples."""

    root: str
    schema: str
    name: str
    drawn_since: bool | None
    empty: bool
    may_analyze: bool


def refresh(connection: Connection, tables: Iterable[str], ago: timedelta) -> Mapping[str, str | None]:
    """Draw samples anew that may be older than so long.

    Args:
        connection: In autocommit mode.
        tables: `schema.table`, without partitions and children.
        ago: How long ago the last row was erased, or longer.

    Returns:
        Table -> None: its samples are drawn of what is there now; or why older ones are left. Without a table of whose
        values there are no samples.
    """
    named = sorted(tables)
    seen = _sampled(connection, named, ago)
    refused = {part: _analyzed(connection, part) for part in seen if not part.drawn_since}
    left: dict[str, str | None] = {part.root: None for part in seen}
    for part in seen:
        why = refused.get(part)
        if why is not None:
            left[part.root] = why
    emptied = {part.root for part in _sampled(connection, named, ago) if part.empty}
    words = "it is empty, and ANALYZE leaves old samples of a table without rows"
    return {root: words if why is None and root in emptied else why for root, why in left.items()}


def _sampled(connection: Connection, tables: Sequence[str], ago: timedelta) -> Sequence[_Sampled]:
    right = "MAINTAIN" if connection.info.server_version >= _MAINTAIN_SINCE else None
    with connection.transaction(force_rollback=True):
        rows = connection.execute(_STATES, {"tables": list(tables), "ago": ago, "right": right}).fetchall()
    return [_Sampled(*row) for row in rows]


def _analyzed(connection: Connection, part: _Sampled) -> str | None:
    """None, or why not."""
    if not part.may_analyze:
        return "its samples are the table owner's to draw (from Postgres 17 on, GRANT MAINTAIN)"
    try:
        with connection.transaction():
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(part.schema, part.name)))
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return "ANALYZE did not get its lock, or did not end, in time"
    return None
