"""Table slices: a table in ranges of blocks, partition by partition, each read by a statement of its own.

A count of a table of ten years runs into the statement timeout, and its snapshot keeps dead rows of the whole database
from being cleaned. A range of blocks is read in a time that is known from the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.sql.fragments import TRUE, and_

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
SELECT c.oid::bigint, n.nspname, c.relname,
       CASE WHEN c.relkind = 'r'
            THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint END
  FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'f')
 ORDER BY 2, 3
"""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A table that has rows of its own: a partition, or a table that is none.

    Attributes:
        text: `schema.name`.
        blocks: How many it had; None: it stands on another server, and is read as a whole.
    """

    name: sql.Identifier
    blocks: int | None
    oid: int = 0
    text: str = ""


def leaves(connection: Connection, oid: int) -> list[Leaf]:
    """The parts of a table."""
    rows = connection.execute(_LEAVES, (oid,)).fetchall()
    return [Leaf(sql.Identifier(schema, name), blocks, oid, f"{schema}.{name}") for oid, schema, name, blocks in rows]


@dataclass(frozen=True, slots=True)
class TableSlice:
    """A range of blocks, for `SELECT ... FROM table AS t WHERE within`.

    Attributes:
        oid: Of the table.
        begins: Its first block.
        ends: The first one beyond it; None: it has no end.
    """

    table: sql.Composed
    within: sql.Composable
    oid: int = 0
    begins: int = 0
    ends: int | None = None


class TableSlices:
    """The slices of one part of a table. The last one has no end: rows that came since stand there.

    Args:
        leaf: The part.
        blocks: How many the first slice has.
        begin: The block at which to begin; of slices from the end, the one at which those before it ended.
        backwards: From the end: rows that point to others of the table were mostly written after them.
    """

    def __init__(self, leaf: Leaf, blocks: int = _FIRST, begin: int | None = None, *, backwards: bool = False) -> None:
        self._leaf = leaf
        self._begin = begin
        self._backwards = backwards
        self.size = blocks

    def __iter__(self) -> Iterator[TableSlice]:
        leaf = self._leaf
        if leaf.blocks is None:
            yield TableSlice(sql.SQL("{}").format(leaf.name), TRUE, leaf.oid)
        elif self._backwards:
            beyond = self._begin
            while beyond is None or beyond > 0:
                at = max(0, (leaf.blocks if beyond is None else beyond) - self.size)
                yield self._between(at, beyond)
                beyond = at
        else:
            at, last = self._begin or 0, False
            while not last:
                beyond = at + self.size
                last = beyond >= leaf.blocks
                yield self._between(at, None if last else beyond)
                at = beyond

    def _between(self, at: int, beyond: int | None) -> TableSlice:
        ends = TRUE if beyond is None else _from("t.ctid < {}::tid", beyond)
        table = sql.SQL("ONLY {}").format(self._leaf.name)
        return TableSlice(table, and_(_from("t.ctid >= {}::tid", at), ends), self._leaf.oid, at, beyond)

    def took(self, seconds: float) -> None:
        """Fit the next slice to the time that the last one took."""
        if seconds < _FAST:
            self.size = min(_MOST, self.size * 2)
        elif seconds > _SLOW:
            self.size = max(_LEAST, self.size // 2)


def _from(condition: LiteralString, block: int) -> sql.Composed:
    return sql.SQL(condition).format(sql.Literal(f"({block},0)"))
