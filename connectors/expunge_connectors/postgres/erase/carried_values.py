"""Carried values: what a tombstone replaced, and a trigger wrote into another column of the same row.

A column `previous` that keeps what `email` was: the tombstone stands, no other row changed, and the address is still
there. So where a table has triggers on UPDATE, its rows are compared with what they were, inside the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.erase.erasing_statements import due
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import named, place_names, row_id, same_row
from expunge_connectors.postgres.sql.fragments import column, comma_list, or_, raw
from expunge_connectors.postgres.sql.subject_search import Search
from expunge_connectors.postgres.sql.tombstones import is_tombstone

_SHORTEST = 6
"""Characters of a value from which on it is found again: `true` and `DE` stand in many columns."""


def remember(search: Search, mapped: BoundTable) -> None:
    """Keep what stands in the rows that a tombstone is about to replace, until the transaction ends."""
    if _compared(search, mapped):
        search.connection.execute(search.compiled(("before", mapped.name), partial(_before, search, mapped)))


def refuse_carried(search: Search, mapped: BoundTable, triggers: Sequence[str]) -> None:
    """Compare the rows with what they were.

    Args:
        search: Of this transaction.
        mapped: The collection, remembered before.
        triggers: What may have done it, as `trigger of schema.table`.

    Raises:
        TerminalError: A column that the tombstone does not name has taken up what it replaced.
    """
    if not _compared(search, mapped):
        return
    with translated(search.store.name, mapped.name):
        statement = search.compiled(("carried", mapped.name), partial(_carried, search, mapped))
        found = search.connection.execute(statement).fetchone() or ()
    if columns := [name for name, carried in zip(_others(mapped), found, strict=True) if carried]:
        raise TerminalError(
            f"store {search.store.name}, collection {mapped.name}: what the tombstone replaced stands in"
            f" {', '.join(columns)} of {mapped.table.text} by now, by a trigger ({', '.join(triggers)}); it was rolled"
            " back.",
            remedy="Name the column in `tombstone` as well; or give the trigger a condition that leaves out Expunge's"
            " role (WHEN (current_user <> …)).",
        )


def _compared(search: Search, mapped: BoundTable) -> bool:
    """There are rows, which can be told apart after they have changed, and values to look for."""
    tombstone = mapped.action is Action.TOMBSTONE
    return bool(tombstone and search.found.get(mapped.name) and mapped.table.row_key and _replaced(mapped))


def _replaced(mapped: BoundTable) -> list[str]:
    return [name for name, wanted in mapped.spec.tombstone.items() if isinstance(wanted, str)]


def _others(mapped: BoundTable) -> list[str]:
    return [name for name in mapped.table.columns if name not in mapped.spec.tombstone]


def _table(search: Search, mapped: BoundTable) -> sql.Identifier:
    return sql.Identifier(*search.schema, f"expunge_before_{search.store.place(mapped.name)}")


def _before(search: Search, mapped: BoundTable) -> sql.Composed:
    kept = [
        *(sql.SQL("t.{}::text AS {}").format(sql.Identifier(one), raw(f"r{at}")) for at, one in _numbered(mapped)),
        *(
            sql.SQL("t.{}::text AS {}").format(sql.Identifier(one), raw(f"u{at}"))
            for at, one in enumerate(_others(mapped))
        ),
    ]
    return sql.SQL(
        "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} AS t"
        " WHERE EXISTS (SELECT FROM {} AS f WHERE {} AND {}) AND NOT ({})"
    ).format(
        _table(search, mapped),
        comma_list(*named(place_names(mapped), row_id(mapped, "t")), *kept),
        mapped.table.identifier,
        search.table(mapped.name),
        same_row(mapped, "t", "f"),
        due("f"),
        is_tombstone(mapped, "t"),
    )


def _carried(search: Search, mapped: BoundTable) -> sql.Composed:
    """Of each other column, whether it has changed in some row to what holds a replaced value."""
    carried = (
        sql.SQL("bool_or({now} IS DISTINCT FROM {then} AND {holds})").format(
            now=_now(name),
            then=column("b", f"u{at}"),
            holds=or_(*(_holds(column("b", f"r{one}"), name) for one, _ in _numbered(mapped))),
        )
        for at, name in enumerate(_others(mapped))
    )
    return sql.SQL("SELECT {} FROM {} AS t JOIN {} AS b ON {}").format(
        comma_list(*carried), mapped.table.identifier, _table(search, mapped), same_row(mapped, "t", "b")
    )


_HOLDS = sql.SQL("pg_catalog.length({value}) >= {shortest} AND pg_catalog.strpos({now}, {value}) > 0")


def _holds(value: sql.Composable, name: str) -> sql.Composed:
    return _HOLDS.format(value=value, now=_now(name), shortest=sql.Literal(_SHORTEST))


def _now(name: str) -> sql.Composed:
    return sql.SQL("t.{}::text").format(sql.Identifier(name))


def _numbered(mapped: BoundTable) -> list[tuple[int, str]]:
    return list(enumerate(_replaced(mapped)))
