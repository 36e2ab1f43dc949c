"""Sweep windows in the ledger: the runs in which sweeps went, how long each lasted and how much went in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from expunge_orchestrator.clock import exact, parse
from expunge_orchestrator.ledger.sweep_tables import sweep_window as _table
from expunge_orchestrator.rules.backlog_forecast import Window


@dataclass(frozen=True, slots=True)
class SweepWindow:
    """One run.

    Attributes:
        ended_at: None: it is at work, or its process was killed.
        backlog: What was left as it ended, that is due and could go.
        empty_on: The day that was forecast then.
    """

    id: int
    window: Window
    begun_at: datetime
    ended_at: datetime | None
    backlog: int
    empty_on: date | None


def open_window(connection: sa.Connection, at: datetime, allowed: float | None) -> int:
    """Begin a run; returns its number. `allowed`: the seconds that it has."""
    row = {
        "day": at.date().isoformat(),
        "begun_at": exact(at),
        "allowed": allowed,
        "seconds": 0.0,
        "gone": 0,
        "full": False,
        "backlog": 0,
    }
    return int(connection.execute(sa.insert(_table).values(**row).returning(_table.c.id)).scalar_one())


def close_window(connection: sa.Connection, number: int, at: datetime, gone: int, *, full: bool) -> None:
    """End a run."""
    begun = parse(connection.execute(sa.select(_table.c.begun_at).where(_table.c.id == number)).scalar_one())
    values = {"ended_at": exact(at), "seconds": (at - begun).total_seconds(), "gone": gone, "full": full}
    connection.execute(sa.update(_table).where(_table.c.id == number).values(**values))


def forget(connection: sa.Connection, number: int) -> None:
    """Strike a run out in which nothing was swept."""
    connection.execute(sa.delete(_table).where(_table.c.id == number))


def foresee(connection: sa.Connection, number: int, backlog: int, empty_on: date | None) -> None:
    """Write down what a run left, and the day that is forecast."""
    values = {"backlog": backlog, "empty_on": empty_on and empty_on.isoformat()}
    connection.execute(sa.update(_table).where(_table.c.id == number).values(**values))


def recent(connection: sa.Connection, number: int) -> list[SweepWindow]:
    """The last ones, at most so many, the oldest first."""
    query = sa.select(_table).order_by(_table.c.id.desc()).limit(number)
    return [_window(row) for row in connection.execute(query).mappings()][::-1]


def windows(connection: sa.Connection, since: str, before: str) -> list[SweepWindow]:
    """Those of which the day is in a period, the oldest first."""
    query = sa.select(_table).where(_table.c.day >= since, _table.c.day < before).order_by(_table.c.id)
    return [_window(row) for row in connection.execute(query).mappings()]


def _window(row: sa.RowMapping) -> SweepWindow:
    measured = Window(
        date.fromisoformat(row["day"]), row["seconds"], row["gone"], row["allowed"], full=bool(row["full"])
    )
    ended = row["ended_at"] and parse(row["ended_at"])
    foreseen = row["empty_on"] and date.fromisoformat(row["empty_on"])
    return SweepWindow(row["id"], measured, parse(row["begun_at"]), ended, row["backlog"], foreseen)
