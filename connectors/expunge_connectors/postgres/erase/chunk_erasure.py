"""Chunk erasure: the slices of a chunk, each in transactions until nothing of it is left, at a pace that others stand.

Most slices fit into one transaction. A chunk whose people share rows that lead on is not cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from expunge_config.datamap import Action
from expunge_connectors.contract import Heartbeat, RemovalNotice, Subject
from expunge_connectors.errors import StillReferencedError, TerminalError
from expunge_connectors.postgres import count
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.erase.eraser import Eraser, TransactionResult
from expunge_connectors.postgres.erase.throttle import LoadMonitor
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.transactions import Transactions

KEYS_PER_TRANSACTION = 5_000
SUBJECTS_PER_TRANSACTION = 1_000
# For rows that are written while an erasure is at work.
_SPARE_TRANSACTIONS = 10


def slices(subjects: Sequence[Subject], keys: int = KEYS_PER_TRANSACTION) -> Iterator[list[Subject]]:
    """Cut a chunk so that a slice has at most so many keys and people; a person is never cut in two.

    Most slices then fit into one transaction, and whole persons are gone or there after a crash.
    """
    slice_: list[Subject] = []
    size = 0
    for subject in subjects:
        if slice_ and (size + len(subject.keys) > keys or len(slice_) == SUBJECTS_PER_TRANSACTION):
            yield slice_
            slice_, size = [], 0
        slice_.append(subject)
        size += len(subject.keys)
    if slice_:
        yield slice_


@dataclass(frozen=True, slots=True)
class ChunkErasure:
    """Erases the people of one chunk.

    Attributes:
        eraser: What one transaction does.
        transactions: Those of the store.
        load: How the database's own users fare.
        await_calm: Waits until the replicas keep up.
        beat: Called while it works.
        notice: Told of whom rows were removed, before that is committed.
    """

    eraser: Eraser
    transactions: Transactions
    load: LoadMonitor
    await_calm: Callable[[Connection, Heartbeat], None]
    beat: Heartbeat
    notice: RemovalNotice

    def erase(self, subjects: Sequence[Subject]) -> int:
        """Erase slice by slice; returns the rows touched.

        Raises:
            TerminalError: A row outside the request is in the way, or rows come back. What was committed before stays.
        """
        touched = 0
        in_the_way: list[Subject] = []
        whole = _owners_stay(self.eraser.store, self.eraser.actions)
        for number, slice_ in enumerate([list(subjects)] if whole else slices(subjects)):
            if number:
                self.load.rest(self.beat)
            try:
                touched += self._slice(slice_)
            except StillReferencedError:
                # By a row of a later slice, perhaps (an answer to a message): together they may go.
                if len(slice_) == len(subjects):
                    raise
                in_the_way.extend(slice_)
        return touched + (self._slice(in_the_way) if in_the_way else 0)

    def _slice(self, subjects: Sequence[Subject]) -> int:
        self._await_calm()
        done = self._transaction(subjects)
        touched = done.touched
        self.beat()
        if done.complete:
            return touched
        # Each transaction but the last touches rows: more of them than there are means that rows come back.
        rows = self._due(subjects) + _SPARE_TRANSACTIONS * self.eraser.limit
        while rows >= 0:
            self.load.rest(self.beat)
            self._await_calm()
            done = self._transaction(subjects)
            touched += done.touched
            rows -= max(done.touched, 1)
            self.beat()
            if done.complete:
                return touched
        raise TerminalError(
            f"store {self.eraser.store.name}, collection {done.reached}: rows come back as fast as they are deleted.",
            remedy="Look for a trigger, or an application, that writes them anew.",
        )

    def _transaction(self, subjects: Sequence[Subject]) -> TransactionResult:
        def step(connection: Connection) -> TransactionResult:
            with self.load.watched(connection):
                result = self.eraser.at(self.load.pace).step(connection, subjects)
            if result.collections:
                self.notice(dict.fromkeys([one.number for one in subjects], result.collections))
            return result

        return self.transactions.write(step)

    def _await_calm(self) -> None:
        self.transactions.call(lambda connection: self.await_calm(connection, self.beat))

    def _due(self, subjects: Sequence[Subject]) -> int:
        eraser = self.eraser
        left = self.transactions.read(
            lambda connection: count.count(
                count.searched(connection, eraser.store, subjects, eraser.scope, eraser.cutoff), subjects
            )
        )
        return sum(tally.due for tallies in left.values() for tally in tallies.values())


def _owners_stay(store: BoundStore, actions: Mapping[str, Action]) -> bool:
    """Rows stay that point to rows which people share, and what hangs below these may go: its owners all at once.

    A chunk is not cut then. To one of two owners in two slices the other one's row would be a stranger's, in either.
    """
    return any(
        mapped.spec.sharing is not None
        and mapped.leads
        and any(actions.get(owner) is not Action.DELETE for owner in store.leading[name])
        for name, mapped in store.scoped.items()
    )
