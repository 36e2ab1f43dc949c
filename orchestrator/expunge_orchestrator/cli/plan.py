"""`expunge plan`: count what a batch would erase, without touching anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.json_views import plan_view
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import planner
from expunge_orchestrator.requests.plan_replacement import ReplanReason
from expunge_orchestrator.rules import plan_limits_and_drift
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError, TimesOfReceipt
from expunge_orchestrator.subjects.csv_input import checked_people
from expunge_orchestrator.workspace import Workspace, opened

People = Annotated[str, typer.Argument(help="CSV of people: a file, or - for standard input.", metavar="PEOPLE.csv")]
Controller = Annotated[
    str, typer.Option("--controller", "-c", help="Who asks: a controller of the data map, e.g. calltrack or client:42.")
]

DataTypes = Annotated[
    list[str] | None,
    typer.Option("--data-type", "-t", help="Only data of this type; give it again for another. Default: everything."),
]


ReceivedAt = Annotated[
    str | None,
    typer.Option(
        help="When these people asked, for whom no column received_at says it: a day (2026-11-20) or a time with its"
        " zone (2026-11-20T09:30:00+01:00). Deadlines run from there. Default: now, and the receipts say so.",
        metavar="DAY|TIME",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("plan")(plan)


def plan(
    people: People,
    controller: Controller,
    data_type: DataTypes = None,
    received_at: ReceivedAt = None,
    as_json: output.Json = False,
) -> None:
    r"""Count what a request would delete, tombstone and keep. Stores are only read.

    The first line of the CSV names identities of the data map; every further line is one person. The plan is kept as a
    batch under a digest; `expunge erase BATCH` carries it out. With --data-type everything else stays as it is; a
    choice that others hang on is refused. Who asked before today gets the right deadlines with --received-at, or with
    a column received_at beside the identities.

    Example: expunge plan clients.csv --controller client:42 --received-at 2026-11-20

    Example: printf 'email\nann@mail.example\n' | expunge plan - --controller calltrack --data-type messages
    """
    with opened(load_settings(), installed()) as workspace:
        made = make(workspace, people, controller, data_type, received_at)
        with reading(workspace.ledger) as connection:
            view = plan_view(connection, made)
    if as_json:
        output.emit(view)
    else:
        show(made)
        if made.state is BatchState.PLANNED:
            output.console().print(f"Nothing was touched. To carry it out: expunge erase {made.uid}")


def make(
    workspace: Workspace, source: str, controller: str, data_types: Sequence[str] | None, received_at: str | None
) -> Batch:
    """Read the list, and plan with a progress bar.

    Raises:
        UsageError: Nobody can have asked then.
    """
    chosen = frozenset(data_types) if data_types else None
    scope = parse_scope(controller, workspace.data_map)
    try:
        times = TimesOfReceipt.of(scope, workspace.data_map, now(), received_at)
    except TimeOfReceiptError as refused:
        raise UsageError(f"--received-at {refused}.", remedy="Say when these people asked, or leave it away.") from None
    with output.people_from(source) as stream:
        listed = checked_people(stream, workspace.data_map, times)
    with output.progress("planning", len(listed)) as done:
        return planner.create_plan(workspace, listed, scope, done, chosen, received_at=listed.received_at)


def limit(view: Mapping[str, Any]) -> str:
    """What a request is limited to, to be put after its title; nothing if it is not."""
    return f", only {', '.join(view['data_types'])}" if view.get("data_types") else ""


def _obstacles(batch: Batch) -> Iterator[str]:
    """What is in the way, and what to do about it."""
    for one in batch.plan["obstacles"]:
        rows, whole = output.number_of(one["records"], "row"), f"{one['store']}.{one['collection']}"
        stay, point = ("stays", "points") if one["records"] == 1 else ("stay", "point")
        others = " unless these rows go with others of this batch" if batch.plan["people"] > one["people"] else ""
        yield (
            f"{whole}: {rows} of {one['table']} that {stay} {point} to rows that would be deleted (constraint"
            f" {one['constraint']}): {output.people(one['people'])} will fail{others}. If they are retained longer,"
            " give both tables one `start`; if they are other people's, have those in the same request; link"
            f" {one['table']} to `{one['collection']}`, if its rows go too; or tombstone `{one['collection']}`."
        )


def show(batch: Batch) -> None:
    """A plan for people."""
    rows = [
        (f"{store}.{name}", one["action"], one["people"], one["due"], one["retained"], one["newer"], one["ambiguous"])
        for store, planned in batch.plan["stores"].items()
        for name, one in planned["collections"].items()
    ]
    out = output.console()
    title = f"Plan {batch.uid} for {batch.scope}: {output.people(batch.plan['people'])}{limit(batch.plan)}"
    out.print(output.table(title, ("collection", "action", "people", "due", "retained", "newer", "ambiguous"), rows))
    if batch.plan["ambiguous"]:
        out.print(
            f"{batch.plan['ambiguous']} ambiguous: nothing of theirs will be touched, and the outcome will say why."
        )
    output.left_newer(row[-2] for row in rows)
    output.left_ambiguous(row[-1] for row in rows)
    counts = [(store, planned["collections"]) for store, planned in batch.plan["stores"].items()]
    unread = {f"{store}.{name}": one["unread"] for store, here in counts for name, one in here.items()}
    output.unread(unread, searched=False)
    for line in _obstacles(batch):
        out.print(f"[bold red]in the way[/]  {escape(line)}", soft_wrap=True)
    if batch.plan.get("on_hold"):
        out.print(f"{output.people(batch.plan['on_hold'])} on hold: what is held of theirs will not be touched.")
    for uid, number in (batch.plan.get("concurrent_batches") or {}).items():
        out.print(f"{output.people(number)} also in {uid}, which is at work: whichever comes second finds the rest.")
    if batch.plan["not_found"]:
        where = "in any store" if batch.data_types is None else "with data of these types"
        out.print(f"{batch.plan['not_found']} not found {where}.")
    for excess in batch.plan.get("exceeded") or []:
        out.print(f"[bold red]limit[/]  {escape(plan_limits_and_drift.describe(excess))}")
    if before := batch.plan.get("replaces"):
        out.print(f"It came instead of {before['batch_id']}: {ReplanReason(before['reason']).words}.")
    out.print(f"digest {batch.plan_digest}")
    if batch.state is BatchState.AWAITING_APPROVAL:
        out.print(
            f"Nothing was touched. Somebody other than {escape(str(batch.requested_by))} has to look at it:"
            f" expunge approve {batch.uid} --digest {batch.plan_digest}",
            soft_wrap=True,
        )
