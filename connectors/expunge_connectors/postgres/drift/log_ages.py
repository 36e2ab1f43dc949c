"""Log ages: entries of a log that are there for longer than declared, and how old the oldest is. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial

from psycopg import sql

from expunge_connectors.contract import HELD, Drift, Heartbeat
from expunge_connectors.postgres.ages.table_slices import TableSlice, TableSlices, grown, leaves
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.drift.places import Place
from expunge_connectors.postgres.drift.printed_sql import pruned
from expunge_connectors.postgres.sql.fragments import column
from expunge_connectors.postgres.transactions import Transactions

_READABLE = """
WITH RECURSIVE part (oid) AS (
    SELECT %s::oid
    UNION
    SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
)
SELECT bool_and(pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
                AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                AND NOT pg_catalog.row_security_active(c.oid))
  FROM part JOIN pg_catalog.pg_class c ON c.oid = part.oid
"""
# What no calendar has began on no day.
_OVER = sql.SQL(
    "SELECT count(*), min(began) FROM (SELECT CASE WHEN {start} BETWEEN '0001-01-01' AND '9999-12-31'"
    " THEN {start}::date END AS began FROM {table} AS t WHERE {within}) AS r WHERE began <= {last}"
)


def readable(connection: Connection, place: Place) -> bool:
    """We may read the log, and all of it."""
    return bool(only_row(connection.execute(_READABLE, (place.table.oid,)))[0])


def findings(transactions: Transactions, place: Place, start: Column, beat: Heartbeat) -> Iterator[Drift]:
    """The entries that are over, slice by slice, whatever the statement timeout is."""
    last = place.period.began(place.today)
    records, oldest = 0, None
    for number, first in _counted(transactions, place, start, last, beat):
        records += number
        oldest = min((one for one in (oldest, first) if one is not None), default=None)
    if oldest is not None:
        yield Drift(
            place.name,
            str(place.period),
            f"entries that are older, the oldest by {(place.today - oldest).days} days",
            records,
            None if place.held else pruned(place.table.text, start, last + timedelta(days=1)),
            HELD if place.held else "As the owner of the log, in psql, outside of a transaction, and again each day",
            oldest=oldest,
        )


def _counted(
    transactions: Transactions, place: Place, start: Column, last: date, beat: Heartbeat
) -> Iterator[tuple[int, date | None]]:
    for leaf in transactions.look(lambda connection: leaves(connection, place.table.oid)):
        slices = TableSlices(leaf, grown=grown(transactions, leaf))
        for found in slices.each(partial(_of_slice, transactions.in_slices, start, last)):
            yield found
            beat()


def _of_slice(transactions: Transactions, start: Column, last: date, part: TableSlice) -> tuple[int, date | None]:
    statement = _OVER.format(
        start=column("t", start.name), table=part.table, within=part.within, last=sql.Literal(last)
    )

    def counted(connection: Connection) -> tuple[int, date | None]:
        records, oldest = only_row(connection.execute(statement))
        return records, oldest

    return transactions.look(counted)
