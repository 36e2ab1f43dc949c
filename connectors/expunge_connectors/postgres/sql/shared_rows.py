"""Shared rows in SQL: who else points to one. It goes with the last row that does, and leads on while it is one's own.

Owners are the rows that links come from, and the rows of any table whose foreign key leads there (`shared_owners`).
A row that is overwritten instead of deleted is held by owners that are neither erased (see `erased_rows`) nor the
request's own tombstones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalog.key_types import equals, same_value
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, same_row
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, or_
from expunge_connectors.postgres.sql.row_conditions import old_enough
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath
from expunge_connectors.postgres.sql.tombstones import is_tombstone


@dataclass(frozen=True, slots=True)
class _Owner:
    """A table whose rows `o` may point to the shared row.

    Attributes:
        columns: Those that point.
        points: The row `o` does.
        mapped: Its collections; without any, nothing of it goes.
    """

    table: sql.Identifier
    columns: Sequence[str]
    points: sql.Composed
    mapped: Sequence[BoundTable]


def unreferenced(search: Search, mapped: BoundTable, alias: str) -> sql.Composed:
    """No row points to this shared row any more."""
    return and_(
        *(
            sql.SQL("NOT EXISTS (SELECT FROM {} AS o WHERE {})").format(
                owner.table, and_(owner.points, _there(search, mapped, owner))
            )
            for owner in _owners(search.store, mapped, alias)
        )
    )


def of_others(search: Search, mapped: BoundTable, alias: str) -> sql.Composable:
    """A row that is not the request's points to the shared row: what hangs on it is somebody else's as well.

    Not where the request's own rows stay (retained, held, of a type that was not asked for): the shared row stays then,
    and what hangs on it is nobody else's. Of a search that keeps subjects apart: not the rows of the subject of `k`.
    """
    if mapped.spec.sharing is None or search.whoever_owns:
        return FALSE
    return or_(
        *(
            sql.SQL("EXISTS (SELECT FROM {} AS o WHERE {})").format(
                owner.table,
                and_(
                    owner.points,
                    _there(search, mapped, owner),
                    *(
                        sql.SQL("NOT EXISTS (SELECT FROM {} AS f WHERE {})").format(
                            search.table(lead.name), _own(search, lead)
                        )
                        for lead in owner.mapped
                        if search.found.get(lead.name)
                    ),
                ),
            )
            for owner in _owners(search.store, mapped, alias)
        )
    )


def not_made_again(search: Search, mapped: BoundTable, path: SearchPath, alias: str) -> Iterator[sql.Composable]:
    """A shared row to which only a key leads, no row any more, is the one that was there: not made since the cutoff.

    A chat of that name, made anew by somebody, to which nobody has come yet.
    """
    if mapped.spec.sharing is not None and mapped.spec.created is not None and path.lead is None:
        yield old_enough(mapped, alias, search.cutoff)


def others_left(search: Search, mapped: BoundTable, alias: str, *, over: bool = False) -> sql.Composable:
    """A row that this call is not going to delete points to the shared row, which stays.

    Of a search that keeps subjects apart: that is not to go with the subject of `k`.

    Args:
        search: Its found rows are those that go.
        mapped: The collection of the shared row.
        alias: The shared row.
        over: They should have gone by now: one that is there, and does not wait, was given to somebody else.
    """
    if mapped.spec.sharing is None:
        return FALSE
    return or_(
        *(
            sql.SQL("EXISTS (SELECT FROM {} AS o WHERE {})").format(
                owner.table,
                and_(owner.points, _there(search, mapped, owner), _staying(search, mapped, owner, over)),
            )
            for owner in _owners(search.store, mapped, alias)
        )
    )


def _owners(store: BoundStore, mapped: BoundTable, alias: str) -> Iterator[_Owner]:
    for link in mapped.links:
        if link.of is not None:
            lead = store.collections[link.of[0]]
            there = dict.fromkeys([lead.name, *(one.name for one in store.takers(lead.table.text))])
            points = _points(lead, link, alias)
            yield _Owner(lead.table.identifier, link.of[1], points, [store.collections[name] for name in there])
    for key in store.owning[mapped.name]:
        schema, _, name = key.child.partition(".")
        points = and_(
            *(
                same_value(mapped.table.columns[theirs], column("o", ours), column(alias, theirs))
                for ours, theirs in zip(key.columns, key.parent_columns, strict=True)
            )
        )
        yield _Owner(sql.Identifier(schema, name), key.columns, points, store.takers(key.child))


def _points(lead: BoundTable, link: BoundLink, alias: str) -> sql.Composed:
    """The row `o` points there, be the link one to rows of another kind: whoever points to it needs it."""
    assert link.of is not None
    return and_(
        *(
            equals(
                compared(live, kind, alias), compared(lead.table.columns[name], lead.leads[name], "o"), kind.equality
            )
            for live, kind, name in zip(link.columns, link.types, link.of[1], strict=True)
        ),
    )


def _there(search: Search, mapped: BoundTable, owner: _Owner) -> sql.Composable:
    """The row `o` is nobody's who is gone. Of a row with several people's parts that cannot be told."""
    if mapped.action is not Action.TOMBSTONE or len(owner.mapped) != 1:
        return TRUE
    [lead] = owner.mapped
    several = sum(one.table.oid == lead.table.oid for one in search.store.collections.values()) > 1
    if several or lead.action is not Action.TOMBSTONE:
        return TRUE
    erased: sql.Composable = is_erased(search.store, lead, "o")
    if search.found.get(lead.name):
        own = sql.SQL("EXISTS (SELECT FROM {} AS f WHERE {})").format(
            search.table(lead.name), _going(search, lead, TRUE)
        )
        erased = or_(erased, and_(is_tombstone(lead, "o"), own))
    return sql.SQL("NOT ({})").format(erased)


def _going(search: Search, lead: BoundTable, further: sql.Composable) -> sql.Composed:
    """The row `o` is the one found as `f`, which goes."""
    return and_(_own(search, lead), sql.SQL("NOT f.stays"), further)


def _own(search: Search, lead: BoundTable) -> sql.Composed:
    """The row `o` is the one found as `f`, which is the request's."""
    subject = sql.SQL("f.number = k.number") if search.apart else TRUE
    return and_(same_row(lead, "o", "f"), sql.SQL("f.leads"), subject)


def _staying(search: Search, mapped: BoundTable, owner: _Owner, over: bool) -> sql.Composable:  # noqa: FBT001
    """The row `o`, or at least what points in it, will be there when this call is over; of one overwritten, as it was.

    Args:
        search: Its found rows are those that go.
        mapped: The collection of the shared row.
        owner: The table of `o`.
        over: See `others_left`.
    """
    going = [
        sql.SQL("NOT EXISTS (SELECT FROM {} AS f WHERE {})").format(
            search.table(lead.name),
            _going(search, lead, sql.SQL("f.waits") if over and lead.action is Action.DELETE else TRUE),
        )
        for lead in owner.mapped
        if search.found.get(lead.name)
        and lead.name not in search.spared
        and (
            mapped.action is Action.TOMBSTONE
            or lead.action is not Action.TOMBSTONE
            or lead.spec.tombstone.keys() & set(owner.columns)
        )
    ]
    return and_(TRUE, *going)
