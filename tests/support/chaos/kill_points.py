"""The points at which a run can be killed: counted, named, and wired into stores, ledger and log from outside.

Production code knows nothing of this. A point is: before and after each call of a store or backup place, each beat in a
long call, before and after each transaction that an erasing call ends, after each of its writing statements, before and
after each commit of the ledger that writes something, before and after each append to the log and after every single
step of writing its files.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import redis
import sqlalchemy as sa
from botocore.client import BaseClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event

from expunge_config.datamap import Action
from expunge_connectors.contract import (
    BackupConnector,
    CopyListing,
    Counts,
    DiscoveredKey,
    Finding,
    Heartbeat,
    RemovalNotice,
    Scope,
    StoreConnector,
    StoreIdentity,
    Subject,
)
from expunge_orchestrator import store_calls
from expunge_reports.log.durable_files import DurableDirectory
from expunge_reports.log.transparency_log import LogWriter

_WRITTEN = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE) (\w+)", re.IGNORECASE)
_WRITING_SQL = re.compile(r"DO \$.*?\bBEGIN\s+(?:DELETE FROM|UPDATE) (\S+)", re.DOTALL)
_WRITING_S3 = ("DeleteObjects", "DeleteObject", "AbortMultipartUpload")


@dataclass(slots=True)
class Fuse:
    """Counts points and kills the process at one of them, or lets it wait there while something else is broken.

    Attributes:
        fatal: Number of the point (from 1) at which the process ends by SIGKILL; 0 for never.
        report: Descriptor that every reached point's name is written to, a line each, before anything else happens.
        gate: A FIFO that is waited for at the point, instead of the process's end, until somebody opened and closed it.
        each_statement: Whether every writing statement of the ledger is a point, and not only the ends of transactions.
    """

    fatal: int
    report: int
    gate: Path | None = None
    each_statement: bool = False
    reached: int = 0
    _worker: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, name: str) -> None:
        """Reach a point."""
        with self._lock:  # several workers may be on their ways
            self.reached += 1
            here = self.reached == self.fatal
            with suppress(OSError):  # a disk that is full may be this one
                os.write(self.report, f"{name}\n".encode())
            if here and self.gate is None:
                os.kill(os.getpid(), signal.SIGKILL)
        if here and self.gate is not None:
            self.gate.read_bytes()

    def written(self, table: str) -> None:
        """The ledger was written to, in a transaction that is still open."""
        if self.each_statement:
            self(f"after writing {table} of the ledger")

    @property
    def erasing(self) -> bool:
        """Whether a store is erasing for this worker: only then do the drivers' own calls count as points."""
        return getattr(self._worker, "erasing", False)

    @erasing.setter
    def erasing(self, erasing: bool) -> None:
        self._worker.erasing = erasing

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Reach one point before and one after what the block does."""
        self(f"before {name}")
        yield
        self(f"after {name}")


@dataclass(slots=True)
class FatalStore:
    """A store, with a point before and after every call. `before` is told the call first: others may come in there."""

    store: StoreConnector
    fuse: Fuse
    before: Callable[[str, str], None]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.store.name

    def inspect(self) -> Sequence[Finding]:
        with self._call("inspect"):
            return self.store.inspect()

    def identity(self) -> StoreIdentity:
        with self._call("identity"):
            return self.store.identity()

    def now(self) -> datetime:
        with self._call("now"):
            return self.store.now()

    def relations(self, scope: Scope) -> Mapping[str, Mapping[str, Any]]:
        return store_calls.relations(self.store, scope)

    def changed(self, planned: Mapping[str, Mapping[str, Any]], scope: Scope) -> Mapping[str, str]:
        with self._call("changed"):
            return store_calls.changed_relations(self.store, planned, scope)

    def resolve(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None) -> Sequence[DiscoveredKey]:
        with self._call("resolve"):
            return self.store.resolve(subjects, scope, cutoff)

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        with self._call("count"):
            return self.store.count(subjects, scope, cutoff)

    def erase(  # noqa: PLR0917 - the verb of the contract
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
        notice: RemovalNotice,
    ) -> int:
        def fatal_beat() -> None:
            self.fuse(f"beat {self.name}.erase")
            beat()

        with self._call("erase"):
            self.fuse.erasing = True
            try:
                return self.store.erase(subjects, actions, scope, cutoff, fatal_beat, notice)
            finally:
                self.fuse.erasing = False

    def verify(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        with self._call("verify"):
            return self.store.verify(subjects, scope, cutoff)

    def close(self) -> None:
        self.store.close()

    @contextmanager
    def _call(self, verb: str) -> Iterator[None]:
        self.before(self.name, verb)
        with self.fuse.around(f"{self.name}.{verb}"):
            yield


@dataclass(slots=True)
class FatalBackups:
    """A backup place, with a point before and after every call."""

    place: BackupConnector
    fuse: Fuse
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.place.name

    def inspect(self) -> Sequence[Finding]:
        with self.fuse.around(f"{self.name}.inspect"):
            return self.place.inspect()

    def identity(self) -> StoreIdentity:
        with self.fuse.around(f"{self.name}.identity"):
            return self.place.identity()

    def copies(self) -> CopyListing:
        with self.fuse.around(f"{self.name}.copies"):
            return self.place.copies()

    def close(self) -> None:
        self.place.close()


def wire_ledger(ledger: sa.Engine, fuse: Fuse) -> None:
    """Put a point before and after every commit that changes something (reading ones depend on timing)."""
    commit = ledger.dialect.do_commit
    changes = _changes_of_sqlite if ledger.dialect.name == "sqlite" else _changes_of_postgres

    def begun(connection: sa.Connection) -> None:
        connection.info["written"] = 0
        connection.info["changes"] = changes(connection.connection)
        connection.info["tables"] = {}

    def executed(connection: sa.Connection, cursor: Any, statement: str, *_: object) -> None:
        found = _WRITTEN.match(statement)
        if found is None:
            return
        connection.info["written"] += cursor.rowcount != 0
        if found[1] != "document":  # two chunks share one if they come to it in the same second
            connection.info["tables"][found[1]] = None
        fuse.written(found[1])

    def fatal_commit(dbapi_connection: Any) -> None:
        info = dbapi_connection.info
        if changes(dbapi_connection) == info.get("changes", 0):
            commit(dbapi_connection)
            return
        with fuse.around(f"commit of {', '.join(info['tables'])}"):
            commit(dbapi_connection)

    event.listen(ledger, "begin", begun)
    event.listen(ledger, "after_cursor_execute", executed)
    ledger.dialect.do_commit = fatal_commit  # type: ignore[method-assign]


def _changes_of_sqlite(dbapi_connection: Any) -> int:
    return int(dbapi_connection.total_changes)


def _changes_of_postgres(dbapi_connection: Any) -> int:
    return int(dbapi_connection.info.get("written", 0))


class FatalWriter(LogWriter):
    """The log's writer, with points around every append and after every step of writing a file."""

    _fuse: Fuse

    @classmethod
    def armed(cls, path: Path, origin: str, key: Ed25519PrivateKey, fuse: Fuse) -> FatalWriter:
        """Open the log with a fuse in it."""
        writer = cls.open(DurableDirectory(path, lambda step: fuse(f"log file {step}")), origin, key)
        writer._fuse = fuse
        return writer

    def append(self, leaves: Any) -> int:
        with self._fuse.around("append to the log"):
            return super().append(leaves)


