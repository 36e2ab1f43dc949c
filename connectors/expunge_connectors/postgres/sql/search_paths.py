"""Search paths: all ways that lead to a collection's rows, from staged keys and from rows found before.

A shared row leads on only while it is the request's alone (ADR 26). So a key that such a row gave leads nowhere while
somebody else owns the row, `s` here, or made it anew; once the row is gone it leads to what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg import sql

from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import compared
from expunge_connectors.postgres.sql.fragments import and_, column, or_
from expunge_connectors.postgres.sql.row_conditions import old_enough
from expunge_connectors.postgres.sql.shared_rows import of_others
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, from_rows


def search_paths(search: Search, links: Iterable[BoundLink]) -> list[SearchPath]:
    """All ways that lead anywhere: staged keys, and found rows of collections in the scope."""
    found: list[SearchPath] = []
    for link in links:
        staged = search.staged.table(*link.staged, claimed=False if link.unclaimed else None)
        if staged is not None:
            led = _of_own_rows(search, link, staged)
            columns = tuple(f"c{place}" for place in range(len(link.types)))
            found.append(SearchPath(link, led, columns, dated=search.staged.dated(link)))
        if link.of is not None and search.found.get(link.of[0]):
            found.append(from_rows(search, link))
    return found


def claimed_paths(search: Search, mapped: BoundTable) -> list[SearchPath]:
    """The ways from staged keys that others claim: to records of whom nobody can tell whose they are."""
    found: list[SearchPath] = []
    for link in mapped.selecting:
        staged = search.staged.table(*link.staged, claimed=True) if link.unclaimed else None
        if staged is not None:
            found.append(SearchPath(link, staged, tuple(f"c{place}" for place in range(len(link.types)))))
    return found


def _of_own_rows(search: Search, link: BoundLink, staged: sql.Composable) -> sql.Composable:
    """The staged keys without those of shared rows that are others' as well.

    Not where they lead to shared rows in their turn: the others point there too, so it stays, and is told as theirs.
    """
    lead = None if link.of is None else search.store.collections[link.of[0]]
    if link.of is None or lead is None or lead.spec.sharing is None or link.to_shared:
        return staged
    feed = next(one for one in lead.feeds if one.namespace == link.namespace)
    same = (
        equals(compared(live, kind, "s"), column("k", f"c{at}"), kind.equality)
        for at, (live, kind) in enumerate(zip(feed.columns, feed.types, strict=True))
    )
    return sql.SQL("(SELECT k.* FROM {} AS k WHERE NOT EXISTS (SELECT FROM {} AS s WHERE {}))").format(
        staged, lead.table.identifier, and_(*same, or_(of_others(search, lead, "s"), *_made_since(search, lead)))
    )


def _made_since(search: Search, lead: BoundTable) -> Iterator[sql.Composable]:
    """The shared row was made since the cutoff: whose it is its owners say, not a key of one that is gone."""
    if lead.spec.created is not None and search.cutoff is not None:
        yield sql.SQL("NOT ({})").format(old_enough(lead, "s", search.cutoff))
