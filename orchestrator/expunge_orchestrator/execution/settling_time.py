"""Settling time: when the settling check of a chunk is due, and starting those whose time has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator import store_calls
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import settling_search, stores_followed
from expunge_orchestrator.execution.batch_lifecycle import sync_state
from expunge_orchestrator.execution.step_context import Transition
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import chunks, open_chunks
from expunge_orchestrator.ledger.batches import batches_by_id
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.open_chunks import DueChunk
from expunge_orchestrator.ledger_check import require_log_in_sync
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
        ConnectorError: A store cannot be asked, or a clock is wrong by days.
    """
    with reading(workspace.ledger) as connection:
        if not open_chunks.any_due_to_settle(connection):
            return 0
    require_log_in_sync(workspace.ledger, read_log(workspace.settings, workspace.data_map.operator, workspace.keys))
    with reading(workspace.ledger) as connection:
        due = open_chunks.due_to_settle(connection)
        found = batches_by_id(connection, sorted({one.batch_id for one in due}))
    planned = {name for one in found for name in one.identities} & workspace.stores.keys()
    try:
        store_calls.require_clocks({name: workspace.stores[name] for name in sorted(planned)}, 1)
        fit, refused = stores_followed.fit_to_settle(workspace, found)
    except ConnectorError as error:
        _note_refused(workspace, due, error)
        raise
    if refused is not None:
        _note_refused(workspace, [one for one in due if one.batch_id not in fit], refused)
    of = {one.id: one for one in found}
    fit_chunks = [
        one
        for one in due
        if one.batch_id in fit and not (one.unsearched and settling_search.wanted(workspace, of[one.batch_id]))
    ]
    with workspace.ledger.begin() as connection:
        started = open_chunks.begin_settling(
            connection, {one.id: pipeline.first(of[one.batch_id].pipeline, pipeline.REVIEW) for one in fit_chunks}
        )
        concerned = {one.batch_id for one in fit_chunks if one.id in started}
        sync_state(connection, concerned)
    if refused is not None:
        raise refused
    return len(concerned)


def _note_refused(workspace: Workspace, waiting: Sequence[DueChunk], why: ExpungeError) -> None:
    """Write down why chunks go on waiting though their time has come: so that it is seen, and they can be ended."""
    with workspace.ledger.begin() as connection:
        chunks.note_waiting(connection, [one.id for one in waiting], f"settling check not begun: {why}")
