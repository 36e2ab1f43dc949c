"""Row persons: whose a row is, by the keys in it and in the rows above it, as SQL that other questions compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_config.normalisers import Normaliser
from expunge_connectors.postgres.catalog.key_types import spelling
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.claims import PERSONS_KEY, names_people
from expunge_connectors.postgres.inspection import rows_concerned, value_holders
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import normalised, taken_out, tells, values
from expunge_connectors.postgres.sql.fragments import and_, column, raw
from expunge_connectors.postgres.table_links import Link, Source
from expunge_connectors.postgres.table_spec import TableSpec

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
    for number, (name, held) in enumerate(value_holders.found_by_values(inspection, spec)):
        person = f"{alias}_by{number}"
        same = and_(
            held.hold(value_holders.value(name, held.kind, alias), person),
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
