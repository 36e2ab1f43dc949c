"""`expunge keys init`: create the keys, the empty log and the trust file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.installation_setup import TRUST_FILE, initialise
from expunge_orchestrator.workspace import load_map


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="The keys of this installation.")
    group.command("init")(init)
    app.add_typer(group, name="keys")


def init(
    trust: Annotated[Path | None, typer.Option(help="Also write the trust file here, for auditors.")] = None,
    as_json: output.Json = False,
) -> None:
    """Make the keys and the empty log, once. Nothing is ever overwritten.

    Six keys with six purposes: signing receipts, signing the log, openings, suppression tags, look-ups, and wrapping
    the keys that seal identifiers. Keep the wrapping key out of the ledger's backups.

    Example: expunge keys init --trust trust.json
    """
    settings = load_settings()
    data_map = load_map(settings, installed())
    written = initialise(settings, data_map.operator, now())
    if trust is not None:
        trust.write_bytes(written.read_bytes())
    if as_json:
        output.emit({"keys": str(settings.keys), "log": str(settings.log), "trust": str(written)})
        return
    out = output.console()
    out.print(f"Keys made in {settings.keys} (mode 0700), empty log in {settings.log}.")
    out.print(f"Give {written.parent / TRUST_FILE} to your auditors by a way that they trust.")
