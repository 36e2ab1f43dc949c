"""Batch status: progress, outcomes and public state of batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState, ChunkState
from expunge_orchestrator.rules.outcomes import Result, summary


def chunks_of(ledger: sa.Engine, batch: Batch) -> int:
    """How many chunks a batch has."""
    with reading(ledger) as connection:
        number = connection.scalar(
            sa.select(sa.func.count()).select_from(tables.chunk).where(tables.chunk.c.batch_id == batch.id)
        )
    return number or 0


def outcomes_of(connection: sa.Connection, batch: Batch) -> Mapping[str, int]:
    """Outcome -> number of people; those without one yet stand under `open`."""
    return outcomes_by_batch(connection, [batch])[batch.id]


def outcomes_by_batch(connection: sa.Connection, of: Collection[Batch]) -> Mapping[int, Mapping[str, int]]:
    """Batch (id) -> outcome -> number of people, for each of these batches."""
    item = tables.item.c
    rows = connection.execute(
        sa.select(item.batch_id, item.outcome, sa.func.count().label("number"))
        .where(item.batch_id.in_([one.id for one in of]))
        .group_by(item.batch_id, item.outcome)
    )
    found: dict[int, dict[str, int]] = {one.id: {} for one in of}
    for row in rows:
        found[row.batch_id][row.outcome or "open"] = row.number
    return found


UNDISCLOSED = sa.and_(tables.chunk.c.state == ChunkState.HELD.value, tables.chunk.c.failure.is_(None))
"""Chunks that wait for a hold that may not be told (`outcome_writer`)."""


def count_by_public_state(connection: sa.Connection) -> Mapping[str, int]:
    """Public state -> number of batches."""
    batch, found = tables.batch.c, Counter[str]()
    query = sa.select(batch.state, batch.undisclosed, sa.func.count().label("number"))
    for row in connection.execute(query.group_by(batch.state, batch.undisclosed)):
        found[public_state(BatchState(row.state), undisclosed=row.undisclosed)] += row.number
    return found


def public_state(state: BatchState, results: Mapping[str, int] | None = None, *, undisclosed: bool) -> str:
    """The state of a batch as people and machines see it: never plain `erased` where something was kept or refused.

    A hold that may not be told shows as work in hand until it is lifted, whatever else became of the batch. A pause is
    an operator's own act, and hides the hold as well.

    Args:
        state: The batch's own.
        results: Outcome -> number of people; where they are not at hand, a batch that is erased shows as `erased`.
        undisclosed: Somebody in it waits for a hold that may not be told.
    """
    if undisclosed and state is not BatchState.PAUSED:
        return BatchState.EXECUTING.value
    settling = state in {BatchState.SETTLING, BatchState.SETTLED}
    if results and (state is BatchState.ERASED or (settling and all_ambiguous(results))):
        return summary(results).value
    return state.value


def current_public_state(connection: sa.Connection, batch: Batch) -> str:
    """`public_state` of a batch as it was read."""
    return public_state(batch.state, outcomes_of(connection, batch), undisclosed=batch.undisclosed)


def all_ambiguous(results: Mapping[str, int]) -> bool:
    """Nothing of anybody was touched: there is nothing that a settling check could look for."""
    return set(results) == {Result.AMBIGUOUS.value}


def chunk_states(connection: sa.Connection, batch: Batch) -> list[dict[str, object]]:
    """State, next step and failure of every chunk."""
    rows = connection.execute(
        sa.select(tables.chunk).where(tables.chunk.c.batch_id == batch.id).order_by(tables.chunk.c.id)
    )
    return [
        {
            "id": row.id,
            # A hold that may not be told shows as a chunk whose turn has not come (see `public_state`).
            "state": "ready" if row.state == ChunkState.HELD and row.failure is None else row.state,
            "next": batch.pipeline[row.step] if row.step < len(batch.pipeline) else None,
            "attempts": row.attempts,
            "failure": row.failure,
        }
        for row in rows
    ]
