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
"""Chunks that wait for a hold that may not be told (`hold_enforcement.park`)."""


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


def settling_of(connection: sa.Connection, batch: Batch) -> tuple[int, int]:
    """Of how many people something was stated that is to be looked at again, and of how many that has been done."""
    return settling_by_batch(connection, [batch])[batch.id]


def settling_by_batch(connection: sa.Connection, of: Collection[Batch]) -> Mapping[int, tuple[int, int]]:
    """Batch (id) -> the same two numbers, for each of these batches."""
    item = tables.item.c
    people = (
        sa.select(item.batch_id, sa.func.count().label("number"))
        .select_from(tables.item)
        .where(item.batch_id.in_([one.id for one in of]))
        .group_by(item.batch_id)
    )
    waiting = people.join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id).where(
        tables.chunk.c.state == ChunkState.WAITING.value,
        tables.item.c.outcome.in_([one.value for one in (Result.ERASED, Result.PARTIALLY_ERASED, Result.NOT_FOUND)]),
    )
    settled = people.join(tables.statement, tables.statement.c.item_id == tables.item.c.id).where(
        tables.statement.c.event == "settled"
    )
    to_settle, done = ({row.batch_id: row.number for row in connection.execute(one)} for one in (waiting, settled))
    return {one.id: (to_settle.get(one.id, 0), done.get(one.id, 0)) for one in of}


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


def reasons_of(connection: sa.Connection, batch: Batch) -> Mapping[str, int]:
    """Reason -> number of people, for ambiguous and failed ones; of whose chunk failed as a whole, why that did."""
    failed = tables.chunk.c.state == ChunkState.FAILED.value
    said = sa.func.coalesce(tables.item.c.reason, sa.case((failed, tables.chunk.c.failure)))
    rows = connection.execute(
        sa.select(said.label("reason"), sa.func.count().label("number"))
        .join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id)
        .where(tables.item.c.batch_id == batch.id, said.is_not(None))
        .group_by(said)
    )
    return {row.reason: row.number for row in rows}


def remaining_by_collection(connection: sa.Connection, batch: Batch) -> dict[str, dict[str, int | None]]:
    """`store.collection` -> found, due, retained, newer, ambiguous, unread, summed over the people of the batch.

    Of whom something was found, and who was not verified there, nobody knows what is left: None.
    """
    sums: dict[str, Counter[str]] = {}
    unknown: set[str] = set()
    rows = connection.execute(
        sa.select(*(tables.item.c[name] for name in ("found", "verified", "reviewed", "reverified", "unread"))).where(
            tables.item.c.batch_id == batch.id
        )
    )
    for row in rows:
        # As it was seen last: by the settling check, where there was one.
        found, verified = row.found or {}, {**(row.verified or {}), **(row.reviewed or {}), **(row.reverified or {})}
        unknown |= {
            f"{store}.{name}"
            for store, collections in found.items()
            for name in collections
            if name not in verified.get(store, {})
        }
        for place, values in (row.unread or {}).items():
            sums.setdefault(place, Counter())["unread"] += values
        for column, record in (("found", found), ("verified", verified)):
            for store, collections in record.items():
                for name, (due, retained, newer, _until, _ground, ambiguous) in collections.items():
                    total = sums.setdefault(f"{store}.{name}", Counter())
                    if column == "found":
                        total["found"] += due + retained
                    else:
                        total.update({"due": due, "retained": retained, "newer": newer, "ambiguous": ambiguous})
    return {
        name: {
            key: None if name in unknown and key not in {"found", "unread"} else total[key]
            for key in ("found", "due", "retained", "newer", "ambiguous", "unread")
        }
        for name, total in sums.items()
    }
