"""Withdrawing: what is left of a cancelled request before anything of it was erased, and the end of its identifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import ChunkState
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.receipts import request_facts, statement_bodies, statement_issuer
from expunge_orchestrator.rules import outcomes
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import Grounds
from expunge_orchestrator.subjects import residual_keys
from expunge_reports.statement import Open

WITHDRAW = "withdraw"
"""Stands in the step log; it is no step of a pipeline, because it may take the place of several."""


def withdraw(context: StepContext) -> StepWrite:
    """State that nothing was erased, and destroy the identifiers. No store is asked."""
    at = now()

    def write(connection: sa.Connection) -> Transition:
        received = request_facts.request_facts(connection, context.batch)
        documents = statement_bodies.shared_at_receipt(context.batch, received, context.workspace.data_map)
        cited = [statement_issuer.store_document(connection, one) for one in documents]
        known = set(
            connection.scalars(
                sa.select(tables.statement.c.item_id).where(
                    tables.statement.c.item_id.in_([item.id for item in context.items])
                )
            )
        )
        opening = [
            statement_issuer.StatementDraft(
                item.id,
                item.series,
                "accepted",
                item.subjects,
                statement_bodies.accepted(context.batch, received, cited),
            )
            for item in context.items
            if item.id not in known
        ]
        statement_issuer.issue(connection, context.workspace.keys, opening, at)
        body = statement_bodies.cancelled(
            context.batch, [], some=False, cutoffs={}, grounds={}, at=at, context=cited[0]
        )
        statement_issuer.issue(connection, context.workspace.keys, [final(item, body) for item in context.items], at)
        forget(connection, context.items)
        return Transition(state=ChunkState.CANCELLED)

    return write


def final(
    item: Item, body: Mapping[str, object], left: Sequence[residual_keys.Place] = ()
) -> statement_issuer.StatementDraft:
    """The last statement of a series, unless something is left of which the way there is kept: that is still owed."""
    owed = Open(items=len(left))
    return statement_issuer.StatementDraft(item.id, item.series, "cancelled", item.subjects, body, owed, final=not left)


def statements(  # noqa: PLR0913, PLR0917 - what their statements say
    context: StepContext,
    judged: Mapping[int, Sequence[CollectionOutcome]],
    people: Sequence[Item],
    grounds: Grounds,
    at: datetime,
    cited: str,
) -> list[statement_issuer.StatementDraft]:
    """What is stated of people whose erasing had begun: what is gone, and what is left."""
    drafts = []
    for item in people:
        lines = with_undecided(context, judged[item.id])
        some = some_gone(context, lines)
        body = statement_bodies.cancelled(
            context.batch, lines, some=some, cutoffs=context.cutoffs, grounds=grounds, at=at, context=cited
        )
        drafts.append(final(item, body, left_in(context, lines) if some else ()))
    return drafts


def some_gone(context: StepContext, lines: Sequence[CollectionOutcome]) -> bool:
    """Something of the person is gone, and perhaps the way to the rest with it."""
    return context.remainder is not None or outcomes.anything_erased(lines)


def keep_residual_keys(
    connection: sa.Connection,
    context: StepContext,
    judged: Mapping[int, Sequence[CollectionOutcome]],
    people: Sequence[Item],
) -> None:
    """End what was cancelled half-way: where something has gone, the way to the rest is kept (ADR 8)."""
    for item in people:
        lines = with_undecided(context, judged[item.id])
        if some_gone(context, lines):
            places = left_in(context, lines)
            residual_keys.keep(connection, context.workspace, item, places, context.unsealed(item))
    forget(connection, people)


def leave_unsettled(
    connection: sa.Connection,
    context: StepContext,
    judged: Mapping[int, Sequence[CollectionOutcome]],
    people: Sequence[Item],
) -> None:
    """The same after an end was stated: what was erased stays erased, also after a restore."""
    for item in people:
        if kept_unsettled(item, judged[item.id]):
            residual_keys.keep(connection, context.workspace, item, due(judged[item.id]), context.unsealed(item))
    destroy_keys(connection, people)


def kept_unsettled(item: Item, lines: Sequence[CollectionOutcome]) -> bool:
    """Whether the way to what is left of somebody is kept after an end was stated: something of theirs had gone."""
    return item.outcome != Result.NOT_FOUND or outcomes.anything_erased(lines)


def left_in(context: StepContext, lines: Sequence[CollectionOutcome]) -> list[residual_keys.Place]:
    """The collections in which something is left: all as before, of a remainder that was not even looked at."""
    if context.unchecked:
        return [(line.store, line.collection) for line in lines]
    return due(lines)


def due(lines: Sequence[CollectionOutcome]) -> list[residual_keys.Place]:
    """The collections in which something due is left."""
    return [(line.store, line.collection) for line in lines if line.verified is not None and line.verified.due]


def with_undecided(context: StepContext, lines: Sequence[CollectionOutcome]) -> Sequence[CollectionOutcome]:
    """The lines of somebody withdrawn, with shared records as left while something of theirs is left that leads there.

    Verification keeps a shared record for any row that points to it, also one of the person's own. Whether somebody
    else has it as well shows only when that row goes: whoever takes the row up has to look at the record, too.
    """
    return [_undecided(line) if _leads_on(context, line, lines) else line for line in lines]


def _leads_on(context: StepContext, shared: CollectionOutcome, lines: Sequence[CollectionOutcome]) -> bool:
    if shared.verified is None or not shared.verified.retained or shared.verified.ground != outcomes.SHARED:
        return False
    data_map = context.workspace.data_map
    flows = data_map.stores[shared.store].key_flow(shared.store, data_map)
    return any(
        store == shared.store and (flows is None or bool(flows[name].lost & flows[shared.collection].incoming))
        for store, name in due(lines)
    )


def _undecided(line: CollectionOutcome) -> CollectionOutcome:
    assert line.verified is not None
    seen = line.verified
    return line._replace(verified=RecordCounts(due=seen.due + seen.retained, newer=seen.newer), outcome=Outcome.FAILED)


def forget(connection: sa.Connection, items: Sequence[Item]) -> None:
    """Destroy the keys of these people, and what would erase them again after a restore."""
    if not items:
        return
    destroy_keys(connection, items)
    connection.execute(
        sa.delete(tables.suppression).where(tables.suppression.c.item_id.in_([item.id for item in items]))
    )


def destroy_keys(connection: sa.Connection, items: Sequence[Item]) -> None:
    """Destroy the keys of these people. What was erased of them stays erased, also after a restore."""
    if not items:
        return
    connection.execute(
        sa.update(tables.item)
        .where(tables.item.c.id.in_([item.id for item in items]))
        .values(
            outcome=Result.CANCELLED.value, reason=None, wrapped_key=None, sealed_identifiers=None, sealed_keys=None
        )
    )
