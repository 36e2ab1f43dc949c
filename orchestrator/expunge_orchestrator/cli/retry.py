"""`expunge retry`: retry what failed, once its cause is fixed."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState
from expunge_orchestrator.requests.request_retry import drifted, start_deferred
from expunge_orchestrator.workspace import opened

_TAKEN_UP = (BatchState.FAILED, BatchState.ON_HOLD, BatchState.EXECUTING, BatchState.SETTLING, BatchState.PAUSED)
"""What is at work may have failed people beside those who are; why a paused one is not taken up, its start says."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("retry")(retry)


def retry(batch: Annotated[str, typer.Argument(help="A batch (bt_…).")], as_json: output.Json = False) -> None:
    """Take up people whose hold is over, then the failed part of a batch. The rest of it is not touched.

    People who are still at work end first: what failed may wait for them. What was verified before the failure is
    verified again; nothing is stated twice. A request's plan that was not begun is begun; if it is void (another store
    answers, and it is the right one), it is planned anew first. What a store refuses for good is ended by
    `expunge end`. Exit codes as for `expunge erase`; 2 if no person failed, was on hold or is at work.

    Example: expunge retry bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
            wanted = requests.of_batch(connection, chosen.id)
        if wanted is not None and (chosen.state in UNBEGUN or drifted(workspace, wanted)):
            chosen = start_deferred(workspace, wanted, chosen, current_actor(settings), now())
        elif chosen.state not in _TAKEN_UP:
            raise UsageError(
                f"This batch is {chosen.state.value}: nothing of it failed.",
                remedy=f"expunge status {chosen.uid} shows how far it is.",
            )
        erase_verb.carry_out(workspace, chosen)
        view = erase_verb.report(workspace, chosen, as_json=as_json)
    erase_verb.refuse_unfinished(view)
