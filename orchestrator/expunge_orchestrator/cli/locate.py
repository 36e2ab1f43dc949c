"""`expunge locate`: what is held of a person, and where. Counts and data types, no values."""

from __future__ import annotations

import typer
from rich.markup import escape

from expunge_config.datamap import StartEvent
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import copies as copies_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.cli import plan as plan_verb
from expunge_orchestrator.errors import NotLocatedError
from expunge_orchestrator.json_views import location_view
from expunge_orchestrator.locate import LocateResult, Location, PersonLocation, PersonRecords, locate
from expunge_orchestrator.rules.resolution_answers import what_helps
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import checked_people
from expunge_orchestrator.workspace import opened
from expunge_reports.page.date_format import period

_STARTS = {
    StartEvent.COLLECTED: "collection",
    StartEvent.TRANSACTION_ENDED: "the end of the transaction",
    StartEvent.RELATIONSHIP_ENDED: "the end of the relationship",
}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("locate")(located)


def located(people: plan_verb.People, controller: plan_verb.Controller, as_json: output.Json = False) -> None:
    r"""Tell what is held of a person, where, and why: the base of an access request. Nothing is written.

    Counts per collection with data types, grounds and periods; never a value. Logs, other controllers' records and the
    inside of backup copies are not looked into, and are listed as such. The list is that of `plan`, of 100 people at
    most. Ends 1 if a person is ambiguous, or if a request about one began to erase and is not done.

    Example: printf 'email\nann@mail.example\n' | expunge locate - --controller calltrack
    """
    with opened(load_settings(), installed()) as workspace:
        scope = parse_scope(controller, workspace.data_map)
        with output.people_from(people) as stream:
            listed = list(checked_people(stream, workspace.data_map))
        found = locate(workspace, listed, scope)
    if as_json:
        output.emit(location_view(found))
    else:
        show(found)
    refuse_open(found)


def refuse_open(found: Location) -> None:
    """End with an error unless the answer is whole for everybody.

    Raises:
        NotLocatedError: Somebody is ambiguous, or there may be more of somebody.
    """
    answers = [one.answer for one in found.people]
    if number := answers.count(LocateResult.AMBIGUOUS):
        raise NotLocatedError(
            f"{number} of {output.people(len(answers))} {'is' if number == 1 else 'are'} ambiguous: nothing of theirs"
            " was counted.",
            remedy=what_helps(one.ambiguity for one in found.people if one.ambiguity is not None),
        )
    if number := answers.count(LocateResult.INCOMPLETE):
        raise NotLocatedError(
            f"Of {number} of {output.people(len(answers))} there may be more: a request that began to erase is not"
            " done.",
            remedy="Finish it (`expunge retry BATCH`), or ask with an id that proves who it is.",
        )


def show(found: Location) -> None:
    """The answer for people."""
    out = output.console()
    for one in found.people:
        _show_person(one, str(found.scope))
    held = {
        info.data_type for one in found.people for info in (line.info for line in one.per_collection if not line.empty)
    }
    rows = [
        (
            name,
            one.purpose,
            ", ".join(one.categories),
            f"{period(str(one.rule.period))} from {_STARTS[one.rule.start]}",
        )
        for name, one in found.data_types.items()
        if name in held
    ]
    if rows:
        out.print(output.table("Data types", ("data type", "purpose", "categories", "kept"), rows))
    _show_not_looked_into(found)
    out.print("Nothing was written.")


def _show_person(one: PersonLocation, controller: str) -> None:
    out = output.console()
    title = f"Person {one.number} of the list, at {controller}"
    if one.ambiguity is not None:
        out.print(f"[bold]{escape(title)}[/]: ambiguous; nothing was counted: {escape(one.ambiguity)}.")
        return
    unsure = any(held.unsure for held in one.per_collection)
    if rows := [_row(held, unsure=unsure) for held in one.per_collection if not held.empty]:
        counted = ("records", "unsure") if unsure else ("records",)
        columns = ("collection", "data type", *counted, "kept on erasure", "ground", "found by")
        out.print(output.table(title, columns, rows))
    else:
        out.print(f"[bold]{escape(title)}[/]: nothing is held.")
    if rows and (empty := [held.info.name for held in one.per_collection if held.empty]):
        out.print(f"Looked into, and nothing there: {escape(', '.join(empty))}")
    if unsure:
        out.print(
            "[yellow]unsure[/]: only an identifier led there that can pass on to somebody else. Look whose these are"
            " before they are handed out."
        )
    if one.unfollowed:
        out.print(
            f"{one.unfollowed} identifiers in these records lead to other people as well, and were not followed."
            " Who knows whose records are under them: expunge attribute --help"
        )
    for batch, places in sorted(one.unfinished.items()):
        named = ", ".join(".".join(place) for place in sorted(places))
        out.print(
            f"[bold red]not all[/] {batch} began to erase, perhaps of this person, and left something in"
            f" {escape(named)}: there may be more than can be found."
        )


def _row(held: PersonRecords, *, unsure: bool) -> tuple[object, ...]:
    until = "" if held.until is None else f"; until {held.until.isoformat()}"
    return (
        held.info.name,
        held.info.data_type,
        *((held.records, held.unsure) if unsure else (held.records,)),
        held.kept,
        f"{held.ground or ''}{until}",
        "\n".join(held.info.found_by),
    )


def _show_not_looked_into(found: Location) -> None:
    out = output.console()
    rows: list[tuple[object, ...]] = [
        (
            f"log {one.store}.{one.collection}",
            f"{one.declared.purpose}; {one.declared.ground}; kept {_kept(one.declared.retention)}",
        )
        for one in found.logs
    ]
    rows += [
        (f"controller {one.controller}", f"ask {one.name}; holds: {', '.join(one.data_types)}") for one in found.others
    ]
    rows += [
        (f"backup copies of {store}", "none are made, as the data map says; nobody looked")
        for store in found.without_backups
    ]
    rows += [
        (f"backup place {place}", "no positive control: what it does not list may be there")
        for place in found.unproven_places
    ]
    rows += [(f"copy {one.place}: {one.id}", one.why) for one in found.unseen_copies]
    if rows:
        out.print(output.table("Not looked into", ("what", "why, and whom to ask"), rows))
    if found.copies:
        copies_verb.show(list(found.copies), "Backup copies that may hold something; not looked into")


def _kept(retention: object) -> str:
    return period(str(retention))
