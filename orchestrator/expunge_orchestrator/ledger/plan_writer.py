"""Plan writer: a plan goes into the ledger a chunk of people at a time, and is a plan with the last of them.

A list may be long, and while one transaction writes the ledger others wait: on SQLite all of them. So each chunk has a
transaction of its own. Until the last one has ended the batch is `building`: nobody sees it, nothing of it can be
begun, and a process that is killed leaves nothing but that, which is forgotten as stale plans are (`stale_plans`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import PlanChangedError
from expunge_orchestrator.ledger import stale_plans, tables
from expunge_orchestrator.ledger.bulk_writes import write_rows
from expunge_orchestrator.ledger.database import let_others_write
from expunge_orchestrator.ledger.states import BatchState, ChunkState

_CHUNK = sa.insert(tables.chunk).returning(tables.chunk.c.id)
_ITEM = sa.insert(tables.item)

Row = Mapping[str, Any]
Finish = Callable[[sa.Connection, int], None]
"""Called with the batch's id in the last transaction, while it is `building`: makes a plan of it."""


def write(ledger: sa.Engine, batch: Row, chunks: Iterable[tuple[Sequence[Row], Row]], number: int, end: Finish) -> None:
    """Write a plan.

    Args:
        ledger: Where to.
        batch: Its row, but for the state.
        chunks: The rows of each chunk's people, and what is expected of them.
        number: How many chunks; one at least.
        end: What makes a plan of it.

    Raises:
        PlanChangedError: It took so long that it was forgotten.
    """
    batch_id = None
    try:
        for written, (people, expected) in enumerate(chunks, start=1):
            if written > 1:
                let_others_write(ledger)
            with ledger.begin() as connection:
                if batch_id is None:
                    made = _insert(connection, batch)
                else:
                    made = batch_id
                    _still_building(connection, made)
                _write_chunk(connection, made, people, expected)
                if written == number:
                    end(connection, made)
            batch_id = made
    except BaseException:
        if batch_id is not None:
            with suppress(SQLAlchemyError):  # then `run-due` does it
                _give_up(ledger, batch_id)
        raise


def finish(connection: sa.Connection, batch_id: int, state: BatchState, plan: Mapping[str, Any], digest: str) -> None:
    """Make a plan of what was `building`, in its last transaction."""
    connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id)
        .values(state=state.value, state_at=stamp(now()), plan=plan, plan_digest=digest)
    )


def _insert(connection: sa.Connection, batch: Row) -> int:
    inserted = sa.insert(tables.batch).values(**batch, state=BatchState.BUILDING.value).returning(tables.batch.c.id)
    return int(connection.execute(inserted).scalar_one())


def _still_building(connection: sa.Connection, batch_id: int) -> None:
    """Nobody forgets it before this transaction has ended."""
    building = connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id, tables.batch.c.state == BatchState.BUILDING.value)
        .values(state_at=stamp(now()))
    ).rowcount
    if not building:
        raise PlanChangedError(
            "The plan was forgotten before it was written to its end: that took longer than a plan is good for.",
            remedy="Plan these people again.",
        )


def _write_chunk(connection: sa.Connection, batch_id: int, people: Sequence[Row], expected: Row) -> None:
    chunk = {"state": ChunkState.PLANNED.value, "step": 0, "epoch": 0, "rounds": 0, "attempts": 0}
    chunk_id = connection.execute(_CHUNK, {"batch_id": batch_id, "planned": dict(expected), **chunk}).scalar_one()
    fresh = {"batch_id": batch_id, "chunk_id": chunk_id, "touched": False}
    write_rows(connection, _ITEM, [{**fresh, **one} for one in people])


def _give_up(ledger: sa.Engine, batch_id: int) -> None:
    with ledger.begin() as connection:
        stale_plans.cancel(connection, batch_id, BatchState.BUILDING)
    stale_plans.destroy_keys(ledger)
