"""Shared rows in SQL: who else references one. A shared row goes with the last row that references it."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, same_row
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, or_
from expunge_connectors.postgres.sql.subject_search import Search


def unreferenced(store: BoundStore, mapped: BoundTable, alias: str) -> sql.Composed:
    """No row of the tables that lead to this shared row points to it any more."""
    return and_(
        *(
            sql.SQL("NOT EXISTS (SELECT FROM {} AS o WHERE {})").format(
                store.collections[link.of[0]].table.identifier, _points(store, link, alias)
            )
            for link in mapped.links
            if link.of is not None
        )
    )


def others_left(search: Search, mapped: BoundTable, alias: str) -> sql.Composable:
    """A row that this call is not going to delete points to the shared row."""
    if mapped.spec.sharing is None:
        return FALSE
    return or_(
        *(
            sql.SQL("EXISTS (SELECT FROM {} AS o WHERE {})").format(
                search.store.collections[link.of[0]].table.identifier,
                and_(
                    _points(search.store, link, alias),
                    _staying(search, search.store.collections[link.of[0]], link.of[1]),
                ),
            )
            for link in mapped.links
            if link.of is not None
        )
    )


def _points(store: BoundStore, link: BoundLink, alias: str) -> sql.Composed:
    """The row `o` points there, be the link one to rows of another kind: whoever points to it needs it."""
    assert link.of is not None
    lead = store.collections[link.of[0]]
    return and_(
        *(
            equals(
                compared(live, kind, alias), compared(lead.table.columns[name], lead.leads[name], "o"), kind.equality
            )
            for live, kind, name in zip(link.columns, link.types, link.of[1], strict=True)
        ),
    )


def _staying(search: Search, lead: BoundTable, columns: Sequence[str]) -> sql.Composable:
    """The row `o`, or at least what points in it, will be there when this call is over."""
    kept = lead.action is Action.TOMBSTONE and not lead.spec.tombstone.keys() & set(columns)
    if kept or not search.found.get(lead.name):
        return TRUE
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS f WHERE {} AND f.leads AND NOT f.stays)").format(
        search.table(lead.name), same_row(lead, "o", "f")
    )
