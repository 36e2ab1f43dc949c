"""Erased rows: tombstones of people who are gone, and nobody's row that merely looks like one.

A living person's row may hold by nature what a tombstone puts there: no name, no caption. So its looks alone prove
nothing of a row that is not the request's. It is erased if a tombstone says so itself, by a value made from the row's
own key; or if nobody is left whom it names.
"""

from __future__ import annotations

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, may_lead, nothing_inside
from expunge_connectors.postgres.sql.fragments import FALSE, and_, column, or_
from expunge_connectors.postgres.sql.tombstones import is_tombstone, says_so


def is_erased(store: BoundStore, mapped: BoundTable, alias: str) -> sql.Composable:
    """The row is a tombstone, and cannot be a living person's."""
    if mapped.action is not Action.TOMBSTONE:
        return FALSE
    return and_(is_tombstone(mapped, alias), or_(says_so(mapped, alias), _names_nobody(store, mapped, alias)))


def _names_nobody(store: BoundStore, mapped: BoundTable, alias: str) -> sql.Composable:
    """Whatever the row is found through is gone. A row that is a person is one, whatever it says."""
    if mapped.spec.person is not None:
        return FALSE
    return and_(*(_leads_to_nobody(store, link, alias) for link in mapped.links))


def _leads_to_nobody(store: BoundStore, link: BoundLink, alias: str) -> sql.Composable:
    if link.source is not None and link.source.several:
        return nothing_inside(link.source, alias)
    empty = [sql.SQL("{} IS NULL").format(column(alias, one.name)) for one in link.columns]
    if needed := list(may_lead(link, alias)):
        empty.append(sql.SQL("({}) IS NOT TRUE").format(and_(*needed)))
    if link.of is None or link.below:  # nor is it known where else a person of that key may be
        return or_(*empty)
    lead, there = store.collections[link.of[0]], f"{alias}_of"
    same = (
        equals(compared(live, kind, alias), compared(lead.table.columns[name], kind, there), kind.equality)
        for live, kind, name in zip(link.columns, link.types, link.of[1], strict=True)
    )
    living = sql.SQL("NOT ({})").format(is_erased(store, lead, there))
    return or_(
        *empty,
        sql.SQL("NOT EXISTS (SELECT FROM {} AS {} WHERE {})").format(
            lead.table.identifier, sql.Identifier(there), and_(*same, living)
        ),
    )
