"""Due left: rows whose period is over and that are there, by statements of their own (law 1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Protocol, TypeVar

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import DueLeft, Heartbeat
from expunge_connectors.errors import TookTooLongError
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.verify.erased_rows import ErasedRows
from expunge_connectors.postgres.verify.expressions import of_kind

_FIRST, _MOST = 500, 5_000
"""Blocks that one statement reads: the first one, and at most."""

_CUT = 10
"""Where the server ends a statement for the time it takes, so many read what it was to read."""

_FAST = 0.1
"""Seconds: where a statement takes less, the next one reads twice as much."""

_PARTS = """
WITH RECURSIVE tree (oid) AS (
  SELECT %s::oid
  UNION
  SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits AS i ON tree.oid = i.inhparent
)
SELECT n.nspname, c.relname, c.relkind = 'f',
       pg_catalog.pg_relation_size(tree.oid) / pg_catalog.current_setting('block_size')::bigint
  FROM tree JOIN pg_catalog.pg_class AS c USING (oid) JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'f')
"""
# What is no day of the calendar is due on none.
_LEFT = sql.SQL(
    "SELECT count(*), min(d.began) FROM (SELECT CASE WHEN r.{start} BETWEEN '0001-01-01' AND '9999-12-31'"
    " THEN r.{start}::date END AS began FROM {rows} AS r WHERE {ours}) AS d"
    " WHERE d.began + interval {period} < {tomorrow}::timestamp"
)


T = TypeVar("T")


class Look(Protocol):
    """Lends a connection for one statement; a statement that took too long is not tried again as it is."""

    def __call__(self, work: Callable[[Connection], T], /) -> T:
        """Run the work."""
        ...


@dataclass(frozen=True, slots=True)
class DueQuestion:
    """Which rows of one collection are due on a day.

    Attributes:
        spec: The store in the map.
        data_map: The periods.
        live: The live tables.
        collection: One with a `start`.
        today: UTC.
    """

    spec: PostgresSpec
    data_map: DataMap
    live: Catalogue
    collection: str
    today: date

    def statement(self, rows: sql.Composable) -> sql.Composed:
        """The query that counts them among some rows of the table."""
        table = self.spec.collections[self.collection]
        return _LEFT.format(
            start=sql.Identifier(table.start or ""),
            rows=rows,
            ours=_ours(self.spec, self.data_map, self.live, self.collection),
            period=sql.Literal(str(self.data_map.data_types[table.data_type or ""].rule.period)),
            tomorrow=sql.Literal(date.fromordinal(self.today.toordinal() + 1)),
        )


def due_left(look: Look, store: str, question: DueQuestion, beat: Heartbeat) -> DueLeft:
    """Count them, a range of blocks at a time.

    Args:
        look: How to ask.
        store: Its name, for messages.
        question: Which.
        beat: Called after each statement.

    Raises:
        TookTooLongError: The server does not let one block be read.
    """
    oid = question.live.tables[question.spec.collections[question.collection].table].oid
    found, size = DueLeft(), _FIRST
    for schema, name, elsewhere, blocks in look(lambda connection: connection.execute(_PARTS, (oid,)).fetchall()):
        part, begin = sql.Identifier(schema, name), 0
        while begin <= blocks or elsewhere:
            rows = part if elsewhere else _range(part, begin, None if begin + size > blocks else begin + size)
            counted = partial(_counted, store=store, question=question, rows=rows)
            started = time.monotonic()
            try:
                found += look(counted)
            except TookTooLongError:
                if elsewhere or size == 1:
                    raise
                size = max(1, min(size, blocks) // _CUT)
                continue
            beat()
            if elsewhere:
                break
            begin += size
            if time.monotonic() - started < _FAST:
                size = min(_MOST, 2 * size)
    return found


def _counted(connection: Connection, *, store: str, question: DueQuestion, rows: sql.Composable) -> DueLeft:
    with translated(store, question.collection):
        return DueLeft(*only_row(connection.execute(question.statement(rows))))


def _range(part: sql.Identifier, begin: int, end: int | None) -> sql.Composed:
    """Rows of blocks; the last range has no end, for rows came since."""
    ends = sql.SQL("") if end is None else sql.SQL(" AND ctid < {}::tid").format(sql.Literal(f"({end},0)"))
    return sql.SQL("(SELECT * FROM ONLY {} WHERE ctid >= {}::tid{})").format(part, sql.Literal(f"({begin},0)"), ends)


def _ours(spec: PostgresSpec, data_map: DataMap, live: Catalogue, collection: str) -> sql.Composed:
    """The row `r` is of the collection's kind, and is not overwritten already."""
    table = spec.collections[collection]
    kinds = [list(of_kind(link.where, live.tables[table.table], "r")) for link in table.found_by]
    of_any = [sql.SQL(" AND ").join(one) if one else sql.SQL("true") for one in kinds]
    erased = ErasedRows(spec.collections, data_map, live).is_erased(table, "r")
    return sql.SQL("({}) AND ({}) IS NOT TRUE").format(sql.SQL(" OR ").join(of_any), erased)
