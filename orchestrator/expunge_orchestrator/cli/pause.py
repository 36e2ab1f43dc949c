"""`expunge pause`: pause a batch after the running step."""

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
    app.command("pause")(pause)


def pause(batch: Batch, as_json: output.Json = False) -> None:
    """Let no further step of a batch begin. The step that is running ends; what it did counts.

    Settling checks of the batch wait, too; `expunge cancel` and `expunge end` do not, for they erase nothing. Exit
    codes: 0 paused, 2 there is nothing to pause.

    Example: expunge pause bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
        batch_control.pause(workspace.ledger, chosen, current_actor(settings))
        erase_verb.report(workspace, chosen, as_json=as_json)
