"""`expunge status`: progress and results of batches."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.cli import plan as plan_verb
from expunge_orchestrator.json_views import batch_view, plan_view
from expunge_orchestrator.ledger import requests_due
from expunge_orchestrator.ledger.batch_status import outcomes_of, public_state
from expunge_orchestrator.ledger.batches import batch_by_uid, batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState
from expunge_orchestrator.workspace import opened


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("status")(status)


def status(
    batch: Annotated[str | None, typer.Argument(help="A batch (bt_…); without one, all of them.")] = None,
    as_json: output.Json = False,
) -> None:
    """Show how far a batch is, what was found and what is left; or list all batches.

    Example: expunge status bt_1f0c3a5b7d9e
    """
    with opened(load_settings(), installed()) as workspace:
        if batch is not None:
            with reading(workspace.ledger) as connection:
                chosen = batch_by_uid(connection, batch)
                planned = plan_view(connection, chosen)
            report = batch_view(workspace, chosen)
            if as_json:
                output.emit({**planned, **report} if chosen.state in UNBEGUN else report)
            elif chosen.state in UNBEGUN:
                plan_verb.show(chosen)
            else:
                show(report)
            return
        with reading(workspace.ledger) as connection:
            listed: list[dict[str, Any]] = [
                {
                    "id": one.uid,
                    "controller": str(one.scope),
                    **({} if one.data_types is None else {"data_types": sorted(one.data_types)}),
                    "state": public_state(one.state, results, undisclosed=one.undisclosed),
                    "people": one.plan["people"],
                    "created_at": one.created_at,
                    "settles_at": one.settle_at,
                    "outcomes": results,
                }
                for one in batches(connection)
                for results in [outcomes_of(connection, one)]
            ]
            put_off = [
                {"id": one.uid, "batch_id": one.batch_uid, "failure": one.failure}
                for one in requests_due.deferred(connection)
            ]
    if as_json:
        output.emit({"batches": listed, "deferred_erasure_requests": put_off})
        return
    for waiting in put_off:
        text = f"[red]{waiting['id']}[/] could not be begun: {escape(str(waiting['failure']))}"
        output.console().print(text, soft_wrap=True)
    if not listed:
        output.console().print("No batches yet: expunge plan PEOPLE.csv --controller …")
        return
    columns = ("batch", "controller", "state", "people", "outcomes", "created", "settles at")
    rows = [
        (
            one["id"],
            f"{one['controller']}{plan_verb.limit(one)}",
            one["state"],
            one["people"],
            ", ".join(f"{number} {name}" for name, number in sorted(dict(results).items())),
            one["created_at"],
            one["settles_at"],
        )
        for one, results in ((one, one["outcomes"]) for one in listed)
    ]
    output.console().print(output.table("Batches", columns, rows))


def show(report: dict[str, Any]) -> None:
    """A batch for people."""
    out = output.console()
    unread = ("unread",) if any(one["unread"] for one in report["collections"].values()) else ()
    rows = [
        (
            name,
            one["found"],
            *("?" if one[key] is None else one[key] for key in ("due", "retained", "newer", "ambiguous", *unread)),
        )
        for name, one in report["collections"].items()
    ]
    title = f"Batch {report['id']} for {report['controller']}{plan_verb.limit(report)}: {report['state']}"
    if rows:
        out.print(
            output.table(title, ("collection", "found", "due now", "retained", "newer", "ambiguous", *unread), rows)
        )
        if any("?" in row for row in rows):
            out.print("?: not known, since somebody of whom this was found has not been verified")
        over = report["state"] in {BatchState.SETTLED.value, BatchState.CANCELLED.value}
        output.left_newer(one["newer"] for one in report["collections"].values())
        output.left_ambiguous((one["ambiguous"] for one in report["collections"].values()), over=over)
        output.unread({name: one["unread"] for name, one in report["collections"].items()}, searched=True)
    else:
        out.print(f"[bold]{escape(title)}[/]")
    text = ", ".join(f"{number} {name}" for name, number in sorted(report["outcomes"].items()))
    out.print(f"People: {text}")
    stopped = {chunk["failure"] for chunk in report["chunks"]}
    for reason, number in report["reasons"].items():
        if reason in stopped:
            continue  # told below, with where
        out.print(f"  {number}: {escape(reason)}")
    for chunk in report["chunks"]:
        if chunk["failure"]:
            out.print(f"[red]chunk {chunk['id']} {chunk['state']}[/] at {chunk['next']}: {escape(chunk['failure'])}")
    if number := report["left_in_part"]:
        out.print(
            f"Of {output.people(number)} something is left, or kept for a time. What was erased of them, if anything,"
            " may have taken the way there with it: so what leads to the rest is kept, sealed, until a later request of"
            " the same person, by an id that proves it, has erased it (expunge plan). One by e-mail or phone alone is"
            " only told of it."
        )
        rows = [(name, one["people"], one["records"]) for name, one in report["left"].items()]
        out.print(output.table("Left or kept", ("collection", "people", "records when last seen"), rows))
    if report["settling"]:
        out.print(f"The settling check is due at {report['settles_at']}: expunge run-due")
