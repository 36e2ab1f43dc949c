"""Age sweep: what has had its time goes, piece by piece, each in a transaction of its own (ADR 30)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import (
    BeforePiece,
    Heartbeat,
    Keeping,
    NamedThing,
    PieceNotice,
    SubjectKey,
    SweptPiece,
)
from expunge_connectors.errors import SomeRecordsError, TerminalError, TransientError
from expunge_connectors.postgres.ages import row_names
from expunge_connectors.postgres.ages.copying_triggers import CopyingTriggers
from expunge_connectors.postgres.ages.due_rows import AgeRules
from expunge_connectors.postgres.ages.held_rows import HeldRows
from expunge_connectors.postgres.ages.hold_answers import HoldAnswers
from expunge_connectors.postgres.ages.row_names import NamedBy, RowReader
from expunge_connectors.postgres.ages.sweep_statements import STAGED, SweepStatements, Taking
from expunge_connectors.postgres.ages.table_slices import Leaf, TableSlice, TableSlices, grown, leaves
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.erase.redacted_writes import execute, overwrite
from expunge_connectors.postgres.erase.side_effect_guard import SideEffectGuard
from expunge_connectors.postgres.erase.throttle import LoadMonitor
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.tombstones import is_tombstone
from expunge_connectors.postgres.transactions import Transactions

_FIRST = 50
"""Blocks of the first piece: a row costs more when it goes than when it is read."""

_MARK = "SELECT pg_catalog.pg_current_xact_id()::text"
_SPARED = sql.SQL("DELETE FROM pg_temp.expunge_going AS g WHERE g.place = ANY (%s::tid[])")
_STAGED = sql.SQL("SELECT count(*) FROM pg_temp.expunge_going")


@dataclass(frozen=True, slots=True)
class AgeSweep:
    """The sweep of one collection.

    Attributes:
        rules: By what its rows go.
        mapped: The collection.
        data_map: How keys are read.
        transactions: Those of the store.
        load: How the database's own users fare.
        others: Lends a session besides a transaction's.
        await_calm: Waits until the replicas keep up.
        beat: Called after each piece.
        busy: The share of the time, at most, in which a transaction of ours is at work.
        answers: What holds said to the texts of rows, from piece to piece.
    """

    rules: AgeRules
    mapped: BoundTable
    data_map: DataMap
    transactions: Transactions
    load: LoadMonitor
    others: Callable[[], AbstractContextManager[Connection]]
    await_calm: Callable[[Connection, Heartbeat], None]
    beat: Heartbeat
    busy: float = 1.0
    answers: HoldAnswers = field(default_factory=HoldAnswers, repr=False)

    def sweep(self, before: BeforePiece, notice: PieceNotice, after: str | None) -> bool:
        """Take away what is due, from a place on (`SweptPiece.after`); False: `before` stopped it.

        A table that refers to itself is gone through from its end, and again as long as rows of it went: one that goes
        may have kept the next one.
        """
        itself = self._refers_to_itself()
        while True:
            parts = self.transactions.look(lambda connection: leaves(connection, self.mapped.table.oid))
            here = [leaf for leaf in parts if leaf.blocks is not None]  # no rows of other servers are written from here
            if itself:
                here.reverse()
            went, begins = 0, after is None
            for slices, leaf, rest in self._from(here, after, backwards=itself):
                for part in slices:
                    keeping = before()
                    if keeping is None:
                        return False
                    started = time.monotonic()
                    told = partial(_told, notice, begins)
                    try:
                        transactions = self.transactions if slices.smallest else self.transactions.in_slices
                        rows = self._piece(
                            transactions, part, keeping, told, _after(leaf, part, rest, backwards=itself)
                        )
                    except SomeRecordsError:
                        if not slices.cut():
                            raise
                        rows = 0
                    else:
                        slices.took(time.monotonic() - started)
                        begins = False
                    self._rest(time.monotonic() - started, rows)
                    went += rows
            after = None
            if not itself or not went:
                return True

    def _from(
        self, here: list[Leaf], after: str | None, *, backwards: bool
    ) -> Iterator[tuple[TableSlices, Leaf, list[Leaf]]]:
        name, _, block = (after or "").rpartition("|")
        names = [leaf.text for leaf in here]
        at = names.index(name) if name in names else 0
        size = _FIRST
        for number, leaf in enumerate(here[at:], at):
            begin = int(block) if leaf.text == name else None
            slices = TableSlices(leaf, size, begin, backwards=backwards, grown=grown(self.transactions, leaf))
            yield slices, leaf, here[number + 1 :]
            size = slices.size

    def _piece(
        self,
        transactions: Transactions,
        part: TableSlice,
        keeping: Keeping,
        notice: PieceNotice,
        after: str | None,
    ) -> int:
        """Take away what is due in a slice; returns how many rows of the collection went.

        Raises:
            SomeRecordsError: The server ended it for the time it took, or others wrote these rows; nothing of it is
                kept.
        """
        cleared: frozenset[SubjectKey] = frozenset()
        if things := row_names.things(self.rules, self.mapped, keeping.named):
            named = transactions.look(lambda connection: self._named(connection, part, keeping, things))
            cleared = keeping.clear(named) if named else cleared
        return transactions.write(
            lambda connection: self._taken(connection, part, keeping, notice, after, things, cleared)
        )

    def _rest(self, took: float, rows: int) -> None:
        """Between two pieces: leave the store to its users, and let replicas follow where rows went."""
        self.beat()
        self.load.rest(self.beat)
        if self.busy < 1:
            time.sleep(took * (1 / self.busy - 1))
        if rows:
            self.transactions.call(lambda connection: self.await_calm(connection, self.beat))

    def _named(
        self, connection: Connection, part: TableSlice, keeping: Keeping, things: list[NamedBy]
    ) -> frozenset[NamedThing]:
        """What the rows that would go name in other stores."""
        with translated(self.rules.store.name, self.mapped.name):
            self._stage(connection, part, keeping)
            said = connection.execute(row_names.statement(things, part.table, STAGED)).fetchall()
        return frozenset().union(*row_names.named_things(said, RowReader.of(things, self.data_map)).values())

    def _stage(self, connection: Connection, part: TableSlice, keeping: Keeping) -> int:
        """Stage the rows that go; returns how many more a hold keeps."""
        statements = SweepStatements(self.rules, self.mapped)
        holds = HeldRows(self.rules.store, self.mapped, self.data_map, keeping, self.answers)
        connection.execute(statements.stage(part, holds.texts))
        (found,) = only_row(connection.execute(_STAGED))
        held = self._spare_held(connection, part, holds) if found else 0
        if (needed := statements.spare_needed(part)) is not None and found > held:
            while connection.execute(needed).rowcount:
                pass  # a row that stays keeps the one to which it points
        return held

    def _taken(  # noqa: PLR0913, PLR0917 - what goes, and who is asked and told
        self,
        connection: Connection,
        part: TableSlice,
        keeping: Keeping,
        notice: PieceNotice,
        after: str | None,
        things: list[NamedBy],
        cleared: frozenset[SubjectKey],
    ) -> int:
        """One transaction's work; returns how many rows of the collection went."""
        store, statements = self.rules.store, SweepStatements(self.rules, self.mapped)
        watch = SideEffectGuard.begun(connection, store, self.others)
        with self.load.watched(connection), translated(store.name, self.mapped.name):
            held = self._stage(connection, part, keeping)
            if things:
                self._spare_naming(connection, part, things, cleared)
            (going,) = only_row(connection.execute(_STAGED))
            if not going:
                notice(SweptPiece(after, held=held))
                return 0
            gone: Counter[str] = Counter()
            rows, takings = 0, [*statements.along(part), statements.take(part)]
            copying = CopyingTriggers.of(connection, store, takings)
            for one in takings:
                rows = self._take(connection, one)
                watch.reported([one.mapped.name], rows)
                gone[one.mapped.name] += rows
        if rows != going:
            raise self._left()
        watch.settle(connection)
        copying.refuse(connection)
        (mark,) = only_row(connection.execute(_MARK))
        notice(SweptPiece(after, {name: number for name, number in gone.items() if number}, held, mark))
        return rows

    def _take(self, connection: Connection, taking: Taking) -> int:
        """Take rows away; returns how many.

        Raises:
            SomeRecordsError: One of them is there, or not overwritten.
        """
        if (going := taking.overwritten) is None:
            rows = execute(connection, taking.statement)
        elif (written := overwrite(connection, taking.statement, is_tombstone(going.mapped, going.alias))) is not None:
            rows = written
        else:
            raise self._left()
        if taking.left is not None and only_row(connection.execute(taking.left)) != (0,):
            raise self._left()
        return rows

    def _left(self) -> SomeRecordsError:
        return SomeRecordsError(
            f"store {self.rules.store.name}, collection {self.mapped.name}: rows that were to go by age, or with one"
            " that does, changed meanwhile, or a trigger or a rule left them as they were; nothing of this piece is"
            " kept, and it is done again.",
            remedy="If it stays like this, look for a trigger or a rule on the table that holds us back.",
        )

    def _spare_naming(
        self, connection: Connection, part: TableSlice, things: list[NamedBy], cleared: frozenset[SubjectKey]
    ) -> None:
        """Take out the rows that name something of which not all is gone."""
        said = connection.execute(row_names.statement(things, part.table, STAGED)).fetchall()
        named = row_names.named_things(said, RowReader.of(things, self.data_map))
        kept = [place for place, found in named.items() if any(one.key not in cleared for one in found)]
        if kept:
            connection.execute(_SPARED, (kept,))
            statements = SweepStatements(self.rules, self.mapped)
            while (needed := statements.spare_needed(part)) is not None and connection.execute(needed).rowcount:
                pass

    def _spare_held(self, connection: Connection, part: TableSlice, holds: HeldRows) -> int:
        """Take out the rows that holds keep; returns how many."""
        return holds.spare(connection, part)

    def _refers_to_itself(self) -> bool:
        table = self.mapped.table.text
        return bool(self.mapped.own) or any(one.child == one.parent == table for one in self.rules.store.foreign_keys)


