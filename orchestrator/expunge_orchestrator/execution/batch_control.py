"""Stopping a batch on somebody's word: pause and resume, cancel (ADR 6). Each is one ledger transaction.

A step that is running is let end: its writes count. Nothing here asks a store. `also` writes in that transaction.
"""

from __future__ import annotations

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_states
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_status import UNDISCLOSED, current_public_state
from expunge_orchestrator.ledger.batches import ENDED, Batch, BatchState, ChunkState, batch_by_uid
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.outcomes import Result

_NOT_BEGUN = (BatchState.PLANNED, BatchState.AWAITING_APPROVAL)
_OVER = (BatchState.SETTLED, BatchState.CANCELLED)


def pause(ledger: sa.Engine, batch: Batch, actor: str, also: batch_states.OnCommit = batch_states.nothing) -> None:
    """Let no further step of a batch begin, settling checks included. A paused batch stays as it is.

    Raises:
        UsageError: There is nothing to pause: it was not begun, or is over.
    """
    with ledger.begin() as connection:
        paused = connection.execute(
            sa.update(tables.batch)
            .where(
                tables.batch.c.id == batch.id,
                tables.batch.c.state.not_in([state.value for state in (*_NOT_BEGUN, *_OVER, BatchState.PAUSED)]),
            )
            .values(state=BatchState.PAUSED.value, state_at=stamp(now()), paused_at=stamp(now()), changed_by=actor)
        ).rowcount
        if not paused and _state(connection, batch) is not BatchState.PAUSED:
            raise UsageError(
                f"This batch is {_told(connection, batch)}: there is nothing to pause.", remedy=_look(batch)
            )
        also(connection)


def resume(ledger: sa.Engine, batch: Batch, actor: str, also: batch_states.OnCommit = batch_states.nothing) -> Batch:
    """Let a paused batch go on from where its chunks are; what was verified before is stale and asked again.

    Raises:
        UsageError: It is not paused.
    """
    with ledger.begin() as connection:
        resumed = connection.execute(
            sa.update(tables.batch)
            .where(tables.batch.c.id == batch.id, tables.batch.c.state == BatchState.PAUSED.value)
            .values(state=BatchState.EXECUTING.value, state_at=stamp(now()), paused_at=None, changed_by=actor)
        ).rowcount
        if not resumed:
            raise UsageError(f"This batch is {_told(connection, batch)}, not paused.", remedy=_look(batch))
        batch_states.requeue(connection, batch, (ChunkState.READY,))
        batch_states.sync_state(connection, [batch.id])
        also(connection)
        return batch_by_uid(connection, batch.uid)


def cancel(ledger: sa.Engine, batch: Batch, actor: str, also: batch_states.OnCommit = batch_states.nothing) -> bool:
    """Mark a batch as cancelled; the runner then withdraws or concludes its open chunks. False: it was so before.

    Chunks that are concluded stay so and settle by their own clocks.

    Raises:
        UsageError: Its plan was replaced by another one: what was asked for goes on by that.
        WaitingError: Nobody's erasure is open any more. The batch stays what it is.
    """
    with ledger.begin() as connection:
        state = _state(connection, batch)
        if state not in {BatchState.CANCELLED, BatchState.CANCELLING} and not _open(connection, batch):
            raise _too_late(batch)
        marked = connection.execute(
            sa.update(tables.batch)
            .where(
                tables.batch.c.id == batch.id,
                tables.batch.c.cancelled_at.is_(None),
                tables.batch.c.state != "cancelled",
            )
            .values(
                state=BatchState.CANCELLING.value,
                state_at=stamp(now()),
                cancelled_at=stamp(now()),
                paused_at=None,
                changed_by=actor,
            )
        ).rowcount
        if not marked and _replaced(connection, batch):
            raise UsageError(
                "Nothing was withdrawn: this plan had been replaced by another one.",
                remedy="Look which batch the request has now (`batch`), and cancel that.",
            )
        if marked:
            # A running chunk stays so: its step ends, and the next delivery sees the mark.
            batch_states.requeue(connection, batch, (ChunkState.PLANNED, ChunkState.HELD, ChunkState.FAILED))
        also(connection)
    return bool(marked)


def refuse_too_late(connection: sa.Connection, batch: Batch) -> None:
    """Make sure that a cancel came in time for somebody: the step that was running may have been the last one.

    Raises:
        WaitingError: It came for nobody. The batch is what it would be without it.
    """
    withdrawn = sa.select(tables.item.c.id).where(
        tables.item.c.batch_id == batch.id, tables.item.c.outcome == Result.CANCELLED.value
    )
    if _state(connection, batch) in ENDED and connection.execute(withdrawn.limit(1)).first() is None:
        raise _too_late(batch)


def _too_late(batch: Batch) -> BatchBlockedError:
    return BatchBlockedError("Everything of this batch is done: nothing is left to cancel.", remedy=_look(batch))


def _replaced(connection: sa.Connection, batch: Batch) -> bool:
    """Whether another plan of the same request counts instead (ADR 11)."""
    former = tables.batch.c.plan["replaces", "batch"].as_string()
    return connection.execute(sa.select(tables.batch.c.id).where(former == batch.uid).limit(1)).first() is not None


def _open(connection: sa.Connection, batch: Batch) -> bool:
    """Whether somebody's erasure has not ended: a settling check alone is nothing that could be withdrawn.

    One that waits for a hold that may not be told is told to be running.
    """
    chunk = tables.chunk.c
    erasing = chunk.step <= pipeline.first(batch.pipeline, pipeline.CONCLUDE)
    at_work = sa.and_(sa.or_(chunk.state.in_([ChunkState.READY.value, ChunkState.RUNNING.value]), UNDISCLOSED), erasing)
    stopped = sa.and_(
        chunk.state.in_([ChunkState.PLANNED.value, ChunkState.HELD.value, ChunkState.FAILED.value]), ~UNDISCLOSED
    )
    found = sa.select(chunk.id).where(chunk.batch_id == batch.id, sa.or_(at_work, stopped))
    return connection.execute(found.limit(1)).first() is not None


def _state(connection: sa.Connection, batch: Batch) -> BatchState:
    return BatchState(
        connection.execute(sa.select(tables.batch.c.state).where(tables.batch.c.id == batch.id)).scalar_one()
    )


def _told(connection: sa.Connection, batch: Batch) -> str:
    return current_public_state(connection, batch_by_uid(connection, batch.uid))


def _look(batch: Batch) -> str:
    return f"expunge status {batch.uid} shows how far it is."
