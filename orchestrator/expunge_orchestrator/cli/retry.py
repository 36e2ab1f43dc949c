"""`expunge retry`: take up what failed, when its reason is mended."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config import settings as settings_module
from expunge_config.errors import UsageError
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import terminal
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.records import BatchState, batch_by_uid
from expunge_orchestrator.workspace import opened

Batch = Annotated[str, typer.Argument(help="A batch (bt_…).")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("retry")(retry)


def retry(batch: Batch, as_json: terminal.Json = False) -> None:
    """Take up the failed part of a batch, and people whose hold is over. The rest of it is not touched.

    What was verified before the failure is asked again; nothing is stated twice. Exit codes as for `expunge erase`; 2
    if nothing failed.

    Example: expunge retry bt_1f0c3a5b7d9e
    """
    with opened(settings_module.load(), installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
        if chosen.state not in {BatchState.FAILED, BatchState.ON_HOLD}:
            raise UsageError(
                f"This batch is {chosen.state.value}: nothing of it failed.",
                remedy=f"expunge status {chosen.uid} shows how far it is.",
            )
        erase_verb.carry_out(workspace, chosen)
        told = erase_verb.report(workspace, chosen, as_json=as_json)
    erase_verb.refuse_unfinished(told)
