"""Closable people in the ledger: of whom nothing is left in the stores, and backup copies may hold something still.

A person leaves this list with the statement `closed`. Their suppression entries stay: later requests, and claims of
values that pass from one person to another, are decided by them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.ledger.tables import item

_AT_ONCE = 500

_NOTED = sa.update(item).where(item.c.id.in_(sa.bindparam("of", expanding=True)))


class ClosablePerson(NamedTuple):
    """A person of a batch; `nothing_left_at`: when the last look was made, which found nothing of theirs."""

    item_id: int
    series: str
    subjects: Sequence[str]
    nothing_left_at: datetime


def note_nothing_left(connection: sa.Connection, items: Sequence[int], at: datetime) -> None:
    """Nothing of these people is left in the stores, as a look found."""
    noted = _NOTED.values(nothing_left_at=stamp(at))
    for start in range(0, len(items), _AT_ONCE):
        connection.execute(noted, {"of": items[start : start + _AT_ONCE]})


def batches_of(connection: sa.Connection, after: int, most: int) -> list[int]:
    """The batches that have such people, in order, beyond one of them."""
    query = sa.select(item.c.batch_id).where(item.c.nothing_left_at.is_not(None), item.c.batch_id > after)
    return list(connection.scalars(query.distinct().order_by(item.c.batch_id).limit(most)))


def of_batch(connection: sa.Connection, batch_id: int, until: datetime, after: int, most: int) -> list[ClosablePerson]:
    """Its people of whom nothing was left by then, in the order of their items, beyond one of them."""
    query = (
        sa.select(item.c.id, item.c.series, item.c.subjects, item.c.nothing_left_at)
        .where(
            item.c.batch_id == batch_id,
            item.c.nothing_left_at.is_not(None),
            item.c.nothing_left_at <= stamp(until),
            item.c.id > after,
        )
        .order_by(item.c.id)
        .limit(most)
    )
    return [
        ClosablePerson(row.id, row.series, list(row.subjects), parse(row.nothing_left_at))
        for row in connection.execute(query)
    ]


def waiting(connection: sa.Connection, series: str) -> tuple[int, datetime] | None:
    """Of one series: its batch, and when the last look was made that found nothing; None: it is not on this list."""
    query = sa.select(item.c.batch_id, item.c.nothing_left_at).where(
        item.c.series == series, item.c.nothing_left_at.is_not(None)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.batch_id, parse(row.nothing_left_at))


def take(connection: sa.Connection, items: Collection[int]) -> frozenset[int]:
    """Take people off this list; returns who was on it still."""
    query = (
        sa.update(item)
        .where(item.c.id.in_(items), item.c.nothing_left_at.is_not(None))
        .values(nothing_left_at=None)
        .returning(item.c.id)
    )
    return frozenset(connection.scalars(query).all())
