"""Shared records: rows that go with the last one that points to them, and are somebody's own.

A deal names the user who sells, and points to a contact with an address of its own. With the last of the seller's
deals the contact would go, who asked for nothing. A household's row that has the address of one of those who point to
it is theirs; so the data is asked. Of places that no link names as well: an address anywhere in a document, and a
column of which most values are what persons are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import (
    led_people,
    rows_concerned,
    several_people,
    told_people,
    value_holders,
)
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.led_people import Lead
from expunge_connectors.postgres.inspection.row_persons import Person
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.inspection.value_holders import Holders
from expunge_connectors.postgres.sql.comparison import normalised
from expunge_connectors.postgres.sql.fragments import and_, column, or_
from expunge_connectors.postgres.table_spec import TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Shared rows with an address of their own, which none of the people has who point to them."""
    led = {
        name: leads
        for name, spec, _ in inspection.live_data()
        if spec.sharing is not None and spec.goes_with_any is None
        if (leads := list(led_people.leads(inspection, spec)))
    }
    told = told_people.places(connection, inspection, dict.fromkeys(led, ("email", "phone")))
    for name, leads in led.items():
        spec, places = inspection.spec.collections[name], told[name]
        asked = {place: _others(connection, inspection, spec, place, leads) for place in places or ()}
        asked |= _unlinked(connection, inspection, name, leads)
        if columns := sorted({column for (column, _), answer in asked.items() if answer}):
            yield inspection.error_of_rows(
                "shared-person",
                name,
                f"Rows of {spec.table} are shared, and go with the last row that points to them. Some tell in"
                f" {', '.join(columns)} an address, a number or a name of their own, which nobody has who points to"
                " them: the record of another human would go, unless it is somebody's who left it, or was erased.",
                "If each row is a human, say so: `person` instead of `sharing`, found by its own key and address, so"
                " that it goes when that human asks. If none is (an office, a household, a plan that one of them paid),"
                " say `goes_with_any: {reason: ..., approved_by: ...}`.",
                rows_concerned.together(asked.values(), rows_concerned.everybody(inspection, spec)) or (),
            )
        if places is None or None in asked.values():
            yield several_people.unknown(inspection, name, f"Whether shared rows of {spec.table} are somebody's own")


def _unlinked(
    connection: Connection, inspection: InspectionContext, name: str, leads: Sequence[Lead]
) -> dict[tuple[str, str], Concerned | None]:
    """(column, kind) of no link -> whose rows tell a value there that the own row of another person holds."""
    spec = inspection.spec.collections[name]
    table = inspection.catalogue.tables[spec.table]
    texts, documents = told_people.unlinked(inspection, name)
    found: dict[tuple[str, str], list[Concerned | None]] = {}
    for held in value_holders.holders(inspection):
        for one in documents:
            join, value = told_people.inside(one, held.kind)
            theirs = _held_by_another(inspection, spec, value, held, leads)
            answer = rows_concerned.rows_of(connection, inspection, spec, theirs, [join])
            found.setdefault((one.name, held.kind), []).append(answer)
    for held in value_holders.holders_of_names(inspection):
        for one in texts:
            value = normalised(held.rule, column("t", one.name))
            theirs = _held_by_another(inspection, spec, value, held, leads)
            called = and_(told_people.mostly_held(table, one, held), theirs)
            found.setdefault((one.name, held.kind), []).append(
                rows_concerned.rows_of(connection, inspection, spec, called)
            )
    every = rows_concerned.everybody(inspection, spec)
    return {place: rows_concerned.together(answers, every) for place, answers in found.items()}


def _held_by_another(
    inspection: InspectionContext, spec: TableSpec, value: sql.Composable, held: Holders, leads: Sequence[Lead]
) -> sql.Composed:
    """Somebody's own row holds the value, and nobody's who points to the row `t`."""
    people = [person for lead in leads for person in lead.people if person.identity == held.identity]
    member = rows_concerned.of_one_member(inspection, spec, "t", held.spec, "p")
    theirs = or_(*(_pointing(held, person, value) for person in people))
    return sql.SQL("{} AND NOT {}").format(_persons(held, and_(held.hold(value, "p"), member)), theirs)


def _others(
    connection: Connection,
    inspection: InspectionContext,
    spec: TableSpec,
    place: tuple[str, str],
    leads: Sequence[Lead],
) -> Concerned | None:
    """Whose rows tell a value that none of those has who point to it. None: the server would not say.

    It is another's for certain where somebody's own row holds it. An e-mail address that no such row holds is as well,
    where those who point to it are known by addresses; where they are known by none, unless one's own row points to it.
    A number may be of a household.
    """
    value = value_holders.value(*place)
    holders = [one for one in value_holders.holders(inspection) if one.kind == place[1]]
    people = [(lead, person) for lead in leads for person in lead.people]
    pairs = [(held, person) for held in holders for _, person in people if held.identity == person.identity]
    theirs = [_pointing(held, person, value) for held, person in pairs]
    others = [
        _persons(held, and_(held.hold(value, "p"), rows_concerned.of_one_member(inspection, spec, "t", held.spec, "p")))
        for held in holders
    ]
    if place[1] == "email":
        others += [_pointing(held, person, None) for held, person in pairs]
        unknown = [
            (lead, person) for lead, person in people if person.identity not in {one.identity for one in holders}
        ]
        theirs += [_led(person) for lead, person in unknown if lead.persons]
        others += [_led(person) for lead, person in unknown if not lead.persons]
    told = sql.SQL("{} IS NOT NULL AND NOT {} AND {}").format(value, or_(*theirs), or_(*others))
    return rows_concerned.rows_of(connection, inspection, spec, told) if others else frozenset()


def _led(person: Person) -> sql.Composed:
    """Somebody points to the row `t`."""
    return sql.SQL("EXISTS (SELECT FROM (SELECT) AS nothing{} WHERE {} IS NOT NULL)").format(
        sql.Composed(person.joins), person.value
    )


def _pointing(held: Holders, person: Person, value: sql.Composable | None) -> sql.Composed:
    """The own row of a person who points to the row `t` holds this value, or any."""
    holds = sql.SQL("{} IS NOT NULL").format(held.value("p")) if value is None else held.hold(value, "p")
    return _persons(held, and_(holds, sql.SQL("{} = {}").format(held.named("p"), person.value)), person.joins)


def _persons(held: Holders, condition: sql.Composable, joins: Sequence[sql.Composable] = ()) -> sql.Composed:
    return sql.SQL("EXISTS (SELECT FROM {} AS p{} WHERE {})").format(
        held.table.identifier, sql.Composed(joins), condition
    )
