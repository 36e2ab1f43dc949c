"""Declared replicas (hot standbys): read-only, each verified as well, after its replication lag.

A standby takes no temporary table, so the keys cannot come by COPY. They are bound as parameters, in transactions that
begin by making sure that the standby writes no parameters down (law 5).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from psycopg import IsolationLevel, RawCursor, sql

from expunge_connectors.contract import Counts, Finding, Heartbeat, RecordCounts, Severity, Subject, no_beat
from expunge_connectors.errors import ConnectorError, TerminalError, TransientError
from expunge_connectors.postgres import store_identity
from expunge_connectors.postgres.connection import Connection, Connections, only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.spec import PostgresConnection
from expunge_connectors.postgres.verify import stored_texts
from expunge_connectors.postgres.verify.stored_texts import Asked, ReadColumn
from expunge_connectors.postgres.verify.verification import asked_rows, namespaces_of, tallied
from expunge_connectors.postgres.verify.verification_query import VerificationQuery

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0

_ASKED = sql.Identifier(":asked")  # no collection is called so
_KEYS = sql.SQL(
    "{} (number, namespace, value, followed, said, since) AS MATERIALIZED"
    " (SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::timestamptz[]))"
)
_SIGNS = sql.SQL("WITH {} (namespace, value) AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[])) {}")
_WRITTEN = "SELECT pg_catalog.pg_current_wal_flush_lsn()::text, pg_catalog.clock_timestamp()"
# Seconds are those between the primary's clock, at the moment when it had written so far, and the last commit that the
# standby shows (a time of the primary's clock as well). Whoever has everything is not late, however long nobody wrote;
# whoever shows no commit yet is late by nobody knows how much.
_BEHIND = """
SELECT greatest(pg_catalog.pg_wal_lsn_diff(%(until)s::pg_lsn, replayed.lsn), 0)::bigint,
       CASE WHEN replayed.lsn >= %(until)s::pg_lsn THEN 0
            ELSE coalesce(extract(epoch FROM %(at)s::timestamptz - pg_catalog.pg_last_xact_replay_timestamp()),
                          'Infinity')
       END::float8
  FROM pg_catalog.pg_last_wal_replay_lsn() AS replayed (lsn)
 WHERE pg_catalog.pg_is_in_recovery()
"""
_READERS = "SELECT count(*) FROM pg_catalog.pg_stat_replication"
# Settings of modules are absent (NULL) where the module is.
_RECORDS = """
SELECT pg_catalog.current_setting('log_parameter_max_length', true) IS DISTINCT FROM '0'
       AND (pg_catalog.current_setting('log_statement') = 'all'
            OR pg_catalog.current_setting('log_min_duration_statement') <> '-1'
            OR pg_catalog.current_setting('log_min_duration_sample') <> '-1'
            OR pg_catalog.current_setting('log_transaction_sample_rate') <> '0')
    OR pg_catalog.current_setting('log_parameter_max_length_on_error') <> '0'
    OR coalesce(pg_catalog.current_setting('auto_explain.log_min_duration', true), '-1') <> '-1'
    OR coalesce(pg_catalog.current_setting('pgaudit.log_parameter', true), 'off') = 'on'
    OR pg_catalog.current_setting('debug_print_plan')::boolean
