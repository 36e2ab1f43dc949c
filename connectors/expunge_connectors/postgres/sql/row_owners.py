"""Row owners: whose a row is, by the keys in it and in the rows above it, whatever led there (ADR 18).

Bob's order that goes to Ann's address is Bob's, and so is a line of it. A comment of Bob's below Ann's post is both
theirs: it goes when both go. `t` is a row that was found, `k` a staged key of somebody who goes in this transaction;
rows above are called `u` and how far above they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, equal, may_lead
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, or_
from expunge_connectors.postgres.sql.row_conditions import old_enough, older
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, reached


def requested(
    search: Search, mapped: BoundTable, link: BoundLink, alias: str, since: sql.Composable | None = None
) -> sql.Composable:
    """A row found through this link belongs to the request; otherwise it is newer, or another's.

    Args:
        search: Its staged keys are of everybody who goes.
        mapped: The collection.
        link: What it was found through.
        alias: The row.
        since: When the claim began on the value that led there; None: no row is too old.
    """
    return _unless(_old(search, mapped, link, alias), _others(search, link, alias, since))


def unclear(
    search: Search, mapped: BoundTable, link: BoundLink, alias: str, since: sql.Composable | None = None
) -> sql.Composable:
    """A row found through this link is of an age with the request, and another's."""
    others = _others(search, link, alias, since)
    return and_(_old(search, mapped, link, alias), or_(*others)) if others else FALSE


def nominated(
    search: Search, mapped: BoundTable, link: BoundLink, alias: str, since: sql.Composable | None = None
) -> sql.Composable:
    """The row belongs to the request as far as can be said while the keys of its people are still being resolved."""
    others = [*_told(search, link, alias), *_too_old(link, alias, since)]
    return _unless(_old(search, mapped, link, alias), others)


def _unless(old: sql.Composable, others: list[sql.Composable]) -> sql.Composable:
    return and_(old, *(sql.SQL("({}) IS NOT TRUE").format(one) for one in others)) if others else old


def _old(search: Search, mapped: BoundTable, link: BoundLink, alias: str) -> sql.Composable:
    return TRUE if link.sure else old_enough(mapped, alias, search.cutoff)


def _others(search: Search, link: BoundLink, alias: str, since: sql.Composable | None) -> list[sql.Composable]:
    """What makes it another's: it says so, or was there before this person had the value."""
    beside = [one for one in (_names_other(search, one, alias, 1) for one in link.beside) if one is not FALSE]
    return [*_told(search, link, alias), *beside, *_too_old(link, alias, since)]


def _told(search: Search, link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """The row was found by a value that passes on, and says by a key whose it is: that person's key leads there too."""
    yield from (_names(search, one, alias, 1) for one in link.told_by)


def _too_old(link: BoundLink, alias: str, since: sql.Composable | None) -> Iterator[sql.Composable]:
    if since is not None:
        yield older(link, alias, since)


def _names(search: Search, link: BoundLink, alias: str, depth: int) -> sql.Composable:
    """The row names somebody by this link, or the row above it does."""
    there = [sql.SQL("{} IS NOT NULL").format(column(alias, one.name)) for one in link.columns]
    lead = None if link.of is None else search.store.collections[link.of[0]]
    if lead is None or lead.spec.person is not None:
        return and_(*there, *may_lead(link, alias))
    above = f"u{depth}"
    named = or_(*(_names(search, one, above, depth + 1) for one in _firm(lead) if one.persons & link.persons))
    return _above(lead, link, alias, above, named)


def _names_other(search: Search, link: BoundLink, alias: str, depth: int) -> sql.Composable:
    """The row names somebody by this link who does not go, or the row above it does.

    Where nobody who goes is known by such a key, nothing can be said.
    """
    lead = None if link.of is None else search.store.collections[link.of[0]]
    if lead is None:
        there = sql.SQL("{} IS NOT NULL").format(column(alias, link.columns[0].name))
        return _no_key(search, link, alias, and_(there, *may_lead(link, alias)))
    above = f"u{depth}"
    if lead.spec.person is not None:
        own = next(one for one in lead.links if one.namespace == lead.spec.person and one.of is None)
        there = sql.SQL("{} IS NOT NULL").format(column(above, own.columns[0].name))
        other = _no_key(search, own, above, there)
    else:
        wanted = [one for one in _firm(lead) if one.persons & link.persons]
        others = [one for one in (_names_other(search, each, above, depth + 1) for each in wanted) if one is not FALSE]
        other = or_(*others) if others else FALSE
    return FALSE if other is FALSE else _above(lead, link, alias, above, other)


def _no_key(search: Search, link: BoundLink, alias: str, there: sql.Composable) -> sql.Composable:
    keys = search.staged.table(*link.staged)
    if keys is None:
        return FALSE
    theirs = reached(SearchPath(link, keys, tuple(f"c{at}" for at in range(len(link.types)))), alias)
    return and_(there, sql.SQL("({}) IS NOT TRUE").format(theirs))


def _firm(mapped: BoundTable) -> list[BoundLink]:
    """The links of one value by which its rows name somebody, but for those from row to row."""
    return [one for one in mapped.links if not one.below and (one.source is None or not one.source.several)]


def _above(lead: BoundTable, link: BoundLink, alias: str, above: str, condition: sql.Composable) -> sql.Composed:
    """There is a row above, and this is so of it."""
    assert link.of is not None
    theirs = [
        compared(lead.table.columns[name], kind, above) for name, kind in zip(link.of[1], link.types, strict=True)
    ]
    return sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {} AND ({}))").format(
        lead.table.identifier, sql.Identifier(above), equal(link, alias, theirs), condition
    )
