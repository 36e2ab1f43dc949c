"""`expunge resume`: resume a paused batch."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.workspace import opened

Batch = Annotated[str, typer.Argument(help="A batch (bt_…).")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("resume")(resume)


def resume(batch: Batch, as_json: output.Json = False) -> None:
    """Let a paused batch go on from where it was, and carry it out. What was verified before the pause is asked again.

    Checks as a beginning does. Exit codes as for `expunge erase`; 2 if it is not paused.

    Example: expunge resume bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
        resumed = batch_control.resume(workspace, chosen, current_actor(settings))
        erase_verb.carry_out(workspace, resumed)
        view = erase_verb.report(workspace, resumed, as_json=as_json)
    erase_verb.refuse_unfinished(view)