"""


class Lag(NamedTuple):
    """How far a standby is behind: what it has not taken in, and how old what it shows is."""

    size: int
    seconds: float

    def within(self, allowed: Lag) -> bool:
        """It is no further behind than that."""
        return self.size <= allowed.size and self.seconds <= allowed.seconds


_EVERYTHING = Lag(0, math.inf)
"""Nothing is missing, whatever age it has."""


class Replicas:
    """The standbys of one database. Safe for any number of threads.

    Args:
        store: Name of the store, for messages.
        settings: Where they are, how far they may be behind, and how long to wait for them.
        pause: How to sleep, in seconds.
    """

    def __init__(self, store: str, settings: PostgresConnection, pause: Callable[[float], None] = time.sleep) -> None:
        self._store = store
        self._settings = settings
        self._pause = pause
        self._all = [
            Connections(store, settings.model_copy(update={"url": url, "replicas": ()})) for url in settings.replicas
        ]

    def close(self) -> None:
        """Close the connections."""
        for connections in self._all:
            connections.close()

    def await_calm(self, primary: Connection, beat: Heartbeat) -> None:
        """Let the standbys catch up before more is written, if one is further behind than the settings allow.

        Args:
            primary: Outside a transaction.
            beat: Called while waiting.

        Raises:
            TransientError: One stays behind, or cannot be asked.
            TerminalError: One is no standby of this server.
        """
        if self._all:
            allowed = Lag(self._settings.replica_lag_bytes, self._settings.replica_lag_seconds)
            self._await(primary, allowed, beat)

    def verify(
        self,
        primary: Connection,
        verifier: Callable[[Connection], VerificationQuery],
        subjects: Sequence[Subject],
        found: Counts,
    ) -> Counts:
        """Wait until each standby has what the primary had a moment ago, then count there as well.

        Args:
            primary: Outside a transaction.
            verifier: Writes the statement for a standby's catalogue.
            subjects: The people.
            found: What was counted on the primary.

        Returns:
            For each tally, the larger numbers: what any of the servers still shows is there.

        Raises:
            TransientError: A standby stays behind, or cannot be asked.
            TerminalError: One is no standby of this server, or writes parameters down.
        """
        if self._all:
            self._await(primary, _EVERYTHING, no_beat)
        for number, connections in enumerate(self._all, start=1):
            with (
                self._named(number),
                translated(self._store),
                connections.lease(IsolationLevel.REPEATABLE_READ) as connection,
                connection.transaction(force_rollback=True),
            ):
                self._refuse_recording(connection)
                seen = _recount(connection, replace(verifier(connection), asked=_ASKED, marked=False), subjects)
            found = larger(found, seen)
        return found

    def findings(self, primary: Connection) -> Iterator[Finding]:
        """Standbys that are none, that write keys down, and readers of the log of changes that nobody declared."""
        expected = dict(store_identity.identity(primary, self._store).parts)
        for number, connections in enumerate(self._all, start=1):
            with self._named(number), translated(self._store), connections.lease() as connection:
                standby = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone() == (True,)
                same = dict(store_identity.identity(connection, self._store).parts) == expected
                recording = connection.execute(_RECORDS).fetchone() == (True,)
            if not (standby and same):
                yield Finding(
                    Severity.ERROR,
                    "replica-other",
                    self._store,
                    None,
                    f"Replica {number} is no standby of this database: "
                    + ("it is another server, or another database." if standby else "it takes writes of its own."),
                    "Correct the address, or take it out of the settings; a database of its own is a store of its own.",
                )
            if recording:
                yield Finding(
                    Severity.ERROR,
                    "replica-records",
                    self._store,
                    None,
                    f"Replica {number} writes down parameters of statements, and a standby can be given keys in no"
                    " other way.",
                    "ALTER SYSTEM SET log_parameter_max_length = 0; SELECT pg_reload_conf(); and neither auto_explain"
                    " nor pgaudit.log_parameter there.",
                )
        readers = only_row(primary.execute(_READERS))[0]
        if readers > len(self._all):
            yield Finding(
                Severity.WARNING,
                "replica-undeclared",
                self._store,
                None,
                f"{readers} readers of the log of changes are connected, and {len(self._all)} replicas are declared:"
                " nobody looks whether the others have caught up.",
                "Declare each standby under REPLICAS, each subscriber as a store, each archive as a backup.",
            )

    def _await(self, primary: Connection, allowed: Lag, beat: Heartbeat) -> None:
        deadline = time.monotonic() + self._settings.replica_wait_seconds
        expected = dict(store_identity.identity(primary, self._store).parts)
        until, at = only_row(primary.execute(_WRITTEN))
        written = {"until": until, "at": at}
        for number, connections in enumerate(self._all, start=1):
            length = FIRST_PAUSE_SECONDS
            with self._named(number), translated(self._store), connections.lease() as connection:
                if dict(store_identity.identity(connection, self._store).parts) != expected:
                    raise TerminalError(f"store {self._store}: it is another server, or another database.")
                while not (behind := self._behind(connection, written)).within(allowed):
                    if time.monotonic() > deadline:
                        raise TransientError(
                            f"store {self._store}: it is {behind.size} bytes behind the primary, and its latest commit"
                            f" {_age(behind.seconds)}.",
                            remedy="It catches up by itself, or look into pg_stat_replication; then try again.",
                        )
                    beat()
                    self._pause(length)
                    length = min(2 * length, LONGEST_PAUSE_SECONDS)

    def _behind(self, connection: Connection, written: Mapping[str, object]) -> Lag:
        row = connection.execute(_BEHIND, written).fetchone()
        if row is None:
            raise TerminalError(
                f"store {self._store}: it is no standby any more, it takes writes of its own.",
                remedy="Take it out of REPLICAS; if it is the primary now, it belongs into URL.",
            )
        return Lag(int(row[0]), float(row[1]))

    def _refuse_recording(self, connection: Connection) -> None:
        if connection.execute(_RECORDS).fetchone() != (False,):
            raise TerminalError(
                f"store {self._store}: it writes down parameters of statements, which would be keys.",
                remedy="Change what the finding `replica-records` of `expunge check` names.",
            )

    @contextmanager
    def _named(self, number: int) -> Iterator[None]:
        """Say of an error at which standby it happened."""
        try:
            yield
        except ConnectorError as error:
            text = f"store {self._store}, replica {number}{str(error).removeprefix(f'store {self._store}')}"
            named = type(error)(text, remedy=error.remedy)
        else:
            return
        raise named from None


def _age(seconds: float) -> str:
    return f"is {seconds:.0f} seconds old" if math.isfinite(seconds) else "is yet to come"


def larger(one: Counts, other: Counts) -> Counts:
    """Of each tally the larger numbers."""
    return {
        number: {name: _larger(tally, other[number][name]) for name, tally in tallies.items()}
        for number, tallies in one.items()
    }


def _larger(one: RecordCounts, other: RecordCounts) -> RecordCounts:
    until = max((day for day in (one.until, other.until) if day is not None), default=None)
    return RecordCounts(
        max(one.due, other.due),
        max(one.retained, other.retained),
        max(one.newer, other.newer),
        until,
        one.ground or other.ground,
        max(one.ambiguous, other.ambiguous),
    )


def _recount(
    connection: Connection, verifier: VerificationQuery, subjects: Sequence[Subject]
) -> Mapping[int, dict[str, RecordCounts]]:
    store = verifier.verified
    names = store.names()
    if not names:
        return tallied(names, subjects, [])
    rows = [*asked_rows(subjects, store), *_texts(connection, store.read_columns(names), subjects)]
    columns = [[row[at] for row in rows] for at in range(len(Asked._fields))]
    statement = verifier.statement(names, namespaces_of(rows), connection, [_KEYS.format(_ASKED)])
    with RawCursor(connection) as cursor:
        return tallied(names, subjects, cursor.execute(statement, columns).fetchall())


def _texts(connection: Connection, columns: Sequence[ReadColumn], subjects: Sequence[Subject]) -> list[Asked]:
    """The keys as they stand in columns that SQL cannot read."""
    wanted = list(stored_texts.signs(columns, subjects))
    if not wanted:
        return []
    signs = [[one[at] for one in wanted] for at in range(2)]

    def ask(statement: sql.Composed) -> list[tuple[str]]:
        with RawCursor(connection) as cursor:
            return cursor.execute(_SIGNS.format(stored_texts.SIGNS, statement), signs).fetchall()

    return list(stored_texts.read(columns, subjects, ask))
