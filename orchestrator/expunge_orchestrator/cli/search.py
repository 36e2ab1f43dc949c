"""`expunge search --blind`: what is left of people anywhere, without believing the data map. Places and counts only."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.report import Standing
from expunge_connectors.registry import installed
from expunge_orchestrator.blind_search import BlindSearch, search_blind
from expunge_orchestrator.cli import output
from expunge_orchestrator.errors import LeftoversFoundError, PartlySearchedError
from expunge_orchestrator.json_views import blind_search_view
from expunge_orchestrator.subjects.csv_input import checked_people
from expunge_orchestrator.workspace import connected, load_map

Blind = Annotated[
    str | None,
    typer.Option("--blind", help="CSV of people to search for: a file, or - for standard input.", metavar="PEOPLE.csv"),
]
Stores = Annotated[
    list[str] | None, typer.Option("--store", help="Only this store; give it again for another. Default: all.")
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        help="Begin nothing further after so long. Default: no limit.",
        min=0,
        max=output.MOST_MINUTES,
        callback=output.number,
    ),
]
Share = Annotated[
    int,
    typer.Option("--share", help="Percent of the time that a store is read; in the rest it rests.", min=1, max=100),
]
_MANY = 5


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("search")(search)


def search(
    blind: Blind = None,
    stores: Stores = None,
    minutes: Minutes = None,
    share: Share = 50,
    as_json: output.Json = False,
) -> None:
    r"""Search all stores for people's values, without believing the data map. Reads only.

    For auditors, after an erasure, and for finding what the map forgot. The text of every table, keys and payloads of
    Redis, names, metadata and tags of S3 objects are matched here with e-mail addresses, phone numbers, tokens and user
    names, however they are written; no value is sent to a store or printed. The list is that of `plan`. Printed is
    where something stands, what the place is in the map (unmapped, mapped, retained, log), how many records and which
    people, by their place in the list; and what was not searched. A mapped place may be in somebody else's record.

    Ends 0 if nothing stands outside of logs and what is retained, 14 if something does, and 13 if nothing does but not
    everything could be searched.

    Example: printf 'email,phone\nann@mail.example,+49301234567\n' | expunge search --blind - --minutes 30
    """
    if blind is None:
        raise UsageError("There is one way to search: --blind.", remedy="expunge search --blind PEOPLE.csv")
    settings, registry = load_settings(), installed()
    data_map = load_map(settings, registry)
    with connected(settings, data_map, registry) as (all_stores, _):
        if set(stores or ()) - all_stores.keys():
            raise UsageError("The data map has no such store.", remedy=f"It has {', '.join(all_stores)}.")
        chosen = {name: store for name, store in all_stores.items() if not stores or name in stores}
        with output.people_from(blind) as stream:
            people = checked_people(stream, data_map)
        effort = Effort(None if minutes is None else 60 * minutes, share / 100)
        with output.progress(f"Searching for {output.people(len(people))}", len(chosen)) as done:
            found = search_blind(chosen, data_map, people, effort=effort, at_once=settings.stores_at_once, done=done)
    if as_json:
        output.emit(blind_search_view(found))
    else:
        _show(found)
    _refuse(found)


def _refuse(found: BlindSearch) -> None:
    if found.leftovers:
        number = sum(one.records for one in found.leftovers)
        raise LeftoversFoundError(
            f"{output.number_of(number, 'record')} in {output.number_of(len(found.leftovers), 'place')} that the map"
            " neither retains nor declares a log.",
            remedy="Look whose they are. Map what is unmapped, or put it right; then plan these people again.",
        )
    if not found.whole:
        raise PartlySearchedError(
            "Nothing was found outside of logs and what is retained, but not everything was searched.",
            remedy="Give the rights or the time that `not searched` names, and search again.",
        )


def _show(found: BlindSearch) -> None:
    out = output.console()
    rows = [
        (
            f"{one.place.store}: {one.place.name}",
            _standing(one.place.standing, one.place.collection),
            one.records,
            _numbers(one.people),
            ", ".join(sorted(one.kinds)),
            ", ".join(sorted(one.encodings)),
        )
        for report in found.reports
        for one in report.findings
    ]
    if rows:
        columns = ("place", "in the map", "records", "people (place in the list)", "what", "written as")
        out.print(output.table("Found", columns, rows))
    else:
        out.print("Nothing was found.")
    searched = [
        (
            one.store,
            one.source,
            one.at.isoformat(timespec="seconds"),
            one.places,
            one.records,
            f"{one.size / 1e6:.1f}",
        )
        for one in found.reports
    ]
    out.print(output.table("Searched", ("store", "read from", "as of", "places", "records", "MB"), searched))
    for line in _unsearched(found):
        out.print(f"[yellow]not searched[/] {escape(line)}", soft_wrap=True)
    out.print("No value was sent to a store. Nothing was written.")


def _standing(standing: Standing, collection: str | None) -> str:
    return standing.value if collection is None else f"{standing.value}: {collection}"


def _numbers(people: frozenset[int]) -> str:
    first = ", ".join(str(number) for number in sorted(people)[:_MANY])
    return first if len(people) <= _MANY else f"{first} and {len(people) - _MANY} more"


def _unsearched(found: BlindSearch) -> list[str]:
    lines = [f"{report.store}: {gap.place}: {gap.reason}" for report in found.reports for gap in report.gaps]
    lines += [f"{store}: its connector cannot be searched" for store in found.unsearchable]
    lines += [
        f"{output.number_of(number, 'value')} of {identity}: it would be found at other people's as well"
        for identity, number in found.unsearched.items()
    ]
    if found.nameless:
        lines.append(
            f"{output.people(len(found.nameless))} (by line: {_numbers(found.nameless)}): nothing else is given"
        )
    return lines
