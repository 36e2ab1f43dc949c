"""Retention in SQL: until when a row is kept by its data type, and whether it still is."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.fragments import FALSE, column
from expunge_connectors.postgres.statement_cache import Placeholder


def kept_until(mapped: BoundTable, alias: str) -> sql.Composable:
    """The day on which the row's retention ends (UTC); NULL where nothing is retained or no day can be named."""
    if mapped.period is None or mapped.spec.start is None:
        return sql.SQL("NULL::date")
    return ends(column(alias, mapped.spec.start), mapped.period)


def ends(start: sql.Composable, period: str) -> sql.Composed:
    """The day on which a period ends that begins then; NULL where no day can be named."""
    until = sql.SQL("({} + {}::interval)::date").format(start, sql.Literal(period))
    # An application's "never", or a day that no calendar of ours has; the server refuses to add to its own last days.
    return sql.SQL("CASE WHEN {} < date '10000-01-01' THEN CASE WHEN {} < date '10000-01-01' THEN {} END END").format(
        start, until, until
    )


def retained(mapped: BoundTable, alias: str, cutoff: datetime | None) -> sql.Composable:
    """The row is retained by its data type. Without a start no end can be named, so it stays."""
    if mapped.period is None:
        return FALSE
    return sql.SQL("coalesce({} > {}::date, true)").format(kept_until(mapped, alias), Placeholder("cutoff", cutoff))
