"""Side-effect guard: rolls back when triggers, rules or cascades change other rows (laws 2 and 3).

What a trigger function does cannot be read off its source. So the server's own counters of the transaction are held
against what our statements report: a row more, in whatever table, and the transaction is rolled back. It is no matter
when the trigger or the foreign key was made, or through which functions it went. What is written
into another server is seen only where it goes through a foreign table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.erase.redacted_writes import check_constraints
from expunge_connectors.postgres.erase.written_rows import Rows, WrittenTable, written_by
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable

# What everybody else still sees, tables before what belongs to them. A temporary table is nobody else's.
_SEEN_BY_OTHERS = """
SELECT c.oid::bigint, n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = ANY (%s::oid[]) AND c.relpersistence <> 't'
 ORDER BY c.relkind NOT IN ('r', 'p', 'f'), 2
"""
_REMEDY = (
    "Find the trigger, rule or foreign key and make it leave these rows alone; or accept the trigger by its name, under"
    " `triggers_ok` in the data map."
)

_BY_ACTION = (Action.TOMBSTONE, Action.DELETE)
"""What UPDATE and DELETE carry out, as `Rows.are` takes their numbers."""
_ROUNDS = 20  # of what is deferred once more: whoever needs more never ends


@dataclass(frozen=True, slots=True)
class _Ours:
    """Collections that one statement emptied, and what it reported."""

    names: tuple[str, ...]
    action: Action
    rows: int


@dataclass(frozen=True, slots=True)
class SideEffectGuard:
    """The rows that the session had written when a transaction began, and those that our statements report since.

    Our own statements drop nothing, not even a temporary table of their own.
    Kept and compared: the server's counters may still hold what the session did before (a pooler's other clients).
    """

    store: BoundStore
    others: Callable[[], AbstractContextManager[Connection]]
    before: Mapping[int, WrittenTable]
    ours: list[_Ours] = field(default_factory=list)

    @classmethod
    def begun(
        cls, connection: Connection, store: BoundStore, others: Callable[[], AbstractContextManager[Connection]]
    ) -> SideEffectGuard:
        """Look before the transaction writes anything. `others`: a session besides, for what this one sees no more."""
        return cls(store, others, written_by(connection, store.name).tables)

    def reported(self, names: Collection[str], rows: int) -> None:
        """Take down how many rows of these collections, all of one action, our statement says it touched."""
        tombstoned = any(self.store.collections[name].action is Action.TOMBSTONE for name in names)
        self.ours.append(_Ours(tuple(names), Action.TOMBSTONE if tombstoned else Action.DELETE, rows))

    def settle(self, connection: Connection) -> None:
        """Let happen what is deferred to the commit, and look again, as the last thing before it.

        What an accepted trigger writes may queue more, and the trigger may have put that off to the commit once more.

        Raises:
            TerminalError: Other rows were written: the transaction must be rolled back.
        """
        seen: Mapping[int, Rows] = {}
        for _ in range(_ROUNDS):
            with translated(self.store.name):
                check_constraints(connection)
            now = self._check(connection)
            if now == seen:
                return
            seen = now
        raise TerminalError(
            f"store {self.store.name}: what a trigger does is put off to the commit without end; it was rolled back.",
            remedy="Make the trigger leave SET CONSTRAINTS alone.",
        )

    def _check(self, connection: Connection) -> Mapping[int, Rows]:
        """Look at what was written; returns the rows of all tables, where the map accepts that one of them changed."""
        written = written_by(connection, self.store.name)
        if written.gone:
            self._refuse_dropping(written.gone)
        changed: dict[str, Rows] = {}
        changes = dict(self._changes(written.tables))
        for table in changes.values():
            mapped = [one for one in self.store.collections.values() if one.table.oid in table.oids]
            self._refuse_sharing(table, mapped)
            if table.locked is not None and not self._accepted(table):
                raise self._refusal(None, f"{table.locked} {table.names[0]}")
            if mapped:
                text = mapped[0].table.text
                changed[text] = changed.get(text, Rows()).plus(table.rows)
            elif not self._accepted(table):
                raise self._refusal(None, f"changed rows of {table.names[0]}, which the data map does not name")
        for text in changed:
            tables = self._emptied_with(text)
            if self.store.may_change.intersection(tables):
                continue
            rows = Rows()
            for one in tables:
                rows = rows.plus(changed.get(one, Rows()))
            told = [one for one in self.ours if not tables.isdisjoint(self._tables(one))]
            if not rows.are(*(sum(one.rows for one in told if one.action is action) for action in _BY_ACTION)):
                raise self._refusal(self.store.by_table[text].name, f"changed other rows of {text} than the request's")
        accepted = any(not self.store.may_change.isdisjoint(table.names) for table in changes.values())
        return {oid: table.rows for oid, table in changes.items()} if accepted else {}

    def _emptied_with(self, text: str) -> set[str]:
        """The tables that one statement emptied together with this one, and those emptied together with these."""
        tables = {text}
        while (
            more := {
                one for ours in self.ours if not tables.isdisjoint(self._tables(ours)) for one in self._tables(ours)
            }
            - tables
        ):
            tables |= more
        return tables

    def _tables(self, ours: _Ours) -> list[str]:
        return [self.store.collections[name].table.text for name in ours.names]

    def _refuse_dropping(self, gone: Sequence[int]) -> None:
        """Refuse, unless nobody else ever saw what is gone: tables that the transaction made itself, temporary ones.

        Asked is a session besides: this one sees no more what they were, nor what they were called.
        """
        with translated(self.store.name), self.others() as other:
            found = other.execute(_SEEN_BY_OTHERS, (list(gone),)).fetchall()
        for oid, name in found:
            if not self._accepted(WrittenTable(frozenset({oid}), (name,), locked=None, rows=Rows())):
                raise self._refusal(None, f"dropped {name}")

    def _refuse_sharing(self, table: WrittenTable, mapped: Sequence[BoundTable]) -> None:
        """Refuse what is a log, or a part of one, though it is a part of a collection too; and what is one of two."""
        if mapped:
            self._refuse_log(table)
        if len({one.table.oid for one in mapped}) > 1:
            both = " and of ".join(one.table.text for one in mapped)
            raise TerminalError(
                f"store {self.store.name}, collection {mapped[1].name}: erasing changed rows of {table.names[0]}, which"
                f" is a part of {both}; it was rolled back.",
                remedy="Take it out of one of them (NO INHERIT).",
            )

    def _accepted(self, table: WrittenTable) -> bool:
        """The map allows that rows of this table change by themselves. Of a log it cannot.

        Raises:
            TerminalError: It is a log.
        """
        self._refuse_log(table)
        return not self.store.may_change.isdisjoint(table.names)

    def _refuse_log(self, table: WrittenTable) -> None:
        log = next((name for name, (_, oid) in self.store.logs.items() if oid in table.oids), None)
        if log is not None:
            raise TerminalError(
                f"store {self.store.name}, collection {log}: erasing wrote into the log {self.store.logs[log][0]}, by a"
                " trigger or a foreign key, or as a part of another table; it was rolled back.",
                remedy="Make the trigger leave the log alone, or tombstone the collection that fires it; take a log"
                " that is a part of another table out of that one.",
            )

    def _refusal(self, collection: str | None, what: str) -> TerminalError:
        where = (
            f"store {self.store.name}" if collection is None else f"store {self.store.name}, collection {collection}"
        )
        return TerminalError(
            f"{where}: erasing {what}, by a trigger, a rule or a foreign key; it was rolled back.", remedy=_REMEDY
        )

    def _changes(self, after: Mapping[int, WrittenTable]) -> Iterator[tuple[int, WrittenTable]]:
        for oid, table in after.items():
            earlier = self.before.get(oid)
            rows = table.rows if earlier is None else table.rows.plus(earlier.rows, -1)
            if any(rows) or table.locked is not None:
                yield oid, table._replace(rows=rows)
