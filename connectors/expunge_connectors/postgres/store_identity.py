"""Store identity: which database this is, whatever address leads to it, and its clock."""

from __future__ import annotations

from datetime import UTC, datetime

from expunge_connectors.contract import StoreIdentity
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection

KIND = "postgres"

_IDENTITY = """
SELECT c.system_identifier::text, d.datname::text, d.oid::text
  FROM pg_catalog.pg_control_system() AS c
  JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
"""


def identity(connection: Connection, store: str) -> StoreIdentity:
    """The cluster's system identifier (made by initdb) with the name and number of the database in it.

    A physical copy of the cluster has the same identity; a restored dump has not.

    Raises:
        TerminalError: The server did not say.
    """
    row = connection.execute(_IDENTITY).fetchone()
    if row is None:
        raise TerminalError(f"store {store}: the server does not say what it is.")
    system, database, oid = row
    return StoreIdentity(store, KIND, {"system_identifier": system, "database": database, "database_oid": oid})


def now(connection: Connection, store: str) -> datetime:
    """The server's clock, UTC.

    Raises:
        TerminalError: The server did not say.
    """
    row = connection.execute("SELECT pg_catalog.clock_timestamp()").fetchone()
    if row is None:
        raise TerminalError(f"store {store}: the server does not say what time it is.")
    moment: datetime = row[0]
    return moment.astimezone(UTC)
