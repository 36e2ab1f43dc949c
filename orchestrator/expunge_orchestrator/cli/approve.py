"""`expunge approve`: four-eyes approval of a plan that exceeds a limit."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import output
from expunge_orchestrator.json_views import plan_view
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import approval
from expunge_orchestrator.workspace import opened


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("approve")(approve)


def approve(
    batch: Annotated[str, typer.Argument(help="A batch that awaits approval (bt_…).")],
    digest: Annotated[str, typer.Option(help="The digest of the plan that was looked at.")],
    as_json: output.Json = False,
) -> None:
    """Approve exactly this plan, as a second person: not the one who asked for it. It erases nothing.

    You are known by EXPUNGE_ACTOR or by your login name. Exit codes: 0 approved (by you before, too), 2 it waits for no
    approval, 7 the digest is not the plan's, or it is your own request.

    Example: expunge approve bt_1f0c3a5b7d9e --digest 5fb46d0e…
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with workspace.ledger.begin() as connection:
            approval.approve(connection, batch_by_uid(connection, batch), digest, current_actor(settings))
        with reading(workspace.ledger) as connection:
            approved = batch_by_uid(connection, batch)
            view = plan_view(connection, approved)
    if as_json:
        output.emit({**view, "approved_by": current_actor(settings)})
    else:
        output.console().print(
            f"Approved by {escape(current_actor(settings))}. To carry it out: expunge erase {approved.uid}"
        )
