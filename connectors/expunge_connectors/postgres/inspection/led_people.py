"""Led people: rows that name their own person, and are found through a row of somebody else's as well.

A comment names its author, and is found by the post below which it stands: with whoever wrote the post it would go.
Where a recording names the caller whom its call names too, the same link is harmless: so the data is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import spelling
from expunge_connectors.postgres.claims import PERSONS_KEY, names_people
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import several_people, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import normalised, taken_out, tells
from expunge_connectors.postgres.sql.fragments import and_, column, raw
from expunge_connectors.postgres.table_spec import Link, TableSpec

_SECONDS = 20
_LEVELS = 3
"""Rows above a row of which the person is asked: a like of a post in a thread of a forum, a folder in folders."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose a row is: the key that stands in it, or in a row above it, and how that row is joined."""

    identity: str
    value: sql.Composable
    joins: tuple[sql.Composable, ...] = ()


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Rows that would go whole with the person of a row that leads to them, and are another person's."""
    until = time.monotonic() + _SECONDS
    for name, spec, _ in inspection.live_data():
        if inspection.action(spec) is Action.TOMBSTONE or spec.goes_with_any is not None or spec.sharing is not None:
            continue
        named = own(inspection, spec, "t")
        said = {
            f"{', '.join(link.names)} of {link.lead[0]}": _led(connection, inspection, spec, link, until)
            for link in spec.found_by
            if link.lead is not None
        }
        if unsaid := sorted(lead for lead, answer in said.items() if answer is None):
            what = f"Whether rows of {spec.table} are found by {', '.join(unsaid)} through rows of another person"
            yield several_people.unknown(inspection, name, what)
        if strange := [lead for lead, answer in said.items() if answer]:
            leads = ", ".join(strange)
            yield inspection.error(
                "several-people",
                name,
                f"Rows of {spec.table} say by {', '.join(sorted(named))} whose they are, and are found by {leads} as"
                " well: some of them through rows of another person, with whom they go whole.",
                "Leave this link out: then a row goes with its own person alone. Give the link a collection of the same"
                " table, of a data type that is tombstoned, if the column must let go of the other's row. Or say"
                " `goes_with_any: {reason: ..., approved_by: ...}`.",
            )


def _led(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, link: Link, until: float
) -> bool | None:
    """Whether some row is another person's than one that leads to it by this link. None: nobody knows."""
    known: bool | None = False
    for mine in own(inspection, spec, "t").values():
        for theirs in _above(inspection, spec, link, "t", _LEVELS):
            if mine.identity != theirs.identity:
                continue
            differ = _differ(connection, inspection, spec, mine, theirs) if time.monotonic() < until else None
            if differ:
                return True
            known = None if differ is None else known
    return known


def own(inspection: InspectionContext, spec: TableSpec, alias: str) -> Mapping[str, Person]:
    """By the column in which a person's key stands: whose the row `alias` is."""
    table = inspection.catalogue.tables[spec.table]
    found: dict[str, Person] = {}
    for link in spec.found_by:
        named = names_people(inspection.spec, link, inspection.data_map) == PERSONS_KEY
        if not named or link.several or link.names[0] not in table.columns:
            continue
        lead = None if link.lead is None else inspection.spec.collections[link.lead[0]].person
        identity = lead or link.identity or ""
        rule = inspection.data_map.identities[identity].rule
        if rule.spellings is None:  # otherwise which texts are one value is decided by reading them
            live = table.columns[link.names[0]]
            text = column(alias, live.name)
            held = taken_out(link.source, text) if link.lead is None else text
            value = normalised(spelling(rule, live), held)
            value = sql.SQL("CASE WHEN {} THEN {} END").format(tells(link.where, alias), value)
            found[live.name] = Person(identity, value)
    return found


def _above(inspection: InspectionContext, spec: TableSpec, link: Link, alias: str, levels: int) -> Iterator[Person]:
    """Whose the rows are that lead to the row `alias` by this link.

    But for persons themselves, and for rows that people share: those lead here only once all of them are gone. In a
    tree these are the rows of the same table above it, of which some are nobody's.
    """
    lead, columns = link.lead or ("", ())
    if names_people(inspection.spec, link, inspection.data_map) is not None or not levels:
        return
    parent = inspection.spec.collections[lead]
    ours, theirs = inspection.catalogue.tables[spec.table], inspection.catalogue.tables.get(parent.table)
    pairs = list(zip(link.names, columns, strict=True))
    if parent.sharing is not None:
        return
    if theirs is None or any(one not in ours.columns or other not in theirs.columns for one, other in pairs):
        return  # that it is missing is told already
    above = f"a{levels}"
    same = [
        sql.SQL("{ours}{cast} = {theirs}{cast}").format(
            ours=column(alias, one),
            theirs=column(above, other),
            cast=raw("" if ours.columns[one].type == theirs.columns[other].type else "::text"),
        )
        for one, other in pairs
    ]
    join = sql.SQL(" JOIN {} AS {} ON {}").format(theirs.identifier, raw(above), and_(tells(link.where, alias), *same))
    further = (_above(inspection, parent, up, above, levels - 1) for up in parent.found_by if up.lead is not None)
    for person in (*own(inspection, parent, above).values(), *chain.from_iterable(further)):
        yield Person(person.identity, person.value, (join, *person.joins))


def _differ(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, mine: Person, theirs: Person
) -> bool | None:
    """There is such a row. None: the server would not say, or not in time."""
    statement = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t{} WHERE {} <> {})").format(
        inspection.catalogue.tables[spec.table].identifier, sql.Composed(theirs.joins), mine.value, theirs.value
    )
    answer = table_sampling.asked(connection, statement)
    return None if answer is None else answer == [(True,)]
