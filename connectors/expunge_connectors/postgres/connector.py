"""Postgres connector: each verb of the contract.

Longer than most modules for it has every verb: each says in a few lines which module does its work, in which
transaction, under the map of which scope.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from datetime import date, datetime
from typing import Any, ClassVar, TypeVar

from tenacity.wait import wait_base

from expunge_config.datamap import Action, DataMap, Model, StoreSpec
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import StoreReport
from expunge_connectors.contract import (
    Age,
    BeforePiece,
    Counts,
    DiscoveredKey,
    DriftReport,
    DueLeft,
    Finding,
    Heartbeat,
    Holders,
    Obstacle,
    PieceNotice,
    ReadSample,
    RelationChange,
    RemovalNotice,
    Scope,
    StoreIdentity,
    Subject,
    SubjectKey,
    no_notice,
)
from expunge_connectors.draft import StoreDraft
from expunge_connectors.errors import NotQuiescentError, TerminalError
from expunge_connectors.postgres import (
    count,
    hearsay,
    inspection,
    joint_keys,
    keys_given_again,
    obstacles,
    other_names,
    planner_statistics,
    resolve,
    store_identity,
)
from expunge_connectors.postgres.ages import age_counts, age_sources, age_sweep, held_people
from expunge_connectors.postgres.ages.age_sweep import AgeSweep
from expunge_connectors.postgres.ages.due_rows import AgeRules
from expunge_connectors.postgres.blind_search import BlindReader
from expunge_connectors.postgres.catalog import relations, row_estimates
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.connection import Connection, Connections
from expunge_connectors.postgres.draft import store_draft
from expunge_connectors.postgres.drift import store_drift
from expunge_connectors.postgres.erase import awaited_keys
from expunge_connectors.postgres.erase.chunk_erasure import ChunkErasure
from expunge_connectors.postgres.erase.eraser import Eraser
from expunge_connectors.postgres.erase.throttle import LoadMonitor
from expunge_connectors.postgres.known_structure import KnownStructure, built_wrong
from expunge_connectors.postgres.mapping import retention_dependencies, tenant_map
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.mapping.erasure_order import checked_actions
from expunge_connectors.postgres.mapping.table_binding import linked_namespaces, store_spec
from expunge_connectors.postgres.spec import PostgresConnection, PostgresSpec
from expunge_connectors.postgres.sql import claimed_keys, person_rows
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.tenant_view import TenantView
from expunge_connectors.postgres.transactions import Transactions
from expunge_connectors.postgres.verify import verification
from expunge_connectors.postgres.verify.due_left import DueQuestion, due_left
from expunge_connectors.postgres.verify.quiescence import await_quiescence
from expunge_connectors.postgres.verify.replicas import Replicas
from expunge_connectors.postgres.verify.verification_query import VerificationQuery
from expunge_connectors.retry import backoff

T = TypeVar("T")

# So many members' views are kept: each remembers the catalogue, and statements.
_TENANTS = 20

# What is of everybody is of no controller's request; none of a map is called so.
_NOBODY = Scope("")


class PostgresStore:
    """One database. Safe to use from several threads; each call takes a connection of its own.

    Args:
        name: Its name in the data map.
        data_map: The whole map.
        connection: How to reach it.
        wait: What to wait between attempts after a transient error.

    Raises:
        TerminalError: The map has no Postgres store of this name, or the connection settings are of another kind.
    """

    spec: ClassVar[type[StoreSpec]] = PostgresSpec
    connection: ClassVar[type[Model]] = PostgresConnection

    def __init__(self, name: str, data_map: DataMap, connection: Model, wait: wait_base | None = None) -> None:
        if not isinstance(connection, PostgresConnection):
            raise TerminalError(f"store {name}: the connection settings are not those of a Postgres store.")
        self.name = name
        self._settings = connection
        self._connections = Connections(name, connection)
        self._replicas = Replicas(name, connection)
        self._blind = BlindReader(name, connection, self._connections)
        self._foreground = LoadMonitor(connection.busy_sessions)
        self._transactions = Transactions(name, self._connections, backoff() if wait is None else wait)
        self._bind(data_map)

    def _bind(self, data_map: DataMap, view: TenantView | None = None) -> None:
        """Work with this map, of which nothing is known yet."""
        self._data_map = data_map
        self._map = store_spec(self.name, data_map)
        self._structure = KnownStructure(self.name, self._map, data_map, self._transactions, view)
        self._last_verified: tuple[Catalogue, Scope, StatementCache] | None = None
        self._views: Mapping[frozenset[tuple[str, str | None]], PostgresStore] = {}
        self._tenants: Mapping[Scope | None, PostgresStore] = {}

    def _of(self, scope: Scope) -> PostgresStore:
        """The same database under the map as it is for this scope; this one, where no table is named by a pattern."""
        if self._map.tenants is None:
            return self
        key = scope if scope.controller == self._map.tenants_of else None
        if known := self._tenants.get(key):
            return known
        data_map, schema = tenant_map.for_scope(self.name, self._data_map, self._map, scope)
        view = copy(self)
        whole = self._structure
        knows = TenantView(self.name, self._map, self._data_map, schema, lambda: (whole.inspected, whole.usual))
        view._bind(data_map, knows)  # noqa: SLF001 - it is one of our own
        self._tenants = dict([*self._tenants.items(), (key, view)][-_TENANTS:])
        return view

    def __repr__(self) -> str:
        return f"PostgresStore({self.name!r})"

    @classmethod
    def draft(cls, name: str, connection: Model, rows: int, known: Sequence[StoreDraft]) -> StoreDraft:
        """Propose a map for a live database: tables linked to persons, likely personal columns, open questions."""
        del known
        if not isinstance(connection, PostgresConnection):
            raise TerminalError(f"store {name}: the connection settings are not those of a Postgres store.")
        connections = Connections(name, connection)
        try:
            return Transactions(name, connections, backoff()).look(
                lambda connection: store_draft.draft(connection, name, rows)
            )
        finally:
            connections.close()

    def inspect(self) -> Sequence[Finding]:
        """Hold the data map against the live database."""

        def inspected(connection: Connection) -> Sequence[Finding]:
            with connection.transaction(force_rollback=True):
                before, schemas = self._structure.before_inspection(connection)
            found = [
                *inspection.findings(connection, self.name, self._data_map, schemas),
                *self._replicas.findings(connection),
            ]
            if not built_wrong(found):
                self._structure.inspected = before
                self._structure.usual = None if schemas is None else schemas.usual
                for view in self._tenants.values():
                    view._structure.inspected = None  # noqa: SLF001 - it is one of our own
            return found

        return self._transactions.call(inspected)

    def sweep(self, rows: int) -> Sequence[Finding]:
        """Search samples of unmapped tables and columns for what looks like an identifier."""
        return self._transactions.look(lambda connection: inspection.swept(connection, self.name, self._data_map, rows))

    def search_blind(self, matcher: Matcher, effort: Effort, beat: Heartbeat) -> StoreReport:
        """Search the text-like columns of every table that the role may read."""
        return self._blind.search(self._map, self._data_map, matcher, effort, beat)

    def readings(self, rows: int) -> Sequence[ReadSample]:
        """How many values of samples can be read, wherever rows are found by values or lead on."""
        return self._transactions.look(
            lambda connection: inspection.readings(connection, self.name, self._data_map, rows)
        )

    def identity(self) -> StoreIdentity:
        """The cluster's system identifier and the database's name and number."""
        return self.identity_at()[0]

    def identity_at(self) -> tuple[StoreIdentity, datetime]:
        """The same with the server's clock, from one answer."""
        return self._transactions.call(lambda connection: store_identity.identity_at(connection, self.name))

    def relations(self, scope: Scope) -> Mapping[str, Mapping[str, Any]]:
        """The tables of the collections by oid, with the columns that the map names and the partitions."""
        return self._of(scope)._structure.relations()  # noqa: SLF001 - it is one of our own

    def changed(self, planned: Mapping[str, Mapping[str, Any]], scope: Scope) -> Mapping[str, RelationChange]:
        """Which of them are not these any more. That none is holds as long as the catalogue says the same.

        And as long as the tables are built as they were before this look, which a step asks again before it erases.
        """
        return self._of(scope)._structure.changed(planned)  # noqa: SLF001 - it is one of our own

    def following(self, changed: Mapping[str, RelationChange], scope: Scope) -> PostgresStore:
        """The same database under a map that names the renamed tables as they are called, and no other changed one."""
        if (of := self._of(scope)) is not self:
            return of.following(changed, scope)
        key = frozenset((name, one.called) for name, one in changed.items())
        if known := self._views.get(key):
            return known
        spec = relations.followed(self._map, changed)
        stores = {**self._data_map.stores, self.name: spec}
        view = copy(self)
        knows = None if self._structure.view is None else self._structure.view.following()
        view._bind(self._data_map.model_copy(update={"stores": stores}), knows)  # noqa: SLF001 - it is one of our own
        self._views = {key: view}  # what was built otherwise before that is of no interest any more
        return view

    def now(self) -> datetime:
        """The server's clock (UTC)."""
        return self.identity_at()[1]

    def resolve(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None) -> Sequence[DiscoveredKey]:
        """Declared yields and internal keys of every row linked to these keys."""
        linked = linked_namespaces(self.name, self._map, scope)
        if not any(key.namespace in linked for subject in subjects for key in subject.keys):
            return []
        return self._read(scope, lambda connection, store: resolve.resolve(connection, store, subjects, scope, cutoff))

    def resolve_together(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime, going: Collection[str]
    ) -> Sequence[DiscoveredKey]:
        """What rows say that are shared by these subjects and nobody else, if all shared rows go."""
        ours = {
            name
            for name, one in self._map.collections.items()
            if one.owner and one.owner.controller == scope.controller
        }
        shared = {name for name in ours if self._map.collections[name].sharing is not None}
        if not shared or not shared <= set(going):
            return []
        return self._read(
            scope, lambda connection, store: resolve.resolve_together(connection, store, subjects, scope, cutoff)
        )

    def resolve_shared(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Sequence[DiscoveredKey]:
        """What rows say that people share, of each of the subjects who owns one, whoever owns it as well."""
        if not any(one.sharing is not None for one in self._map.collections.values()):
            return []
        return self._read(
            scope, lambda connection, store: resolve.resolve_shared(connection, store, subjects, scope, cutoff)
        )

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """What is there now, in one snapshot."""

        def counted(connection: Connection, store: BoundStore) -> Counts:
            return count.count(count.searched(connection, store, subjects, scope, cutoff), subjects)

        return self._read(scope, counted)

    def count_with_obstacles(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> tuple[Counts, Sequence[Obstacle]]:
        """What is there now, and the rows that stay and point to rows that would be deleted, in one snapshot."""

        def counted(connection: Connection, store: BoundStore) -> tuple[Counts, Sequence[Obstacle]]:
            search = count.searched(connection, store, subjects, scope, cutoff)
            counts = count.count(search, subjects)
            return counts, obstacles.obstacles(search, self._data_map, counts)

        return self._read(scope, counted)

    def erase(  # noqa: PLR0913, PLR0917 - the verb of the contract
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
        notice: RemovalNotice = no_notice,
    ) -> int:
        """Delete or tombstone what is due, slice by slice, each in bounded transactions.

        Raises:
            TerminalError: An action is not the map's, a right is missing, or a row outside the request is in the way.
                What was committed before stays; the transaction at work is rolled back.
            StructureChangedError: The tables are not built as they were when this connector last inspected them.
        """
        if (of := self._of(scope)) is not self:
            return of.erase(subjects, actions, scope, cutoff, beat, notice)
        store = self._structure.checked(lambda live: self._structure.bound(live, scope), self.inspect)
        logs = {name: table.log for name, table in self._map.collections.items() if table.log is not None}
        eraser = Eraser(
            store,
            checked_actions(store, actions, logs),
            scope,
            cutoff,
            self._connections.lease,
            limit=self._settings.rows_per_transaction,
            seconds=self._settings.seconds_per_transaction,
        )
        chunk = ChunkErasure(eraser, self._transactions, self._foreground, self._replicas.await_calm, beat, notice)
        return chunk.erase(subjects)

    def verify(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """Wait for transactions older than the cutoff, then count again by other statements; on replicas as well."""
        if (of := self._of(scope)) is not self:
            return of.verify(subjects, scope, cutoff)
        self._structure.take_over()
        seconds = self._settings.verification_wait_seconds
        outstanding = self._transactions.call(lambda connection: await_quiescence(connection, cutoff, seconds))
        if outstanding:
            raise NotQuiescentError(
                f"store {self.name}: {outstanding} transactions that may be older than the cutoff have not ended.",
                remedy="They end by themselves, or look into pg_stat_activity and pg_prepared_xacts; then try again.",
            )

        def query(connection: Connection) -> VerificationQuery:
            live = self._structure.catalogue.last(connection)
            self._structure.require_schema(live)
            last = self._last_verified
            if last is None or last[0] is not live or last[1] != scope:
                last = self._last_verified = live, scope, StatementCache()
            return VerificationQuery(self.name, self._map, self._data_map, live, scope, cutoff, last[2])

        try:
            found = self._transactions.read(
                lambda connection: verification.verify(connection, query(connection), subjects)
            )
            found = self._transactions.call(
                lambda connection: self._replicas.verify(connection, query, subjects, found)
            )
        except TerminalError:
            self._structure.check(self.inspect)
            raise
        # Afterwards, which tells what was changed before as well: a swap may have waited for a lock until it was read,
        # and what was read is the table that took the name.
        self._structure.check(self.inspect)
        return found

    def sizes(self, scope: Scope) -> Mapping[str, int]:
        """Rows by the planner's estimate; counted where that is small or missing."""
        spec = self._of(scope)._map  # noqa: SLF001 - it is one of our own
        return self._transactions.read(lambda connection: row_estimates.sizes(connection, spec))

    def refresh_statistics(self, collections: Collection[str], scope: Scope) -> Mapping[str, str | None]:
        """Have the planner draw its samples of these tables anew."""
        tables = {
            name: one.table
            for name, one in self._of(scope)._map.collections.items()  # noqa: SLF001 - it is one of our own
            if name in collections
        }
        found = self._transactions.call(lambda connection: planner_statistics.refresh(connection, set(tables.values())))
        return {name: found[table] for name, table in tables.items() if table in found}

    def ages(self, beat: Heartbeat) -> Mapping[str, Age]:
        """Rows of every collection by age, slice by slice. Where members have schemas, nothing is looked at yet."""
        if self._map.tenants is not None:
            return age_sources.without_age(self._map)
        live = self._transactions.look(self._structure.catalogue.read)
        store = self._structure.bound(live, _NOBODY)
        without = age_sources.without_way(store, self._data_map)
        return age_counts.ages(self._transactions, store, self._data_map, without, self.now().date(), beat)

    def delete_due(  # noqa: PLR0913, PLR0917 - the verb of the contract
        self,
        collection: str,
        today: date,
        before: BeforePiece,
        notice: PieceNotice,
        beat: Heartbeat,
        after: str | None,
        busy: float,
    ) -> bool:
        """Delete or overwrite what is due, slice by slice, each in a transaction of its own.

        Raises:
            TerminalError: The collection has no age of its own, a right is missing, or other rows would change.
            StructureChangedError: The tables are not built as they were when this connector last inspected them.
        """
        if self._map.tenants is not None or collection not in self._map.collections:
            raise self._ageless(collection)
        if today > self.now().date():
            raise TerminalError(f"store {self.name}: its clock has not reached the day of this sweep.")
        store = self._structure.checked(lambda live: self._structure.bound(live, _NOBODY), self.inspect)
        if collection in (without := age_sources.without_way(store, self._data_map)):
            raise self._ageless(collection)
        sweep = AgeSweep(
            AgeRules(store, self._data_map, without, today),
            store.collections[collection],
            self._data_map,
            self._transactions,
            self._foreground,
            self._connections.lease,
            self._replicas.await_calm,
            beat,
            busy,
        )
        return sweep.sweep(before, notice, after)

    def _ageless(self, collection: str) -> TerminalError:
        return TerminalError(f"store {self.name}, collection {collection}: its rows have no age of their own.")

    def committed(self, mark: str) -> bool:
        """Whether the transaction of a piece was committed."""
        return self._transactions.look(lambda connection: age_sweep.committed(connection, mark))

    def people(self, identities: Collection[str], beat: Heartbeat) -> Iterator[Sequence[frozenset[SubjectKey]]]:
        """The keys of each person's own row, slice by slice."""
        live = self._transactions.look(self._structure.catalogue.read)
        store = self._structure.bound(live, _NOBODY)
        return held_people.people(self._transactions, store, self._data_map, identities, beat)

    def due_left(self, collection: str, today: date, beat: Heartbeat) -> DueLeft:
        """Rows that are due still, by statements of the verifying side."""
        live = self._transactions.look(self._structure.catalogue.read)
        question = DueQuestion(self._map, self._data_map, live, collection, today)
        return due_left(self._transactions.in_slices.look, self.name, question, beat)

    def drift(self, held: Collection[str], beat: Heartbeat) -> DriftReport:
        """Partitions whose time is over, detached ones, pg_partman's sets, and the oldest entries of logs."""
        live = self._transactions.look(self._structure.catalogue.read)
        if self._map.tenants is not None:
            without = age_sources.without_age(self._map)
        else:
            without = age_sources.without_way(self._structure.bound(live, _NOBODY), self._data_map)
        today = self.now().date()
        return store_drift.drift(self._transactions, self._map, self._data_map, live, without, held, today, beat)

    def needed_by(self, collections: Collection[str], scope: Scope) -> frozenset[str]:
        """Collections to whose rows foreign keys lead from rows of these, and which would be deleted."""
        if (of := self._of(scope)) is not self:
            return of.needed_by(collections, scope)
        live = self._transactions.read(self._structure.catalogue.read)
        self._structure.require_schema(live)
        return retention_dependencies.needed_by(collections, self._map, self._data_map, live.foreign_keys)

    def claimed(self, subjects: Sequence[Subject], scope: Scope) -> Mapping[int, frozenset[SubjectKey]]:
        """Keys that rows of other persons hold now, or rows that other persons own, for stores that cannot tell."""

        def holding(connection: Connection, store: BoundStore) -> Mapping[int, frozenset[SubjectKey]]:
            elsewhere = other_names.held_by_others(connection, store, subjects, scope)
            held = claimed_keys.claimed(connection, store, subjects, scope)
            return _both(held, elsewhere)

        held = self._read(scope, holding)
        if not joint_keys.any_told(self._map, subjects):
            return held
        owned = self._read(
            scope, lambda connection, store: joint_keys.owned_by_others(connection, store, subjects, scope)
        )
        return _both(held, owned)

    def claimants(self, values: Collection[SubjectKey], scope: Scope) -> Mapping[SubjectKey, Holders]:
        """Whose rows of persons hold these values now, and since when."""
        return self._read(scope, lambda connection, store: other_names.claimants(connection, store, values, scope))

    def persons_since(self, persons: Collection[SubjectKey], scope: Scope) -> Mapping[SubjectKey, datetime]:
        """When the earliest row of each of these persons was made."""
        return self._read(scope, lambda connection, store: person_rows.persons_since(connection, store, persons, scope))

    def persons_by(self, persons: Collection[SubjectKey], scope: Scope) -> Mapping[SubjectKey, datetime]:
        """By when every dated row of each of these persons was made."""
        return self._read(scope, lambda connection, store: person_rows.persons_by(connection, store, persons, scope))

    def told_by_others(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> Mapping[int, frozenset[SubjectKey]]:
        """Doubtful keys that rows hold which say that they are somebody else's."""
        return self._read(
            scope, lambda connection, store: hearsay.told_by_others(connection, store, subjects, scope, cutoff)
        )

    def given_again(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> Mapping[int, frozenset[SubjectKey]]:
        """Keys that somebody else's rows hold by now: persons', of things, hearsay, and values by another name."""

        def given(connection: Connection, store: BoundStore) -> Mapping[int, frozenset[SubjectKey]]:
            elsewhere = other_names.held_by_others(connection, store, subjects, scope)
            told = _both(hearsay.held_by_now(connection, store, subjects, scope, cutoff), elsewhere)
            known = hearsay.without(subjects, told)  # what only these lead to is nobody's of them either
            again = keys_given_again.given_again(connection, store, known, scope, cutoff)
            return _both(told, again)

        return self._read(scope, given)

    def waiting(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> Mapping[int, Mapping[str, Sequence[str]]]:
        """Collections of which rows stay, for keys in them are not known to be the person's."""
        return self._read(
            scope, lambda connection, store: awaited_keys.waiting(connection, store, subjects, scope, cutoff)
        )

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()
        self._replicas.close()
        self._blind.close()

    def _read(self, scope: Scope, work: Callable[[Connection, BoundStore], T]) -> T:
        """Read in one snapshot, with the map bound for this scope."""
        return self._transactions.read(lambda connection: work(connection, self._mapped(connection, scope)))

    def _mapped(self, connection: Connection, scope: Scope) -> BoundStore:
        return self._of(scope)._structure.mapped(connection, scope)  # noqa: SLF001 - it is one of our own


def _both(
    ours: Mapping[int, frozenset[SubjectKey]], others: Mapping[int, frozenset[SubjectKey]]
) -> Mapping[int, frozenset[SubjectKey]]:
    nothing = frozenset[SubjectKey]()
    return {number: ours.get(number, nothing) | others.get(number, nothing) for number in ours.keys() | others.keys()}
