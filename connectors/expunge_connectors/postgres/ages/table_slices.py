"""Table slices: a table in ranges of blocks, partition by partition, each read by a statement of its own.

A count of a table of ten years runs into the statement timeout, and its snapshot keeps dead rows of the whole database
from being cleaned. A range of blocks is read in a time that is known from the one before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import LiteralString, TypeVar

from psycopg import sql

from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.sql.fragments import TRUE, and_
from expunge_connectors.postgres.transactions import Transactions

T = TypeVar("T")

_FIRST, _LEAST, _MOST = 1_000, 1, 100_000
"""Blocks of a slice: of the first one, and between which bounds it grows and shrinks."""

_FAST, _SLOW = 0.05, 0.25
"""Seconds: a slice that takes less doubles the next one, one that takes more makes it as much smaller."""

_CUT = 8
"""Of a slice that the server ended for the time it took, so much is tried at a time."""

# Inheritance trees too: rows of the parent itself stand in its own blocks.
_LEAVES = """
WITH RECURSIVE part AS (
    SELECT %s::oid AS oid
     UNION
    SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
)
SELECT c.oid::bigint, n.nspname, c.relname,
       CASE WHEN c.relkind = 'r'
            THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint END,
       ARRAY(SELECT DISTINCT coalesce(a.attname, '')
               FROM part AS above
               JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = above.oid
              CROSS JOIN LATERAL pg_catalog.unnest(p.partattrs::int2[]) AS by (attnum)
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = by.attnum)
  FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'f')
 ORDER BY 2, 3
"""
_BLOCKS = "SELECT pg_catalog.pg_relation_size(%s::oid) / pg_catalog.current_setting('block_size')::bigint"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A table that has rows of its own: a partition, or a table that is none.

    Attributes:
        text: `schema.name`.
        blocks: How many it had; None: it stands on another server, and is read as a whole.
        split_by: The columns by which the table is partitioned; an empty name: an expression.
    """

    name: sql.Identifier
    blocks: int | None
    oid: int = 0
    text: str = ""
    split_by: frozenset[str] = frozenset()


def leaves(connection: Connection, oid: int) -> list[Leaf]:
    """The parts of a table."""
    rows = connection.execute(_LEAVES, (oid,)).fetchall()
    return [
        Leaf(sql.Identifier(schema, name), blocks, oid, f"{schema}.{name}", frozenset(split_by))
        for oid, schema, name, blocks, split_by in rows
    ]


def grown(transactions: Transactions, leaf: Leaf) -> Callable[[], int]:
    """Asks how many blocks it has by now."""

    def asked(connection: Connection) -> int:
        (blocks,) = only_row(connection.execute(_BLOCKS, (leaf.oid,)))
        return int(blocks)

    return lambda: transactions.look(asked)


@dataclass(frozen=True, slots=True)
class TableSlice:
    """A range of blocks, for `SELECT ... FROM table AS t WHERE within`.

    Attributes:
        oid: Of the table.
        begins: Its first block.
        ends: The first one beyond it; None: it has no end.
        split_by: As of `Leaf`.
    """

    table: sql.Composed
    within: sql.Composable
    oid: int = 0
    begins: int = 0
    ends: int | None = None
    split_by: frozenset[str] = frozenset()


class TableSlices:
    """The slices of one part of a table. The last one has no end: rows that came since stand there.

    Args:
        leaf: The part.
        blocks: How many the first slice has.
        begin: The block at which to begin; of slices from the end, the one at which those before it ended.
        backwards: From the end: rows that point to others of the table were mostly written after them.
        grown: How many blocks the part has by now. New versions of rows that were overwritten stand at its end; None:
            as many as it had.
    """

    def __init__(
        self,
        leaf: Leaf,
        blocks: int = _FIRST,
        begin: int | None = None,
        *,
        backwards: bool = False,
        grown: Callable[[], int] | None = None,
    ) -> None:
        self._leaf = leaf
        self._begin = begin
        self._backwards = backwards
        self._grown = grown
        self._blocks: int | None = None  # of the last slice
        self._again = False
        self._slow: tuple[int, float] | None = None  # blocks and seconds of one that took long; since then none did not
        self.size = max(_LEAST, min(_MOST, blocks))

    def each(self, work: Callable[[TableSlice], T]) -> Iterator[T]:
        """Do work with every slice; what cannot be had, or takes too long, in smaller ones.

        Raises:
            SomeRecordsError: Of one block, or of a table on another server.
        """
        for part in self:
            started = time.monotonic()
            try:
                found = work(part)
            except SomeRecordsError:
                if not self.cut():
                    raise
                continue
            self.took(time.monotonic() - started)
            yield found

    def __iter__(self) -> Iterator[TableSlice]:
        leaf = self._leaf
        if leaf.blocks is None:
            yield TableSlice(sql.SQL("{}").format(leaf.name), TRUE, leaf.oid)
        elif self._backwards:
            beyond = self._begin
            while beyond is None or beyond > 0:
                end = self._end() if beyond is None else beyond
                at = max(0, end - self.size)
                yield self._between(at, beyond, end - at)
                beyond = beyond if self._done_again() else at
        else:
            at, there, last = self._begin or 0, leaf.blocks, False
            while not last:
                beyond = at + self.size
                if beyond >= there:
                    there = self._end()
                last = beyond >= there
                yield self._between(at, None if last else beyond, min(self.size, there - at))
                if self._done_again():
                    last = False
                else:
                    at = beyond

    def _end(self) -> int:
        return (self._leaf.blocks or 0) if self._grown is None else self._grown()

    def _done_again(self) -> bool:
        again, self._again = self._again, False
        return again

    def _between(self, at: int, beyond: int | None, blocks: int) -> TableSlice:
        self._blocks = blocks
        ends = TRUE if beyond is None else _from("t.ctid < {}::tid", beyond)
        table = sql.SQL("ONLY {}").format(self._leaf.name)
        within = and_(_from("t.ctid >= {}::tid", at), ends)
        return TableSlice(table, within, self._leaf.oid, at, beyond, self._leaf.split_by)

    def took(self, seconds: float) -> None:
        """Fit the next slice to the time that the last one took.

        Where that is not for its rows (a table without an index is read for each slice), a smaller one takes as long:
        then they are as large as before.
        """
        if seconds <= _SLOW:
            self._slow = None
            self.size = min(_MOST, self.size * 2) if seconds < _FAST else self.size
        elif self._slow is None:
            self._slow = self.size, seconds
            self.size = max(_LEAST, int(self.size * _SLOW / seconds))
        else:
            larger, before = self._slow
            if seconds <= before and self.size / seconds < larger / before / 2:
                self.size, self._slow = larger, None
            else:
                self.size = max(_LEAST, int(self.size * _SLOW / seconds))

    @property
    def smallest(self) -> bool:
        """The last slice cannot be smaller."""
        return self._blocks is None or self._blocks <= _LEAST

    def cut(self) -> bool:
        """Begin the last slice once more, smaller. False: it cannot be smaller."""
        if self._blocks is None or self.smallest:
            return False
        self.size, self._again = max(_LEAST, self._blocks // _CUT), True
        return True


def _from(condition: LiteralString, block: int) -> sql.Composed:
    return sql.SQL(condition).format(sql.Literal(f"({block},0)"))
