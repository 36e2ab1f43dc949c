"""Connection pool, and the settings that every transaction of ours pins.

Texts of values, the meaning of names and what a row-level policy shows follow from settings that a role, a database, an
earlier client of a pooled connection or an administrator may change between two of our commands. So each transaction
says them itself, with SET LOCAL: what was compared while planning is compared in the same way months later, and nothing
of ours stays in a session that a pooler hands on to others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Params, QueryNoTemplate
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.spec import PostgresConnection

CONNECT_TIMEOUT_SECONDS = 10
APPLICATION = "expunge"

PINNED = {
    # Keys are looked up through indexes; the default of 4 makes the planner scan whole tables for a chunk.
    "random_page_cost": "1.1",
    "jit": "off",
    # Nothing is found by an unqualified name, whoever owns the other schemas.
    "search_path": "",
    # Where a policy hides rows, a statement fails instead of finding nothing: hidden is not gone.
    "row_security": "off",
    # Names of types are compared as the server spells them.
    "quote_all_identifiers": "off",
    # An index of documents or arrays may otherwise answer with a random sample of its rows.
    "gin_fuzzy_search_limit": "0",
    # What a literal of ours says: a backslash is one, and NULL in an array is nothing.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    # `x = NULL` is no row.
    "transform_null_equals": "off",
    # One text for each value: https://www.postgresql.org/docs/current/runtime-config-client.html. Days are UTC days.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "lc_monetary": "C",
}
"""Settings on which the meaning of our statements depends."""

# What a commit has reported outlives the server's next crash. Whoever waits for standbys as well goes on to do so.
_DURABLE = sql.SQL(
    "SELECT pg_catalog.set_config('synchronous_commit', 'local', true)"
    " WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"
)

_BEGIN = {None: b"BEGIN"} | {
    level: b"BEGIN ISOLATION LEVEL %s" % level.name.replace("_", " ").encode() for level in psycopg.IsolationLevel
}


def only_row(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The row of a statement that always gives one. Without it nothing is known, least of all that there is nothing."""
    row = cursor.fetchone()
    if row is None:
        raise AssertionError("a statement that always gives a row gave none")
    return row


class PinnedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose transactions begin by saying their settings, in one message with what is asked first.

    A transaction in which nothing is asked is none, and sends nothing. So it is with what merely prepares a question
    (`before_next`): it goes in the message of the next one.
    """

    settings: Sequence[bytes] = ()
    """What says them, as the server gets it."""

    _ahead: Sequence[bytes] = ()
    """What goes before the next statement: what begins the transaction, as long as nothing was asked in it."""

    @contextmanager
    def transaction(
        self,
        savepoint_name: str | None = None,
        force_rollback: bool = False,  # noqa: FBT001, FBT002 - psycopg's signature
    ) -> Iterator[psycopg.Transaction]:
        """As of psycopg; an outermost one says the settings in the message that begins it, before it takes a snapshot.

        An outermost transaction takes no `psycopg.Rollback`: none of ours is left by one.
        """
        self._send_ahead()
        if self.info.transaction_status is not TransactionStatus.IDLE:
            with super().transaction(savepoint_name, force_rollback) as begun:
                try:
                    yield begun
                finally:
                    self._ahead = ()
            return
        self._ahead = (_BEGIN[self.isolation_level], *self.settings)
        try:
            yield psycopg.Transaction(self)
        except BaseException:
            self._ahead = ()
            # A lost connection has ended the transaction already; why it was lost is what the caller must hear.
            with suppress(psycopg.Error):
                self.rollback()
            raise
        self._ahead = ()
        if force_rollback:
            self.rollback()
        else:
            self.commit()

    def execute(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - no templates here
        self, query: QueryNoTemplate, params: Params | None = None, *, prepare: bool | None = None, binary: bool = False
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """As of psycopg; one without parameters goes in one message with what is to go before it.

        Not one with a backslash in that which begins the transaction: the server reads a message before it carries out
        any of it, and how it reads a backslash in a literal is one of the settings.
        """
        text = _text(query, self) if params is None and self._ahead else None
        if text is None or (b"\\" in text and self.info.transaction_status is TransactionStatus.IDLE):
            return super().execute(query, params, prepare=prepare, binary=binary)
        before, self._ahead = self._ahead, ()
        cursor = super().execute(b"; ".join((*before, text)), binary=binary)
        for _ in before:
            cursor.nextset()
        return cursor

    def cursor(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - psycopg has a signature for each kind
        """As of psycopg; the transaction has begun then."""
        self._send_ahead()
        return super().cursor(*args, **kwargs)

    def before_next(self, statement: sql.Composable) -> None:
        """Have a statement without an answer carried out before the next one of the transaction, in its message.

        Where none follows it is left out.
        """
        self._ahead = (*self._ahead, statement.as_bytes(self))

    def _send_ahead(self) -> None:
        before, self._ahead = self._ahead, ()
        if before:
            super().execute(b"; ".join(before))


Connection = PinnedConnection


class Connections:
    """A stack of idle connections; a call takes one or opens one. Safe for any number of threads.

    Connections are in autocommit mode, so that a transaction is always a visible `with` block, and never prepare
    statements. Outside of a transaction nothing is said of the settings: whatever compares values is inside of one.

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
            connection = PinnedConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
            connection.settings = [one.as_bytes(connection) for one in _set_local(self._pinned())]
            return connection

    def _pinned(self) -> dict[str, str]:
        return PINNED | {
            "lock_timeout": self._settings.lock_timeout,
            "statement_timeout": self._settings.statement_timeout,
            "idle_in_transaction_session_timeout": "1min",
        }


def _set_local(settings: Mapping[str, str]) -> list[sql.Composed]:
    """Without parameters, so that all of them fit in one message."""
    said = (
        sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in settings.items()
    )
    return [*said, _DURABLE.format()]


def _text(query: QueryNoTemplate, connection: Connection) -> bytes:
    if isinstance(query, str):
        return query.encode()
    return query if isinstance(query, bytes) else query.as_bytes(connection)
