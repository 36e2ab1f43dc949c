"""Reference guard: SQL for rows that stay but reference rows about to be deleted."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.erase.erasing_statements import due
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import refers, row_id, same_row
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column, comma_list, or_
from expunge_connectors.postgres.sql.shared_rows import of_others, others_left, unreferenced
from expunge_connectors.postgres.sql.subject_search import Search


def changed_by(
    search: Search, mapped: BoundTable, key: ForeignKey, children: Sequence[BoundTable], circle: Sequence[BoundTable]
) -> sql.Composed:
    """How many rows of the child point to ones to be deleted here, though they are not deleted themselves.

    Counted, not merely looked for: a planner that hopes to stop at the first row may read the whole child table
    for the usual answer, which is none.
    """
    only = unreferenced(search, mapped, "t") if mapped.spec.sharing is not None else TRUE
    parents = sql.SQL("SELECT DISTINCT {} FROM {} AS f JOIN {} AS t ON {} WHERE {}").format(
        comma_list(*(column("t", name) for name in key.parent_columns)),
        search.table(mapped.name),
        mapped.table.identifier,
        same_row(mapped, "t", "f"),
        and_(due("f"), only),
    )
    if mapped.spec.sharing is None and set(key.parent_columns) <= set(mapped.table.row_key):
        places = [mapped.table.row_key.index(name) for name in key.parent_columns]
        parents = sql.SQL("SELECT DISTINCT {} FROM {} AS f WHERE {}").format(
            comma_list(
                *(
                    sql.SQL("{} AS {}").format(column("f", f"p{at}"), sql.Identifier(name))
                    for at, name in zip(places, key.parent_columns, strict=True)
                )
            ),
            search.table(mapped.name),
            due("f"),
        )
    child = children[0]
    going = [
        sql.SQL("NOT EXISTS (SELECT FROM {} AS f WHERE {} AND {})").format(
            search.table(one.name), same_row(one, "c", "f"), due("f")
        )
        for one in children
        if one in circle and search.found.get(one.name)
    ]
    # A foreign key of the root of an inheritance tree does not hold for the tables below it.
    rows = sql.SQL("ONLY {}" if child.table.tree and key.whole else "{}").format(child.table.identifier)
    return sql.SQL("SELECT count(*) FROM {} AS c JOIN ({}) AS t ON {} WHERE {}").format(
        rows,
        parents,
        refers(child, key.columns, key.parent_columns, "c", "t"),
        and_(TRUE, *going),
    )


def owned_again(search: Search, mapped: BoundTable, *, over: bool) -> sql.Composed:
    """Whether a shared row of which something went, or is to go, belongs to somebody else by now.

    Args:
        search: Its found rows are those that go.
        mapped: Shared rows.
        over: All of them had their turn.
    """
    return sql.SQL("SELECT EXISTS (SELECT FROM {} AS t JOIN {} AS f ON {} WHERE {})").format(
        mapped.table.identifier,
        search.table(mapped.name),
        same_row(mapped, "t", "f"),
        or_(
            and_(due("f"), others_left(search, mapped, "t", over=over)),
            and_(sql.SQL("f.leads"), of_others(search, mapped, "t")),
        ),
    )


def lock(search: Search, mapped: BoundTable) -> sql.Composed:
    """Lock rows, always in the same order, while those that point to them are counted.

    Two owners erased at once: the second one waits here, and its next statement sees the first one gone. An owner
    being added holds a lock on the row through its foreign key, and is waited for as well.
    """
    return _locked(search, mapped, due("f"))


def lock_leading(search: Search, mapped: BoundTable) -> sql.Composed:
    """Lock the other shared rows whose rows below may have gone: those that stay, or that a later transaction deletes.

    An owner who is being added meanwhile is seen once it is locked, and what hangs below stays.
    """
    return _locked(search, mapped, and_(sql.SQL("f.leads"), sql.SQL("NOT ({})").format(due("f"))))


def _locked(search: Search, mapped: BoundTable, which: sql.Composable) -> sql.Composed:
    return sql.SQL("SELECT FROM {} AS t JOIN {} AS f ON {} WHERE {} ORDER BY {} FOR UPDATE OF t").format(
        mapped.table.identifier,
        search.table(mapped.name),
        same_row(mapped, "t", "f"),
        which,
        comma_list(*row_id(mapped, "t")),
    )
