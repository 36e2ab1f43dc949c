"""Sweep windows in the ledger: the runs in which sweeps went, how long each lasted and how much went in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

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
        by_type: Data type -> (records that went, what was left of them).
        stuck: Something could go, and nothing went.
    """

    id: int
    window: Window
    begun_at: datetime
    ended_at: datetime | None
    backlog: int
    empty_on: date | None
    by_type: Mapping[str, Sequence[int]]
    stuck: bool


def open_window(connection: sa.Connection, at: datetime, allowed: float | None) -> int:
    """Begin a run; returns its number. `allowed`: the seconds that it has."""
    row: dict[str, Any] = {
        "day": at.date().isoformat(),
        "begun_at": exact(at),
        "allowed": allowed,
        "seconds": 0.0,
        "gone": 0,
        "full": False,
        "backlog": 0,
        "by_type": {},
        "stuck": False,
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


def foresee(  # noqa: PLR0913 - the row's columns
    connection: sa.Connection,
    number: int,
    backlog: int,
    empty_on: date | None,
    *,
    by_type: Mapping[str, Sequence[int]],
    stuck: bool,
) -> None:
    """Write down what a run took and left of each data type, and the day that is forecast."""
    foreseen = empty_on and empty_on.isoformat()
    told = {name: list(counts) for name, counts in by_type.items()}
    values = {"backlog": backlog, "empty_on": foreseen, "by_type": told, "stuck": stuck}
    connection.execute(sa.update(_table).where(_table.c.id == number).values(**values))


def recent(connection: sa.Connection, number: int) -> list[SweepWindow]:
    """The last ones, at most so many, the oldest first."""
    query = sa.select(_table).order_by(_table.c.id.desc()).limit(number)
    return [_window(row) for row in connection.execute(query).mappings()][::-1]


def windows(connection: sa.Connection, since: date) -> list[SweepWindow]:
    """Those from a day on, the oldest first; before them from the last one on in which something went."""
    earlier = sa.select(sa.func.max(_table.c.id)).where(_table.c.day < since.isoformat(), _table.c.gone > 0)
    first = sa.func.coalesce(earlier.scalar_subquery(), 0)
    query = sa.select(_table).where(_table.c.id >= first).order_by(_table.c.id)
    return [_window(row) for row in connection.execute(query).mappings()]


def _window(row: sa.RowMapping) -> SweepWindow:
    measured = Window(
        date.fromisoformat(row["day"]), row["seconds"], row["gone"], row["allowed"], full=bool(row["full"])
    )
    ended = row["ended_at"] and parse(row["ended_at"])
    foreseen = row["empty_on"] and date.fromisoformat(row["empty_on"])
    begun, by_type = parse(row["begun_at"]), row["by_type"]
    return SweepWindow(row["id"], measured, begun, ended, row["backlog"], foreseen, by_type, bool(row["stuck"]))
