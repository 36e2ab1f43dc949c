"""Redis connector: keys and parts of keys by exact name; where names are unknown, one SCAN per chunk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar

from redis import exceptions as redis_errors
from tenacity.wait import wait_base

from expunge_config.datamap import Action, DataMap, Model, StoreSpec
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import StoreReport
from expunge_connectors.contract import (
    Counts,
    DiscoveredKey,
    DriftReport,
    Finding,
    Heartbeat,
    RemovalNotice,
    Scope,
    StoreIdentity,
    Subject,
    no_beat,
    no_notice,
)
from expunge_connectors.draft import StoreDraft
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.template_rules import Tallies, check_actions
from expunge_connectors.redis import blind_search, draft, store_identity, ttl_drift, unmapped_identifiers
from expunge_connectors.redis.client import PinnedClient, PipelineClient, new_client
from expunge_connectors.redis.deletion import remove, removed
from expunge_connectors.redis.errors import translated
from expunge_connectors.redis.index_cleanup import IndexCleanup, self_contained_identities
from expunge_connectors.redis.index_members import MemberReader
from expunge_connectors.redis.inspection import findings
from expunge_connectors.redis.key_indexes import members_at_once
from expunge_connectors.redis.lookup import gathered, present
from expunge_connectors.redis.records import Names, Record, RecordKind, kinds
from expunge_connectors.redis.scan import ScanPass
from expunge_connectors.redis.spec import RedisConnection, RedisSpec
from expunge_connectors.redis.verify.verification import count_left
from expunge_connectors.retry import backoff


class RedisStore:
    """One database of one Redis or Valkey server (not a cluster).

    Redis knows no creation times: a record found through a reusable identifier follows the map's `undated` decision.
    """

    spec: ClassVar[type[StoreSpec]] = RedisSpec
    connection: ClassVar[type[Model]] = RedisConnection

    def __init__(self, name: str, data_map: DataMap, connection: Model, wait: wait_base | None = None) -> None:
        """Build the connector; nothing is contacted.

        Args:
            name: Name of the store in the data map.
            data_map: The whole map.
            connection: How to reach the server.
            wait: Pauses between attempts; tests make them instant.
        """
        spec = data_map.stores.get(name)
        if not isinstance(spec, RedisSpec) or not isinstance(connection, RedisConnection):
            raise TerminalError(f"Store {name} or its connection settings are not of the kind redis.")
        self.name = name
        self._map = data_map
        self._spec = spec
        self._connection = connection
        self._wait = backoff() if wait is None else wait
        self._within = self_contained_identities(name, data_map, spec)
        self._reader = MemberReader(name, data_map, self._within)
        self._client = new_client(self.name, self._connection)

    @classmethod
    def draft(cls, name: str, connection: Model, rows: int, known: Sequence[StoreDraft]) -> StoreDraft:
        """Propose templates for the shapes of a sample of names."""
        if not isinstance(connection, RedisConnection):
            raise TerminalError(f"Store {name}: its connection settings are not of the kind redis.")
        client = new_client(name, connection)
        try:
            return draft.draft(PipelineClient(name, client, backoff()), rows, known)
        finally:
            client.close()

    def inspect(self) -> Sequence[Finding]:
        """Hold the data map against the live server: rights, cluster mode, what may record keys. Reads only."""
        return findings(self._conversation(), self._map, self._spec)

    def sweep(self, rows: int) -> Sequence[Finding]:
        """Hold the names of a sample of keys against the map's templates."""
        return list(unmapped_identifiers.findings(self._conversation(), self._map, self._spec, rows))

    def search_blind(self, matcher: Matcher, effort: Effort, beat: Heartbeat) -> StoreReport:
        """Search the names of all keys, and what stands in them."""
        return blind_search.search(
            self._conversation(beat),
            self._pinned,
            self.now(),
            self._spec,
            self._map,
            matcher=matcher,
            effort=effort,
            beat=beat,
        )

    def drift(self, held: Collection[str], beat: Heartbeat) -> DriftReport:
        """Keys without a time to live, or with a longer one than declared, and logs with older entries: by one pass."""
        return ttl_drift.drift(self._conversation(beat), self._pinned, self.now(), self._spec, self._map, held)

    def identity(self) -> StoreIdentity:
        """The sentinel that `adopt` planted, and the number of the database.

        Raises:
            TerminalError: There is no sentinel yet.
        """
        return store_identity.identity(self._conversation())

    def identity_at(self) -> tuple[StoreIdentity, datetime]:
        """The same with the server's clock, by one request.

        Raises:
            TerminalError: There is no sentinel yet.
        """
        return store_identity.identity_at(self._conversation())

    def adopt(self) -> StoreIdentity:
        """Plant a sentinel (SET NX: never over another one) and return the identity."""
        store_identity.plant(self._conversation())
        return self.identity()

    def now(self) -> datetime:
        """The server's clock (TIME), in microseconds."""
        return store_identity.now(self._conversation())

    def resolve(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None) -> Sequence[DiscoveredKey]:
        """What the subjects' indexes name; what cannot be read as such an identifier is told as unread.

        An index found through a reusable identifier is followed only if the map says `undated: erase`, at any
        cutoff: what it names would otherwise be newer, too.
        """
        del cutoff
        found = [kind for kind in self._kinds(scope) if kind.spec.yields is not None]
        names = Names(self.name, self._spec, scope)
        indexes = [record for record in names.records(found, subjects) if record.due]
        members = members_at_once(self._conversation(), indexes)
        return [
            DiscoveredKey(record.number, record.via, record.kind.name, key)
            for record in indexes
            for member in sorted(members[record])
            if (key := self._reader.key(record.kind, member)) is not None
        ]

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """One record per key or part of a key that exists. Types are checked."""
        del cutoff
        found, names = self._kinds(scope), Names(self.name, self._spec, scope)
        conversation = self._conversation()
        records, _ = gathered(conversation, names, found, subjects)
        there = present(conversation, _with_name(records))
        looked_through = ScanPass(conversation, self._pinned, names)
        there += looked_through.over(records, lambda page: present(conversation, page))
        return _tallied(subjects, found, there)

    def erase(  # noqa: PLR0913, PLR0917 - the verb of the contract
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
        notice: RemovalNotice = no_notice,
    ) -> int:
        """Remove keys (UNLINK) and parts of keys; what an index names goes before the index."""
        del cutoff
        check_actions(self.name, self._spec.collections, actions)
        found, names = self._kinds(scope), Names(self.name, self._spec, scope)
        conversation = self._conversation(beat)
        records, members = gathered(conversation, names, found, subjects)
        # Of a name that came after the resolution other stores were not asked whose it is: the next one asks. Nor were
        # they of what it leads on to, whatever that is.
        within = self._within
        records = [one for one in records if not one.late or (one.late == 1 and one.kind.namespace in within)]
        # What must be looked for names nothing further, so that it can go first, while the pass runs.
        looked_for = [record for record in records if record.due and record.kind.name in actions]
        gone = ScanPass(conversation, self._pinned, names).over(
            looked_for, lambda page: [removed(conversation, kind, group, notice) for kind, group in _by_kind(page)]
        )
        chosen = [kind for kind in found if kind.name in actions and kind.pattern is None]
        cleanup = IndexCleanup.of(members, self._reader, subjects)
        return sum(gone) + remove(conversation, self._pinned, chosen, _with_name(records), cleanup, notice)

    def verify(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """Ask for every key and part on its own, on a new connection, and walk through indexes and database.

        There is nothing to wait for: Redis carries out one command, or one MULTI, after the other.
        """
        del cutoff
        with self._fresh() as conversation:
            names = Names(self.name, self._spec, scope)
            return count_left(conversation, self._pinned, names, self._kinds(scope), subjects)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _kinds(self, scope: Scope) -> tuple[RecordKind, ...]:
        return kinds(self.name, self._map, self._spec, scope)

    def _conversation(self, beat: Heartbeat = no_beat) -> PipelineClient:
        return PipelineClient(self.name, self._client, self._wait, beat)

    @contextmanager
    def _fresh(self) -> Iterator[PipelineClient]:
        client = new_client(self.name, self._connection)
        try:
            yield PipelineClient(self.name, client, self._wait)
        finally:
            client.close()

    @contextmanager
    def _pinned(self) -> Iterator[PinnedClient]:
        client = new_client(self.name, self._connection)
        try:
            try:
                line = client.connection_pool.get_connection()
            except redis_errors.RedisError as error:
                raise translated(self.name, None, error) from None
            yield PinnedClient(self.name, client, self._wait, line=line)
        finally:
            client.connection_pool.disconnect()  # closes the line, whatever is still under way on it


def _with_name(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.key is not None]


def _by_kind(records: Sequence[Record]) -> Iterable[tuple[RecordKind, Sequence[Record]]]:
    groups: dict[RecordKind, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.kind].append(record)
    return groups.items()


def _tallied(subjects: Sequence[Subject], found: Sequence[RecordKind], records: Sequence[Record]) -> Counts:
    tallies = Tallies(subjects, (kind.name for kind in found))
    # A pass may come upon a key twice, and counts it once.
    once = {(record.number, record.kind.name, record.via, record.key, record.part): record for record in records}
    for record in once.values():
        tallies.add(record.number, record.kind.name, due=int(record.due), newer=int(not record.due))
    return tallies.counts
