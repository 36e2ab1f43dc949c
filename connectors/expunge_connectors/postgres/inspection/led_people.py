"""Led people: rows that are found through a row of somebody else's as well.

A comment names its author, and is found by the post below which it stands: with whoever wrote the post it would go. An
order's line names nobody, and is found by the order and by the product: with the buyer, and with the seller.
Where a recording names the caller whom its call names too, the same link is harmless: so the data is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import (
    row_persons,
    rows_concerned,
    several_people,
    told_people,
    value_holders,
)
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.row_persons import Person
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.inspection.told_people import ToldPeople
from expunge_connectors.postgres.inspection.value_holders import Holders
from expunge_connectors.postgres.table_spec import TableSpec

_SECONDS = 20


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
    holders = list(value_holders.holders(inspection))
    told = told_people.places(connection, inspection, {name: _kinds(holders, led) for name, led in looked.items()})
    for name, led_by in looked.items():
        spec = inspection.spec.collections[name]
        rows, every = _Rows(connection, inspection, spec, until), rows_concerned.everybody(inspection, spec)
        named = row_persons.own(inspection, spec, "t")
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
        people = tuple(row_persons.above(inspection, spec, place, "t"))
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
