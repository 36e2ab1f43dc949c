"""Planner statistics: samples of values (`pg_stats`), which outlive the rows that they were drawn from.

ANALYZE draws them anew, but not all: it leaves those of a table or an index without rows, of a whole without parts, and
of whatever has a statistics target of 0. Nor do the server's times tell what was drawn: they are the same of one that
looked at another column, began before our DELETE or was rolled back. So it is always an ANALYZE of ours, and what it
left is told.

Looked at are the samples that our own role is shown: of columns that it may read, of expressions (under the name of
their index) and of extended statistics. What we are not shown, where others own the table, counts as left if ANALYZE
would leave it. Tables that others inherit from, and partitioned ones, have samples of all their rows beside
each part's; ANALYZE of a partitioned one draws those of its parts too, from Postgres 18 on of both.

Sources: PostgreSQL documentation, "ANALYZE", "pg_stats", "pg_stats_ext_exprs", "ALTER STATISTICS"; of what is left the
server's commands/analyze.c and statistics/extended_stats.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from expunge_connectors.postgres.connection import Connection

_MAINTAIN_SINCE = 170000
"""The server of which MAINTAIN is a word; an older one refuses it."""

_INHERITED_SINCE = 150000
"""The server that tells samples of objects of a whole from those of its own rows; an older one has one or the other."""

_PARTS_SINCE = 180000
"""The server that draws with any table what inherits from it; an older one does with a partitioned one."""

_OWNERS = "its samples are the table owner's to draw (from Postgres 17 on, GRANT MAINTAIN)"
_NOT_IN_TIME = "ANALYZE did not get its lock, or did not end, in time"
_EMPTY = "ANALYZE leaves old samples of a table, a part or an index that is empty, and of a whole without parts"
_LEFT_OUT = "ANALYZE leaves old samples of a column, index or statistics object with a statistics target of 0"
_CAME = "samples came while others were drawn, and may be older"

_STATES = """
WITH RECURSIVE part AS (
    SELECT n.nspname || '.' || c.relname AS root, c.oid, '{{}}'::oid[] AS above
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname || '.' || c.relname = ANY (%(tables)s)
     UNION
    SELECT part.root, i.inhrelid, part.above || part.oid
      FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
), relation AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples > 0 AS has_rows,
           EXISTS (SELECT FROM part WHERE c.oid = ANY (part.above))
               AND EXISTS (SELECT FROM part JOIN pg_catalog.pg_class below ON below.oid = part.oid
                            WHERE c.oid = ANY (part.above || part.oid) AND below.reltuples > 0) AS has_rows_in_parts,
           pg_catalog.pg_has_role(c.relowner, 'USAGE') AS ours,
           pg_catalog.pg_has_role((SELECT datdba FROM pg_catalog.pg_database
                                    WHERE datname = pg_catalog.current_database()), 'USAGE')
               OR coalesce(pg_catalog.has_table_privilege(c.oid, %(right)s), false) AS granted
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid IN (SELECT oid FROM part)
), value AS (
    SELECT schemaname, tablename, attname, inherited FROM pg_catalog.pg_stats
     WHERE most_common_vals IS NOT NULL OR histogram_bounds IS NOT NULL OR most_common_elems IS NOT NULL
), object AS (
    SELECT statistics_schemaname, statistics_name, {inherited} AS inherited
      FROM pg_catalog.pg_stats_ext WHERE most_common_vals IS NOT NULL
     UNION
    SELECT statistics_schemaname, statistics_name, {inherited}
      FROM pg_catalog.pg_stats_ext_exprs
     WHERE most_common_vals IS NOT NULL OR histogram_bounds IS NOT NULL OR most_common_elems IS NOT NULL
), sample AS (
    SELECT relation.oid, value.attname IS NOT NULL AS shown,
           NOT pg_catalog.has_column_privilege(relation.oid, a.attnum, 'SELECT') AS hidden,
           a.attstattarget = 0 AS left_out,
           NOT CASE WHEN value.inherited THEN has_rows_in_parts ELSE has_rows END AS empty
      FROM relation
      JOIN pg_catalog.pg_attribute a ON a.attrelid = relation.oid AND a.attnum > 0
      LEFT JOIN value ON value.schemaname = nspname AND value.tablename = relname AND value.attname = a.attname
     UNION ALL
    SELECT relation.oid, value.attname IS NOT NULL, NOT ours, a.attstattarget = 0,
           NOT (index.reltuples > 0 AND i.indisready)
      FROM relation
      JOIN pg_catalog.pg_index i ON i.indrelid = relation.oid AND i.indexprs IS NOT NULL
      JOIN pg_catalog.pg_class index ON index.oid = i.indexrelid AND index.relkind = 'i'
      JOIN pg_catalog.pg_namespace n ON n.oid = index.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = index.oid
      LEFT JOIN value ON value.schemaname = n.nspname AND value.tablename = index.relname AND value.attname = a.attname
     UNION ALL
    SELECT relation.oid, object.statistics_name IS NOT NULL, NOT ours,
           x.stxstattarget = 0 OR EXISTS (
               SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = relation.oid AND a.attnum = ANY (x.stxkeys) AND a.attstattarget = 0),
           NOT CASE WHEN coalesce(object.inherited, relkind = 'p') THEN has_rows_in_parts ELSE has_rows END
      FROM relation
      JOIN pg_catalog.pg_statistic_ext x ON x.stxrelid = relation.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = x.stxnamespace
      LEFT JOIN object ON object.statistics_schemaname = n.nspname AND object.statistics_name = x.stxname
)
SELECT part.root, relation.oid, part.above, nspname, relname, relkind = 'p' OR %(parts)s, ours OR granted,
       coalesce(bool_or(shown), false), coalesce(bool_or(left_out), false), coalesce(bool_or(empty), false)
  FROM part
  JOIN relation ON relation.oid = part.oid
  LEFT JOIN sample ON sample.oid = part.oid AND (shown OR hidden)
 GROUP BY part.root, part.above, relation.oid, nspname, relname, relkind, ours, granted
 ORDER BY pg_catalog.cardinality(part.above)
