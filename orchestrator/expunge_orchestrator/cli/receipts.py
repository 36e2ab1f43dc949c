"""`expunge receipts`: list, show, export, open and verify receipts."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.errors import InputError, UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_orchestrator.receipts.openings import openings_of
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import opened
from expunge_reports import export, trust
from expunge_reports.verify import verdict_text, verifier

SeriesId = Annotated[str, typer.Argument(help="A series (er_…).", metavar="SERIES")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="Receipts: list, show, export, open, verify.")
    group.command("list")(list_receipts)
    group.command("show")(show)
    group.command("export")(write_export)
    group.command("opening")(opening)
    group.command("verify", context_settings={"ignore_unknown_options": True})(verify)
    app.add_typer(group, name="receipts")


def list_receipts(
    batch: Annotated[str | None, typer.Option(help="Only this batch (bt_…).")] = None,
    people: Annotated[
        str | None, typer.Option("--people", help="Only these people: a CSV file, or - for standard input.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    r"""List receipts. Of a batch, line N of the list it was made from has the N-th receipt.

    Example: printf 'email\nann@mail.example\n' | expunge receipts list --people -
    """
    with opened(load_settings(), installed()) as workspace:
        wanted = None
        if people is not None:
            with output.people_from(people) as stream:
                wanted = read_people(stream, workspace.data_map)
        with reading(workspace.ledger) as connection:
            found = receipt_export.series_of(connection, batch, wanted, Tagger(workspace.keys.suppression))
    if as_json:
        output.emit(
            {"receipts": [{"id": o.series, "batch_id": o.batch, "line": o.line, "events": o.events} for o in found]}
        )
        return
    rows = [(one.series, one.batch, one.line, ", ".join(one.events)) for one in found]
    if not rows:
        output.console().print("No receipts: `expunge erase` issues them.")
        return
    output.console().print(output.table("Receipts", ("series", "batch", "line", "statements"), rows))


def show(series: SeriesId, as_json: output.Json = False) -> None:
    """Show one receipt in words, with the verdict that the offline verifier gives.

    Example: expunge receipts show er_79bed76899141058d6519e470f48f3b3
    """
    with opened(load_settings(), installed()) as workspace:
        made = receipt_export.exported(workspace, series)
        verdict = verifier.verify(made.data, trust.parse(receipt_export.trust_file(workspace)), [], datetime.now(UTC))
    if made.said is not None:
        output.stderr_console().print(made.said)
    if as_json:
        output.emit({"verdict": verdict_text.to_object(verdict), "shared": dict(export.parse(made.data).shared)})
        return
    out = output.console()
    for line in verdict_text.lines(verdict):
        out.print(escape(line))
    for statement in verdict.statements:
        lines = [
            (f"{store['store']}.{one['collection']}", one)
            for store in _listed(statement.body.get("stores"))
            for one in _listed(store.get("collections"))
        ]
        told = tuple(name for name in ("ambiguous", "unread") if any(one.get(name) for _, one in lines))
        rows = [
            (
                name,
                one["outcome"],
                one["found"],
                one["due"],
                one["retained"],
                *(one.get(count, 0) for count in told),
                one.get("until") or "",
                one.get("ground") or "",
            )
            for name, one in lines
        ]
        if "reason" in statement.body:
            out.print(escape(f"{statement.event}: {statement.body['reason']}"))
        if rows:
            counts = ("found", "due now", "retained", *told)
            out.print(output.table(statement.event, ("collection", "outcome", *counts, "until", "ground"), rows))


def write_export(
    series: SeriesId,
    target: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.")],
    as_page: Annotated[
        Path | None, typer.Option("--page", help="Also write a readable HTML page.", metavar="FILE")
    ] = None,
) -> None:
    """Write one receipt as a self-contained file that outsiders verify offline.

    Example: expunge receipts export er_79be… -o receipt.json --page receipt.html
    """
    with opened(load_settings(), installed()) as workspace:
        made = receipt_export.exported(workspace, series)
        if as_page is not None:
            as_page.write_text(receipt_export.as_html(workspace, made, datetime.now(UTC)), encoding="utf-8")
    target.write_bytes(made.data)
    if made.said is not None:
        output.stderr_console().print(made.said)
    output.stderr_console().print(f"Verify it anywhere: expunge receipts verify {target} --trust {TRUST_FILE}")


def opening(
    series: SeriesId,
    people: Annotated[str, typer.Argument(help="CSV with the one person: a file, or - for standard input.")] = "-",
    directory: Annotated[Path, typer.Option("--output", "-o", help="Directory to write opening files to.")] = Path(),
    as_json: output.Json = False,
) -> None:
    r"""Make the opening files that bind a receipt to a person, from that person's own identifiers.

    One file per identifier, so that one can be shown without the others. They hold the identifier: hand them to the
    person, keep none.

    Example: printf 'email\nann@mail.example\n' | expunge receipts opening er_79be… -o ann/
    """
    with opened(load_settings(), installed()) as workspace:
        with output.people_from(people) as stream:
            listed = read_people(stream, workspace.data_map)
        if len(listed) != 1:
            raise InputError(
                "An opening is made for one person; the list has several.",
                remedy="Give a list with that one person; call it once for each.",
            )
        with reading(workspace.ledger) as connection:
            made = openings_of(connection, series, listed[0], workspace.keys, workspace.data_map)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = {namespace: directory / f"{series}.{namespace}.opening.json" for namespace in made}
    for namespace, path in written.items():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(made[namespace])
        if not as_json:
            output.stderr_console().print(f"{path}")
    if as_json:
        output.emit({"openings": {namespace: str(path) for namespace, path in written.items()}})


def verify(
    arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,  # noqa: ARG001 - for --help alone
) -> None:
    """Verify an exported receipt offline, without ledger, drivers and network.

    Example: expunge receipts verify receipt.json --trust trust.json --opening ann/er_79be….email.opening.json
    """
    raise UsageError(
        "`expunge receipts verify` is called with nothing before it.", remedy="expunge receipts verify --help"
    )


def _listed(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else []
