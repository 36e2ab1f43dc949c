"""`expunge map draft`: a first data map from live stores, for a person to correct."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator import map_draft
from expunge_orchestrator.cli import output

Stores = Annotated[
    list[str] | None,
    typer.Option(
        "--store",
        help="A store that has settings, e.g. main; or with its connector, main=postgres. Default: all of them.",
        metavar="NAME",
    ),
]
Target = Annotated[Path | None, typer.Option("--output", "-o", help="Write into this file, which must not exist yet.")]
Rows = Annotated[
    int, typer.Option("--rows", help="Size of samples: rows of a table, names of keys.", min=1, max=1_000_000)
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="The data map: a first draft of it.")
    group.callback()(_group)
    group.command("draft")(draft)
    app.add_typer(group, name="map")


def _group() -> None:
    """Keep `draft` a command of its own."""


def draft(store: Stores = None, target: Target = None, rows: Rows = 1000, as_json: output.Json = False) -> None:
    """Write a first data map from live stores. Reads only; no value of a record is written anywhere.

    Tables linked to persons along foreign keys or by identifiers, likely personal columns by name and by samples,
    shapes of key names. Every open question stands in its line as `# DECIDE:`, and no command accepts the map before
    they are answered. Nothing is declared a log.

    Example: EXPUNGE_STORES__MAIN__URL=postgresql://localhost/app expunge map draft --store main -o datamap.yaml
    """
    wanted: dict[str, str | None] = {}
    for one in store or ():
        name, _, connector = one.partition("=")
        wanted[name] = connector or None
    if target is not None and target.exists():
        raise UsageError("The file is there already, and is not overwritten.", remedy="Name another one.")
    drafts = map_draft.draft_stores(load_settings(), installed(), wanted, rows)
    if as_json:
        output.emit({"stores": [asdict(one) for one in drafts], "questions": map_draft.questions(drafts)})
        return
    text = map_draft.render_yaml(drafts)
    if target is None:
        typer.echo(text)
    else:
        with target.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    collections = sum(len(one.collections) for one in drafts)
    output.stderr_console().print(
        f"{collections} collections, {map_draft.questions(drafts)} questions to be answered; then: expunge check"
    )
