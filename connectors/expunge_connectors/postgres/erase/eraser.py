"""Eraser: children before parents, persons last, in transactions of bounded size."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject
from expunge_connectors.errors import RightMissingError, SomeRecordsError, TerminalError
from expunge_connectors.postgres import hearsay, keys_given_again, other_names
from expunge_connectors.postgres.catalog import large_objects
from expunge_connectors.postgres.catalog.large_objects import LARGE_OBJECTS
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.erase import collection_erasure, handed_over_rows, rows_at_hand
from expunge_connectors.postgres.erase.intercepted_rows import Interceptors
from expunge_connectors.postgres.erase.reference_guard import lock_leading, owned_again
from expunge_connectors.postgres.erase.side_effect_guard import SideEffectGuard
from expunge_connectors.postgres.erase.throttle import Throttle
from expunge_connectors.postgres.errors import RaisedError, translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.mapping.erasure_order import order
from expunge_connectors.postgres.sql import claimed_keys, held_values, key_staging, keys_of_others
from expunge_connectors.postgres.sql.subject_search import Search

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
        if hearsaid := any(one.hearsay for one in subjects):
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
        if hearsaid:
            with self.others() as session:
                hearsay.refuse_new(session, self.store, subjects, self.scope, self.cutoff)
        if self.store.aliases.among(chain.from_iterable(one.keys for one in subjects)):
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
                        here = collection_erasure.erase_circle(search, collections)
                    else:
                        here = collection_erasure.erase(search, collections[0], limit)
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
        with translated(self.store.name):
            staged = key_staging.stage(connection, self.store, subjects, self.scope)
            claimed_keys.mark(connection, self.store, staged)
            spared = frozenset(self.store.scoped.keys() - self.actions.keys())
            search = Search(connection, self.store, staged, self.cutoff, spared=spared)
            keys_of_others.let_go_outside(search)
        rows_at_hand.find(search, intercepted)
        return search
