"""Bisections: searches for the one person on whom a step fails, and their counts (`execution.poison_isolation`)."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import ChunkState


class Bisection(NamedTuple):
    """A search.

    Attributes:
        people: In how many it began.
        failures: How often the step failed since, and `passes`: how often it passed.
        everywhere: It is over: the step fails on everybody.
    """

    id: int
    people: int
    failures: int
    passes: int
    everywhere: bool


def begin(connection: sa.Connection, batch_id: int, step: int, people: int) -> int:
    """A search that begins with one failure. Returns its number."""
    return int(
        connection.execute(
            sa.insert(tables.bisection)
            .values(
                batch_id=batch_id, step=step, people=people, failures=1, passes=0, everywhere=False, at=stamp(now())
            )
            .returning(tables.bisection.c.id)
        ).scalar_one()
    )


def count_failure(connection: sa.Connection, number: int) -> Bisection:
    """One more failure."""
    found = tables.bisection.c
    row = connection.execute(
        sa.update(tables.bisection)
        .where(found.id == number)
        .values(failures=found.failures + 1)
        .returning(found.id, found.people, found.failures, found.passes, found.everywhere)
    ).one()
    return Bisection(*row)


def count_pass(connection: sa.Connection, number: int, step: int) -> bool:
    """One more pass, if this is the step that is searched. Returns whether it is."""
    return bool(
        connection.execute(
            sa.update(tables.bisection)
            .where(tables.bisection.c.id == number, tables.bisection.c.step == step)
            .values(passes=tables.bisection.c.passes + 1)
        ).rowcount
    )


def end(connection: sa.Connection, number: int) -> None:
    """The step fails on everybody."""
    connection.execute(sa.update(tables.bisection).where(tables.bisection.c.id == number).values(everywhere=True))


def ready_pieces(connection: sa.Connection, number: int) -> list[int]:
    """The pieces (chunks) of a search that could run now."""
    return list(
        connection.scalars(
            sa.select(tables.chunk.c.id).where(
                tables.chunk.c.bisection_id == number, tables.chunk.c.state == ChunkState.READY.value
            )
        )
    )
