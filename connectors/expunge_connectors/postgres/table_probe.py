"""Table probe: a table that is missing or unreadable is an error, not an empty table (law 4)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated


def probe(connection: Connection, store: str, tables: Mapping[str, sql.Identifier]) -> None:
    """Read tables without reading a row, inside a transaction.

    Together, in one message; once more one by one if that is refused, to say of which collection.

    Args:
        connection: At work in a transaction.
        store: Its name, for messages.
        tables: Collection -> its table.

    Raises:
        TerminalError: One is missing, or hidden, or may not be read.
    """
    if not tables:
        return
    probes = {name: sql.SQL("SELECT FROM {} LIMIT 0").format(table) for name, table in tables.items()}
    together = sql.SQL("; ").join(probes.values())
    with suppress(psycopg.DatabaseError):
        # One message, also with the point to go back to if it is refused.
        connection.execute(sql.SQL("SAVEPOINT expunge_probe; {}; RELEASE expunge_probe").format(together))
        return
    connection.execute("ROLLBACK TO SAVEPOINT expunge_probe")
    for name, one in probes.items():
        with translated(store, name):
            connection.execute(one)
