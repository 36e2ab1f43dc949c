"""`expunge cancel`: withdraw the people of a batch of whom nothing was erased."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.execution import operator_cancel
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.workspace import opened

Batch = Annotated[str, typer.Argument(help="A batch (bt_…).")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("cancel")(cancel)


def cancel(batch: Batch, as_json: output.Json = False) -> None:
    """Withdraw the people of a batch for whom no store was asked to erase; their receipts say so.

    The identifiers of these people are destroyed in the ledger. Everybody else is finished as if there had been no
    cancel: who is erased settles, who is at work is erased, who failed is for `expunge retry`, or `expunge end` where a
    store refuses for good. Exit codes: 0 withdrawn, 11 no person can be withdrawn, and the batch is unchanged.

    Example: expunge cancel bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
        operator_cancel.cancel(workspace.ledger, chosen, current_actor(settings))
        erase_verb.attach(workspace, chosen, only=chosen.id)
        with reading(workspace.ledger) as connection:
            operator_cancel.refuse_too_late(connection, chosen)
        erase_verb.report(workspace, chosen, as_json=as_json)
