"""`expunge holds`: place, lift and list legal holds, exemptions and restrictions."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.errors import InputError, UsageError
from expunge_config.settings import load_settings
from expunge_connectors.contract import Scope
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.api_keys import controller_scope
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds import hold_placement, legal_holds
from expunge_orchestrator.holds.hold_placement import HoldRequest
from expunge_orchestrator.json_views import legal_hold_view
from expunge_orchestrator.ledger import page_cursors
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger_check import names_read_alike, unmapped_names
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.rules.restrictions import RESTRICTION, RestrictedFor, ground_in_words
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import opened


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(
        no_args_is_help=True, help="Holds, exemptions and restrictions: what must not be erased for now."
    )
    group.command("place")(place)
    group.command("list")(list_holds)
    group.command("lift")(lift)
    app.add_typer(group, name="holds")


def place(  # noqa: PLR0913, PLR0917 - the options of the command
    ground: Annotated[str, typer.Option(help="Why, as receipts will quote it. Name no person here.")],
    people: Annotated[
        str | None, typer.Argument(help="CSV of people: a file, or - for standard input.", metavar="PEOPLE.csv")
    ] = None,
    data_type: Annotated[str | None, typer.Option(help="Only records of this data type of the map.")] = None,
    controller: Annotated[
        str | None, typer.Option("--controller", "-c", help="Only requests of this one: client:42, or client for all.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last day, 2027-12-31; without it, until it is lifted.")] = None,
    exemption: Annotated[bool, typer.Option("--exemption", help="Call it an exemption, not a hold.")] = False,
    restriction: Annotated[
        RestrictedFor | None,
        typer.Option(
            help="These people obtained a restriction of processing, for this reason (GDPR Art. 18(1)(a)-(d))."
        ),
    ] = None,
    undisclosed: Annotated[
        bool, typer.Option("--undisclosed", help="No receipt and no state may tell that it exists.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    r"""Forbid erasing people, a data type, what a controller asks for, or what all that is named agree on.

    In force when the command ends: from then on no erasing step begins that it forbids. For people in a step that is
    running it comes too late; they are counted. People are kept as keyed hashes only. Give the internal id where there
    is one: an e-mail that several people share holds all of them. A hold on a person does not keep rows that another
    person's request takes, though they name the held one: hold that person, too, or the data type.

    A restriction holds as a hold does, has no last day and is told; the people are informed before it is lifted.

    Exit codes: 0 in force, 2 or 4 nothing was placed.

    Example: printf 'user_id\n17\n' | expunge holds place - --ground 'Court order 4 C 17/26' --until 2027-12-31
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        listed = []
        if people is not None:
            with output.people_from(people) as stream:
                listed = read_people(stream, workspace.data_map)
        scope = None if controller is None else controller_scope(controller.removesuffix(":"), workspace.data_map)
        name, member = (None, None) if scope is None else (scope.controller, scope.member)
        if data_type is not None and data_type not in workspace.data_map.data_types:
            raise InputError("The data map has no such data type.", remedy=_known(workspace.data_map.data_types))
        hold_placement.require_effective(data_type, name, workspace.data_map)
        said = output.words(ground, "--ground says why", "--ground 'Court order 4 C 17/26'")
        if exemption and restriction is not None:
            raise UsageError("It is an exemption or a restriction, not both.", remedy="Leave one of the two out.")
        wanted = HoldRequest(
            kind=RESTRICTION if restriction is not None else "exemption" if exemption else "hold",
            people=listed,
            data_type=data_type,
            controller=name,
            member=member,
            ground=said if restriction is None else ground_in_words(restriction, said),
            until=_day(until),
            undisclosed=undisclosed,
        )
        unchecked: tuple[str, ...] = ()
        if scope is not None:
            at_once = settings.stores_at_once
            unchecked = hold_placement.require_member(scope, workspace.data_map, workspace.stores, at_once)
        with workspace.ledger.begin() as connection:
            placed = hold_placement.place(
                connection,
                wanted,
                workspace.keys,
                current_actor(settings),
                workspace.data_map,
            )
    if as_json:
        late = dict(placed.running)
        output.emit({**_view(placed.hold), "too_late": late, "unproven": placed.unproven, "unchecked": unchecked})
        return
    out = output.console()
    out.print(f"{placed.hold.uid} is in force since {placed.hold.placed_at}.")
    if restriction is not None:
        out.print("Once the people are informed of its end: expunge holds lift", placed.hold.uid, "--informed DAY")
    if unchecked:
        out.print(
            f"[yellow]Stores that could not be asked: {escape(', '.join(unchecked))}.[/] If they spell the member"
            " otherwise, it holds nothing: place it again when they answer, and lift this one.",
            soft_wrap=True,
        )
    if placed.unproven:
        out.print(
            f"[yellow]{output.people(placed.unproven)} without an id of their own:[/] where an account gets another"
            " e-mail or number, the hold does not follow. Place it by the id where there is one."
        )
    for uid, number in placed.running.items():
        out.print(f"[yellow]Too late for a step that runs now:[/] {output.people(number)} in {uid}.")


