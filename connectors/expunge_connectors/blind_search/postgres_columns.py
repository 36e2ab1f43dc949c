"""Blind search of a Postgres database: text-like columns of every table, by binary COPY in slices of pages.

Nothing that is searched for goes to the server: its statements name tables and columns. Each slice is a short
transaction, so that no snapshot and no lock is held for long; what was written meanwhile is read once more at the end,
since an updated row may move into a slice that was read before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.postgres_copy import CopiedRows, blocks, elements, fields_of
from expunge_connectors.blind_search.postgres_tables import (
    NAMES,
    Belonging,
    Belongs,
    Connection,
    Describe,
    ReadTable,
    readable_tables,
)
from expunge_connectors.blind_search.report import Findings, Gap, Hit, Standing, StoreReport

PAGES = 2048
"""Of a slice."""
_MATCHING, _WAITING = 2, 6
_TRUE = b"\x01"
_TID_RANGES = 140_000  # the first server that reads a range of pages without reading the others

# Of the table itself, not of what is stored beside it: these are the pages that a ctid counts.
_BEFORE = """
SELECT pg_catalog.pg_relation_size(%s::oid) / pg_catalog.current_setting('block_size')::bigint,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text
"""
_NEWEST = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text"
_AT_START = """
SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
            THEN coalesce(pg_catalog.pg_last_xact_replay_timestamp(), pg_catalog.clock_timestamp())
            ELSE pg_catalog.clock_timestamp() END,
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_setting('server_version_num')::integer,
       (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata)
