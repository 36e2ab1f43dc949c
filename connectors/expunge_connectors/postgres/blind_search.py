"""`search_blind`: where the blind search reads, and what its places are in the data map."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from expunge_config.datamap import Action, DataMap
from expunge_connectors.blind_search import postgres_columns
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.postgres_tables import Belonging, Belongs
from expunge_connectors.blind_search.report import Place, StoreReport
from expunge_connectors.contract import Heartbeat
from expunge_connectors.errors import TerminalError, TransientError
from expunge_connectors.postgres import store_identity
from expunge_connectors.postgres.connection import Connection, Connections, only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.spec import PostgresConnection, PostgresSpec
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.searched_places import shown, standing_of

PAUSE_SECONDS = 0.1
_WRITTEN = "SELECT pg_catalog.pg_current_wal_flush_lsn()::text"
_TAKEN_IN = """
SELECT NOT pg_catalog.pg_is_in_recovery()
       OR coalesce(pg_catalog.pg_last_wal_replay_lsn() >= %s::pg_lsn, false)
"""
# Partitions, and tables that inherit, are their root's.
_ROOTS = """
WITH RECURSIVE up (oid, above) AS (
    SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i
    UNION
    SELECT up.oid, i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.above
)
SELECT n.nspname || '.' || c.relname, rn.nspname || '.' || r.relname
  FROM up
  JOIN pg_catalog.pg_class c ON c.oid = up.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class r ON r.oid = up.above
  JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
"""


class BlindReader:
    """Reads one database for the blind search, by a role and on a server of its own where the settings name one.

    Args:
        store: Name of the store, for messages.
        settings: `search_url`, otherwise the first replica, otherwise where erasing connects.
        erasing: Connections to where erasing connects.
    """

    def __init__(self, store: str, settings: PostgresConnection, erasing: Connections) -> None:
        self._store = store
        self._patience = settings.replica_wait_seconds
        self._primary = erasing
        url = settings.search_url or next(iter(settings.replicas), None)
        self._own = (
            None
            if url is None
            else Connections(store, settings.model_copy(update={"url": url, "replicas": (), "search_url": None}))
        )

    def search(
        self, spec: PostgresSpec, data_map: DataMap, matcher: Matcher, effort: Effort, beat: Heartbeat
    ) -> StoreReport:
        """Search it.

        Raises:
            TransientError: The server cannot be asked, or a standby does not catch up.
            TerminalError: It is another database than the one that is erased from.
        """
        source = self._own or self._primary
        with translated(self._store), source.lease() as connection:
            if self._own is not None:
                self._require_same(connection, beat)
            covering = _coverage(connection, spec)
            return postgres_columns.search(
                connection,
                self._store,
                matcher,
                _places(self._store, covering, data_map, matcher),
                belongs=_belonging(covering, spec, data_map),
                effort=effort,
                beat=beat,
            )

    def close(self) -> None:
        """Close the connections that are its own."""
        if self._own is not None:
            self._own.close()

    def _require_same(self, connection: Connection, beat: Heartbeat) -> None:
        """The same database, and what it holds is no older than this moment."""
        with self._primary.lease() as primary:
            expected = dict(store_identity.identity(primary, self._store).parts)
            (written,) = only_row(primary.execute(_WRITTEN))
        if dict(store_identity.identity(connection, self._store).parts) != expected:
            raise TerminalError(
                f"store {self._store}: what is to be searched is another server, or another database.",
                remedy=f"Correct EXPUNGE_STORES__{self._store.upper()}__SEARCH_URL.",
            )
        deadline = time.monotonic() + self._patience
        while connection.execute(_TAKEN_IN, (written,)).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise TransientError(
                    f"store {self._store}: the standby that is to be searched does not catch up.",
                    remedy="It catches up by itself, or look into pg_stat_replication; then try again.",
                )
            beat()
            time.sleep(PAUSE_SECONDS)


def _coverage(connection: Connection, spec: PostgresSpec) -> Callable[[str], Mapping[str, TableSpec]]:
    """Table -> the collections whose rows stand in it."""
    above: dict[str, list[str]] = {}
    for table, root in connection.execute(_ROOTS).fetchall():
        above.setdefault(table, []).append(root)

    def covering(table: str) -> Mapping[str, TableSpec]:
        return spec.covering({table, *above.get(table, ())})

    return covering


def _places(
    store: str, covering: Callable[[str], Mapping[str, TableSpec]], data_map: DataMap, matcher: Matcher
) -> Callable[[str, str | None], Place]:
    def describe(table: str, column: str | None) -> Place:
        name = table if column is None else f"{table}.{column}"
        return Place(store, shown(name, matcher), *standing_of(covering(table), data_map))

    return describe


def _belonging(covering: Callable[[str], Mapping[str, TableSpec]], spec: PostgresSpec, data_map: DataMap) -> Belongs:
    """The links of tables whose rows go whole (a row that a tombstone emptied names nobody either), and their owner."""

    def belongs(table: str) -> Belonging:
        member = None if spec.tenants is None else spec.tenants.member(table.partition(".")[0])
        found = covering(table).values()
        if any(one.log or data_map.data_types[one.data_type or ""].on_request is not Action.DELETE for one in found):
            return Belonging(member=member)
        links = sorted({link.names for one in found for link in one.found_by})
        owners = {None if one.owner is None else one.owner.column for one in found}
        return Belonging(links, member, owners.pop() if len(owners) == 1 and member is None else None)

    return belongs
