"""Settling time: when the settling check of a chunk is due, and starting those whose time has come."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import settling_search, stores_followed
from expunge_orchestrator.execution.batch_lifecycle import sync_state
from expunge_orchestrator.execution.step_context import Transition
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batches_by_id
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import NOT_RUNNABLE, ChunkState
from expunge_orchestrator.receipts.statement_issuer import require_log_in_sync
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.workspace import Workspace


def settles_at(onward: Transition, settling: timedelta) -> datetime:
    """When a chunk that waits from now on is looked at again."""
    return now() + (timedelta(0) if onward.settles_at_once else settling)


def start_due(workspace: Workspace) -> int:
    """Start the settling check of every chunk whose time has come. Returns in how many batches.

    A table that was dropped or renamed since keeps nobody waiting: the check looks at the rest as it is built by now.
    Where settling waits for a blind search, those for whom none was made go on waiting (`settling_search`).

    Why others go on waiting is written down with them.

    Raises:
        FindingsError: `check` would show an error otherwise: a look through a map that no longer fits proves nothing.
            What it does not concern was started. What rows say that stand there now concerns nobody who only is looked
            at (`Finding.of_rows`).
        ConnectorError: A store cannot be asked.
    """
    due = (
        sa.select(tables.chunk.c.id, tables.chunk.c.batch_id, tables.batch.c.pipeline)
        .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
        .where(
            tables.chunk.c.state == ChunkState.WAITING.value,
            tables.chunk.c.settle_at <= stamp(now()),
            tables.batch.c.state.not_in([state.value for state in NOT_RUNNABLE]),
        )
    )
    with reading(workspace.ledger) as connection:
        waiting = connection.execute(due.limit(1)).first()
    if waiting is None:
        return 0
    require_log_in_sync(workspace.ledger, read_log(workspace.settings, workspace.data_map.operator, workspace.keys))
    with reading(workspace.ledger) as connection:
        found = batches_by_id(connection, sorted(set(connection.scalars(due.with_only_columns(tables.batch.c.id)))))
    try:
        fit, refused = stores_followed.fit_to_settle(workspace, found)
    except ConnectorError as error:
        _note_refused(workspace, due, (), error)
        raise
    if refused is not None:
        _note_refused(workspace, due, fit, refused)
    waits = [one.id for one in found if settling_search.wanted(workspace, one)]
    unsearched = sa.and_(tables.batch.c.id.in_(waits), settling_search.UNSEARCHED)
    with workspace.ledger.begin() as connection:
        rows = connection.execute(due.where(tables.batch.c.id.in_(fit), ~unsearched)).all() if fit else []
        for row in rows:
            connection.execute(
                sa.update(tables.chunk)
                .where(tables.chunk.c.id == row.id)
                .values(
                    state=ChunkState.READY.value,
                    step=pipeline.first(row.pipeline, pipeline.REVIEW),
                    repeats=0,
                    failure=None,
                )
            )
        concerned = {row.batch_id for row in rows}
        sync_state(connection, concerned)
    if refused is not None:
        raise refused
    return len(concerned)


def _note_refused(workspace: Workspace, due: sa.Select[Any, Any, Any], fit: Collection[int], why: ExpungeError) -> None:
    """Write down why chunks go on waiting though their time has come: so that it is seen, and they can be ended."""
    said = f"settling check not begun: {why}"[: tables.LONGEST_REASON]
    others = due.where(tables.batch.c.id.not_in(fit)).with_only_columns(tables.chunk.c.id)
    with workspace.ledger.begin() as connection:
        connection.execute(
            sa.update(tables.chunk)
            .where(tables.chunk.c.id.in_(others), tables.chunk.c.failure.is_distinct_from(said))
            .values(failure=said)
        )