def wire_drivers(fuse: Fuse) -> None:
    """Put points inside erasing calls: the ends of Postgres transactions, writing statements, S3 deletes."""
    execute, call = psycopg.Cursor.execute, BaseClient._make_api_call

    def fatal_execute(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        done = execute(cursor, query, *arguments, **options)
        if fuse.erasing:
            text = (
                query.decode()
                if isinstance(query, bytes)
                else query
                if isinstance(query, str)
                else query.as_string(None)
            )
            if found := _WRITING_SQL.match(text):
                fuse(f"after writing {found[1]}")
        return done

    def fatal_end(end: Callable[[Any], None]) -> Callable[[Any], None]:
        def ended(connection: Any) -> None:
            if not fuse.erasing:
                end(connection)
                return
            fuse("before the end of a transaction in main")
            end(connection)
            fuse("after the end of a transaction in main")

        return ended

    def fatal_call(client: Any, operation: str, parameters: Any) -> Any:
        if operation not in _WRITING_S3:
            return call(client, operation, parameters)
        with fuse.around(operation):
            return call(client, operation, parameters)

    psycopg.Cursor.execute = fatal_execute  # type: ignore[method-assign]
    psycopg.Connection.commit = fatal_end(psycopg.Connection.commit)  # type: ignore[method-assign]
    psycopg.Connection.rollback = fatal_end(psycopg.Connection.rollback)  # type: ignore[method-assign]
    BaseClient._make_api_call = fatal_call


def wire_redis(fuse: Fuse) -> None:
    """Put points around every conversation with Redis."""
    execute = redis.client.Pipeline.execute

    def fatal_execute(pipeline: Any, *arguments: Any, **options: Any) -> Any:
        with fuse.around("a conversation with Redis"):
            return execute(pipeline, *arguments, **options)

    redis.client.Pipeline.execute = fatal_execute  # type: ignore[method-assign]
