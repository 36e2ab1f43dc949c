"""Table slices: a table in ranges of blocks, partition by partition, each read by a statement of its own.

A count of a table of ten years runs into the statement timeout, and its snapshot keeps dead rows of the whole database
from being cleaned. A range of blocks is read in a time that is known from the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.postgres.connection import Connection

_FIRST, _LEAST, _MOST = 1_000, 50, 100_000
"""Blocks of a slice: of the first one, and between which bounds it grows and shrinks."""

_FAST, _SLOW = 0.05, 0.25
"""Seconds: a slice that takes less doubles the next one, one that takes more halves it."""

# Inheritance trees too: rows of the parent itself stand in its own blocks.
_LEAVES = """
WITH RECURSIVE part AS (
    SELECT %s::oid AS oid
     UNION
    SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
)
SELECT n.nspname, c.relname,
       CASE WHEN c.relkind = 'r'
            THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint END
  FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'f')
 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A table that has rows of its own: a partition, or a table that is none.

    Attributes:
        blocks: How many it had; None: it stands on another server, and is read as a whole.
    """

    name: sql.Identifier
    blocks: int | None


def leaves(connection: Connection, oid: int) -> list[Leaf]:
    """The parts of a table."""
    rows = connection.execute(_LEAVES, (oid,)).fetchall()
    return [Leaf(sql.Identifier(schema, name), blocks) for schema, name, blocks in rows]


class TableSlices:
    """The slices of one part of a table, as `t`, for FROM and WHERE: a whole `SELECT ... FROM (slice) AS t`.

    The last one has no end: rows that came since stand there.
    """

    def __init__(self, leaf: Leaf, blocks: int = _FIRST) -> None:
        self._leaf = leaf
        self.size = blocks

    def __iter__(self) -> Iterator[sql.Composed]:
        if self._leaf.blocks is None:
            yield sql.SQL("{} AS t").format(self._leaf.name)
            return
        at = 0
        while True:
            beyond = at + self.size
            last = beyond >= self._leaf.blocks
            yield sql.SQL("(SELECT * FROM ONLY {} WHERE ctid >= {}::tid{}) AS t").format(
                self._leaf.name,
                sql.Literal(f"({at},0)"),
                sql.SQL("") if last else sql.SQL(" AND ctid < {}::tid").format(sql.Literal(f"({beyond},0)")),
            )
            if last:
                return
            at = beyond

    def took(self, seconds: float) -> None:
        """Fit the next slice to the time that the last one took."""
        if seconds < _FAST:
            self.size = min(_MOST, self.size * 2)
        elif seconds > _SLOW:
            self.size = max(_LEAST, self.size // 2)
