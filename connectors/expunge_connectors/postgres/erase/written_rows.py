"""Written rows: the server's own counters of what a session inserted, updated and deleted, table by table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated

# One row a table that was written, and at least one row, so that the switch of the counters is always told.
# `gone`: tables that this transaction can see no more and holds a lock on that shuts everybody out: it dropped them.
# `above`: the table and what it is a partition or a child of; rows are counted where they are stored.
# `locked`: TRUNCATE, and whatever else gives a table other rows or another shape, counts no rows but locks all out. Of
# a foreign table no rows are counted at all: the lock of a statement that writes is what shows.
# Large objects are rows of two tables of the catalogue, called by the name of the one.
_WRITTEN = """
WITH held AS MATERIALIZED (
  SELECT l.relation, pg_catalog.bool_or(l.mode = 'AccessExclusiveLock') AS alone
    FROM pg_catalog.pg_locks l
   WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
     AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock')
   GROUP BY l.relation
)
SELECT always.*, w.*
  FROM (
    SELECT pg_catalog.current_setting('track_counts')::boolean,
           ARRAY(SELECT h.relation::bigint FROM held h
                  WHERE h.alone AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = h.relation)) AS gone
  ) AS always
  LEFT JOIN (
    SELECT c.oid::bigint, above.oids, above.names, locked.how, x.inserted, x.updated, x.deleted
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN held h ON h.relation = c.oid
      LEFT JOIN LATERAL (
       SELECT CASE WHEN c.relkind = 'f' THEN 'wrote to the foreign table'
                   WHEN h.alone THEN 'emptied or rebuilt' END AS how
        WHERE h.relation IS NOT NULL
     ) AS locked ON true
     CROSS JOIN LATERAL (
       SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) AS inserted,
              pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) AS updated,
              pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) AS deleted
     ) AS x
     CROSS JOIN LATERAL (
       WITH RECURSIVE above (oid) AS (
         SELECT c.oid
         UNION
         SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = above.oid
       )
       SELECT pg_catalog.array_agg(a.oid::bigint) AS oids,
              pg_catalog.array_agg(
                CASE WHEN a.oid = 'pg_catalog.pg_largeobject_metadata'::regclass THEN 'pg_catalog.pg_largeobject'
                     ELSE an.nspname || '.' || a.relname END
                ORDER BY a.oid <> c.oid
              ) AS names
         FROM above
         JOIN pg_catalog.pg_class a ON a.oid = above.oid
         JOIN pg_catalog.pg_namespace an ON an.oid = a.relnamespace
     ) AS above
     WHERE c.relkind IN ('r', 'f') AND c.relpersistence <> 't'
       AND (n.nspname NOT IN ('pg_catalog', 'information_schema')
            OR c.oid IN ('pg_catalog.pg_largeobject'::regclass, 'pg_catalog.pg_largeobject_metadata'::regclass))
       AND (x.inserted + x.updated + x.deleted > 0 OR locked.how IS NOT NULL)
  ) AS w ON true
"""


class Rows(NamedTuple):
    """How many rows were inserted, updated and deleted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def plus(self, other: Rows, sign: int = 1) -> Rows:
        """The sum; with sign -1, the difference."""
        return Rows(*(mine + sign * theirs for mine, theirs in zip(self, other, strict=True)))

    def are(self, updated: int, deleted: int) -> bool:
        """Whether these statements explain the counters.

        An UPDATE that moves a row to another partition is counted as a deletion there and an insertion here.
        """
        moved = self.inserted
        return moved <= updated and self.deleted - moved == deleted and self.updated + moved == updated


class WrittenTable(NamedTuple):
    """A table that was written.

    Attributes:
        oids: Its own, and those of what it is a partition or a child of.
        names: The same as `schema.table`, its own first.
        locked: What was done to it that counts no rows, in words.
    """

    oids: frozenset[int]
    names: tuple[str, ...]
    locked: str | None
    rows: Rows


class Written(NamedTuple):
    """What a session has written.

    Attributes:
        gone: Tables that it dropped, by oid.
        tables: Oid -> table.
    """

    gone: Sequence[int]
    tables: Mapping[int, WrittenTable]


def written_by(connection: Connection, store: str) -> Written:
    """What the session has written by now, in this transaction and perhaps before.

    Raises:
        TerminalError: The server counts no rows.
    """
    with translated(store):
        found = connection.execute(_WRITTEN).fetchall()
    if not all(row[0] for row in found):
        raise TerminalError(
            f"store {store}: nobody could see a write into a log or into other people's rows, for the server"
            " counts no rows.",
            remedy="Set track_counts = on, the server's default.",
        )
    tables = {
        oid: WrittenTable(frozenset(oids), tuple(names), locked, Rows(*rows))
        for _, _, oid, oids, names, locked, *rows in found
        if oid is not None
    }
    return Written(found[0][1], tables)
