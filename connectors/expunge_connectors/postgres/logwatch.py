"""Logs are left alone (law 3), by triggers and foreign keys of the operator's as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapped import MappedStore

# With the table's partitions: what is written into them is counted there.
_WRITTEN = """
WITH RECURSIVE log AS (
    SELECT %s::oid AS oid
    UNION
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN log ON i.inhparent = log.oid
)
SELECT pg_catalog.current_setting('track_counts')::boolean,
       coalesce(sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid)
                    + pg_catalog.pg_stat_get_xact_tuples_updated(oid)
                    + pg_catalog.pg_stat_get_xact_tuples_deleted(oid)), 0)::bigint
  FROM log
"""


@dataclass(frozen=True, slots=True)
class LogWatch:
    """The rows of each log that the session had written when a transaction began.

    Kept and compared: the server's counters may still hold what the session did before (a pooler's other clients).
    """

    store: MappedStore
    before: Mapping[str, int]

    @classmethod
    def begun(cls, connection: Connection, store: MappedStore) -> LogWatch:
        """Look before the transaction writes anything."""
        return cls(store, _written(connection, store))

    def check(self, connection: Connection) -> None:
        """Look again, as the last thing before the commit, after what is deferred to it.

        Raises:
            TerminalError: A log was written: the transaction must be rolled back.
        """
        if not self.store.logs:
            return
        after = _written(connection, self.store)
        for name, (table, _) in self.store.logs.items():
            if after[name] != self.before[name]:
                raise TerminalError(
                    f"store {self.store.name}, collection {name}: erasing wrote into the log {table}, by a trigger or a"
                    " foreign key; it was rolled back.",
                    remedy="Make the trigger leave the log alone, or tombstone the collection that fires it.",
                )


def _written(connection: Connection, store: MappedStore) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, (table, oid) in store.logs.items():
        with translated(store.name, name):
            counting, found[name] = connection.execute(_WRITTEN, (oid,)).fetchone() or (False, 0)
        if not counting:
            raise TerminalError(
                f"store {store.name}, collection {name}: nobody could see a write into the log {table}, for the server"
                " counts no rows.",
                remedy="Set track_counts = on, the server's default.",
            )
    return found