def _told(notice: PieceNotice, begins: bool, piece: SweptPiece) -> None:  # noqa: FBT001 - of a partial
    notice(replace(piece, begins=begins))


def committed(connection: Connection, mark: str) -> bool:
    """Whether the transaction with that mark (`SweptPiece.mark`) committed.

    Raises:
        TransientError: It is still at work: its session has not ended yet.
        TerminalError: The server is another one, or has forgotten it.
    """
    (status,) = only_row(connection.execute("SELECT pg_catalog.pg_xact_status(%s::xid8)", (mark,)))
    if status == "in progress":
        raise TransientError(
            "A transaction of an earlier sweep is still at work.", remedy="Wait for it; then run again."
        )
    if status is None:
        raise TerminalError(
            "The server does not know any more whether the last piece of an earlier sweep was committed.",
            remedy="`expunge retention report` states its records as not known; the next sweep counts anew.",
        )
    return bool(status == "committed")


def _after(leaf: Leaf, part: TableSlice, rest: list[Leaf], *, backwards: bool) -> str | None:
    """Where the next piece begins."""
    if backwards and part.begins > 0:
        return f"{leaf.text}|{part.begins}"
    if not backwards and part.ends is not None:
        return f"{leaf.text}|{part.ends}"
    if not rest:
        return None
    return f"{rest[0].text}|{(rest[0].blocks or 0) + 1 if backwards else 0}"
