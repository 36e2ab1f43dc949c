"""Sweep stops in the ledger: since when a sweep stood still or none was let begin, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.ledger.sweep_tables import sweep_stop as _table
from expunge_orchestrator.ledger.tables import LONGEST_REASON

_OPEN = _table.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class SweepStop:
    """One stop. `ended_at`: when a sweep went on or began; None: none did."""

    begun_at: datetime
    ended_at: datetime | None
    why: str


def stop(connection: sa.Connection, at: datetime, why: str) -> None:
    """Write down that it stops. What stands still already goes on standing still, for the reason of the first time."""
    if connection.scalar(sa.select(_table.c.id).where(_OPEN)) is None:
        connection.execute(sa.insert(_table).values(begun_at=stamp(at), why=why[:LONGEST_REASON]))


def end(connection: sa.Connection, at: datetime) -> None:
    """A sweep goes on, or began."""
    connection.execute(sa.update(_table).where(_OPEN).values(ended_at=stamp(at)))


def stops(connection: sa.Connection, since: date) -> list[SweepStop]:
    """Those that had not ended before a day, the oldest first."""
    query = sa.select(_table).where(sa.or_(_OPEN, _table.c.ended_at >= since.isoformat())).order_by(_table.c.id)
    return [
        SweepStop(parse(row.begun_at), None if row.ended_at is None else parse(row.ended_at), row.why)
        for row in connection.execute(query)
    ]
