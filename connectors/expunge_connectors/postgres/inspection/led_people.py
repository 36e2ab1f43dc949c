"""Led people: rows that are found through a row of somebody else's as well.

A comment names its author, and is found by the post below which it stands: with whoever wrote the post it would go. An
order's line names nobody, and is found by the order and by the product: with the buyer, and with the seller.
Where a recording names the caller whom its call names too, the same link is harmless: so the data is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, product

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_config.normalisers import Normaliser
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import spelling
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.claims import PERSONS_KEY, names_people
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import rows_concerned, several_people, told_people
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.inspection.told_people import Holders, ToldPeople
from expunge_connectors.postgres.sql.comparison import normalised, taken_out, tells, values
from expunge_connectors.postgres.sql.fragments import and_, column, raw
from expunge_connectors.postgres.table_spec import Link, Source, TableSpec

_SECONDS = 20
_LEVELS = 3
"""Rows above a row of which the person is asked: a like of a post in a thread of a forum, a folder in folders."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose a row is: the key that stands in it, or in a row above it, and how that row is joined.

    Attributes:
        by_value: No key says so, but an address that this person's own row holds.
    """

    identity: str
    value: sql.Composable
    joins: tuple[sql.Composable, ...] = ()
    by_value: bool = False


@dataclass(frozen=True, slots=True)
class Lead:
    """A link that leads from other rows to a row, and whose those are.

    Attributes:
        text: `post of posts`, `token (token)`.
        persons: Those rows are persons.
    """

    text: str
    persons: bool
    people: tuple[Person, ...]


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Rows that would go, or be cleared, with the person of a row that leads to them, and are another person's."""
    until = time.monotonic() + _SECONDS
    looked = {
        name: list(leads(inspection, spec))
        for name, spec, _ in inspection.live_data()
        if not spec.by_elements and spec.goes_with_any is None and spec.sharing is None
    }
    holders = list(told_people.holders(inspection))
    told = told_people.places(connection, inspection, {name: _kinds(holders, led) for name, led in looked.items()})
    for name, led_by in looked.items():
        spec = inspection.spec.collections[name]
        rows, every = _Rows(connection, inspection, spec, until), rows_concerned.everybody(inspection, spec)
        named = own(inspection, spec, "t")
        led = {lead.text: rows.differ(named.values(), lead.people) for lead in led_by}
        left = [lead for lead in led_by if not led[lead.text]]
        places = [one for one in told[name] or () if one[0] not in _asked_about(inspection, spec)]
        people = told_people.told_in(places, holders)
        by_values = {(one.name, lead.text): rows.tell(named, one, lead.people) for one in people for lead in left}
        yield from _by_values(inspection, name, by_values, known=told[name] is not None or not left)
        pairs = combinations(left, 2)
        met = {f"{one.text} and {other.text}": rows.differ(one.people, other.people) for one, other in pairs}
        if unsaid := sorted(lead for lead, answer in led.items() if answer is None):
            what = f"Whether rows of {spec.table} are found by {', '.join(unsaid)} through rows of another person"
            yield several_people.unknown(inspection, name, what)
        elif unsaid := sorted(pair for pair, answer in met.items() if answer is None):
            what = f"Whether rows of {spec.table} are found through rows of two people, by {'; by '.join(unsaid)}"
            yield several_people.unknown(inspection, name, what)
        if strange := [lead for lead, answer in led.items() if answer]:
            message = (
                f"Rows of {spec.table} say by {', '.join(sorted(named))} whose they are, and are found by"
                f" {', '.join(strange)} as well: some of them through rows of another person, with whom they go"
                " whole, or are cleared."
            )
            concerned = rows_concerned.together(led.values(), every) or ()
            yield inspection.error_of_rows("several-people", name, message, _WITHOUT_LINK, concerned)
        if strange := [pair for pair, answer in met.items() if answer]:
            message = (
                f"Rows of {spec.table} are found by {'; by '.join(strange)}: some of them through rows of two people,"
                " with each of whom they go whole, or are cleared."
            )
            concerned = rows_concerned.together(met.values(), every) or ()
            yield inspection.error_of_rows("several-people", name, message, _WITHOUT_ONE, concerned)


def _kinds(holders: Iterable[Holders], led_by: Iterable[Lead]) -> set[str]:
    """The kinds of values by which a row can be somebody's other than of the rows that lead to it."""
    led = {person.identity for lead in led_by for person in lead.people}
    return {one.kind for one in holders if one.identity in led}


