"""`expunge copies list | refresh | why`: which backup copies are there and until when; whose they may hold."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.contract import BackupCopy, CopyListing, CopyStatus
from expunge_connectors.registry import installed
from expunge_orchestrator import backup_copies
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.copy_tracking import remaining_copies, remaining_sentences
from expunge_orchestrator.copy_tracking.refresh import refresh
from expunge_orchestrator.copy_tracking.remaining_copies import RemainingCopies
from expunge_orchestrator.json_views import snake_case
from expunge_orchestrator.ledger.copies import RemainingCopy
from expunge_orchestrator.workspace import connected, load_map, opened

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="Backup copies: what is still there, and until when.")
    group.command("list")(list_copies)
    group.command("refresh")(refresh_copies)
    group.command("why")(why)
    app.add_typer(group, name="copies")


def list_copies(as_json: output.Json = False) -> None:
    """List every backup copy with its due date and ground, or with what keeps it. Reads only.

    A due date is a prediction; a copy is gone when two looks missed it (`expunge copies refresh`).

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


def refresh_copies(as_json: output.Json = False) -> None:
    """Look at every place of backup copies, and note which copies are there and which are gone. Deletes nothing.

    Each place is looked at by itself. A copy is gone when two looks an hour apart missed it, each beside something that
    was there. `expunge run-due` and `expunge serve` look, too. Exit code 8 if a place could not be listed.

    Example: expunge copies refresh
    """
    with opened(load_settings(), installed()) as workspace:
        looked = refresh(workspace)
    places = [_looked_at(one) for one in looked.listings]
    if as_json:
        unlisted = {name: error.message for name, error in looked.unlisted.items()}
        output.emit({"places": [one._asdict() for one in places], "unlisted": unlisted})
    elif not places and not looked.unlisted:
        output.console().print("The data map declares no backup place: nothing is known of copies.")
    else:
        rows = [(one.place, *(str(number) for number in one[1:6]), one.control or "none") for one in places]
        columns = ("place", "copies", "overdue", "without a day", "missed once", "gone", "control")
        output.console().print(output.table("Backup copies, as just seen", columns, rows))
        for name, error in looked.unlisted.items():
            output.console().print(f"[red]{name}[/] could not be listed. {escape(error.message)}", soft_wrap=True)
    for error in looked.unlisted.values():
        raise error


def why(
    series: Annotated[str, typer.Argument(help="A receipt's series (er_…).", metavar="SERIES")],
    as_json: output.Json = False,
) -> None:
    """Say where the person of one receipt may still be: in which backup copy, until when, and why. Reads the ledger.

    The copies are as the last look saw them (`expunge copies refresh`). `expunge receipts list --people` finds a
    person's series.

    Example: expunge copies why er_79bed76899141058d6519e470f48f3b3
    """
    with opened(load_settings(), installed()) as workspace:
        found = remaining_copies.of_series(workspace, series)
    if as_json:
        output.emit(_remaining(found))
        return
    out = output.console()
    for line in remaining_sentences.sentences(found):
        out.print(escape(line), soft_wrap=True)
    if found.copies:
        rows = [
            (f"{one.place}: {one.copy_id}", one.store, f"{one.taken_from:%Y-%m-%d %H:%M}", _until(one), _grounds(one))
            for one in found.copies[:_SHOWN]
        ]
        columns = ("copy", "of", "begun (UTC)", "gone by", "ground")
        out.print(output.table("Copies that may hold this person", columns, rows))
        if len(found.copies) > _SHOWN:
            out.print(f"And {len(found.copies) - _SHOWN} more that go earlier: --json has them all.")


def _remaining(found: RemainingCopies) -> dict[str, Any]:
    return {
        "id": found.series,
        "standing": found.standing.value,
        "nothing_left_at": found.nothing_left_at and stamp(found.nothing_left_at),
        "closes_after": found.closes_after and stamp(found.closes_after),
        "copies": [
            {
                "place": one.place,
                "store": one.store,
                "kind": one.kind,
                "id": one.copy_id,
                "taken_from": stamp(one.taken_from),
                "status": one.status,
                "due": one.due and stamp(one.due),
                "expected_by": one.expected_by and stamp(one.expected_by),
                "ground": one.ground,
                "blocker": one.blocker,
                "last_seen": stamp(one.last_seen),
                "missed_at": one.missed_at and stamp(one.missed_at),
            }
            for one in found.copies
        ],
    }


def _until(one: RemainingCopy) -> str:
    return one.status.upper() if one.expected_by is None else f"{one.expected_by:%Y-%m-%d}"


def _grounds(one: RemainingCopy) -> str:
    return one.ground if one.blocker is None else f"{one.ground}; {one.blocker}"


class _Looked(NamedTuple):
    """One place as it was just seen; `missed`: looked for and not there, for the first time."""

    place: str
    copies: int
    overdue: int
    without_day: int
    missed: int
    gone: int
    control: str | None


def _looked_at(one: CopyListing) -> _Looked:
    overdue = sum(copy.status is CopyStatus.OVERDUE for copy in one.copies)
    without_day = sum(copy.status not in {CopyStatus.OVERDUE, CopyStatus.DUE} for copy in one.copies)
    missed = len(one.missed - one.gone)
    return _Looked(one.place, len(one.copies), overdue, without_day, missed, len(one.gone), one.control)


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