"""


class _Part(NamedTuple):
    """A table, or a part of one.

    Attributes:
        above: What it is a part of, the root first.
        whole: ANALYZE of it draws the samples of its parts.
        sampled: There are samples of its values.
        left_out: Some have a statistics target of 0; of these, and of the empty ones, we may not be shown any.
        empty: Some are of what had no rows, or no parts, as the last ANALYZE or VACUUM saw it.
    """

    root: str
    oid: int
    above: Sequence[int]
    schema: str
    name: str
    whole: bool
    may_analyze: bool
    sampled: bool
    left_out: bool
    empty: bool


def refresh(connection: Connection, tables: Iterable[str]) -> Mapping[str, str | None]:
    """Draw samples anew.

    Args:
        connection: In autocommit mode.
        tables: `schema.table`, without partitions and children.

    Returns:
        Table -> None: its samples are drawn of what is there now; or why older ones are left. Without a table of whose
        values there are no samples.
    """
    named = sorted(tables)
    before = _parts(connection, named)
    sampled = {part.root for part in before if part.sampled}
    refused: dict[int, str | None] = {}
    wholes: dict[int, str | None] = {}  # what becomes of them becomes of their parts
    for part in before:
        if part.root not in sampled or part.oid in refused:
            continue
        whole = next((oid for oid in part.above if oid in wholes), None)
        if not part.may_analyze:
            refused[part.oid] = _OWNERS
        elif whole is not None:
            refused[part.oid] = wholes[whole]
        else:
            refused[part.oid] = _analyzed(connection, part)
            if part.whole:
                wholes[part.oid] = refused[part.oid]
    left: dict[str, str | None] = dict.fromkeys(sampled)
    for part in _parts(connection, named):
        if part.sampled or part.root in sampled:
            why = refused.get(part.oid, _CAME) if part.sampled else None
            left[part.root] = left.get(part.root) or why or _left(part)
    return left


def _left(part: _Part) -> str | None:
    """Why an ANALYZE that has ended left samples of it, if it did."""
    return _LEFT_OUT if part.left_out else _EMPTY if part.empty else None


def _parts(connection: Connection, tables: Sequence[str]) -> Sequence[_Part]:
    """Each after what it is a part of."""
    version = connection.info.server_version
    given = {
        "tables": list(tables),
        "right": "MAINTAIN" if version >= _MAINTAIN_SINCE else None,
        "parts": version >= _PARTS_SINCE,
    }
    states = _STATES.format(inherited="inherited" if version >= _INHERITED_SINCE else "NULL::boolean")
    with connection.transaction(force_rollback=True):
        rows = connection.execute(states.encode(), given).fetchall()
    return [_Part(*row) for row in rows]


def _analyzed(connection: Connection, part: _Part) -> str | None:
    """None, or why not. In a transaction, in which our timeouts hold; a pooler's session keeps none of them."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(part.schema, part.name)))
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return _NOT_IN_TIME
    return None