def _asked_about(inspection: InspectionContext, spec: TableSpec) -> set[str]:
    """The columns of whose values the statements ask whose they are (see `held_values`)."""
    return {one.names[0] for one in spec.found_by if spec.person is None and one.identity in inspection.passing}


def _by_values(
    inspection: InspectionContext, name: str, asked: Mapping[tuple[str, str], Concerned | None], *, known: bool
) -> Iterator[Finding]:
    """Rows that name nobody by a key, and tell an address that an account of somebody else's holds.

    Args:
        inspection: Where the collection is.
        name: Of the collection.
        asked: (column that tells, link that leads) -> whose such rows are.
        known: The server said which columns tell anything.
    """
    spec = inspection.spec.collections[name]
    for (place, lead), answer in asked.items():
        if answer:
            message = (
                f"Rows of {spec.table} say by an e-mail address or phone number in {place} whose they are, which the"
                f" row of that person holds, and are found by {lead} as well: some of them through rows of another"
                " person, with whom they go whole, or are cleared."
            )
            yield inspection.error_of_rows("several-people", name, message, _WITHOUT_LINK, answer)
    if not known or None in asked.values():
        places = sorted({place for (place, _), answer in asked.items() if answer is None})
        what = f"Whether rows of {spec.table} tell addresses of another person than whose row leads to them"
        yield several_people.unknown(inspection, name, f"{what} ({', '.join(places)})" if places else what)


_REMEDY = (
    "{}: then a row goes with its own person alone. Give the link a collection of the same table, of a data type that"
    " is tombstoned, if the column must let go of the other's row. Or say `goes_with_any: {{reason: ..., approved_by:"
    " ...}}`."
)
_WITHOUT_LINK, _WITHOUT_ONE = map(_REMEDY.format, ("Leave this link out", "Leave one of these links out"))


def leads(inspection: InspectionContext, spec: TableSpec) -> Iterator[Lead]:
    """The links by which other rows lead to a row `t`."""
    for place, link in enumerate(spec.found_by):
        people = tuple(above(inspection, spec, place, "t"))
        if people:
            by = f"({link.identity})" if link.lead is None else f"of {link.lead[0]}"
            persons = link.lead is not None and inspection.spec.collections[link.lead[0]].person is not None
            yield Lead(f"{', '.join(link.names)} {by}", persons, people)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows `t` of a collection, and until when the server is asked about them."""

    connection: Connection
    inspection: InspectionContext
    spec: TableSpec
    until: float

    def differ(self, some: Iterable[Person], others: Iterable[Person]) -> Concerned | None:
        """Whose rows are one person's by the ones, and another's by the others. None: nobody knows.

        Where they are named by different identities, that can be one human: it is not asked.
        """
        return self._any(
            (sql.SQL("{} <> {}").format(one.value, other.value), (*one.joins, *other.joins))
            for one, other in product(some, others)
            if one.identity == other.identity
        )

    def tell(self, named: Mapping[str, Person], told: ToldPeople, others: Iterable[Person]) -> Concerned | None:
        """Whose rows that name nobody by a key tell a value of a person who is none of the others."""
        nobody = [one.value for one in named.values() if not one.joins]
        return self._any(
            (told.other_than(self.inspection, self.spec, other.value, nobody), other.joins)
            for other in others
            if other.identity == told.holders.identity
        )

    def _any(self, asked: Iterable[tuple[sql.Composable, Sequence[sql.Composable]]]) -> Concerned | None:
        """Whose rows meet any of these conditions, each with its joins."""
        answers = (
            rows_concerned.rows_of(self.connection, self.inspection, self.spec, condition, joins)
            if time.monotonic() < self.until
            else None
            for condition, joins in asked
        )
        return rows_concerned.together(answers, rows_concerned.everybody(self.inspection, self.spec))


def own(inspection: InspectionContext, spec: TableSpec, alias: str) -> Mapping[str, Person]:
    """By the column (or the path in a document) where a person's key stands: whose the row `alias` is."""
    table = inspection.catalogue.tables[spec.table]
    found: dict[str, Person] = {}
    for place, link in enumerate(spec.found_by):
        named = names_people(inspection.spec, link, inspection.data_map) == PERSONS_KEY
        if not named or link.names[0] not in table.columns:
            continue
        lead = None if link.lead is None else inspection.spec.collections[link.lead[0]].person
        source = Source(column=link.names[0], where=link.where) if link.lead is not None else link.source
        if person := standing(inspection, spec, lead or link.identity or "", source, alias, f"{alias}_held{place}"):
            found[".".join((source.column, *(source.path or ())))] = person
    return found


