"""Told people: a column by whose e-mail address or phone number a row says whose it is, though no key names anybody.

Bob's post in Ann's thread says by his address that it is his, whether or not the map finds posts by it. It does where
an account of his holds the address, and none of the person above does: so the data is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
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
_SHAPES = {"email": "^([^@<>]*<)?[^@[:space:]<>]+@[^@[:space:]<>]+>?$", "phone": r"^[+]?[(]?[0-9][-0-9 ()./]{5,24}$"}
"""What a value of such a column looks like."""
_TEXTS = {"text", "character varying", "character"}
_ADDRESS = r"pg_catalog.regexp_replace({column}::text, '^.*<([^<>]+)>\s*$|^\s*mailto:', '\1', 'i')"
_RULES = {
    "email": builtin()["email/2"].sql.replace("{column}::text", _ADDRESS),
    "phone": builtin()["e164/1"].sql,
}
"""Of spellings that need reading only the most frequent are compared: these say for certain that two values are one."""


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

    def value(self, alias: str) -> sql.Composed:
        """What the person's row `alias` holds, as it is compared."""
        return _spelled(self.kind, column(alias, self.held.name))

    def hold(self, value: sql.Composable, alias: str) -> sql.Composed:
        """The person's row `alias` holds the value."""
        return sql.SQL("{} = {}").format(self.value(alias), value)

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


def holders(inspection: InspectionContext) -> Iterator[Holders]:
    """Who holds values that pass on, of a kind that is known by its looks."""
    live, identities = inspection.catalogue.tables, inspection.data_map.identities
    claims = ((name, claim) for name, found in inspection.passing.items() if name in identities for claim in found)
    for name, claim in claims:
        kind, persons, value = _kind(identities[name].rule), inspection.spec.collections[claim.collection], claim.value
        table, person = live.get(persons.table), persons.person or ""
        if kind is None or value.several or table is None or identities[person].rule.spellings is not None:
            continue
        if {*claim.person.names, *value.names} <= table.columns.keys():
            key = table.columns[claim.person.names[0]]
            keyed = (key.name, spelling(identities[person].rule, key))
            yield Holders(table, person, keyed, table.columns[value.names[0]], kind)


def told_people(connection: Connection, inspection: InspectionContext, spec: TableSpec) -> list[ToldPeople] | None:
    """The columns of a table in which such values stand. None: the server would not say which look so."""
    known = list(holders(inspection))
    told = places(connection, inspection, spec, {one.kind for one in known})
    return None if told is None else [people for name, kind in told for people in told_in(name, kind, known)]


def told_in(name: str, kind: str, known: Iterable[Holders]) -> list[ToldPeople]:
    """Of whom a column of the row `t` tells."""
    return [ToldPeople(name, value(name, kind), held) for held in known if held.kind == kind]


def places(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, kinds: Collection[str]
) -> list[tuple[str, str]] | None:
    """(column, kind) where values of these kinds stand: the map says so, or some value of a sample looks so.

    None: the server would not say which look so.
    """
    table, identities = inspection.catalogue.tables[spec.table], inspection.data_map.identities
    sources = [(link.identity or "", link.source) for link in spec.found_by if link.lead is None]
    said = {
        (source.column, _kind(identities[name].rule))
        for name, source in (*sources, *spec.yields.items())
        if name in identities and not identities[name].shareable and not source.several
    }
    compared = {one for link in spec.found_by for one in link.names}
    texts = [one for one in table.columns.values() if one.base in _TEXTS or one.base.rpartition(".")[2] == "citext"]
    asked = [(one, kind) for one in texts for kind in sorted(kinds) if (one.name, kind) not in said]
    seen = _seen(connection, table, [(one, kind) for one, kind in asked if one.name not in compared])
    return (
        None
        if seen is None
        else [(one.name, kind) for one in texts for kind in kinds if (one.name, kind) in said | seen]
    )


def value(name: str, kind: str, alias: str = "t") -> sql.Composed:
    """What a column of a row tells, as it is compared; NULL where it does not look so."""
    told = column(alias, name)
    return sql.SQL("CASE WHEN {} THEN {} END").format(_looks(kind, told), _spelled(kind, told))


def found_by_values(inspection: InspectionContext, spec: TableSpec) -> Iterator[tuple[str, Holders]]:
    """The columns by whose values rows are found which persons hold, with these."""
    table = inspection.catalogue.tables[spec.table]
    plain = [
        link for link in spec.found_by if link.lead is None and not link.several and link.names[0] in table.columns
    ]
    for held in holders(inspection):
        for link in plain:
            identity = inspection.data_map.identities[link.identity or ""]
            if not identity.shareable and _kind(identity.rule) == held.kind:
                yield link.names[0], held


def _looks(kind: str, value: sql.Composable) -> sql.Composed:
    return table_sampling.matches(sql.SQL("pg_catalog.btrim({}::text)").format(value), _SHAPES[kind])


def _kind(rule: Normaliser) -> str | None:
    if rule.telephone:
        return "phone"
    return "email" if rule.name.startswith("email/") else None


def _spelled(kind: str, value: sql.Composable) -> sql.Composed:
    return normalised(_RULES[kind], value)


def _seen(connection: Connection, table: Table, asked: Sequence[tuple[Column, str]]) -> set[tuple[str, str]] | None:
    """(column, kind) where some value of a sample looks so."""
    if not asked:
        return set()
    counts = table_sampling.counted(
        connection,
        table_sampling.sampled(connection, table, {one.name: one for one, _ in asked}.values()),
        _ROWS,
        {f"{kind} {one.name}": _looks(kind, column("s", one.name)) for one, kind in asked},
    )
    return None if counts is None else {(one.name, kind) for one, kind in asked if counts[1][f"{kind} {one.name}"]}
