"""Group commit (ADR 15): one writer thread runs queued writes in one ledger transaction, each in a savepoint."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from expunge_orchestrator.ledger import Ledger, Transaction
from expunge_orchestrator.ledger.database import serialise_writers

T = TypeVar("T")
WriteJob = Callable[[Transaction], T]

MOST = 64
"""Jobs of one transaction: others want their turn at the ledger, too."""


class FairLock:
    """A lock that is handed on in the order in which it was asked for: nobody is overtaken for ever."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._line: deque[threading.Lock] = deque()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for one's turn; it is over with the block."""
        mine = threading.Lock()
        mine.acquire()
        with self._guard:
            self._line.append(mine)
            if self._line[0] is mine:
                mine.release()
        mine.acquire()
        try:
            yield
        finally:
            with self._guard:
                self._line.popleft()
                if self._line:
                    self._line[0].release()


@dataclass(slots=True)
class _Waiting:
    """A job in the line, and what came of it; `settle` tells whoever waits, after the commit."""

    job: WriteJob[object]
    answer: Future[object] = field(default_factory=Future)
    result: object = None
    failure: Exception | None = None

    def settle(self) -> None:
        if self.failure is None:
            self.answer.set_result(self.result)
        else:
            self.answer.set_exception(self.failure)


class GroupCommitWriter:
    """Writes for the calls of one process.

    A commit waits for the disk, and SQLite has one writer: jobs that wait for it share a transaction, each in a
    savepoint of its own, in the order in which they came. What a job raises undoes that job alone; none is answered
    before the commit of all.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turns = FairLock() if ledger.dialect.name == "sqlite" else None
        self._line: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "expunge-writer")

    def write(self, job: WriteJob[T]) -> Future[T]:
        """Have a job done. Jobs of all processes come one at a time (`serialise_writers`).

        Args:
            job: Reads and writes over the connection that it is given, and does not commit. It may be undone and is
                then not repeated: what it does outside the ledger stays.

        Returns:
            Ends with what the job returned as soon as that is durable; with what it raised; or with the ledger's error.
        """
        waiting = _Waiting(job)
        self._line.append(waiting)
        self._thread.submit(self._work)
        return waiting.answer  # type: ignore[return-value] # it ends with what the job returns: a T

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction of one's own that writes, in turn with all the others of this process.

        On SQLite whoever meets another writer sleeps a while before it looks again; here they stand in line.
        """
        turn = nullcontext() if self._turns is None else self._turns.taken()
        with turn, self._ledger.begin() as connection:
            yield connection

    def _work(self) -> None:
        """Do what is in the line: nothing, where the turn of an earlier job did this one as well."""
        taken = [self._line.popleft() for _ in range(min(MOST, len(self._line)))]
        # Nobody waits any more for what was given up while it stood in line: it is not begun.
        group = [one for one in taken if one.answer.set_running_or_notify_cancel()]
        if not group:
            return
        try:
            with self.transaction() as connection:
                # First of all: two processes that took it between their jobs' rows could wait for one another.
                serialise_writers(connection)
                for one in group:
                    _apart(connection, one)
        except BaseException as error:  # noqa: BLE001 - whatever it was, nothing is durable and nobody may wait on
            for one in group:
                one.answer.set_exception(error)
        else:
            for one in group:
                one.settle()


def _apart(connection: Transaction, one: _Waiting) -> None:
    """Do a job so that it can be undone alone. An error of the savepoint itself ends the whole transaction."""
    connection.exec_driver_sql("SAVEPOINT one_job")
    try:
        one.result = one.job(connection)
    except Exception as error:  # noqa: BLE001 - it is for whoever asked, and undoes nobody else's job
        one.failure = error
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one_job")
    connection.exec_driver_sql("RELEASE SAVEPOINT one_job")
