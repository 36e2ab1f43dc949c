"""Row conditions in SQL: in scope, old enough, known by a value alone."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, equal, may_lead, nothing_inside
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, or_
from expunge_connectors.postgres.sql.staged_keys import MEMBER
from expunge_connectors.postgres.statement_cache import Placeholder


def in_scope(mapped: BoundTable, alias: str) -> sql.Composable:
    """The row is a record of the request's controller."""
    if mapped.member_column is None:
        return TRUE
    return sql.SQL("{}::text = {}").format(column(alias, mapped.member_column), MEMBER)


def older(link: BoundLink, alias: str, since: sql.Composable) -> sql.Composable:
    """The row was created before that time, for certain: its day is over by then, and rounding does not matter."""
    if link.dated is None:
        return FALSE
    created: sql.Composable = column(alias, link.dated.name)
    if link.dated.base == "date":
        return sql.SQL("{} < {}::date").format(created, since)
    if link.dated.rounding:
        created = sql.SQL("{} + interval {}").format(created, sql.Literal(str(link.dated.rounding)))
    return sql.SQL("{} < {}").format(created, since)


def old_enough(mapped: BoundTable, alias: str, cutoff: datetime | None) -> sql.Composable:
    """The row was created before the cutoff, or the map decides so where nothing says when."""
    if mapped.spec.undated is not None and mapped.spec.created is None:
        return TRUE if mapped.spec.undated == "erase" else FALSE
    if cutoff is None or mapped.spec.created is None:
        return TRUE
    # A day without a time may be after the cutoff on the cutoff's own day; a rounded time may be so much later.
    created = mapped.table.columns[mapped.spec.created]
    day = created.base == "date"
    return sql.SQL("coalesce({} < {}::date, {})" if day else "coalesce({} < {}, {})").format(
        column(alias, mapped.spec.created),
        Placeholder("cutoff", cutoff, created.rounding),
        TRUE if mapped.spec.undated == "erase" else FALSE,
    )


def made_after(mapped: BoundTable, alias: str, cutoff: datetime) -> sql.Composed:
    """The row was created after the cutoff. A day without a time is later only on the days after."""
    live = mapped.table.columns[mapped.spec.created or ""]
    return sql.SQL("{} > {}::date" if live.base == "date" else "{} > {}").format(
        column(alias, live.name), Placeholder("cutoff", cutoff)
    )


def made_on_the_day(mapped: BoundTable, alias: str, cutoff: datetime) -> sql.Composed:
    """Of a row that says a day without a time: it is the cutoff's own."""
    return sql.SQL("{} = {}::date").format(column(alias, mapped.spec.created or ""), Placeholder("cutoff", cutoff))


def known_by_value_alone(store: BoundStore, mapped: BoundTable, alias: str) -> sql.Composable:
    """The row names nobody by a key that is never re-used: by such a key it is that person's, whoever's value it holds.

    A link that leads from rows below says nothing of one row; one by which rows above name it, only where one does.
    """
    return and_(
        *(
            says_nothing(store, link, alias)
            for link in mapped.links
            if not link.unclaimed and link.sure and not link.below
        )
    )


def says_nothing(store: BoundStore, link: BoundLink, alias: str) -> sql.Composable:
    """No key stands in the row by this link; no row above names it, where these say whose it is."""
    if link.source is not None and link.source.several:
        return nothing_inside(link.source, alias)
    if link.of is not None and link.towards_parent:
        lead = store.collections[link.of[0]]
        theirs = [
            compared(lead.table.columns[name], kind, "u") for name, kind in zip(link.of[1], link.types, strict=True)
        ]
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS u WHERE {})").format(
            lead.table.identifier, equal(link, alias, theirs)
        )
    return or_(
        *(sql.SQL("{} IS NULL").format(column(alias, one.name)) for one in link.columns), _of_another(link, alias)
    )


def _of_another(link: BoundLink, alias: str) -> sql.Composable:
    """The row is of no kind to which the link leads: it names something else by these columns."""
    needed = list(may_lead(link, alias))
    return sql.SQL("({}) IS NOT TRUE").format(and_(*needed)) if needed else FALSE
