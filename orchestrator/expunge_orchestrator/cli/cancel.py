"""`expunge cancel`: withdraw a request, before or in the middle."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger.batches import BatchState, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.workspace import opened

Batch = Annotated[str, typer.Argument(help="A batch (bt_…).")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("cancel")(cancel)


def cancel(batch: Batch, as_json: output.Json = False) -> None:
    """Withdraw a batch: nothing further is erased, and the receipts say so. The identifiers are destroyed.

    Whoever is erased already stays so and is checked again at settling time. Of whom erasing had begun, the receipt
    lists what was erased and what is left; so does that of somebody whom the settling check could not let go. Where
    something went, what leads to the rest is kept, sealed, until a later request of the same person, by an id that
    proves it, has erased it, or `expunge retry` of this batch; of how many people is printed. A request by e-mail or
    phone alone is only told that something is left. Exit codes: 0 cancelled, 1 what is left could not be looked at
    (`expunge retry` tries again), 11 nothing is left to cancel: everybody's erasure had ended, and the batch stays
    what it is.

    Example: expunge cancel bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
        batch_control.cancel(workspace.ledger, chosen, current_actor(settings))
        erase_verb.attach(workspace, chosen, only=chosen.id)
        with reading(workspace.ledger) as connection:
            batch_control.refuse_too_late(connection, chosen)
        view = erase_verb.report(workspace, chosen, as_json=as_json)
    if view["state"] == BatchState.FAILED:
        erase_verb.refuse_unfinished(view)
