"""Store identity: which database this is, whatever address leads to it, and its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from expunge_connectors.contract import StoreIdentity
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection

KIND = "postgres"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_IDENTITY = """
SELECT c.system_identifier::text, d.datname::text, d.oid::text,
       (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint
  FROM pg_catalog.pg_control_system() AS c
  JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
"""


def identity(connection: Connection, store: str) -> StoreIdentity:
    """What `identity_at` says, without the time."""
    return identity_at(connection, store)[0]


def identity_at(connection: Connection, store: str) -> tuple[StoreIdentity, datetime]:
    """The cluster's system identifier (made by initdb) with the name and number of the database in it; and its clock.

    A physical copy of the cluster has the same identity; a restored dump has not. The clock is UTC, and read as a
    number: no setting of the session changes how that is written.

    Raises:
        TerminalError: The server did not say.
    """
    row = connection.execute(_IDENTITY).fetchone()
    if row is None:
        raise TerminalError(f"store {store}: the server does not say what it is.")
    system, database, oid, microseconds = row
    parts = {"system_identifier": system, "database": database, "database_oid": oid}
    return StoreIdentity(store, KIND, parts), _EPOCH + timedelta(microseconds=microseconds)
