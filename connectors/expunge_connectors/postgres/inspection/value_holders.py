"""Value holders: persons whose own rows hold a value that passes on, and how values are told by their looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from expunge_config.normalisers import Normaliser, builtin
from expunge_connectors.postgres.catalog.key_types import spelling
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.claims import Claim
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import normalised
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.table_spec import TableSpec

_SHAPES = {"email": "^([^@<>]*<)?[^@[:space:]<>]+@[^@[:space:]<>]+>?$", "phone": r"^[+]?[(]?[0-9][-0-9 ()./]{5,24}$"}
"""What a value of such a column looks like."""
_AT_LEAST = {
    "email": sql.SQL("pg_catalog.strpos({}::text COLLATE \"C\", '@') > 0"),
    "phone": sql.SQL("pg_catalog.btrim({}::text) COLLATE \"C\" < ':'"),
}
"""What all such values have (an @; no letter for the first), and most others lack: it costs a fraction to ask."""
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
        spec: The collection of the persons.
        table: Of the persons.
        identity: Which names them.
        key: The column with their key, and how it is compared.
        held: The column with the value.
        kind: Of the value, `email` or `phone`; of one that has no looks, its identity.
        rule: SQL with `{column}`: a value as it is compared.
    """

    spec: TableSpec
    table: Table
    identity: str
    key: tuple[str, str]
    held: Column
    kind: str
    rule: str

    def value(self, alias: str) -> sql.Composed:
        """What the person's row `alias` holds, as it is compared."""
        return normalised(self.rule, column(alias, self.held.name))

    def hold(self, value: sql.Composable, alias: str) -> sql.Composed:
        """The person's row `alias` holds the value."""
        return sql.SQL("{} = {}").format(self.value(alias), value)

    def named(self, alias: str) -> sql.Composed:
        """The key in the person's row `alias`."""
        return normalised(self.key[1], column(alias, self.key[0]))


def holders(inspection: InspectionContext) -> Iterator[Holders]:
    """Who holds values that pass on, of a kind that is known by its looks."""
    for name, claim in _claims(inspection):
        kind = kind_of(inspection.data_map.identities[name].rule)
        if kind is not None:
            yield from _holders(inspection, claim, kind, _RULES[kind])


def holders_of_names(inspection: InspectionContext) -> Iterator[Holders]:
    """Who holds values that pass on and have no looks: a user name."""
    for name, claim in _claims(inspection):
        rule = inspection.data_map.identities[name].rule
        if kind_of(rule) is None and rule.spellings is None:
            yield from _holders(inspection, claim, name, rule.sql)


def found_by_values(inspection: InspectionContext, spec: TableSpec) -> Iterator[tuple[str, Holders]]:
    """The columns by whose values rows are found which persons hold, with these."""
    table = inspection.catalogue.tables[spec.table]
    plain = [
        link for link in spec.found_by if link.lead is None and not link.several and link.names[0] in table.columns
    ]
    for held in holders(inspection):
        for link in plain:
            identity = inspection.data_map.identities[link.identity or ""]
            if not identity.shareable and kind_of(identity.rule) == held.kind:
                yield link.names[0], held


def _claims(inspection: InspectionContext) -> Iterator[tuple[str, Claim]]:
    identities = inspection.data_map.identities
    return ((name, claim) for name, found in inspection.passing.items() if name in identities for claim in found)


def _holders(inspection: InspectionContext, claim: Claim, kind: str, rule: str) -> Iterator[Holders]:
    """One, where the columns are there and the database can compare what stands in them."""
    persons, value, identities = (
        inspection.spec.collections[claim.collection],
        claim.value,
        inspection.data_map.identities,
    )
    table, person = inspection.catalogue.tables.get(persons.table), persons.person or ""
    if value.several or table is None or identities[person].rule.spellings is not None:
        return
    if {*claim.person.names, *value.names} <= table.columns.keys():
        key = table.columns[claim.person.names[0]]
        keyed = (key.name, spelling(identities[person].rule, key))
        yield Holders(persons, table, person, keyed, table.columns[value.names[0]], kind, rule)


def value(name: str, kind: str, alias: str = "t") -> sql.Composed:
    """What a column of a row tells, as it is compared; NULL where it does not look so."""
    told = column(alias, name)
    return sql.SQL("CASE WHEN {} THEN {} END").format(looks_so(kind, told), spelled(kind, told))


def looks_so(kind: str, value: sql.Composable) -> sql.Composed:
    """The value looks like one of this kind."""
    trimmed = sql.SQL("pg_catalog.btrim({}::text)").format(value)
    return and_(_AT_LEAST[kind].format(value), table_sampling.matches(trimmed, _SHAPES[kind]))


def spelled(kind: str, value: sql.Composable) -> sql.Composed:
    """The value as it is compared."""
    return normalised(_RULES[kind], value)


def kind_of(rule: Normaliser) -> str | None:
    """Of which kind the values of an identity are; None: they are not known by their looks."""
    if rule.telephone:
        return "phone"
    return "email" if rule.name.startswith("email/") else None
