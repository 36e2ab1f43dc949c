"""States of a batch: begun, followed from its chunks, brought back, due for settling."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.clock import exact, now, parse, stamp
from expunge_orchestrator.errors import PlanChangedError
from expunge_orchestrator.execution import pipeline
from expunge_orchestrator.inspecting import inspect_all, refuse_errors
from expunge_orchestrator.ledger import records, schema
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.records import ENDED, RUNNING, Batch, BatchState, ChunkState
from expunge_orchestrator.outcomes import Result
from expunge_orchestrator.scope import actions_for
from expunge_orchestrator.workspace import Workspace


def begin(workspace: Workspace, batch: Batch) -> None:
    """Start a planned batch: set the cutoff of each store once, on the store's clock.

    A batch that was begun before is left as it is, so that resuming is the same command.

    Raises:
        PlanChangedError: The data map or a store is another one than at planning time.
        FindingsError: `check` would show an error now; what was fine at planning time need not be.
    """
    if batch.state in ENDED:
        return
    refuse_errors(inspect_all(workspace.data_map, workspace.stores, workspace.backups))
    if batch.state is not BatchState.PLANNED:
        if batch.actions != actions_for(batch.scope, workspace.data_map):
            raise PlanChangedError(
                "The data map now names other collections or actions than this batch was planned with.",
                remedy="Finish it under the map it was planned with; then plan these people again under the new one.",
            )
        return
    if batch.map_digest != workspace.map_digest:
        raise PlanChangedError("The data map changed since the plan was made.", remedy="Make a new plan.")
    if parse(batch.created_at) < now() - workspace.settings.plan_lifetime:
        raise PlanChangedError("The plan is too old: what it counted is no longer what is there.", remedy="Plan anew.")
    for store, planned in batch.plan["stores"].items():
        if workspace.stores[store].identity().digest != planned["identity"]:
            raise PlanChangedError(
                f"The store {store} is not the one that the plan was made for.",
                remedy="Find out which store answers at its address; then make a new plan.",
            )
    cutoffs = [
        {"batch_id": batch.id, "store": store, "at": exact(workspace.stores[store].now())}
        for store in batch.plan["stores"]
    ]
    with workspace.ledger.begin() as connection:
        started = connection.execute(
            sa.update(schema.batch)
            .where(schema.batch.c.id == batch.id, schema.batch.c.state == BatchState.PLANNED.value)
            .values(state=BatchState.EXECUTING.value, state_at=stamp(now()))
        ).rowcount
        if started:
            connection.execute(sa.insert(schema.cutoff), cutoffs)
            connection.execute(
                sa.update(schema.chunk)
                .where(schema.chunk.c.batch_id == batch.id, schema.chunk.c.state == ChunkState.PLANNED.value)
                .values(state=ChunkState.READY.value)
            )


def retry(workspace: Workspace, batch: Batch) -> int:
    """Bring failed chunks back to the step that failed, or before it where its ground is stale; returns how many."""
    with workspace.ledger.begin() as connection:
        failed = connection.execute(
            sa.select(schema.chunk.c.id, schema.chunk.c.step).where(
                schema.chunk.c.batch_id == batch.id, schema.chunk.c.state == ChunkState.FAILED.value
            )
        ).all()
        for row in failed:
            connection.execute(
                sa.update(schema.chunk)
                .where(schema.chunk.c.id == row.id)
                .values(
                    state=ChunkState.READY.value,
                    step=pipeline.take_up_at(batch.pipeline, row.step),
                    attempts=0,
                    not_before=None,
                    rounds=schema.chunk.c.rounds + 1,
                )
            )
        if failed:
            connection.execute(
                sa.update(schema.item)
                .where(
                    schema.item.c.chunk_id.in_([row.id for row in failed]),
                    schema.item.c.outcome == Result.FAILED.value,
                )
                .values(outcome=None, reason=None)
            )
            settling = batch.settle_at is not None
            state = BatchState.SETTLING if settling else BatchState.EXECUTING
            _set(connection, batch.id, state)
    return len(failed)


def refresh(workspace: Workspace) -> None:
    """Follow the state of every running batch from the states of its chunks."""
    with workspace.ledger.begin() as connection:
        for batch in records.batches(connection, RUNNING):
            _refresh(connection, batch, workspace)


def _refresh(connection: sa.Connection, batch: Batch, workspace: Workspace) -> None:
    counts = {
        ChunkState(row.state): row.number
        for row in connection.execute(
            sa.select(schema.chunk.c.state, sa.func.count().label("number"))
            .where(schema.chunk.c.batch_id == batch.id)
            .group_by(schema.chunk.c.state)
        )
    }
    unfinished = counts.get(ChunkState.READY, 0) + counts.get(ChunkState.RUNNING, 0)
    if unfinished:
        return
    if counts.get(ChunkState.FAILED, 0):
        _set(connection, batch.id, BatchState.FAILED)
    elif counts.get(ChunkState.WAITING, 0) and batch.settle_at is None:
        settle_at = stamp(now() + workspace.settings.settling)
        _set(connection, batch.id, BatchState.ERASED)
        connection.execute(sa.update(schema.batch).where(schema.batch.c.id == batch.id).values(settle_at=settle_at))
    elif set(counts) == {ChunkState.DONE}:
        _set(connection, batch.id, BatchState.SETTLED)


def wake(workspace: Workspace) -> int:
    """Start the settling check of every batch whose time has come. Returns how many.

    Raises:
        FindingsError: `check` would show an error: a look through a map that no longer fits proves nothing.
    """
    with reading(workspace.ledger) as connection:
        waiting = connection.scalar(
            sa.select(sa.func.count())
            .select_from(schema.batch)
            .where(schema.batch.c.state == BatchState.ERASED.value, schema.batch.c.settle_at <= stamp(now()))
        )
    if not waiting:
        return 0
    refuse_errors(inspect_all(workspace.data_map, workspace.stores, workspace.backups))
    with workspace.ledger.begin() as connection:
        due = connection.execute(
            sa.select(schema.batch.c.id, schema.batch.c.pipeline).where(
                schema.batch.c.state == BatchState.ERASED.value, schema.batch.c.settle_at <= stamp(now())
            )
        ).all()
        for row in due:
            _set(connection, row.id, BatchState.SETTLING)
            connection.execute(
                sa.update(schema.chunk)
                .where(schema.chunk.c.batch_id == row.id, schema.chunk.c.state == ChunkState.WAITING.value)
                .values(state=ChunkState.READY.value, step=pipeline.first(row.pipeline, pipeline.REVIEW))
            )
    return len(due)


def _set(connection: sa.Connection, batch_id: int, state: BatchState) -> None:
    connection.execute(
        sa.update(schema.batch).where(schema.batch.c.id == batch_id).values(state=state.value, state_at=stamp(now()))
    )


def forget_stale_plans(workspace: Workspace) -> int:
    """Cancel plans that nobody carried out in time, and destroy the keys of their sealed identifiers."""
    oldest = stamp(now() - workspace.settings.plan_lifetime)
    with workspace.ledger.begin() as connection:
        stale = list(
            connection.scalars(
                sa.select(schema.batch.c.id).where(
                    schema.batch.c.state == BatchState.PLANNED.value, schema.batch.c.created_at < oldest
                )
            )
        )
        for batch_id in stale:
            _set(connection, batch_id, BatchState.CANCELLED)
            connection.execute(
                sa.update(schema.item)
                .where(schema.item.c.batch_id == batch_id)
                .values(wrapped_key=None, sealed_identifiers=None, sealed_keys=None)
            )
    return len(stale)