"""


@dataclass(slots=True)
class _Search:
    connection: Connection
    store: str
    matcher: Matcher
    describe: Describe
    effort: Effort
    beat: Callable[[], None]
    findings: Findings = field(default_factory=Findings)
    gaps: list[Gap] = field(default_factory=list)
    records: int = 0
    size: int = 0


def search(  # noqa: PLR0913 - what a search is of, for, and how
    connection: Connection,
    store: str,
    matcher: Matcher,
    describe: Describe,
    *,
    belongs: Belongs,
    effort: Effort,
    beat: Callable[[], None],
) -> StoreReport:
    """Search every text-like column that the role may read. Transactions are read-only.

    Args:
        connection: In autocommit mode; best of a role that may only read, on a replica.
        store: Name of the store.
        matcher: Knows what is searched for.
        describe: Says what a table or column is; the text it gives is printed.
        belongs: Says which columns tell whose a row is.
        effort: How long, and how gently.
        beat: Called between pieces.

    Raises:
        psycopg.Error: The server is gone. What it refuses for one table is a gap.
    """
    state = _Search(connection, store, matcher, describe, effort, beat)
    with _reading(connection):
        at, standby, version, large_objects = _row(connection, _AT_START)
        names = connection.execute(NAMES).fetchall()
        _search_names(state, names)
        tables, state.gaps = readable_tables(connection, describe, belongs, frozenset(names))
    if large_objects:
        state.gaps.append(Gap("large objects", f"{large_objects} of them are not searched"))
    with ThreadPoolExecutor(_MATCHING, thread_name_prefix="expunge-blind") as pool:
        for table in tables:
            if effort.spent:
                state.gaps.append(Gap(_named(state, table), "not in time"))
                continue
            _search_table(state, table, pool, ranges=version >= _TID_RANGES)
    return StoreReport(
        store,
        "replica" if standby else "primary",
        _aware(at),
        state.findings.all(),
        sum(len(table.columns) for table in tables),
        state.records,
        state.size,
        tuple(sorted(state.gaps)),
    )


def _search_names(state: _Search, names: Iterable[tuple[Any, ...]]) -> None:
    """Tables and columns may be called after somebody."""
    seen: set[str] = set()
    for table, column in names:
        if table not in seen:
            seen.add(table)
            state.findings.add(state.describe(table, None), state.matcher.found(table.encode(), name=True))
        if column is not None:
            state.findings.add(state.describe(table, column), state.matcher.found(column.encode(), name=True))


def _search_table(state: _Search, table: ReadTable, pool: ThreadPoolExecutor, *, ranges: bool) -> None:
    columns = sql.SQL(", ").join(
        [
            sql.SQL("t.{}::text" if column.written else "t.{}").format(sql.Identifier(column.name))
            for column in table.columns
        ]
        + _whose(table.belonging)
    )
    source = sql.SQL("SELECT {} FROM ONLY {} AS t").format(columns, sql.Identifier(table.schema, table.name))
    try:
        with _reading(state.connection):
            pages, before = _row(state.connection, _BEFORE, table.oid)
        slices = list(_slices(pages or 0)) if ranges and table.whole else [None]
        for number, condition in enumerate(slices):
            if state.effort.spent:
                share = 100 * number // len(slices)
                state.gaps.append(Gap(_named(state, table), f"not in time: {share} % was searched"))
                return
            with state.effort.piece():
                _search_slice(state, table, source if condition is None else source + condition, pool)
            state.beat()
        if len(slices) > 1 and _written_since(state.connection, before):
            # xid8 counts on, a row's xmin is its lower half: ages are compared as the server tells them.
            late = sql.SQL(" WHERE pg_catalog.age(t.xmin) <= (SELECT pg_catalog.age({}::text::xid))").format(
                sql.Literal(str(int(before) % 2**32))
            )
            _search_slice(state, table, source + late, pool)
    except psycopg.Error as error:
        if error.sqlstate is None or state.connection.closed:
            raise
        state.gaps.append(Gap(_named(state, table), f"the server refused (SQLSTATE {error.sqlstate})"))


def _written_since(connection: Connection, before: str) -> bool:
    """Whether a transaction has ended that was at work then, or came since: without one nothing was written."""
    with _reading(connection):
        (newest,) = _row(connection, _NEWEST)
    return bool(newest != before)


def _whose(belonging: Belonging) -> list[sql.Composable]:
    """Whether no link of a row leads to anybody, which the server says without telling them; and whose it is then."""
    if not belonging.links:
        return []
    empty = sql.SQL("coalesce(t.{}::text, '') IN ('', '{{}}')")
    of_links = (sql.SQL(" OR ").join(empty.format(sql.Identifier(one)) for one in link) for link in belonging.links)
    nobodys = sql.SQL(" AND ").join(sql.SQL("({})").format(one) for one in of_links)
    member = belonging.member_column
    return [nobodys, *([] if member is None else [sql.SQL("t.{}::text").format(sql.Identifier(member))])]


def _slices(pages: int) -> Iterator[sql.Composed | None]:
    """Conditions that together hold for every row; the last one has no end, since tables grow."""
    starts = range(0, max(pages, 1), PAGES)
    if len(starts) == 1:
        yield None
        return
    for start in starts:
        condition = sql.SQL(" WHERE t.ctid >= {}::tid").format(sql.Literal(f"({start},0)"))
        if start != starts[-1]:
            condition += sql.SQL(" AND t.ctid < {}::tid").format(sql.Literal(f"({start + PAGES},0)"))
        yield condition


def _search_slice(state: _Search, table: ReadTable, source: sql.Composable, pool: ThreadPoolExecutor) -> None:
    """Read in this thread, match in others, which hold the interpreter's lock for a small part of their time."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(source)
    waiting: deque[tuple[CopiedRows, Future[list[int]]]] = deque()

    def take(most: int) -> None:
        while len(waiting) > most:
            block, suspects = waiting.popleft()
            for at in suspects.result():
                _search_row(state, table, block.row(at))

    try:
        with _reading(state.connection), state.connection.cursor().copy(statement) as copy:
            for block in blocks(copy):
                state.records += len(block.ends)
                state.size += len(block.data)
                waiting.append((block, pool.submit(state.matcher.suspects_in, block.data, block.ends)))
                take(_WAITING)
    finally:
        take(0)


def _search_row(state: _Search, table: ReadTable, row: bytes) -> None:
    fields = list(fields_of(row))
    belonging, member = table.belonging, table.belonging.member
    if belonging.links and belonging.member_column is not None:
        told = fields.pop()
        member = None if told is None else told.decode(errors="replace")
    nobodys = bool(belonging.links) and fields.pop() == _TRUE
    for column, value in zip(table.columns, fields, strict=True):
        hits: set[Hit] = set()
        for part in [] if value is None else elements(value) if column.many else [value]:
            hits |= state.matcher.found(part)
        if hits:
            place = state.describe(table.text, column.name)
            state.findings.add(replace(place, standing=Standing.NOBODYS) if nobodys else place, hits, member=member)


def _named(state: _Search, table: ReadTable) -> str:
    return state.describe(table.text, None).name


@contextmanager
def _reading(connection: Connection) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION READ ONLY")
        yield


def _row(connection: Connection, statement: LiteralString, *parameters: int) -> tuple[Any, ...]:
    row = connection.execute(statement, parameters).fetchone()
    if row is None:
        raise psycopg.DataError("no answer")
    return row


def _aware(moment: datetime) -> datetime:
    return moment.astimezone()
