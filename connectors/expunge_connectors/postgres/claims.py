"""Claims: which values pass from one person to another, and which tables say whose such a value is now. Pure (ADR 18).

An e-mail, a phone number or a user name belongs to whoever has it today. A row that *is* a person and holds such a
value claims it; nothing else does: no log, no order that names it, no row of another controller's. A record that is
known by the value alone is the request's only while nobody outside of the request claims it: `sql.claimed_keys` looks,
in the erasing transaction and again before its commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link, internal_namespace
from expunge_connectors.postgres.table_spec import TableSpec

_MEANINGLESS = frozenset({"smallint", "integer", "bigint", "numeric", "uuid"})
"""Types of keys that are made, not chosen."""
PERSONS_KEY = "a person's key"


@dataclass(frozen=True, slots=True)
class Claim:
    """A collection whose rows are persons, and a value in them that passes on.

    Attributes:
        person: The link by which it is known whose a row is.
        value: The link that compares the value: one of `found_by`, or, for columns that links `of` name, made up.
        since: The column that says when the claim began; None: perhaps always.
    """

    collection: str
    person: Link
    value: Link
    since: str | None = None


def passing_values(
    store: str, spec: PostgresSpec, data_map: DataMap, catalogue: Catalogue
) -> Mapping[str, tuple[Claim, ...]]:
    """Namespace of keys whose values pass on -> who claims them; none where nobody's rows say whose a value is.

    These are the reusable identities that people do not share, and the columns of persons' rows that links `of` name,
    unless they are never given to somebody else: a primary key of numbers or UUIDs, or a column that yields a person
    or a thing. A user name passes on, primary key or not.
    """
    claims: dict[str, list[Claim]] = {
        name: []
        for name, identity in data_map.identities.items()
        if identity.kind is IdentityKind.REUSABLE and not identity.shareable
    }
    persons = {name: link for name, table in spec.collections.items() if (link := claiming(table)) is not None}
    for name, person in persons.items():
        table = spec.collections[name]
        for held in table.found_by:
            if (identity := held.identity or "") in claims:
                claims[identity].append(Claim(name, person, held, table.since.get(identity, table.created)))
    for child in spec.collections.values():
        for link in child.found_by:
            lead, columns = link.lead or ("", ())
            own = lead in persons and spec.collections[lead] is child
            if lead in persons and not own and not _never_reused(spec, child, link, data_map, catalogue):
                value = Link(columns=columns, of=lead, of_columns=columns)
                claims.setdefault(internal_namespace(store, lead, columns), [Claim(lead, persons[lead], value)])
    return {namespace: tuple(found) for namespace, found in claims.items()}


def aged(passing: Collection[str], data_map: DataMap) -> frozenset[str]:
    """The identities whose values are handed on, where somebody's row in any store says since when they have one."""
    return frozenset(
        identity
        for spec in data_map.stores.values()
        if isinstance(spec, PostgresSpec)
        for table in spec.collections.values()
        if claiming(table) is not None
        for identity in table.yields
        if identity in passing
        and data_map.identities[identity].handed_on
        and table.since.get(identity, table.created) is not None
    )


def claiming(table: TableSpec) -> Link | None:
    """The link by which a row that is a person is found by that person's own key."""
    if table.log is not None or table.person is None:
        return None
    return next((link for link in table.found_by if link.identity == table.person and not link.several), None)


def names_people(spec: PostgresSpec, link: Link, data_map: DataMap) -> str | None:
    """What a link names people by: `PERSONS_KEY`, or a reusable identity; None: it names a thing, or rows below."""
    if _person_named(spec, link, data_map) is not None:
        return PERSONS_KEY
    return link.identity if _reusable(link.identity or "", data_map) else None


def _person_named(spec: PostgresSpec, link: Link, data_map: DataMap) -> str | None:
    """The identity: the key stands in the row, or the row refers to the column of the person's row that yields it."""
    if link.lead is None:
        return link.identity if link.identity in data_map.person_identities else None
    lead, columns = link.lead
    person = spec.collections[lead].person if lead in spec.collections else None
    return person if person is not None and columns == (spec.collections[lead].yields[person].column,) else None


def told(spec: PostgresSpec, table: TableSpec, data_map: DataMap) -> tuple[Link, ...]:
    """Reusable values that a row tells and is not found by, as links; of rows that may say whose they are.

    All collections of a table say it, by a key or by a value that persons hold.

    Such an address may be anybody's: where a row of somebody else holds it too, it leads to neither (see `hearsay`).
    What has to be decoded no index finds, and no statement compares.
    """
    links = (link for one in spec.collections.values() if one.table == table.table for link in one.found_by)
    says = any(
        link.lead is not None or not _reusable(link.identity or "", data_map) or _held(link.identity or "", data_map)
        for link in links
    )
    if table.person is not None or table.log is not None or not says:
        return ()
    return tuple(
        Link.by(identity, source)
        for identity, source in table.yields.items()
        if _reusable(identity, data_map)
        and not source.decode
        and not any(link.identity == identity and link.source.same_place(source) for link in table.found_by)
    )


def _reusable(identity: str, data_map: DataMap) -> bool:
    """Its values pass from one person to another, and people do not share them."""
    declared = data_map.identities.get(identity)
    return declared is not None and declared.kind is IdentityKind.REUSABLE and not declared.shareable


def _held(identity: str, data_map: DataMap) -> bool:
    """Persons hold such values in rows of their own, in any store."""
    return any(
        claiming(table) is not None and any(one.identity == identity for one in table.found_by)
        for spec in data_map.stores.values()
        if isinstance(spec, PostgresSpec)
        for table in spec.collections.values()
    )


def _never_reused(spec: PostgresSpec, child: TableSpec, link: Link, data_map: DataMap, catalogue: Catalogue) -> bool:
    """What links `of` compare is nobody else's ever, on either side of it: or it names a row that persons point to."""
    lead, columns = link.lead or ("", ())
    table = spec.collections[lead]
    towards_parent = any(
        (key.child, key.parent) == (table.table, child.table)
        and set(zip(key.columns, key.parent_columns, strict=True)) == set(zip(columns, link.names, strict=True))
        for key in catalogue.foreign_keys
    )
    sides = ((table, columns), (child, link.names))
    return towards_parent or any(_never_given_again(one, of, data_map, catalogue) for one, of in sides)


def _never_given_again(table: TableSpec, columns: tuple[str, ...], data_map: DataMap, catalogue: Catalogue) -> bool:
    """These columns hold a primary key that means nothing, or what the map declares as a key that is never re-used."""
    live = catalogue.tables.get(table.table)
    if live is None:
        return True  # it is missing: that is told elsewhere
    key = live.primary_key
    if key and set(key) <= set(columns) and all(live.columns[one].base in _MEANINGLESS for one in key):
        return True
    return any(
        source.column in columns and not source.several
        for identity, source in table.yields.items()
        if identity in data_map.identities and data_map.identities[identity].kind is not IdentityKind.REUSABLE
    )
