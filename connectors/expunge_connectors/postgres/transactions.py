"""Transactions: what they see and whether they write, each run again after a transient error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from psycopg import IsolationLevel
from tenacity.wait import wait_base

from expunge_connectors.errors import SomeRecordsError, TransientError
from expunge_connectors.postgres.connection import Connection, Connections
from expunge_connectors.postgres.erase.lock_blockers import LockBlockers
from expunge_connectors.postgres.errors import translated
from expunge_connectors.retry import with_retries

T = TypeVar("T")

_ONE_SNAPSHOT = IsolationLevel.REPEATABLE_READ
# The erasing side relies on a new snapshot for each statement, whatever the server's default is.
_SNAPSHOT_A_STATEMENT = IsolationLevel.READ_COMMITTED


@dataclass(frozen=True, slots=True)
class Transactions:
    """Those of one store. Safe to use from several threads: each call takes a connection of its own.

    Attributes:
        store: Its name, for messages.
        connections: Its pool.
        wait: What to wait between attempts.
        once: Raised at once, and not tried again as it is.
    """

    store: str
    connections: Connections
    wait: wait_base
    once: tuple[type[TransientError], ...] = ()

    @property
    def in_slices(self) -> Transactions:
        """The same for work that is done in slices: what took too long, or others hold, is done in smaller ones."""
        return replace(self, once=(SomeRecordsError,))

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run one transaction that sees what is committed meanwhile, and roll it back."""
        return self.call(_rolled_back(work))

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run one transaction on one snapshot and roll it back: whatever it did, it wrote nothing."""
        return self.call(_rolled_back(work), _ONE_SNAPSHOT)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run one transaction, again after a transient error: nothing of it is left then."""
        blockers = LockBlockers(self.store, self.connections)

        def committed(connection: Connection) -> T:
            with blockers.named(connection), connection.transaction():
                return work(connection)

        return self.call(committed, _SNAPSHOT_A_STATEMENT)

    def call(self, work: Callable[[Connection], T], isolation: IsolationLevel | None = None) -> T:
        """Lend a connection to work that begins transactions of its own, or needs none."""

        def leased() -> T:
            with translated(self.store), self.connections.lease(isolation) as connection:
                return work(connection)

        return with_retries(self.wait, but=self.once)(leased)


def _rolled_back(work: Callable[[Connection], T]) -> Callable[[Connection], T]:
    def rolled_back(connection: Connection) -> T:
        with connection.transaction(force_rollback=True):
            return work(connection)

    return rolled_back
