"""States of batches and chunks, and in which of them a chunk may run.

What moves them: a chunk `execution.fencing`; a batch `execution.batch_lifecycle`, and `execution.batch_control` where
an operator pauses, resumes or cancels it.
"""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables


class BatchState(StrEnum):
    """States of a batch (DESIGN, A request's life). Partially retained is told by the items' outcomes.

    BUILDING: not all of its people are in the ledger yet; it is no plan, and no batch to anybody but its writer.
    """

    BUILDING = "building"
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting-approval"
    EXECUTING = "executing"
    PAUSED = "paused"
    ON_HOLD = "on-hold"
    ERASED = "erased"
    SETTLING = "settling"
    SETTLED = "settled"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


RUNNING = (BatchState.EXECUTING, BatchState.SETTLING, BatchState.CANCELLING)
"""Some chunk of it can run now."""

UNBEGUN = (BatchState.PLANNED, BatchState.AWAITING_APPROVAL)
"""A plan that nobody began to carry out."""

NOT_RUNNABLE = (BatchState.BUILDING, *UNBEGUN, BatchState.PAUSED)
"""No chunk of it may run, whatever the chunk's own state is, but for those whose people are withdrawn or ended."""

OVER = (BatchState.SETTLED, BatchState.CANCELLED)
"""Nothing is left to do: there is nothing to pause, either."""

ENDED = (BatchState.ERASED, BatchState.SETTLED, BatchState.CANCELLED)


class ChunkState(StrEnum):
    """States of a chunk.

    WAITING: erased, until the settling check is due. HELD: until a hold is lifted or runs out. WITHDRAWING: of people
    whom a cancel withdraws, whatever the state of the batch is.
    """

    PLANNED = "planned"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"
    WITHDRAWING = "withdrawing"
    CANCELLED = "cancelled"


RUNNABLE = sa.or_(
    tables.chunk.c.state == ChunkState.WITHDRAWING.value,
    sa.and_(
        tables.chunk.c.state.in_([ChunkState.READY.value, ChunkState.RUNNING.value]),
        sa.or_(tables.chunk.c.ending, tables.batch.c.state.not_in([state.value for state in NOT_RUNNABLE])),
    ),
)
"""Chunks (with their batches) whose next step can be taken. A pause stops neither a cancel nor an end (ADR 8)."""
