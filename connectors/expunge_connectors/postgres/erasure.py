"""Erase: children before parents, persons last, in transactions of bounded size, from the keys alone.

Every statement finds its rows anew and names its condition twice: once to choose at most so many rows, once as the
condition of the deletion itself, which the server checks again on a row that changed in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import paths, selection, staging
from expunge_connectors.postgres.catalogue import ForeignKey
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import still_referenced, translated
from expunge_connectors.postgres.graph import CycleError, ErasingOrder, erasing_order
from expunge_connectors.postgres.logwatch import LogWatch
from expunge_connectors.postgres.mapped import MappedStore, MappedTable

ROWS_PER_TRANSACTION = 10_000
KEYS_PER_TRANSACTION = 5_000
_ADDRESS = sql.SQL("t.ctid")


def slices(subjects: Sequence[Subject], keys: int = KEYS_PER_TRANSACTION) -> Iterator[list[Subject]]:
    """Cut a chunk so that a slice has at most so many keys; a person is never cut in two.

    Keys stand for rows here (a row that leads to others is a key): most slices then fit into one transaction, and whole
    persons are gone or there after a crash.
    """
    slice_: list[Subject] = []
    size = 0
    for subject in subjects:
        if slice_ and size + len(subject.keys) > keys:
            yield slice_
            slice_, size = [], 0
        slice_.append(subject)
        size += len(subject.keys)
    if slice_:
        yield slice_


def checked_actions(store: MappedStore, actions: Mapping[str, Action], logs: Mapping[str, object]) -> dict[str, Action]:
    """The actions of the collections in scope.

    Raises:
        TerminalError: An action is for a log or an unknown collection, or differs from the map's decision.
    """
    for name, action in actions.items():
        if name in logs:
            raise TerminalError(f"store {store.name}, collection {name}: a log is left alone.")
        if name not in store.collections:
            raise TerminalError(f"store {store.name}, collection {name}: the data map does not declare it.")
        if store.collections[name].action is not action:
            raise TerminalError(
                f"store {store.name}, collection {name}: {action} was approved, but the data map says"
                f" {store.collections[name].action}.",
                remedy="Plan again.",
            )
    return {name: action for name, action in actions.items() if store.collections[name].in_scope}


def order(store: MappedStore) -> ErasingOrder:
    """In which order the store's collections are emptied.

    Raises:
        TerminalError: Foreign keys run in a circle.
    """
    by_table = {mapped.table.text: mapped for mapped in store.collections.values()}
    references = [
        (by_table[one.child].name, by_table[one.parent].name)
        for one in store.foreign_keys
        if one.child in by_table and one.parent in by_table and by_table[one.parent].action is not Action.TOMBSTONE
    ]
    # Who still points to a shared row is asked when those of the request do so no more.
    references += [
        (tie.of[0], mapped.name)
        for mapped in store.collections.values()
        if mapped.spec.sharing is not None
        for tie in mapped.ties
        if tie.of is not None
    ]
    ties = [(tie.of[0], mapped.name) for mapped in store.collections.values() for tie in mapped.ties if tie.of]
    persons = [mapped.name for mapped in store.collections.values() if mapped.spec.person is not None]
    try:
        return erasing_order(store.collections, references, ties, persons)
    except CycleError as error:
        raise TerminalError(
            f"store {store.name}: the foreign keys of {', '.join(error.names)} run in a circle.",
            remedy="Tombstone one of these collections.",
        ) from None


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction did: rows touched, and whether nothing is left for another one.

    Attributes:
        reached: The collection at which the transaction was full.
    """

    touched: int
    complete: bool
    reached: str | None = None


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases slices of one chunk.

    Attributes:
        actions: Collection -> action, as approved and checked.
        limit: Rows a transaction may touch. Rows that must go together (see `ErasingOrder.together`) are not split.
    """

    store: MappedStore
    actions: Mapping[str, Action]
    scope: Scope
    cutoff: datetime
    limit: int = ROWS_PER_TRANSACTION

    def step(self, connection: Connection, subjects: Sequence[Subject]) -> Step:
        """Run one transaction's worth; the caller commits and calls again until complete."""
        watch = LogWatch.begun(connection, self.store)
        done = self._step(connection, subjects)
        watch.check(connection)
        return done

    def _step(self, connection: Connection, subjects: Sequence[Subject]) -> Step:
        sequence = order(self.store)
        with translated(self.store.name):
            staging.stage(connection, self.store, subjects, self.scope)
            paths.follow(connection, self.store, self.cutoff)
        touched = 0
        for name in sequence.collections:
            if name not in self.actions:
                continue
            limit = None if name in sequence.together else self.limit - touched
            if limit is not None and limit <= 0:
                return Step(touched, complete=False, reached=name)
            with translated(self.store.name, name):
                here = self._collection(connection, self.store.collections[name], limit)
            touched += here
            if limit is not None and here >= limit:
                return Step(touched, complete=False, reached=name)
        return Step(touched, complete=True)

    def _collection(self, connection: Connection, mapped: MappedTable, limit: int | None) -> int:
        if not mapped.erasing:
            return 0
        if mapped.action is Action.TOMBSTONE:
            return connection.execute(self.tombstone(mapped, limit)).rowcount
        cascading = any(one.parent == mapped.table.text and one.writes_child for one in self.store.foreign_keys)
        if cascading or mapped.spec.sharing is not None:
            connection.execute(self.lock(mapped))
        self._guard(connection, mapped)
        if mapped.spec.sharing is not None:
            return connection.execute(self.delete_unowned(mapped)).rowcount
        own = [one for one in self.store.foreign_keys if one.child == one.parent == mapped.table.text]
        if own and limit is not None:
            return self._leaves_first(connection, mapped, own, limit)
        return connection.execute(self.delete(mapped, limit)).rowcount

    def _leaves_first(self, connection: Connection, mapped: MappedTable, own: Sequence[ForeignKey], limit: int) -> int:
        """Delete from a table that refers to itself: at once if the limit allows, else from the leaves inwards."""
        probe = sql.SQL("SELECT count(*) FROM ({} LIMIT {}) AS due").format(self._due(mapped), sql.Literal(limit + 1))
        (found,) = connection.execute(probe).fetchone() or (0,)
        if found <= limit:
            return connection.execute(self.delete(mapped, None)).rowcount
        leaf = selection.both(*(_unreferred(mapped, one) for one in own))
        touched = 0
        while touched < limit:
            gone = connection.execute(self.delete(mapped, limit - touched, leaf)).rowcount
            touched += gone
            if gone == 0:  # they refer to each other in a circle: these go together
                touched += connection.execute(self.delete(mapped, None)).rowcount
                break
        return touched

    def _guard(self, connection: Connection, mapped: MappedTable) -> None:
        """Refuse where a row that stays points to one that should go.

        The children of this request are gone by now; whatever still points here is somebody else's, or is kept. By
        CASCADE, SET NULL or SET DEFAULT a deletion would delete or change it. Otherwise the server would refuse, and
        write the key of the row into its log: it is asked before, so that only a row written at this moment gets there.
        A shared row is deleted only when nothing leads to it any more, which the deletion itself makes sure of.
        """
        children = {one.table.text: one for one in self.store.collections.values()}
        for key in self.store.foreign_keys:
            if key.parent != mapped.table.text:
                continue
            if key.child not in children:
                if key.writes_child:
                    raise self._would_change(mapped, key, f"through constraint {key.name}")
                continue
            if mapped.spec.sharing is not None and not key.writes_child:
                continue
            (pointing,) = connection.execute(self.changed_by(mapped, key, children[key.child])).fetchone() or (0,)
            if pointing:
                if key.writes_child:
                    raise self._would_change(mapped, key, f"that are not part of the request ({key.name})")
                raise still_referenced(self.store.name, mapped.name, key.name, key.child)

    def _would_change(self, mapped: MappedTable, key: ForeignKey, which: str) -> TerminalError:
        return TerminalError(
            f"store {self.store.name}, collection {mapped.name}: deleting would change rows of {key.child} {which}.",
            remedy="Tombstone the collection instead, or map the other table.",
        )

    def changed_by(self, mapped: MappedTable, key: ForeignKey, child: MappedTable) -> sql.Composed:
        """How many rows of the child point to ones to be deleted here, though they are not deleted themselves.

        Counted, not merely looked for: a planner that hopes to stop at the first row may read the whole child table
        for the usual answer, which is none.
        """
        shared = mapped.spec.sharing is not None
        only = selection.nothing_left(self.store, mapped, "t") if shared else selection.TRUE
        itself: sql.Composable = selection.TRUE
        if child.name == mapped.name:
            itself = sql.SQL("c.ctid <> ALL (ARRAY({}))").format(self._due(mapped, only))
        columns = sql.SQL(", ").join(selection.column("t", name) for name in key.parent_columns)
        return sql.SQL("SELECT count(*) FROM {} AS c JOIN ({}) AS t ON {} WHERE {}").format(
            child.table.identifier, self._due(mapped, only, columns), _refers(key, "c", "t"), itself
        )

    def delete(self, mapped: MappedTable, limit: int | None, only: sql.Composable = selection.TRUE) -> sql.Composed:
        """DELETE what is due, at most `limit` rows of it, and of these only what the extra condition allows."""
        return sql.SQL("DELETE FROM {} AS t WHERE {} AND {}").format(
            mapped.table.identifier, self._chosen(mapped, limit, only), self._still(mapped, only)
        )

    def tombstone(self, mapped: MappedTable, limit: int | None) -> sql.Composed:
        """UPDATE what is due and no tombstone yet."""
        only = sql.SQL("NOT ({})").format(selection.entombed(mapped, "t"))
        return sql.SQL("UPDATE {} AS t SET {} WHERE {} AND {}").format(
            mapped.table.identifier,
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), selection.expression(mapped, name, "t"))
                for name in mapped.spec.tombstone
            ),
            self._chosen(mapped, limit, only),
            self._still(mapped, only),
        )

    def lock(self, mapped: MappedTable) -> sql.Composed:
        """Lock rows, always in the same order, while those that point to them are counted.

        Two owners erased at once: the second one waits here, and its next statement sees the first one gone. An owner
        being added holds a lock on the row through its foreign key, and is waited for as well.
        """
        return sql.SQL("SELECT FROM {} AS t WHERE t.ctid = ANY (ARRAY({})) ORDER BY {} FOR UPDATE OF t").format(
            mapped.table.identifier, self._due(mapped), selection.columns("t", mapped)
        )

    def delete_unowned(self, mapped: MappedTable) -> sql.Composed:
        """DELETE shared rows to which nothing points any more: a statement after `lock`, for its newer snapshot."""
        return self.delete(mapped, None, selection.nothing_left(self.store, mapped, "t"))

    def _chosen(self, mapped: MappedTable, limit: int | None, only: sql.Composable) -> sql.Composed:
        bound = sql.SQL("") if limit is None else sql.SQL(" LIMIT {}").format(sql.Literal(limit))
        return sql.SQL("t.ctid = ANY (ARRAY({}{}))").format(self._due(mapped, only), bound)

    def _due(
        self, mapped: MappedTable, only: sql.Composable = selection.TRUE, wanted: sql.Composable = _ADDRESS
    ) -> sql.Composed:
        """What is due, whichever tie finds it: row addresses, or other columns."""
        return sql.SQL(" UNION ").join(
            selection.rows(
                mapped,
                tie,
                wanted,
                selection.requested(mapped, tie, "t", self.cutoff),
                sql.SQL("NOT {}").format(selection.kept(mapped, "t", self.cutoff)),
                only,
            )
            for tie in mapped.erasing
        )

    def _still(self, mapped: MappedTable, only: sql.Composable) -> sql.Composed:
        """The same condition, said of the row as it is when the statement reaches it."""
        found = sql.SQL(" OR ").join(
            sql.SQL("EXISTS (SELECT FROM {} AS k WHERE {})").format(
                staging.keys_table(tie.key_type),
                selection.both(
                    selection.tied(tie, "t"),
                    selection.requested(mapped, tie, "t", self.cutoff),
                ),
            )
            for tie in mapped.erasing
        )
        return selection.both(
            sql.SQL("({})").format(found),
            selection.owned(mapped, "t"),
            sql.SQL("NOT {}").format(selection.kept(mapped, "t", self.cutoff)),
            only,
        )


def _refers(key: ForeignKey, child: str, parent: str) -> sql.Composed:
    return selection.both(
        *(
            sql.SQL("{} = {}").format(selection.column(child, ours), selection.column(parent, theirs))
            for ours, theirs in zip(key.columns, key.parent_columns, strict=True)
        )
    )


def _unreferred(mapped: MappedTable, key: ForeignKey) -> sql.Composed:
    """No other row of the same table refers to `t`."""
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS c WHERE {} AND c.ctid <> t.ctid)").format(
        mapped.table.identifier, _refers(key, "c", "t")
    )
