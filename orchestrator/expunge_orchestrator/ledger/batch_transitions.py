"""Transitions of a batch: what writes its state. Each is one conditional UPDATE, so that of a race one side wins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import chunks, tables
from expunge_orchestrator.ledger.batch_cutoffs import set_cutoffs
from expunge_orchestrator.ledger.batch_status import UNDISCLOSED
from expunge_orchestrator.ledger.states import OVER, RUNNING, UNBEGUN, BatchState, ChunkState

# Built once: what is asked for one person is asked for thousands.
_AT_WORK = sa.select(tables.batch.c.id).where(
    tables.batch.c.state.in_([state.value for state in (*RUNNING, BatchState.PAUSED)])
)
_BATCH = sa.select(
    *(tables.batch.c[name] for name in ("id", "state", "pipeline", "settle_at", "cancelled_at", "undisclosed"))
).where(tables.batch.c.id == sa.bindparam("of"))
_CHUNKS = (
    sa.select(
        tables.chunk.c.state,
        (tables.chunk.c.step <= sa.bindparam("concluding", type_=sa.Integer)).label("erasing"),
        sa.func.min(tables.chunk.c.settle_at).label("settle_at"),
    )
    .where(tables.chunk.c.batch_id == sa.bindparam("of"))
    .group_by("state", "erasing")
)


class BatchRow(NamedTuple):
    """What the state of a batch is derived from, beside its chunks."""

    id: int
    state: BatchState
    pipeline: list[str]
    settle_at: str | None
    cancelled_at: str | None
    undisclosed: bool


class ChunkGroup(NamedTuple):
    """Chunks of a batch that are in one state: whether their next step is one of erasing, and the next clock."""

    state: ChunkState
    erasing: bool
    settle_at: str | None


def at_work(connection: sa.Connection) -> list[int]:
    """Batches whose state follows from their chunks."""
    return list(connection.scalars(_AT_WORK))


def row_of(connection: sa.Connection, batch_id: int) -> BatchRow:
    """A batch as it stands."""
    row = BatchRow(*connection.execute(_BATCH, {"of": batch_id}).one())
    return row._replace(state=BatchState(row.state))


def chunk_groups(connection: sa.Connection, batch_id: int, concluding: int) -> list[ChunkGroup]:
    """The states of a batch's chunks; `concluding`: the last step of erasing."""
    rows = connection.execute(_CHUNKS, {"of": batch_id, "concluding": concluding})
    return [ChunkGroup(ChunkState(row.state), bool(row.erasing), row.settle_at) for row in rows]


def any_undisclosed(connection: sa.Connection, batch_id: int) -> bool:
    """Whether a chunk of the batch waits for a hold that may not be told."""
    waiting = sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch_id, UNDISCLOSED)
    return connection.execute(waiting.limit(1)).first() is not None


def change_state(connection: sa.Connection, batch_id: int, before: BatchState, after: BatchState) -> bool:
    """Write a batch's state and when it came to be so, unless somebody changed it since it was read."""
    return _moved(
        connection,
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id, tables.batch.c.state == before.value)
        .values(state=after.value, state_at=stamp(now())),
    )


def update(connection: sa.Connection, batch_id: int, values: Mapping[str, Any]) -> None:
    """Write columns that are no state: `settle_at`, `undisclosed`, `changed_by`, and `cancelled_at`."""
    connection.execute(sa.update(tables.batch).where(tables.batch.c.id == batch_id).values(**values))


def begin(connection: sa.Connection, batch_id: int, clocks: Mapping[str, datetime]) -> bool:
    """`planned` -> `executing`, with the cutoff of each store; its chunks can be taken. False: it was begun."""
    if not change_state(connection, batch_id, BatchState.PLANNED, BatchState.EXECUTING):
        return False
    set_cutoffs(connection, batch_id, clocks)
    chunks.make_ready(connection, batch_id)
    return True


def pause(connection: sa.Connection, batch_id: int, actor: str) -> bool:
    """Pause what was begun and is not over. False: there is nothing to pause, or it is paused."""
    return _moved(
        connection,
        sa.update(tables.batch)
        .where(
            tables.batch.c.id == batch_id,
            tables.batch.c.state.not_in([state.value for state in (*UNBEGUN, *OVER, BatchState.PAUSED)]),
        )
        .values(state=BatchState.PAUSED.value, state_at=stamp(now()), paused_at=stamp(now()), changed_by=actor),
    )


def resume(connection: sa.Connection, batch_id: int, actor: str) -> bool:
    """`paused` -> `executing`; its chunks say what it is then. False: it is not paused."""
    return _moved(
        connection,
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch_id, tables.batch.c.state == BatchState.PAUSED.value)
        .values(state=BatchState.EXECUTING.value, state_at=stamp(now()), paused_at=None, changed_by=actor),
    )


def mark_cancelled(connection: sa.Connection, batch_id: int, actor: str) -> bool:
    """Note that somebody cancelled it. False: it was cancelled before."""
    return _moved(
        connection,
        sa.update(tables.batch)
        .where(
            tables.batch.c.id == batch_id,
            tables.batch.c.cancelled_at.is_(None),
            tables.batch.c.state != BatchState.CANCELLED.value,
        )
        .values(cancelled_at=stamp(now()), changed_by=actor),
    )


def _moved(connection: sa.Connection, update: sa.Update) -> bool:
    return bool(connection.execute(update).rowcount)
