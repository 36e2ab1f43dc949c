"""`expunge check`: compare the data map with the live stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.data_map_check import inspect_all, sample_all
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.installation_check import installation_findings
from expunge_orchestrator.ledger_check import ledger_findings
from expunge_orchestrator.workspace import connected, load_map

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


Sample = Annotated[
    bool, typer.Option("--sample", help="Search samples as well: what the map does not name, and other spellings.")
]
Rows = Annotated[
    int | None,
    typer.Option(
        "--rows", help="With --sample: rows of a table, names of a keyspace or bucket (1000).", min=1, max=1_000_000
    ),
]
_ROWS = 1000


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("check")(check)


def check(sample: Sample = False, rows: Rows = None, as_json: output.Json = False) -> None:
    """Hold the data map against the live stores. Reads only.

    Errors block `plan`, `erase` and `locate` (exit code 5), those of rows only for whose rows they are; each finding
    says what to do. With --sample, tables, columns, keys and objects that the map does not name are searched for e-mail
    addresses, phone numbers, IP addresses and ids of people, and names of keys and objects for other spellings than the
    one that is looked for; and it says how many values that the map goes by cannot be read, or lead to nothing in
    another store. What is printed is where, which kind and how often, never a value. An error of the sample gives exit
    code 5 here alone.

    Example: expunge check --json | jq '.findings[] | select(.severity == "error")'
    """
    if rows is not None and not sample:
        raise UsageError("--rows says how much --sample looks at.", remedy="expunge check --sample --rows 1000")
    rows = rows or _ROWS
    settings = load_settings()
    registry = installed()
    data_map = load_map(settings, registry)
    with connected(settings, data_map, registry) as (stores, backups):
        findings = [*installation_findings(settings), *ledger_findings(settings, data_map)]
        findings += inspect_all(data_map, stores, backups, settings.stores_at_once)
        blocking = _errors(findings)
        if sample:
            findings += sample_all(data_map, stores, rows)
    errors = _errors(findings)
    if as_json:
        looked_at = {"rows": rows} if sample else None
        output.emit({"findings": list(map(_view, findings)), "errors": errors, "sample": looked_at})
    else:
        _show(findings, errors, blocking)
    if errors:
        raise typer.Exit(FindingsError.exit_code)


def _view(finding: Finding) -> Mapping[str, object]:
    stopped = None if finding.scopes is None else [str(one) for one in finding.scopes]
    return asdict(finding) | {"scopes": stopped}


def _errors(findings: list[Finding]) -> int:
    return sum(one.severity is Severity.ERROR for one in findings)


def _show(findings: list[Finding], errors: int, blocking: int) -> None:
    out = output.console()
    for one in findings:
        place = one.store if one.collection is None else f"{one.store}.{one.collection}"
        out.print(f"[{_COLOURS[one.severity]}]{one.severity.value:7}[/] [bold]{escape(place)}[/] {escape(one.message)}")
        out.print(f"        {escape(one.remedy)} [dim]({one.code})[/]", soft_wrap=True)
        if one.scopes is not None:
            stopped = ", ".join(map(str, one.scopes))
            out.print(f"        It stops requests of {escape(stopped)} alone.", soft_wrap=True)
    counted = f"{output.number_of(errors, 'error')}, {output.number_of(len(findings) - errors, 'other finding')}"
    out.print(f"{counted}. {_consequence(errors, blocking)}")


def _consequence(errors: int, blocking: int) -> str:
    if blocking:
        return "Errors block plan, erase and locate."
    if errors:
        return "Plan, erase and locate read no sample, so nothing blocks them: they leave behind what is said above."
    return "Nothing blocks."
