"""How far batches are: numbers for the command line and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState, ChunkState
from expunge_orchestrator.ledger.database import reading
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
    rows = connection.execute(
        sa.select(tables.item.c.outcome, sa.func.count().label("number"))
        .where(tables.item.c.batch_id == batch.id)
        .group_by(tables.item.c.outcome)
    )
    return {row.outcome or "open": row.number for row in rows}


UNDISCLOSED = sa.and_(tables.chunk.c.state == ChunkState.HELD.value, tables.chunk.c.failure.is_(None))
"""Chunks that wait for a hold that may not be told (`holding.set_aside`)."""


def has_undisclosed_hold(connection: sa.Connection, batch: Batch) -> bool:
    """Whether a batch that has failed has people, too, whose hold may not be told: they look like work in hand."""
    if batch.state is not BatchState.FAILED:
        return False
    found = sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch.id, UNDISCLOSED)
    return connection.execute(found.limit(1)).first() is not None


def told_state(batch: Batch, results: Mapping[str, int], *, seemingly: bool = False) -> str:
    """The batch's state as people and machines are told: never plain `erased` where something was kept or refused.

    Args:
        batch: The batch.
        results: Its outcomes.
        seemingly: `has_undisclosed_hold`; never of a single request's batch, whose one person fails or is held.
    """
    # Where work is in hand a batch is not `failed` yet, whatever has failed in it (`states.derived`).
    if seemingly:
        return BatchState.EXECUTING.value
    if batch.state is BatchState.ON_HOLD:  # a hold that may not be told looks like work in hand
        if results.get("open"):
            return BatchState.EXECUTING.value
        if not results.get(Result.ON_HOLD.value):
            return BatchState.SETTLING.value  # what came back to somebody who is erased
    settling = batch.state in {BatchState.SETTLING, BatchState.SETTLED}
    if batch.state is BatchState.ERASED or (settling and all_ambiguous(results)):
        return summary(results).value
    return batch.state.value


def seen_state() -> sa.ColumnElement[str]:
    """The same of rows of `schema.batch`, for queries; but it has no word for how a batch ended that is erased."""
    batch, item = tables.batch.c, tables.item.c
    people = sa.exists().where(item.batch_id == batch.id).correlate(tables.batch)
    untold = sa.exists().where(tables.chunk.c.batch_id == batch.id, UNDISCLOSED).correlate(tables.batch)
    on_hold = batch.state == BatchState.ON_HOLD.value
    return sa.case(
        (sa.and_(batch.state == BatchState.FAILED.value, untold), BatchState.EXECUTING.value),
        (sa.and_(on_hold, people.where(item.outcome.is_(None))), BatchState.EXECUTING.value),
        (sa.and_(on_hold, ~people.where(item.outcome == Result.ON_HOLD.value)), BatchState.SETTLING.value),
        else_=batch.state,
    )


def told_now(connection: sa.Connection, batch: Batch) -> str:
    """The same, where the outcomes are not at hand."""
    return told_state(batch, outcomes_of(connection, batch), seemingly=has_undisclosed_hold(connection, batch))


def settling_of(connection: sa.Connection, batch: Batch) -> tuple[int, int]:
    """Of how many people something was stated that is to be looked at again, and of how many that has been done."""
    rows = connection.execute(
        sa.select(tables.chunk.c.state, sa.func.count().label("number"))
        .join(tables.item, tables.item.c.chunk_id == tables.chunk.c.id)
        .where(
            tables.chunk.c.batch_id == batch.id,
            tables.item.c.outcome.in_(
                [one.value for one in (Result.ERASED, Result.PARTIALLY_ERASED, Result.NOT_FOUND)]
            ),
            tables.chunk.c.state.in_([ChunkState.WAITING.value, ChunkState.DONE.value]),
        )
        .group_by(tables.chunk.c.state)
    )
    people = {row.state: row.number for row in rows}
    return people.get(ChunkState.WAITING.value, 0), people.get(ChunkState.DONE.value, 0)


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
            "chunk": row.id,
            # A hold that may not be told looks like a chunk whose turn has not come. Such chunks stand in batches that
            # are executing, as this one is told to be (`told_state`), or that were paused before their turn came.
            "state": "ready" if row.state == ChunkState.HELD and row.failure is None else row.state,
            "next": batch.pipeline[row.step] if row.step < len(batch.pipeline) else None,
            "attempts": row.attempts,
            "failure": row.failure,
        }
        for row in rows
    ]


def reasons_of(connection: sa.Connection, batch: Batch) -> Mapping[str, int]:
    """Reason -> number of people, for ambiguous and failed ones."""
    rows = connection.scalars(
        sa.select(tables.item.c.reason).where(tables.item.c.batch_id == batch.id, tables.item.c.reason.is_not(None))
    )
    return Counter(rows)


def remaining_by_collection(connection: sa.Connection, batch: Batch) -> dict[str, dict[str, int | None]]:
    """`store.collection` -> found, due, retained, newer, summed over the people of the batch.

    Of whom something was found, and who was not verified there, nobody knows what is left: all but `found` is None.
    """
    sums: dict[str, Counter[str]] = {}
    unknown: set[str] = set()
    rows = connection.execute(
        sa.select(tables.item.c.found, tables.item.c.verified).where(tables.item.c.batch_id == batch.id)
    )
    for row in rows:
        found, verified = row.found or {}, row.verified or {}
        unknown |= {
            f"{store}.{name}"
            for store, collections in found.items()
            for name in collections
            if name not in verified.get(store, {})
        }
        for column, record in (("found", found), ("verified", verified)):
            for store, collections in record.items():
                for name, (due, retained, newer, _until, _ground) in collections.items():
                    total = sums.setdefault(f"{store}.{name}", Counter())
                    if column == "found":
                        total["found"] += due + retained
                    else:
                        total.update({"due": due, "retained": retained, "newer": newer})
    return {
        name: {
            key: None if name in unknown and key != "found" else total[key]
            for key in ("found", "due", "retained", "newer")
        }
        for name, total in sums.items()
    }