def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are lifted or have run out.")] = False,
    limit: output.Limit = page_cursors.MOST,
    cursor: output.Cursor = None,
    as_json: output.Json = False,
) -> None:
    """List the holds, exemptions and restrictions in force, those that may not be told included: mind who reads this.

    Example: expunge holds list --all
    """
    with opened(load_settings(), installed()) as workspace, reading(workspace.ledger) as connection:
        page = legal_holds.list_page(connection, None, output.after(cursor), limit + 1, ended=everything)
        found = page[:limit]
        unknown = {one.id: unmapped_names(one, workspace.data_map) for one in found}
        alike = {one.id: names_read_alike(one, workspace.data_map) for one in found}
    next_cursor = page_cursors.cursor(found[-1].id) if len(page) > limit else None
    if as_json:
        views = [{**_view(one), "not_in_map": unknown[one.id], "read_alike": alike[one.id]} for one in found]
        output.emit({"legal_holds": views, "next_cursor": next_cursor})
        return
    if not found:
        output.console().print("No holds.")
        return
    columns = ("hold", "kind", "holds", "ground", "until", "placed", "by", "lifted", "told")
    rows = [
        (
            one.uid,
            one.kind,
            _what(one)
            + "".join(f" ({escape(name)}: not in the map)" for name in unknown[one.id])
            + "".join(f" (not by {escape(name)}, which reads the same place: place it anew)" for name in alike[one.id]),
            one.ground,
            one.until or "lifted",
            one.placed_at,
            one.placed_by,
            one.lifted_at,
            "no" if one.undisclosed else "yes",
        )
        for one in found
    ]
    output.console().print(output.table("Holds", columns, rows))
    output.say_more(next_cursor)


def lift(
    hold: Annotated[str, typer.Argument(help="A hold (hd_…).")],
    informed: Annotated[
        str | None,
        typer.Option(help="Of a restriction: the day on which its people were informed of its end, 2027-12-31."),
    ] = None,
    as_json: output.Json = False,
) -> None:
    """End a hold. People who waited for nothing else are taken up by the next `expunge run-due`.

    What became due by its age while it was held goes with the next `expunge retention run`.

    Exit codes: 0 lifted, 2 there is no such hold in force, or it is a restriction and nobody was informed.

    Example: expunge holds lift hd_1f0c3a5b7d9e
    """
    informed_on = None if informed is None else _read_day(informed, "--informed")
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with workspace.ledger.begin() as connection:
            lifted = hold_placement.lift(connection, hold, current_actor(settings), informed_on)
        released = hold_enforcement.release(workspace.ledger)
    if as_json:
        output.emit({**_view(lifted), "released": released})
    else:
        output.console().print(f"{lifted.uid} is lifted; {output.people(released)} to go on with: expunge run-due")


def _view(hold: Hold) -> dict[str, object]:
    people = {"placed_by": hold.placed_by, "lifted_by": hold.lifted_by}
    return {**legal_hold_view(hold), **people, "in_force": hold.holds_on(now().date())}


def _what(one: Hold) -> str:
    parts = [
        output.people(one.people) if one.people else None,
        f"data type {one.data_type}" if one.data_type else None,
        f"requests of {Scope(one.controller, one.member)}" if one.controller else None,
    ]
    return ", ".join(escape(part) for part in parts if part)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    day = _read_day(text, "--until")
    if day < now().date():
        raise UsageError("--until is over already.", remedy="Give a day from today on.")
    return day


def _read_day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is no day.", remedy="Write it as 2027-12-31.") from None


def _known(names: object) -> str:
    return f"Known are {', '.join(sorted(map(str, names)))}."  # type: ignore[call-overload]
