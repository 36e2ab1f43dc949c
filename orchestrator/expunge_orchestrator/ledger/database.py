"""Ledger database (SQLAlchemy on SQLite or Postgres): opening, reading and serialised transactions."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.dml import ReturningInsert

from expunge_orchestrator.errors import LedgerError
from expunge_orchestrator.ledger import schema_upgrade
from expunge_orchestrator.ledger.ledger_file import LedgerFile
from expunge_reports.log.durable_files import make_private

FORGET_TRIES = 20

_LONGEST_LOOK = 0.12
"""Seconds: a little more than SQLite's busy handler sleeps at a time."""

_COMPACT = json.JSONEncoder(separators=(",", ":"))

_HOLDS_LOCK = 0x65787068
_PLANS_LOCK = 0x65787070


def open_ledger(url: str) -> sa.Engine:
    """Open (and create or migrate) the ledger.

    Intent must be durable before the first destructive statement: SQLite runs in WAL mode with full synchronisation,
    and a Postgres whose commits need not reach the disk is told that ours do. `secure_delete` overwrites destroyed
    keys and sealed identifiers in the file.

    A SQLite file that was replaced or removed is neither written nor connected to any more (`LedgerReplacedError`).

    Raises:
        LedgerError: The database cannot be opened or its schema is newer than this program.
    """
    engine = sa.create_engine(url, pool_size=8, max_overflow=8, json_serializer=_COMPACT.encode, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _private_file(url)
        _stay_with_the_file(engine)
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        event.listen(engine, "begin", _postgres_begin)
    try:
        with reading(engine) as connection:
            version = schema_upgrade.version(connection)
        if version != schema_upgrade.HEAD:
            schema_upgrade.upgrade(engine)
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise LedgerError(
            f"The ledger cannot be opened ({type(error).__name__}).",
            remedy="Check EXPUNGE_LEDGER_URL and EXPUNGE_HOME, and the ledger's disk or server; of one that was"
            " restored in part, restore the rest.",
        ) from None
    except LedgerError:
        engine.dispose()
        raise
    return engine


def sqlite_file(url: str) -> Path | None:
    """The file of a ledger on SQLite, by whatever driver; None: it is on a server, or in memory."""
    parts = sa.make_url(url)
    return Path(parts.database) if parts.get_backend_name() == "sqlite" and parts.database else None


@contextmanager
def open_read_only(url: str) -> Iterator[sa.Connection | None]:
    """The ledger as it is, for those who only look: nothing is made, migrated or written. None: there is none yet.

    Raises:
        LedgerError: It cannot be read, or is of another revision.
    """
    refused = LedgerError("The ledger cannot be read.", remedy="Check EXPUNGE_LEDGER_URL and EXPUNGE_HOME.")
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    except (SQLAlchemyError, ImportError):
        raise refused from None
    file = engine.url.database
    if engine.dialect.name == "sqlite" and not (file and Path(file).exists()):
        yield None
        return
    try:
        with reading(engine) as connection:
            version = schema_upgrade.version(connection)
            if version not in {None, schema_upgrade.HEAD}:
                raise refused
            yield None if version is None else connection
    except (SQLAlchemyError, OSError):
        raise refused from None


def ask_apart(engine: sa.Engine) -> None:
    """Read the ledger's revision, over a connection of its own: none of the others' has to be free.

    Raises:
        LedgerError: What answers is not the ledger, or is of another revision.
        SQLAlchemyError: Nothing answers, or no database; a file that is not there is not made.
    """
    url = engine.url
    if (opened := engine.get_execution_options().get("expunge_file")) is not None:
        opened.require_opened()
    if engine.dialect.name == "sqlite":
        file = Path(str(url.database)).absolute().as_uri()
        url = url.set(database=file, query={**url.query, "mode": "rw", "uri": "true"})
    apart = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    with apart.connect() as connection:
        if schema_upgrade.version(connection) != schema_upgrade.HEAD:
            raise LedgerError("The ledger is not the one that was opened.", remedy="Look at EXPUNGE_LEDGER_URL.")


def _private_file(url: str) -> None:
    database = sa.make_url(url).database
    if database and database != ":memory:":
        path = Path(database)
        try:
            make_private(path.parent)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise LedgerError(
                f"The ledger's file cannot be created ({type(error).__name__}).",
                remedy="Check EXPUNGE_LEDGER_URL and EXPUNGE_HOME, and who may write there.",
            ) from None


def _stay_with_the_file(engine: sa.Engine) -> None:
    """Refuse commits to a file to which the ledger's path does not lead any more, and connections to another one."""
    database = engine.url.database
    if not database or database == ":memory:":
        return
    opened = LedgerFile(Path(database))
    engine.update_execution_options(expunge_file=opened)

    def before_connecting(*_: object) -> None:
        opened.require_opened()

    def before_committing(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get("expunge_reading", False):
            opened.require_opened()

    event.listen(engine, "do_connect", before_connecting)
    event.listen(engine, "commit", before_committing)


def _sqlite_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - a raw DB-API connection
    connection.isolation_level = None
    for pragma in (
        "journal_mode=wal",
        "synchronous=full",
        "busy_timeout=30000",
        "foreign_keys=on",
        "secure_delete=on",
    ):
        connection.execute(f"pragma {pragma}").close()


def _sqlite_begin(connection: sa.Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads first and writes later cannot fail half-way.
    # Readers say so (`reading`), and then wait for nobody.
    reading = connection.get_execution_options().get("expunge_reading", False)
    connection.exec_driver_sql("begin deferred" if reading else "begin immediate")


def _postgres_begin(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("expunge_reading", False):
        connection.exec_driver_sql(
            "SELECT pg_catalog.set_config('synchronous_commit', 'local', true)"
            " WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"
        ).close()


def serialise_writers(connection: sa.Connection) -> None:
    """Let this transaction and others that say the same come one after the other, to their ends.

    SQLite has one writer anyway; on Postgres it is an advisory lock, freed with the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_HOLDS_LOCK)))


def serialise_plans(connection: sa.Connection) -> None:
    """The same of transactions that freeze plans: of two at once the second sees what the first asks for."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANS_LOCK)))


@cache
def _unless_there(dialect: str, table: sa.Table) -> ReturningInsert[Any]:
    # Both dialects know the clause by the same words; the generic insert does not.
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing().returning(next(iter(table.primary_key)))


def insert_unless_there(connection: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> bool:
    """Insert a row, unless one with its key is there; returns whether it was inserted.

    By the row that comes back: the row count of an INSERT is -1 with psycopg, whatever happened.
    """
    return connection.execute(_unless_there(connection.dialect.name, table), row).first() is not None


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads: it never waits for a running batch."""
    with engine.connect().execution_options(expunge_reading=True) as connection, connection.begin():
        yield connection


def let_others_write(engine: sa.Engine) -> None:
    """Give way between two transactions of many, so that one who waits to write comes in between.

    SQLite has no queue: who waits looks again every tenth of a second at the most. On Postgres nobody waits for others'
    rows.
    """
    if engine.dialect.name == "sqlite":
        time.sleep(_LONGEST_LOOK)


def checkpoint_wal(ledger: sa.Engine) -> None:
    """Let destroyed keys leave SQLite's write-ahead file too. Postgres recycles its WAL by itself."""
    if ledger.dialect.name == "sqlite":
        raw = ledger.raw_connection()  # a pragma like this one works only outside a transaction
        try:
            for _ in range(FORGET_TRIES):
                busy, _, _ = raw.cursor().execute("pragma wal_checkpoint(truncate)").fetchone()
                if not busy:
                    break
                time.sleep(0.1)  # a reader holds an older state of the file; the next run forgets again
        finally:
            raw.close()
