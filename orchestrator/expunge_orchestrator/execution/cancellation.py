"""Cancellation: withdraws people for whom no store was asked to erase, and nobody else (ADR 8)."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.clock import now
from expunge_orchestrator.execution.poison_isolation import split_chunk
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import successor
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.ledger.suppression_list import remove_entries
from expunge_orchestrator.receipts import (
    acceptance,
    request_facts,
    shared_documents,
    statement_bodies,
    statement_issuer,
)
from expunge_orchestrator.rules.outcomes import Result

WITHDRAW = "withdraw"
"""Stands in the step log; it is no step of a pipeline, because it may take the place of several."""

_STATED = sa.exists().where(tables.statement.c.item_id == tables.item.c.id, tables.statement.c.event == "denied")
WITHDRAWABLE = sa.and_(
    ~tables.item.c.touched,
    sa.or_(
        tables.item.c.outcome.is_(None),
        tables.item.c.outcome.in_([Result.FAILED.value, Result.ON_HOLD.value]),
        sa.and_(tables.item.c.outcome == Result.AMBIGUOUS.value, ~_STATED),
    ),
)
"""People for whom no store was asked to erase, and of whom no end was stated."""


_NOT_APART = [state.value for state in (ChunkState.PLANNED, ChunkState.READY, ChunkState.HELD, ChunkState.FAILED)]
"""States of chunks in which withdrawable people may be, and no step runs."""


def any_withdrawable(connection: sa.Connection, which: sa.ColumnElement[bool]) -> bool:
    """Whether these chunks have people who can be withdrawn."""
    found = sa.select(tables.item.c.id).join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id)
    return connection.execute(found.where(which, WITHDRAWABLE).limit(1)).first() is not None


def set_batch_apart(connection: sa.Connection, batch_id: int) -> None:
    """Let the withdrawable people of a cancelled batch be withdrawn, but for those in whose chunk a step is running."""
    set_apart(connection, sa.and_(tables.chunk.c.batch_id == batch_id, tables.chunk.c.state.in_(_NOT_APART)))


def set_interrupted_apart(ledger: sa.Engine) -> None:
    """Let people of cancelled batches be withdrawn in whose chunk a step was running when its process was killed.

    Of a paused batch nobody else would: its chunks are not taken. To be called under the runner lock, before any step.
    """
    cancelled = sa.select(tables.batch.c.id).where(tables.batch.c.cancelled_at.is_not(None))
    with ledger.begin() as connection:
        running = tables.chunk.c.state == ChunkState.RUNNING.value
        set_apart(connection, sa.and_(running, tables.chunk.c.batch_id.in_(cancelled)))


def set_apart(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Let the withdrawable people of these chunks be withdrawn, each chunk's in one of their own. The others go on.

    Args:
        connection: In a transaction that writes.
        which: A condition on chunks of a cancelled batch. A step of another worker must not be running in them.
    """
    theirs = sa.select(tables.item.c.id).where(tables.item.c.chunk_id == tables.chunk.c.id, WITHDRAWABLE)
    rows = connection.execute(
        sa.select(tables.chunk)
        .where(which, tables.chunk.c.state != ChunkState.WITHDRAWING.value, theirs.exists())
        .with_for_update()
    ).all()
    for row in rows:
        of_chunk = sa.select(tables.item.c.id).where(tables.item.c.chunk_id == row.id)
        people = connection.scalars(of_chunk.where(WITHDRAWABLE)).all()
        values = {
            "state": ChunkState.WITHDRAWING.value,
            "step": row.step,
            "not_before": None,
            "failure": None,
            "bisection_id": None,
        }
        if len(people) == len(connection.scalars(of_chunk).all()):
            connection.execute(sa.update(tables.chunk).where(tables.chunk.c.id == row.id).values(**values))
        else:
            split_chunk(connection, row, people, values)


def withdraw(context: StepContext) -> StepWrite:
    """State that nothing was erased; destroy the identifiers, and what would erase these people after a restore.

    No store is asked.
    """
    at = now()

    def write(connection: sa.Connection) -> Transition:
        data_map = context.workspace.data_map
        plan = statement_issuer.store_document(connection, shared_documents.plan_document(context.batch, data_map))
        people = [item.id for item in context.items]
        known = set(
            connection.scalars(sa.select(tables.statement.c.item_id).where(tables.statement.c.item_id.in_(people)))
        )
        unknown = [item for item in context.items if item.id not in known]
        opening = acceptance.drafts(connection, context.batch, data_map, unknown, plan)
        statement_issuer.issue(connection, context.workspace.keys, opening, at)
        following = successor(connection, context.batch)
        body = statement_bodies.cancelled(
            context.batch,
            plan,
            contact_kept=request_facts.contact_kept(connection, following or context.batch),
            continuation=request_facts.continuation(connection, following),
        )
        ending = [
            statement_issuer.StatementDraft(item.id, item.series, "cancelled", item.subjects, body, final=True)
            for item in context.items
        ]
        statement_issuer.issue(connection, context.workspace.keys, ending, at)
        connection.execute(
            sa.update(tables.item)
            .where(tables.item.c.id.in_(people))
            .values(
                outcome=Result.CANCELLED.value, reason=None, wrapped_key=None, sealed_identifiers=None, sealed_keys=None
            )
        )
        remove_entries(connection, people)
        return Transition(state=ChunkState.CANCELLED)

    return write
