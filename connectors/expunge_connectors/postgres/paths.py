"""Following ties inside the store: rows that are a subject's give the internal keys of the rows they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg import sql

from expunge_connectors.postgres import selection, staging
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapped import MappedStore, MappedTable, MappedTie


def follow(connection: Connection, store: MappedStore, cutoff: datetime) -> None:
    """Add to the staged keys what live rows lead to, to the end of every path.

    Rows that are newer than the request lead nowhere, nor do persons found by a re-usable identifier alone.
    """
    for mapped in store.scoped.values():
        feed(connection, store, mapped, mapped.erasing, cutoff)


def feed(
    connection: Connection, store: MappedStore, mapped: MappedTable, ties: Sequence[MappedTie], cutoff: datetime | None
) -> None:
    """Stage the internal keys that the rows of one collection give which these ties of it find."""
    for column, kind in mapped.feeds:
        value = selection.column("t", column.name)
        statements = [
            selection.rows(
                mapped,
                tie,
                sql.SQL("k.number, {}, {}").format(
                    sql.Literal(store.namespace(mapped, column.name)),
                    sql.SQL("{}::{}").format(value, sql.SQL(kind.value)),
                ),
                selection.requested(mapped, tie, "t", cutoff),
                sql.SQL("{} IS NOT NULL").format(value),
            )
            for tie in ties
        ]
        if not statements:
            continue
        added = connection.execute(
            sql.SQL("INSERT INTO {} (number, namespace, value) {} ON CONFLICT DO NOTHING").format(
                staging.keys_table(kind), sql.SQL(" UNION ").join(statements)
            )
        )
        if added.rowcount:
            staging.analyse(connection, kind)
