"""Eraser: children before parents, persons last, in transactions of bounded size."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject
from expunge_connectors.errors import RightMissingError, SomeRecordsError, StillReferencedError, TerminalError
from expunge_connectors.postgres import hearsay, keys_given_again, other_names
from expunge_connectors.postgres.catalog import large_objects
from expunge_connectors.postgres.catalog.large_objects import LARGE_OBJECTS
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.erase import handed_over_rows, locked_rows, rows_awaiting_keys
from expunge_connectors.postgres.erase.erasing_statements import delete, nothing, tombstone, unreferred
from expunge_connectors.postgres.erase.found_rows import FoundRows
from expunge_connectors.postgres.erase.intercepted_rows import Interceptors
from expunge_connectors.postgres.erase.redacted_writes import carry_out_together, execute
from expunge_connectors.postgres.erase.reference_guard import changed_by, lock, lock_leading, owned_again
from expunge_connectors.postgres.erase.side_effect_guard import SideEffectGuard
from expunge_connectors.postgres.erase.throttle import Throttle
from expunge_connectors.postgres.errors import REFERENCED, RaisedError, still_referenced, translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.mapping.erasure_order import order
from expunge_connectors.postgres.sql import claimed_keys, held_values, key_staging, keys_of_others, shared_values
from expunge_connectors.postgres.sql.fragments import and_
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import unreferenced
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath
from expunge_connectors.postgres.statement_cache import CompiledStatement

ROWS_PER_TRANSACTION = 25_000
SECONDS_PER_TRANSACTION = 5.0


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What one transaction did: rows touched, and whether nothing is left for another one.

    Attributes:
        reached: The collection at which the transaction was full.
        collections: From which it removed rows, of whichever of its subjects.
    """

    touched: int
    complete: bool
    reached: str | None = None
    collections: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases slices of one chunk.

    Attributes:
        actions: Collection -> action, as approved and checked.
        others: Lends a session besides the transaction's, to see what everybody else sees.
        limit: Rows a transaction may touch. Rows that must go together (see `ErasureOrder.together`) are not split.
        seconds: How long a transaction may take: after that it is full, whatever it touched.
    """

    store: BoundStore
    actions: Mapping[str, Action]
    scope: Scope
    cutoff: datetime
    others: Callable[[], AbstractContextManager[Connection]]
    limit: int = ROWS_PER_TRANSACTION
    seconds: float = SECONDS_PER_TRANSACTION

    def at(self, pace: Throttle) -> Eraser:
        """The same at this pace."""
        if pace.share == 1:
            return self
        return replace(self, limit=pace.rows(self.limit), seconds=self.seconds * pace.share)

    def step(self, connection: Connection, subjects: Sequence[Subject]) -> TransactionResult:
        """Run one transaction's worth; the caller commits and calls again until complete."""
        held = hearsay.held_by_now(connection, self.store, subjects, self.scope, self.cutoff)
        subjects = hearsay.without(subjects, held)
        elsewhere = other_names.held_by_others(connection, self.store, subjects, self.scope)
        subjects = hearsay.without(subjects, elsewhere)
        watch = SideEffectGuard.begun(connection, self.store, self.others)
        until = time.monotonic() + self.seconds
        with translated(self.store.name):
            interceptors = Interceptors.of(connection, [self.store.collections[name] for name in self.actions])
        search = self._search(connection, subjects, interceptors.named)
        keys_given_again.refuse(search, subjects)
        done = self._step(search, watch, until, interceptors)
        watch.settle(connection)
        self._refuse_new_owners(search, over=done.complete)
        for mapped in self.store.scoped.values():
            handed_over_rows.refuse_kept(search, mapped, over=done.complete)
        with translated(self.store.name):
            claimed_keys.refuse_new(connection, self.store, search.staged)
        for mapped in self.store.scoped.values():
            held_values.refuse_new(search, mapped)
        keys_given_again.refuse(search, subjects)  # while we waited for somebody's lock
        if any(one.hearsay for one in subjects):
            with self.others() as session:
                hearsay.refuse_new(session, self.store, subjects, self.scope, self.cutoff)
        if any(map(self.store.aliases.of_key, chain.from_iterable(one.keys for one in subjects))):
            with self.others() as session:
                other_names.refuse_new(session, self.store, subjects, self.scope)
        return done

    def _step(
        self, search: Search, watch: SideEffectGuard, until: float, interceptors: Interceptors
    ) -> TransactionResult:
        sequence = order(self.store)
        touched = 0
        emptied: set[str] = set()
        for group in sequence.groups:
            names = [name for name in group if name in self.actions]
            if not names:
                continue
            name = names[0]
            limit = None if name in sequence.together else self.limit - touched
            if limit is not None and touched and (limit <= 0 or time.monotonic() > until):
                return TransactionResult(
                    touched, complete=False, reached=name, collections=self._where_rows_went(emptied)
                )
            collections = [self.store.collections[one] for one in names]
            try:
                with translated(self.store.name, name):
                    interceptors.remember(search, collections)
                    if len(names) > 1:
                        here = self._circle(search, collections)
                    else:
                        here = self._collection(search, collections[0], limit)
            except (RightMissingError, RaisedError) as error:
                self._explain(error, names, interceptors)
                raise
            watch.reported(names, here)
            touched += here
            emptied.update(names if here else interceptors.reached(search, names))
            interceptors.refuse_carried(search, collections)
            if limit is not None and here >= limit:
                return TransactionResult(
                    touched, complete=False, reached=name, collections=self._where_rows_went(emptied)
                )
            for one in collections:
                interceptors.refuse_withheld(search, one)
            if here < sum(search.found.get(one.name, 0) for one in collections):
                for one in collections:
                    handed_over_rows.refuse(search, one)
        return TransactionResult(touched, complete=True, collections=self._where_rows_went(emptied))

    def _where_rows_went(self, emptied: Collection[str]) -> frozenset[str]:
        """These collections, and those of which the same rows can be, or that accepted triggers write.

        In no other table do rows change by themselves: the `SideEffectGuard` rolls back what a foreign key changes.
        """
        if not emptied:
            return frozenset()
        of = self.store.collections
        return frozenset(
            name
            for name in self.actions
            if of[name].table.text in self.store.may_change
            or any(
                of[one].table.text == of[name].table.text and not of[one].spec.apart(of[name].spec) for one in emptied
            )
        )

    def _refuse_new_owners(self, search: Search, *, over: bool) -> None:
        """Look again before what hung below a shared row is committed as gone: the row may have to stay by now.

        Raises:
            SomeRecordsError: Somebody else owns it. Tried again, nothing below it goes.
        """
        for mapped in self.store.scoped.values():
            if mapped.spec.sharing is None or not (mapped.leads or mapped.yields) or not search.found.get(mapped.name):
                continue
            with translated(self.store.name, mapped.name):
                search.connection.execute(
                    search.compiled(("lock leading", mapped.name), partial(lock_leading, search, mapped))
                )
                statement = search.compiled(
                    ("owned again", mapped.name, over), partial(owned_again, search, mapped, over=over)
                )
                (owned,) = only_row(search.connection.execute(statement))
            if owned:
                raise SomeRecordsError(
                    f"store {self.store.name}, collection {mapped.name}: somebody else came to own a shared row"
                    " meanwhile; nothing of this transaction is kept, and it is done again."
                )

    def _explain(self, error: TerminalError, names: Sequence[str], interceptors: Interceptors) -> None:
        """Name the triggers that may have raised it; and one that may not remove what another role owns.

        Raises:
            TerminalError: In place of the error.
        """
        if isinstance(error, RaisedError):
            interceptors.blame(error, names)
            return
        accepted = [one for name in names for one in self.store.collections[name].spec.triggers_ok]
        if not any(LARGE_OBJECTS in one.writes for one in accepted):
            return
        with translated(self.store.name), self.others() as session:
            owners = large_objects.owners(session)
            remedy = large_objects.remedy(session, owners)
        if owners:
            raise RightMissingError(
                f"{str(error).rstrip('.')}. A trigger of it removes large objects, and there are some that only"
                f" {', '.join(owners)} may remove.",
                remedy=remedy,
            ) from None

    def _search(self, connection: Connection, subjects: Sequence[Subject], intercepted: Collection[str]) -> Search:
        """Find the rows that lead on or are looked at more than once; the others are found as they are erased."""
        with translated(self.store.name):
            staged = key_staging.stage(connection, self.store, subjects, self.scope)
            claimed_keys.mark(connection, self.store, staged)
            spared = frozenset(self.store.scoped.keys() - self.actions.keys())
            search = Search(connection, self.store, staged, self.cutoff, spared=spared)
            keys_of_others.let_go_outside(search)
        while self._find(search, intercepted):
            with translated(self.store.name):
                search.begin_anew()  # by an identity rows are found before what yields it
                claimed_keys.mark(connection, self.store, staged)  # what a row of somebody else's holds they claim
        with translated(self.store.name):
            shared_values.refuse_common(search)
        return search

    def _find(self, search: Search, intercepted: Collection[str]) -> bool:
        """Find them; returns whether identities of the map turned out to be somebody else's on the way."""
        passed = False
        for mapped in self.store.scoped.values():
            with translated(self.store.name, mapped.name):
                evidence = FoundRows.of(search, mapped)
                dated = any(map(search.staged.dated, mapped.erasing))
                at_hand = bool(evidence.paths) and (mapped.name in intercepted or self._kept_at_hand(mapped) or dated)
                if at_hand:
                    self._keep(search, evidence)
                    self._hold(search, mapped)
                while gone := keys_of_others.let_go(search, mapped):
                    of_others = {key.namespace for key in chain(*gone.values())}
                    plain = {link.namespace for link in mapped.links if link.of is None}
                    passed = passed or not of_others.isdisjoint(plain | mapped.yields.keys())
                    if not (at_hand and mapped.own):
                        break
                    self._keep(search, evidence)  # those below were found by them
                    self._hold(search, mapped)
        return passed

    def _keep(self, search: Search, evidence: FoundRows) -> None:
        mapped = evidence.mapped
        search.keep("erase", mapped, evidence.statement, evidence.columns)
        rows_awaiting_keys.look(search, mapped)
        if mapped.name in search.waiting and rows_awaiting_keys.no_identifiers(search, mapped):
            search.waiting.discard(mapped.name)
            search.keep("erase", mapped, evidence.statement, evidence.columns)
            rows_awaiting_keys.look(search, mapped)

    def _hold(self, search: Search, mapped: BoundTable) -> None:
        locked_rows.hold(search, mapped, lambda: self._keep(search, FoundRows.of(search, mapped)))

    def _kept_at_hand(self, mapped: BoundTable) -> bool:
        if mapped.leads or mapped.own or mapped.binding or mapped.spec.sharing is not None:
            return True
        if held_values.columns(mapped):
            return True  # what its rows say is looked at again
        if mapped.name in self.store.holding:
            return True
        if mapped.table.kind != "r" or not mapped.table.row_key:
            return True  # a row's address says which row it is within one table, and while the row is locked
        return mapped.action is not Action.TOMBSTONE and any(
            key.parent == mapped.table.text for key in self.store.foreign_keys
        )

    def _collection(self, search: Search, mapped: BoundTable, limit: int | None) -> int:
        self._hold(search, mapped)  # a statement of ours may have moved rows as well
        paths = search_paths(search, mapped.erasing)
        if not paths or search.found.get(mapped.name) == 0:
            # A table that may not be written is not one that holds nothing.
            return execute(search.connection, search.compiled(("nothing", mapped.name), partial(nothing, mapped)))
        if mapped.action is Action.TOMBSTONE and mapped.spec.sharing is not None:
            self._lock(search, mapped)
            return execute(search.connection, tombstone(search, mapped, paths, None, unreferenced(search, mapped, "t")))
        if mapped.action is Action.TOMBSTONE:
            # A row that is overwritten may lead to those below it no more: a tree is not split.
            limit = None if mapped.own else limit
            compose = partial(tombstone, search, mapped, paths, limit)
            return execute(search.connection, _bounded(search, "tombstone", mapped, compose, limit))
        rows_awaiting_keys.defer_parents(search, [mapped])
        self._ask_before(search, mapped, (mapped,))
        if mapped.spec.sharing is not None:
            unowned = unreferenced(search, mapped, "t")
            return execute(search.connection, delete(search, mapped, paths, None, unowned))
        own = [one for one in self.store.foreign_keys if one.child == one.parent == mapped.table.text]
        if (own or mapped.own) and limit is not None and search.found[mapped.name] > limit:
            return self._leaves_first(search, mapped, paths, own, limit)
        compose = partial(delete, search, mapped, paths, limit)
        return execute(search.connection, _bounded(search, "delete", mapped, compose, limit))

    def _circle(self, search: Search, circle: Sequence[BoundTable]) -> int:
        """Delete from tables that refer to each other in a circle: in one statement, at whose end the server looks.

        So no constraint needs to be deferrable, and no column to be emptied first.
        """
        for mapped in circle:
            self._hold(search, mapped)
        going = [mapped for mapped in circle if search.found.get(mapped.name)]
        rows_awaiting_keys.defer_parents(search, going)
        for mapped in going:
            self._ask_before(search, mapped, circle)
        if not going:
            return 0
        return carry_out_together(
            search.connection,
            [delete(search, mapped, search_paths(search, mapped.erasing), None) for mapped in going],
        )

    def _ask_before(self, search: Search, mapped: BoundTable, circle: Sequence[BoundTable]) -> None:
        cascading = any(one.parent == mapped.table.text and one.writes_child for one in self.store.foreign_keys)
        if cascading or mapped.spec.sharing is not None:
            self._lock(search, mapped)
        self._guard(search, mapped, circle)

    def _lock(self, search: Search, mapped: BoundTable) -> None:
        search.connection.execute(search.compiled(("lock", mapped.name), partial(lock, search, mapped)))

    def _leaves_first(
        self, search: Search, mapped: BoundTable, paths: Sequence[SearchPath], own: Sequence[ForeignKey], limit: int
    ) -> int:
        """Delete from a table that refers to itself, more than the limit allows at once: from the leaves inwards."""
        leaf = and_(
            *(unreferred(mapped, one.columns, one.parent_columns) for one in own),
            *(
                unreferred(mapped, [column.name for column in link.columns], link.of[1] if link.of else ())
                for link in mapped.own
            ),
        )
        touched = 0
        while touched < limit:
            gone = execute(search.connection, delete(search, mapped, paths, limit - touched, leaf))
            touched += gone
            if gone == 0:  # they refer to each other in a circle: these go together
                touched += execute(search.connection, delete(search, mapped, paths, None))
                break
        return touched

    def _guard(self, search: Search, mapped: BoundTable, circle: Sequence[BoundTable]) -> None:
        """Refuse where a row that stays points to one that should go.

        The children of this request are gone by now; whatever still points here is somebody else's, or is kept. By
        CASCADE, SET NULL or SET DEFAULT a deletion would delete or change it. A key that the server does not hold for
        every row would let it point to nothing. Otherwise the server itself refuses, as the deletion ends. A shared row
        is deleted only when nothing leads to it any more, which the deletion itself makes sure of.
        """
        for key in self.store.foreign_keys:
            if key.parent != mapped.table.text or key in self.store.owning[mapped.name]:
                continue
            children = self.store.takers(key.child)
            if not children:
                if key.writes_child:
                    raise TerminalError(
                        f"{self._changing(mapped, key)} through constraint {key.name}.",
                        remedy="Tombstone the collection instead, or map the other table.",
                    )
                continue
            if not key.writes_child and (mapped.spec.sharing is not None or key.sound):
                continue
            statement = search.compiled(
                ("changed by", mapped.name, key.name, key.child, tuple(one.name for one in circle)),
                partial(changed_by, search, mapped, key, children, circle),
            )
            (pointing,) = only_row(search.connection.execute(statement))
            if pointing:
                if key.writes_child:
                    raise StillReferencedError(
                        f"{self._changing(mapped, key)} that are not part of the request ({key.name}).",
                        remedy=REFERENCED,
                    )
                raise still_referenced(self.store.name, mapped.name, key.name, key.child)

    def _changing(self, mapped: BoundTable, key: ForeignKey) -> str:
        return f"store {self.store.name}, collection {mapped.name}: deleting would change rows of {key.child}"


def _bounded(
    search: Search, what: str, mapped: BoundTable, compose: Callable[[], sql.Composed], limit: int | None
) -> CompiledStatement:
    """A statement that reads otherwise where more rows were found than the limit allows, or where there is none."""
    beyond = limit is not None and search.found.get(mapped.name, 0) > limit
    return search.compiled((what, mapped.name, limit is None, beyond), compose, limit)