def standing(  # noqa: PLR0913, PLR0917 - a place of a row, and what is called how in the statement
    inspection: InspectionContext, spec: TableSpec, identity: str, source: Source, alias: str, held: str
) -> Person | None:
    """The person whose key stands at a place of the row `alias`; `held` are the values of a list or a document there.

    None: the column is missing, or which texts are one value is decided by reading them.
    """
    rule = inspection.data_map.identities[identity].rule
    live = inspection.catalogue.tables[spec.table].columns.get(source.column)
    if live is None or rule.spellings is not None or source.decode:
        return None
    if not source.several:
        return Person(identity, _plain(rule, live, source, alias))
    join = sql.SQL(" CROSS JOIN LATERAL {} AS {} (value)").format(values(source, alias), raw(held))
    return Person(identity, normalised(spelling(rule, live, inside=True), column(held, "value")), (join,))


def _plain(rule: Normaliser, live: Column, source: Source, alias: str) -> sql.Composed:
    """The key that stands in the row `alias`; NULL in rows of other kinds, and where another text stands."""
    value = normalised(spelling(rule, live), taken_out(source, column(alias, live.name)))
    return sql.SQL("CASE WHEN {} THEN {} END").format(tells(source.where, alias), value)


def above(
    inspection: InspectionContext, spec: TableSpec, place: int, alias: str, levels: int = _LEVELS
) -> Iterator[Person]:
    """Whose the rows are that lead to the row `alias` by the link at this place of `found_by`.

    But for persons themselves, and for rows that people share: those lead here only once all of them are gone. In a
    tree these are the rows of the same table above it, of which some are nobody's. Each way up has aliases of its own.
    """
    if not levels:
        return
    for parent, over, same in _parents(inspection, spec, spec.found_by[place], f"{alias}_{place}", alias):
        table = inspection.catalogue.tables[parent.table].identifier
        join = sql.SQL(" JOIN {} AS {} ON {}").format(table, raw(over), same)
        further = (above(inspection, parent, up, over, levels - 1) for up in range(len(parent.found_by)))
        here = (*own(inspection, parent, over).values(), *_by_value(inspection, parent, over))
        for person in (*here, *chain.from_iterable(further)):
            yield replace(person, joins=(join, *person.joins))


def _by_value(inspection: InspectionContext, spec: TableSpec, alias: str) -> Iterator[Person]:
    """Who holds the address by which the row `alias` is found, where no key says whose it is."""
    nobody = [one.value for one in own(inspection, spec, alias).values() if not one.joins]
    for number, (name, held) in enumerate(told_people.found_by_values(inspection, spec)):
        person = f"{alias}_by{number}"
        same = and_(
            held.hold(told_people.value(name, held.kind, alias), person),
            rows_concerned.of_one_member(inspection, spec, alias, held.spec, person),
        )
        join = sql.SQL(" JOIN {} AS {} ON {}").format(
            held.table.identifier, raw(person), and_(same, *(sql.SQL("{} IS NULL").format(one) for one in nobody))
        )
        yield Person(held.identity, held.named(person), (join,), by_value=True)


def _parents(
    inspection: InspectionContext, spec: TableSpec, link: Link, above: str, alias: str
) -> Iterator[tuple[TableSpec, str, sql.Composed]]:
    """The collections whose rows lead to the row `alias` by this link, an alias for each, and when its row does.

    By `of`, or by an internal identity that both rows hold. What is missing in the database is told already.
    """
    ours, live = inspection.catalogue.tables[spec.table], inspection.catalogue.tables
    if names_people(inspection.spec, link, inspection.data_map) is not None or set(link.names) - ours.columns.keys():
        return
    if link.lead is not None:
        parent = inspection.spec.collections[link.lead[0]]
        theirs = live.get(parent.table)
        if parent.sharing is None and theirs is not None and not set(link.lead[1]) - theirs.columns.keys():
            yield parent, above, rows_concerned.leads_to(link, theirs, above, ours, alias)
        return
    identity = inspection.data_map.identities[link.identity or ""]
    if identity.kind is not IdentityKind.INTERNAL or link.several or identity.rule.spellings is not None:
        return
    held = _plain(identity.rule, ours.columns[link.names[0]], link.source, alias)
    for number, (_, parent, theirs) in enumerate(inspection.live_data()):
        source = parent.yields.get(link.identity or "")
        if source is None or source.several or source.decode or source.column not in theirs.columns:
            continue
        if parent.sharing is None:
            there = f"{above}_{number}"
            told = _plain(identity.rule, theirs.columns[source.column], source, there)
            yield parent, there, sql.SQL("{} = {}").format(held, told)
