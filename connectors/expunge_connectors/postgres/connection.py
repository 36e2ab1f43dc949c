"""Connection pool: one connection per running call, kept open between calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.spec import PostgresConnection

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_TIMEOUT_SECONDS = 10
APPLICATION = "expunge"


class Connections:
    """A stack of idle connections; a call takes one or opens one. Safe for any number of threads.

    Connections are in autocommit mode, so that a transaction is always a visible `with` block, and never prepare
    statements. A pooler in between must pool sessions, not transactions: what `_open` sets is of the session.

    Args:
        store: Name of the store, for messages.
        settings: Where to connect, and the limits of a session.
    """

    def __init__(self, store: str, settings: PostgresConnection) -> None:
        self._store = store
        self._settings = settings
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lease(self, isolation: psycopg.IsolationLevel | None = None) -> Iterator[Connection]:
        """A connection for the block. Whatever goes wrong inside costs the connection.

        Args:
            isolation: Of the transactions in the block, said as they begin; None: the server's default.

        Raises:
            TransientError: The server cannot be reached.
            TerminalError: It refuses us, or `close` was called.
        """
        connection = self._take()
        try:
            if connection.isolation_level is not isolation:
                connection.isolation_level = isolation
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def close(self) -> None:
        """Close what is idle now, and the others when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        with self._lock:
            if self._closed:
                raise TerminalError(f"store {self._store}: the connector was closed.")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._closed and not connection.closed:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> Connection:
        with translated(self._store):
            conninfo = make_conninfo(
                self._settings.url.get_secret_value(),
                application_name=APPLICATION,
                client_encoding="utf8",
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
            )
            connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
            try:
                for name, value in self._session().items():
                    connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            except BaseException:
                connection.close()
                raise
            return connection

    def _session(self) -> dict[str, str]:
        return {
            "lock_timeout": self._settings.lock_timeout,
            "statement_timeout": self._settings.statement_timeout,
            "idle_in_transaction_session_timeout": "1min",
            # Keys are looked up through indexes; the default of 4 makes the planner scan whole tables for a chunk.
            "random_page_cost": "1.1",
            "jit": "off",
            # Nothing is found by an unqualified name, whoever owns the other schemas.
            "search_path": "",
            # Where a policy hides rows, a statement fails instead of finding nothing: hidden is not gone.
            "row_security": "off",
            # Names of types are compared as the server spells them.
            "quote_all_identifiers": "off",
            # Days are UTC days, whatever the server's zone.
            "TimeZone": "UTC",
        }
