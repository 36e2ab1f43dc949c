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
from typing import NamedTuple

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.erase.redacted_writes import check_constraints
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable

# One row a table that was written, and at least one row, so that the switch of the counters is always told.
# `gone`: tables that this transaction can see no more and holds a lock on that shuts everybody out: it dropped them.
# `above`: the table and what it is a partition or a child of; rows are counted where they are stored.
# `locked`: TRUNCATE, and whatever else gives a table other rows or another shape, counts no rows but locks all out. Of
# a foreign table no rows are counted at all: the lock of a statement that writes is what shows.
# Large objects are rows of two tables of the catalogue, called by the name of the one.
_WRITTEN = """
WITH held AS MATERIALIZED (
  SELECT l.relation, pg_catalog.bool_or(l.mode = 'AccessExclusiveLock') AS alone
    FROM pg_catalog.pg_locks l
   WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
     AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock')
   GROUP BY l.relation
)
SELECT always.*, w.*
  FROM (
    SELECT pg_catalog.current_setting('track_counts')::boolean,
           ARRAY(SELECT h.relation::bigint FROM held h
                  WHERE h.alone AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = h.relation)) AS gone
  ) AS always
  LEFT JOIN (
    SELECT c.oid::bigint, above.oids, above.names, locked.how, x.inserted, x.updated, x.deleted
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN held h ON h.relation = c.oid
      LEFT JOIN LATERAL (
       SELECT CASE WHEN c.relkind = 'f' THEN 'wrote to the foreign table'
                   WHEN h.alone THEN 'emptied or rebuilt' END AS how
        WHERE h.relation IS NOT NULL
     ) AS locked ON true
     CROSS JOIN LATERAL (
       SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) AS inserted,
              pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) AS updated,
              pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) AS deleted
     ) AS x
     CROSS JOIN LATERAL (
       WITH RECURSIVE above (oid) AS (
         SELECT c.oid
         UNION
         SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = above.oid
       )
       SELECT pg_catalog.array_agg(a.oid::bigint) AS oids,
              pg_catalog.array_agg(
                CASE WHEN a.oid = 'pg_catalog.pg_largeobject_metadata'::regclass THEN 'pg_catalog.pg_largeobject'
                     ELSE an.nspname || '.' || a.relname END
                ORDER BY a.oid <> c.oid
              ) AS names
         FROM above
         JOIN pg_catalog.pg_class a ON a.oid = above.oid
         JOIN pg_catalog.pg_namespace an ON an.oid = a.relnamespace
     ) AS above
     WHERE c.relkind IN ('r', 'f') AND c.relpersistence <> 't'
       AND (n.nspname NOT IN ('pg_catalog', 'information_schema')
            OR c.oid IN ('pg_catalog.pg_largeobject'::regclass, 'pg_catalog.pg_largeobject_metadata'::regclass))
       AND (x.inserted + x.updated + x.deleted > 0 OR locked.how IS NOT NULL)
  ) AS w ON true
"""
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


class Rows(NamedTuple):
    """How many rows were inserted, updated and deleted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def plus(self, other: Rows, sign: int = 1) -> Rows:
        """The sum; with sign -1, the difference."""
        return Rows(*(mine + sign * theirs for mine, theirs in zip(self, other, strict=True)))

    def are(self, updated: int, deleted: int) -> bool:
        """Whether these statements explain the counters.

        An UPDATE that moves a row to another partition is counted as a deletion there and an insertion here.
        """
        moved = self.inserted
        return moved <= updated and self.deleted - moved == deleted and self.updated + moved == updated


class _Table(NamedTuple):
    oids: frozenset[int]
    names: tuple[str, ...]
    locked: str | None
    rows: Rows


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
    before: Mapping[int, _Table]
    ours: list[_Ours] = field(default_factory=list)

    @classmethod
    def begun(
        cls, connection: Connection, store: BoundStore, others: Callable[[], AbstractContextManager[Connection]]
    ) -> SideEffectGuard:
        """Look before the transaction writes anything. `others`: a session besides, for what this one sees no more."""
        return cls(store, others, _written(connection, store).tables)

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
        written = _written(connection, self.store)
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
            if not self._accepted(_Table(frozenset({oid}), (name,), locked=None, rows=Rows())):
                raise self._refusal(None, f"dropped {name}")

    def _refuse_sharing(self, table: _Table, mapped: Sequence[BoundTable]) -> None:
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

    def _accepted(self, table: _Table) -> bool:
        """The map allows that rows of this table change by themselves. Of a log it cannot.

        Raises:
            TerminalError: It is a log.
        """
        self._refuse_log(table)
        return not self.store.may_change.isdisjoint(table.names)

    def _refuse_log(self, table: _Table) -> None:
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

    def _changes(self, after: Mapping[int, _Table]) -> Iterator[tuple[int, _Table]]:
        for oid, table in after.items():
            earlier = self.before.get(oid)
            rows = table.rows if earlier is None else table.rows.plus(earlier.rows, -1)
            if any(rows) or table.locked is not None:
                yield oid, table._replace(rows=rows)


class _Written(NamedTuple):
    gone: Sequence[int]
    tables: Mapping[int, _Table]


def _written(connection: Connection, store: BoundStore) -> _Written:
    with translated(store.name):
        found = connection.execute(_WRITTEN).fetchall()
    if not all(row[0] for row in found):
        raise TerminalError(
            f"store {store.name}: nobody could see a write into a log or into other people's rows, for the server"
            " counts no rows.",
            remedy="Set track_counts = on, the server's default.",
        )
    tables = {
        oid: _Table(frozenset(oids), tuple(names), locked, Rows(*rows))
        for _, _, oid, oids, names, locked, *rows in found
        if oid is not None
    }
    return _Written(found[0][1], tables)
