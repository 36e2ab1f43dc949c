"""Withdrawing: what is left of a cancelled request before anything of it was erased, and the end of its identifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from expunge_orchestrator import issuing, leftovers, outcomes
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import bodies, receipt
from expunge_orchestrator.execution.context import Context, Next, Write
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.records import ChunkState, Item
from expunge_orchestrator.outcomes import Line, Result

WITHDRAW = "withdraw"
"""Stands in the step log; it is no step of a pipeline, because it may take the place of several."""


def withdraw(context: Context) -> Write:
    """State that nothing was erased, and destroy the identifiers. No store is asked."""
    at = now()

    def write(connection: sa.Connection) -> Next:
        received = receipt.of(connection, context.batch)
        documents = bodies.shared_at_receipt(context.batch, received, context.workspace.data_map)
        cited = [issuing.share(connection, one) for one in documents]
        known = set(
            connection.scalars(
                sa.select(schema.statement.c.item_id).where(
                    schema.statement.c.item_id.in_([item.id for item in context.items])
                )
            )
        )
        opening = [
            issuing.Draft(
                item.id, item.series, "accepted", item.subjects, bodies.accepted(context.batch, received, cited)
            )
            for item in context.items
            if item.id not in known
        ]
        issuing.issue(connection, context.workspace.keys, opening, at)
        body = bodies.cancelled(context.batch, [], cutoffs={}, grounds={}, at=at, context=cited[0])
        issuing.issue(connection, context.workspace.keys, [final(item, body) for item in context.items], at)
        forget(connection, context.items)
        return Next(state=ChunkState.CANCELLED)

    return write


def final(item: Item, body: Mapping[str, object]) -> issuing.Draft:
    """The last statement of a series."""
    return issuing.Draft(item.id, item.series, "cancelled", item.subjects, body, final=True)


def leave(
    connection: sa.Connection, context: Context, judged: Mapping[int, Sequence[Line]], people: Sequence[Item]
) -> None:
    """End what was cancelled half-way: where something has gone, the way to the rest is kept (ADR 8)."""
    for item in people:
        if outcomes.some_gone(judged[item.id]):
            leftovers.keep(connection, context.workspace, item, _due(judged[item.id]), context.unsealed(item))
    forget(connection, people)


def leave_unsettled(
    connection: sa.Connection, context: Context, judged: Mapping[int, Sequence[Line]], people: Sequence[Item]
) -> None:
    """The same after an end was stated: what was erased stays erased, also after a restore."""
    for item in people:
        if item.outcome != Result.NOT_FOUND or outcomes.some_gone(judged[item.id]):
            leftovers.keep(connection, context.workspace, item, _due(judged[item.id]), context.unsealed(item))
    close(connection, people)


def _due(lines: Sequence[Line]) -> list[leftovers.Place]:
    return [(line.store, line.collection) for line in lines if line.verified is not None and line.verified.due]


def forget(connection: sa.Connection, items: Sequence[Item]) -> None:
    """Destroy the keys of these people, and what would erase them again after a restore."""
    close(connection, items)
    connection.execute(
        sa.delete(schema.suppression).where(schema.suppression.c.item_id.in_([item.id for item in items]))
    )


def close(connection: sa.Connection, items: Sequence[Item]) -> None:
    """Destroy the keys of these people. What was erased of them stays erased, also after a restore."""
    connection.execute(
        sa.update(schema.item)
        .where(schema.item.c.id.in_([item.id for item in items]))
        .values(
            outcome=Result.CANCELLED.value, reason=None, wrapped_key=None, sealed_identifiers=None, sealed_keys=None
        )
    )
