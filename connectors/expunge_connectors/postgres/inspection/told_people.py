"""Told people: a column by whose e-mail address or phone number a row says whose it is, though no key names anybody.

Bob's post in Ann's thread says by his address that it is his, whether or not the map finds posts by it. It does where
an account of his holds the address, and none of the person above does: so the data is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_config.normalisers import Normaliser, builtin
from expunge_connectors.postgres.catalog.key_types import spelling
from expunge_connectors.postgres.catalog.reader import Column, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import normalised
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.table_spec import TableSpec

_ROWS = 1000
_SHAPES = {"email": "^[^@[:space:]]+@[^@[:space:]]+$", "phone": r"^[+]?[(]?[0-9][-0-9 ()./]{5,24}$"}
"""What a value of such a column looks like."""
_TEXTS = {"text", "character varying", "character"}
_RULES = {"email": builtin()["email/2"].sql, "phone": builtin()["e164/1"].sql}
"""Spellings that need reading are not compared: these say for certain that two values are one."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Persons whose own rows hold a value.

    Attributes:
        table: Of the persons.
        identity: Which names them.
        key: The column with their key, and how it is compared.
        held: The column with the value.
        kind: Of the value, `email` or `phone`.
    """

    table: Table
    identity: str
    key: tuple[str, str]
    held: Column
    kind: str

    def hold(self, value: sql.Composable, alias: str) -> sql.Composed:
        """The person's row `alias` holds the value."""
        return sql.SQL("{} = {}").format(_spelled(self.kind, column(alias, self.held.name)), value)

    def named(self, alias: str) -> sql.Composed:
        """The key in the person's row `alias`."""
        return normalised(self.key[1], column(alias, self.key[0]))


@dataclass(frozen=True, slots=True)
class ToldPeople:
    """A column of the row `t` in which values stand that the rows of persons hold."""

    name: str
    value: sql.Composed
    holders: Holders

    def other_than(self, person: sql.Composable, nobody: Sequence[sql.Composable]) -> sql.Composed:
        """The row tells somebody's value, and not this person's.

        Args:
            person: The key of somebody, as a text.
            nobody: Where keys stand in the row: a row that names somebody by a key is theirs, whatever else it tells.
        """
        held = self.holders
        return and_(
            *(sql.SQL("{} IS NULL").format(one) for one in nobody),
            sql.SQL("EXISTS (SELECT FROM {} AS p WHERE {} AND {} <> {})").format(
                held.table.identifier, held.hold(self.value, "p"), held.named("p"), person
            ),
            sql.SQL("NOT EXISTS (SELECT FROM {} AS q WHERE {} AND {} = {})").format(
                held.table.identifier, held.hold(self.value, "q"), held.named("q"), person
            ),
        )


def holders(inspection: InspectionContext) -> Iterator[tuple[str, Holders]]:
    """Who holds values that pass on, by the identity of the values; of a kind that is known by its looks."""
    live = inspection.catalogue.tables
    for name, claims in inspection.passing.items():
        kind = _kind(inspection.data_map.identities[name].rule) if name in inspection.data_map.identities else None
        for claim in claims if kind is not None else ():
            persons = inspection.spec.collections[claim.collection]
            table, person, value = live.get(persons.table), claim.person, claim.value
            if table is None or value.several or not {*person.names, *value.names} <= table.columns.keys():
                continue
            rule = inspection.data_map.identities[persons.person or ""].rule
            if rule.spellings is None:
                key, held = table.columns[person.names[0]], table.columns[value.names[0]]
                yield name, Holders(table, persons.person or "", (key.name, spelling(rule, key)), held, kind or "")


def told_people(connection: Connection, inspection: InspectionContext, spec: TableSpec) -> list[ToldPeople] | None:
    """The columns of a table in which such values stand. None: the server would not say which look so.

    Those that the map names, and those of which some value of a sample looks so.
    """
    table, known = inspection.catalogue.tables[spec.table], list(holders(inspection))
    said = {(link.identity, link.names[0]) for link in spec.found_by if link.lead is None and not link.several}
    said |= {(identity, source.column) for identity, source in spec.yields.items() if not source.several}
    used = {one for link in spec.found_by for one in link.names}
    texts = [one for one in table.columns.values() if one.base in _TEXTS or one.base.rpartition(".")[2] == "citext"]
    free = [one for one in texts if one.name not in used]
    looks: set[tuple[str, str]] | None = set()
    if known and free:
        looks = _looks(connection, table, free, sorted({one.kind for _, one in known}))
    return (
        None
        if looks is None
        else [
            ToldPeople(one.name, _spelled(held.kind, column("t", one.name)), held)
            for one in texts
            for identity, held in known
            if (identity, one.name) in said or (held.kind, one.name) in looks
        ]
    )


def _kind(rule: Normaliser) -> str | None:
    if rule.telephone:
        return "phone"
    return "email" if rule.name.startswith("email/") else None


def _spelled(kind: str, value: sql.Composable) -> sql.Composed:
    return normalised(_RULES[kind], value)


def _looks(
    connection: Connection, table: Table, texts: Sequence[Column], kinds: Sequence[str]
) -> set[tuple[str, str]] | None:
    """(kind, column) where some value of a sample looks so."""
    places = [(kind, one.name) for kind in kinds for one in texts]
    counts = table_sampling.counted(
        connection,
        table_sampling.sampled(connection, table, texts),
        _ROWS,
        {f"{kind} {name}": table_sampling.matches(column("s", name), _SHAPES[kind]) for kind, name in places},
    )
    return None if counts is None else {one for one in places if counts[1][" ".join(one)]}
