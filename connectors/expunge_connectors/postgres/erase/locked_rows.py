"""Locked rows: rows that are known by where they stand stay there until the transaction ends (ADR 24).

A ctid says which row it is as long as nobody changes the row. So rows that were found are locked: what is not where it
was found was moved, or deleted, between the search and the lock, and is searched for again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from psycopg import sql

from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.connection import only_row
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import named, place_names, row_id, same_row
from expunge_connectors.postgres.sql.fragments import and_, column, comma_list, raw
from expunge_connectors.postgres.sql.subject_search import Search

_SEARCHES = 5
"""Of rows that others change as fast as they are found; then the transaction begins anew."""


def hold(search: Search, mapped: BoundTable, find: Callable[[], None]) -> None:
    """Lock the found rows of a table without a key, and find them again where some were moved meanwhile.

    Args:
        search: Its transaction.
        mapped: Any collection: rows that are known by a key need no lock.
        find: Searches anew, in place of what was found.

    Raises:
        SomeRecordsError: They are changed as fast as they are found.
    """
    if mapped.table.row_key:
        return
    for _ in range(_SEARCHES):
        if not search.found.get(mapped.name) or _held(search, mapped):
            return
        find()
    raise SomeRecordsError(
        f"store {search.store.name}, collection {mapped.name}: rows were changed as fast as they were found; nothing of"
        " this transaction is kept, and it is done again."
    )


def _held(search: Search, mapped: BoundTable) -> bool:
    """Lock them, and say whether each is where it was found."""
    statement = search.compiled(("hold", mapped.name), partial(_locked, search, mapped))
    (there,) = only_row(search.connection.execute(statement))
    return bool(there)


def _locked(search: Search, mapped: BoundTable) -> sql.Composed:
    # Of a row that somebody moved while this waits for the lock, the server gives what it is now: some versions without
    # looking whether its place is still the one asked for.
    places, now = place_names(mapped), row_id(mapped, "t")
    same = (sql.SQL("{} = locked.{}").format(column("locked", f"now_{name}"), raw(name)) for name in places)
    return sql.SQL(
        "SELECT (SELECT count(*) FROM {found}) = count(*) FROM"
        " (SELECT {places}, {now} FROM {table} AS t JOIN {found} AS f ON {same_row} ORDER BY {order} OFFSET 0"
        " FOR UPDATE OF t) AS locked WHERE {same}"
    ).format(
        found=search.table(mapped.name),
        places=comma_list(*(column("f", name) for name in places)),
        now=comma_list(*named([f"now_{name}" for name in places], now)),
        table=mapped.table.identifier,
        same_row=same_row(mapped, "t", "f"),
        order=comma_list(*now),
        same=and_(*same),
    )
