"""`expunge copies list`: list every backup copy with its due date and the ground for it."""

from __future__ import annotations

import typer

from expunge_config.settings import load_settings
from expunge_connectors.contract import BackupCopy, CopyStatus
from expunge_connectors.registry import installed
from expunge_orchestrator import backup_copies
from expunge_orchestrator.cli import output
from expunge_orchestrator.json_views import snake_case
from expunge_orchestrator.workspace import connected, load_map


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="Backup copies: what is still there, and until when.")
    group.command("list")(list_copies)
    app.add_typer(group, name="copies")


def list_copies(as_json: output.Json = False) -> None:
    """List every backup copy with its due date and ground, or with what keeps it. Reads only.

    A due date is a prediction; a copy is gone when it was looked for and not there.

    Example: expunge copies list
    """
    settings = load_settings()
    registry = installed()
    data_map = load_map(settings, registry)
    with connected(settings, data_map, registry) as (_, backups):
        listings = backup_copies.observe(backups)
    found = [copy for listing in listings for copy in listing.copies]
    if as_json:
        controls = {listing.place: listing.control for listing in listings}
        output.emit({"copies": snake_case(backup_copies.listed(found)), "controls": controls})
        return
    if not listings:
        output.console().print("The data map declares no backup place: nothing is known of copies.")
        return
    show(found)
    for listing in listings:
        if listing.control is None:
            output.console().print(f"[yellow]{listing.place}: no positive control; absence there proves nothing.[/]")


def show(found: list[BackupCopy], title: str = "Backup copies") -> None:
    """Copies for people: first those that are overdue, the ones that stay longest last."""
    rows = [
        (
            f"{one.place}: {one.id}",
            one.taken_until.strftime("%Y-%m-%d %H:%M"),
            _due(one),
            one.ground if one.blocker is None else f"{one.ground}; {one.blocker}",
        )
        for one in sorted(found, key=lambda copy: (copy.due is None, copy.due, copy.id))
    ]
    output.console().print(output.table(title, ("copy", "taken", "due (UTC)", "ground"), rows))


def _due(copy: BackupCopy) -> str:
    day = "" if copy.due is None else copy.due.strftime("%Y-%m-%d %H:%M")
    return day if copy.status is CopyStatus.DUE else f"{copy.status.value.upper()} {day}".rstrip()
