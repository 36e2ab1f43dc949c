"""Erase: children before parents, persons last, in transactions of bounded size, from the keys alone.

Every statement finds its rows anew and names its condition twice: once to choose at most so many rows, once as the
condition of the deletion itself, which the server checks again on a row that changed in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import selection, staging, waiting
from expunge_connectors.postgres.catalogue import ForeignKey
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import still_referenced, translated
from expunge_connectors.postgres.evidence import Evidence
from expunge_connectors.postgres.graph import ErasingOrder, erasing_order
from expunge_connectors.postgres.keytypes import equals
from expunge_connectors.postgres.mapped import MappedStore, MappedTable
from expunge_connectors.postgres.rowwatch import RowWatch
from expunge_connectors.postgres.selection import Search, Way
from expunge_connectors.postgres.tombstones import entombed, put
from expunge_connectors.postgres.wording import TRUE, both, column, either, listed, raw
from expunge_connectors.postgres.writing import carry_out, carry_out_together, check_constraints

ROWS_PER_TRANSACTION = 25_000
SECONDS_PER_TRANSACTION = 5.0
KEYS_PER_TRANSACTION = 5_000
SUBJECTS_PER_TRANSACTION = 1_000


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
        TerminalError: A shared row and those that point to it refer to each other in a circle.
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
    sequence = erasing_order(store.collections, references, ties, persons)
    for group in sequence.groups:
        for name in group:
            if len(group) > 1 and store.collections[name].spec.sharing is not None:
                raise TerminalError(
                    f"store {store.name}, collection {name}: the foreign keys of {', '.join(group)} run in a circle"
                    " around a shared row.",
                    remedy="Tombstone one of these collections.",
                )
    return sequence


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
        seconds: How long a transaction may take: after that it is full, whatever it touched.
    """

    store: MappedStore
    actions: Mapping[str, Action]
    scope: Scope
    cutoff: datetime
    limit: int = ROWS_PER_TRANSACTION
    seconds: float = SECONDS_PER_TRANSACTION

    def step(self, connection: Connection, subjects: Sequence[Subject]) -> Step:
        """Run one transaction's worth; the caller commits and calls again until complete."""
        watch = RowWatch.begun(connection, self.store)
        done = self._step(connection, subjects, watch)
        with translated(self.store.name):
            check_constraints(connection)
        watch.check(connection)
        return done

    def _step(self, connection: Connection, subjects: Sequence[Subject], watch: RowWatch) -> Step:
        sequence = order(self.store)
        until = time.monotonic() + self.seconds
        search = self._search(connection, subjects)
        touched = 0
        for group in sequence.groups:
            names = [name for name in group if name in self.actions]
            if not names:
                continue
            name = names[0]
            limit = None if name in sequence.together else self.limit - touched
            if limit is not None and touched and (limit <= 0 or time.monotonic() > until):
                return Step(touched, complete=False, reached=name)
            with translated(self.store.name, name):
                if len(names) > 1:
                    here = self._circle(search, [self.store.collections[one] for one in names])
                else:
                    here = self._collection(search, self.store.collections[name], limit)
            watch.reported(names, here)
            touched += here
            if limit is not None and here >= limit:
                return Step(touched, complete=False, reached=name)
        return Step(touched, complete=True)

    def _search(self, connection: Connection, subjects: Sequence[Subject]) -> Search:
        """Find the rows that lead on or are looked at more than once; the others are found as they are erased."""
        with translated(self.store.name):
            search = Search(
                connection, self.store, staging.stage(connection, self.store, subjects, self.scope), self.cutoff
            )
        for mapped in self.store.scoped.values():
            with translated(self.store.name, mapped.name):
                if self._kept_at_hand(mapped):
                    evidence = Evidence.of(search, mapped)
                    if evidence.ways:
                        self._keep(search, evidence)
        return search

    def _keep(self, search: Search, evidence: Evidence) -> None:
        mapped = evidence.mapped
        search.keep(mapped, evidence.statement(), evidence.columns())
        waiting.look(search, mapped)
        if mapped.name in search.waiting and waiting.no_identifiers(search, mapped):
            search.waiting.discard(mapped.name)
            search.connection.execute(sql.SQL("DROP TABLE {}").format(search.table(mapped.name)))
            search.keep(mapped, evidence.statement(), evidence.columns())
            waiting.look(search, mapped)

    def _kept_at_hand(self, mapped: MappedTable) -> bool:
        if mapped.leads or mapped.own or mapped.binding or mapped.spec.sharing is not None:
            return True
        if mapped.table.kind != "r" or mapped.table.tree:
            return True  # a row's address says which row it is within one table only
        return mapped.action is not Action.TOMBSTONE and any(
            key.parent == mapped.table.text for key in self.store.foreign_keys
        )

    def _collection(self, search: Search, mapped: MappedTable, limit: int | None) -> int:
        ways = selection.ways(search, mapped.erasing)
        if not ways or search.found.get(mapped.name) == 0:
            # A table that may not be written is not one that holds nothing.
            return carry_out(search.connection, self._nothing(mapped))
        if mapped.action is Action.TOMBSTONE:
            return carry_out(search.connection, self.tombstone(search, mapped, ways, limit))
        waiting.hold_back(search, [mapped])
        self._ask_before(search, mapped, (mapped,))
        if mapped.spec.sharing is not None:
            unowned = selection.nothing_left(self.store, mapped, "t")
            return carry_out(search.connection, self.delete(search, mapped, ways, None, unowned))
        own = [one for one in self.store.foreign_keys if one.child == one.parent == mapped.table.text]
        if (own or mapped.own) and limit is not None and search.found[mapped.name] > limit:
            return self._leaves_first(search, mapped, ways, own, limit)
        return carry_out(search.connection, self.delete(search, mapped, ways, limit))

    def _circle(self, search: Search, circle: Sequence[MappedTable]) -> int:
        """Delete from tables that refer to each other in a circle: in one statement, at whose end the server looks.

        So no constraint needs to be deferrable, and no column to be emptied first.
        """
        going = [mapped for mapped in circle if search.found.get(mapped.name)]
        waiting.hold_back(search, going)
        for mapped in going:
            self._ask_before(search, mapped, circle)
        if not going:
            return 0
        return carry_out_together(
            search.connection,
            [self.delete(search, mapped, selection.ways(search, mapped.erasing), None) for mapped in going],
        )

    def _ask_before(self, search: Search, mapped: MappedTable, circle: Sequence[MappedTable]) -> None:
        cascading = any(one.parent == mapped.table.text and one.writes_child for one in self.store.foreign_keys)
        if cascading or mapped.spec.sharing is not None:
            search.connection.execute(self.lock(search, mapped))
        self._guard(search, mapped, circle)

    def _leaves_first(
        self, search: Search, mapped: MappedTable, ways: Sequence[Way], own: Sequence[ForeignKey], limit: int
    ) -> int:
        """Delete from a table that refers to itself, more than the limit allows at once: from the leaves inwards."""
        leaf = both(
            *(_unreferred(mapped, one.columns, one.parent_columns) for one in own),
            *(
                _unreferred(mapped, [column.name for column in tie.columns], tie.of[1] if tie.of else ())
                for tie in mapped.own
            ),
        )
        touched = 0
        while touched < limit:
            gone = carry_out(search.connection, self.delete(search, mapped, ways, limit - touched, leaf))
            touched += gone
            if gone == 0:  # they refer to each other in a circle: these go together
                touched += carry_out(search.connection, self.delete(search, mapped, ways, None))
                break
        return touched

    def _guard(self, search: Search, mapped: MappedTable, circle: Sequence[MappedTable]) -> None:
        """Refuse where a row that stays points to one that should go.

        The children of this request are gone by now; whatever still points here is somebody else's, or is kept. By
        CASCADE, SET NULL or SET DEFAULT a deletion would delete or change it. A key that the server does not hold for
        every row would let it point to nothing. Otherwise the server itself refuses, as the deletion ends. A shared row
        is deleted only when nothing leads to it any more, which the deletion itself makes sure of.
        """
        children = {one.table.text: one for one in self.store.collections.values()}
        for key in self.store.foreign_keys:
            if key.parent != mapped.table.text:
                continue
            if key.child not in children:
                if key.writes_child:
                    raise self._would_change(mapped, key, f"through constraint {key.name}")
                continue
            if not key.writes_child and (mapped.spec.sharing is not None or key.sound):
                continue
            statement = self.changed_by(search, mapped, key, children[key.child], circle)
            (pointing,) = search.connection.execute(statement).fetchone() or (0,)
            if pointing:
                if key.writes_child:
                    raise self._would_change(mapped, key, f"that are not part of the request ({key.name})")
                raise still_referenced(self.store.name, mapped.name, key.name, key.child)

    def _would_change(self, mapped: MappedTable, key: ForeignKey, which: str) -> TerminalError:
        return TerminalError(
            f"store {self.store.name}, collection {mapped.name}: deleting would change rows of {key.child} {which}.",
            remedy="Tombstone the collection instead, or map the other table.",
        )

    def changed_by(
        self, search: Search, mapped: MappedTable, key: ForeignKey, child: MappedTable, circle: Sequence[MappedTable]
    ) -> sql.Composed:
        """How many rows of the child point to ones to be deleted here, though they are not deleted themselves.

        Counted, not merely looked for: a planner that hopes to stop at the first row may read the whole child table
        for the usual answer, which is none.
        """
        only = selection.nothing_left(self.store, mapped, "t") if mapped.spec.sharing is not None else TRUE
        parents = sql.SQL("SELECT DISTINCT {} FROM {} AS f JOIN {} AS t ON {} WHERE {}").format(
            listed(*(column("t", name) for name in key.parent_columns)),
            search.table(mapped.name),
            mapped.table.identifier,
            selection.same_row(mapped, "t", "f"),
            both(_due("f"), only),
        )
        if mapped.spec.sharing is None and set(key.parent_columns) <= set(mapped.table.primary_key):
            places = [mapped.table.primary_key.index(name) for name in key.parent_columns]
            parents = sql.SQL("SELECT DISTINCT {} FROM {} AS f WHERE {}").format(
                listed(
                    *(
                        sql.SQL("{} AS {}").format(column("f", f"p{at}"), sql.Identifier(name))
                        for at, name in zip(places, key.parent_columns, strict=True)
                    )
                ),
                search.table(mapped.name),
                _due("f"),
            )
        itself: sql.Composable = TRUE
        if child in circle and search.found.get(child.name):
            itself = sql.SQL("NOT EXISTS (SELECT FROM {} AS f WHERE {} AND {})").format(
                search.table(child.name), selection.same_row(child, "c", "f"), _due("f")
            )
        # A foreign key of the root of an inheritance tree does not hold for the tables below it.
        rows = sql.SQL("ONLY {}" if child.table.tree and key.whole else "{}").format(child.table.identifier)
        return sql.SQL("SELECT count(*) FROM {} AS c JOIN ({}) AS t ON {} WHERE {}").format(
            rows,
            parents,
            selection.refers(child, key.columns, key.parent_columns, "c", "t"),
            itself,
        )

    def delete(
        self,
        search: Search,
        mapped: MappedTable,
        ways: Sequence[Way],
        limit: int | None,
        only: sql.Composable = TRUE,
    ) -> sql.Composed:
        """DELETE what is due, at most `limit` rows of it, and of these only what the extra condition allows."""
        chosen = self._chosen(search, mapped, ways, limit, only)
        using = sql.SQL("") if chosen.found is None else sql.SQL(" USING {} AS f").format(chosen.found)
        return sql.SQL("DELETE FROM {} AS t{} WHERE {} AND {}").format(
            mapped.table.identifier, using, chosen.condition, self._still(search, mapped, ways, only)
        )

    def tombstone(self, search: Search, mapped: MappedTable, ways: Sequence[Way], limit: int | None) -> sql.Composed:
        """UPDATE what is due and no tombstone yet."""
        only = sql.SQL("NOT ({})").format(entombed(mapped, "t"))
        chosen = self._chosen(search, mapped, ways, limit, only)
        using = sql.SQL("") if chosen.found is None else sql.SQL(" FROM {} AS f").format(chosen.found)
        return sql.SQL("UPDATE {} AS t SET {}{} WHERE {} AND {}").format(
            mapped.table.identifier,
            listed(
                *(
                    sql.SQL("{} = {}").format(sql.Identifier(name), put(mapped, name, "t"))
                    for name in mapped.spec.tombstone
                )
            ),
            using,
            chosen.condition,
            self._still(search, mapped, ways, only),
        )

    def lock(self, search: Search, mapped: MappedTable) -> sql.Composed:
        """Lock rows, always in the same order, while those that point to them are counted.

        Two owners erased at once: the second one waits here, and its next statement sees the first one gone. An owner
        being added holds a lock on the row through its foreign key, and is waited for as well.
        """
        return sql.SQL("SELECT FROM {} AS t JOIN {} AS f ON {} WHERE {} ORDER BY {} FOR UPDATE OF t").format(
            mapped.table.identifier,
            search.table(mapped.name),
            selection.same_row(mapped, "t", "f"),
            _due("f"),
            listed(*selection.place(mapped, "t")),
        )

    def _nothing(self, mapped: MappedTable) -> sql.Composed:
        if mapped.action is Action.TOMBSTONE:
            columns = listed(*(sql.SQL("{0} = {0}").format(sql.Identifier(name)) for name in mapped.spec.tombstone))
            return sql.SQL("UPDATE {} AS t SET {} WHERE false").format(mapped.table.identifier, columns)
        return sql.SQL("DELETE FROM {} AS t WHERE false").format(mapped.table.identifier)

    def _chosen(
        self, search: Search, mapped: MappedTable, ways: Sequence[Way], limit: int | None, only: sql.Composable
    ) -> _Chosen:
        if mapped.name in search.found:
            rows: sql.Composable = search.table(mapped.name)
            if limit is not None and search.found[mapped.name] > limit:
                # The limit counts rows; one that was found for several subjects stands there often.
                places = listed(*(raw(name) for name in selection.place_names(mapped)))
                rows = sql.SQL(
                    "(SELECT f.* FROM {found} AS f JOIN (SELECT DISTINCT {names} FROM {found} AS f JOIN {table} AS t"
                    " ON {same} WHERE {condition} LIMIT {limit}) AS c USING ({places}))"
                ).format(
                    found=rows,
                    names=listed(*(column("f", name) for name in selection.place_names(mapped))),
                    table=mapped.table.identifier,
                    same=selection.same_row(mapped, "t", "f"),
                    condition=both(_due("f"), only),
                    limit=sql.Literal(limit),
                    places=places,
                )
            return _Chosen(both(selection.same_row(mapped, "t", "f"), _due("f")), rows)
        bound = sql.SQL("") if limit is None else sql.SQL(" LIMIT {}").format(sql.Literal(limit))
        conditions = sql.SQL("NOT {}").format(selection.kept(mapped, "t", self.cutoff)), only
        found = sql.SQL(" UNION ").join(
            selection.rows(
                mapped,
                way,
                sql.SQL("DISTINCT t.ctid"),  # the limit counts rows, and two subjects may share one
                selection.requested(mapped, way.tie, "t", self.cutoff),
                *conditions,
            )
            for way in ways
        )
        return _Chosen(sql.SQL("t.ctid = ANY (ARRAY({}{}))").format(found, bound))

    def _still(self, search: Search, mapped: MappedTable, ways: Sequence[Way], only: sql.Composable) -> sql.Composed:
        """The same condition, said of the row as it is when the statement reaches it."""
        rest = (
            selection.owned(mapped, "t"),
            sql.SQL("NOT {}").format(selection.kept(mapped, "t", self.cutoff)),
            only,
        )
        if mapped.name in search.found:
            return both(Evidence.of(search, mapped).still(), *rest)
        tied = either(
            *(both(selection.reached(way, "t"), selection.requested(mapped, way.tie, "t", self.cutoff)) for way in ways)
        )
        return both(tied, *rest)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The rows at work: a condition on `t`, and the found rows `f` that it speaks of."""

    condition: sql.Composed
    found: sql.Composable | None = None


def _due(found: str) -> sql.Composed:
    return sql.SQL("{f}.asked AND NOT {f}.stays AND NOT {f}.waits").format(f=sql.Identifier(found))


def _unreferred(mapped: MappedTable, columns: Sequence[str], parent_columns: Sequence[str]) -> sql.Composed:
    """No other row of the same table refers to `t`."""
    other = both(
        *(
            equals(column("c", name), column("t", name), mapped.table.columns[name].equality)
            for name in mapped.table.primary_key
        )
    )
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS c WHERE {} AND NOT ({}))").format(
        mapped.table.identifier, selection.refers(mapped, columns, parent_columns, "c", "t"), other
    )
