"""In-memory connector: the whole contract without a server, for tests and for authors of connectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import ClassVar

from expunge_config.datamap import Action, DataMap, Model, StoreSpec
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import (
    Counts,
    DiscoveredKey,
    Finding,
    Heartbeat,
    RecordCounts,
    RemovalNotice,
    Scope,
    Severity,
    StoreIdentity,
    Subject,
    SubjectKey,
    no_notice,
)
from expunge_connectors.errors import TerminalError, TransientError
from expunge_connectors.keyspace.template_rules import in_scope
from expunge_connectors.memory.database import MemoryRecord
from expunge_connectors.memory.selection import (
    Disposition,
    Linked,
    linked,
    linked_one_by_one,
    owned,
    selecting,
    standing,
    tombstone,
    within,
)
from expunge_connectors.memory.spec import MemoryCollection, MemoryConnection, MemorySpec

PIECE = 100
Finder = Callable[[Sequence[MemoryRecord], Mapping[str, str], Sequence[Subject]], Iterable[Linked]]


class MemoryStore:
    """Records of a `MemoryDatabase`."""

    spec: ClassVar[type[StoreSpec]] = MemorySpec
    connection: ClassVar[type[Model]] = MemoryConnection

    def __init__(self, name: str, data_map: DataMap, connection: Model) -> None:
        """Build the connector over the database that `connection` holds."""
        spec = data_map.stores.get(name)
        if not isinstance(spec, MemorySpec) or not isinstance(connection, MemoryConnection):
            raise TerminalError(f"Store {name} or its connection settings are not of the kind memory.")
        self.name = name
        self._map = data_map
        self._spec = spec
        self._database = connection.database

    def inspect(self) -> Sequence[Finding]:
        """Collections that cannot be used."""
        self._reach()
        return [
            Finding(Severity.ERROR, "memory-broken", self.name, name, "It cannot be used.", "Take it out of `broken`.")
            for name in self._spec.collections
            if name in self._database.broken
        ]

    def identity(self) -> StoreIdentity:
        """The database's sentinel."""
        self._reach()
        return StoreIdentity(self.name, "memory", {"sentinel": self._database.sentinel})

    def now(self) -> datetime:
        """The database's clock."""
        self._reach()
        return self._database.clock().astimezone(UTC)

    def resolve(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None) -> Sequence[DiscoveredKey]:
        """The declared yields of the subjects' records."""
        return [
            DiscoveredKey(one.number, via, name, key)
            for name, collection in self._collections(scope)
            for one in self._linked(name, collection, subjects, scope, linked)
            if within(one, collection, self._map, cutoff)
            for identity, field in collection.yields.items()
            if (key := self._key(identity, one.record.fields.get(field, ""))) is not None
            for via in one.via
        ]

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """What is there now."""
        return self._counted(subjects, scope, cutoff, linked)

    def erase(  # noqa: PLR0913, PLR0917 - the verb of the contract
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
        notice: RemovalNotice = no_notice,
    ) -> int:
        """Remove or tombstone what is due, in pieces."""
        self._check(actions)
        touched = 0
        for name, collection in self._collections(scope):
            if name not in actions:
                continue
            due = [
                one
                for one in self._linked(name, collection, subjects, scope, linked)
                if standing(one, collection, self._map, cutoff)[0] is Disposition.DUE
            ]
            for start in range(0, len(due), PIECE):
                for one in due[start : start + PIECE]:
                    self._erase_one(name, collection, one.record)
                    notice({one.number: [name]})
                    touched += 1
                beat()
        return touched

    def verify(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """Count again, by looking at every record for every subject."""
        return self._counted(subjects, scope, cutoff, linked_one_by_one)

    def close(self) -> None:
        """Nothing to give back."""

    def _counted(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime, find: Finder) -> Counts:
        counts: dict[int, dict[str, RecordCounts]] = {subject.number: {} for subject in subjects}
        for name, collection in self._collections(scope):
            for of_collection in counts.values():
                of_collection[name] = RecordCounts()
            for one in self._linked(name, collection, subjects, scope, find):
                found = standing(one, collection, self._map, cutoff)
                counts[one.number][name] = _added(counts[one.number][name], *found)
        return counts

    def _linked(
        self, name: str, collection: MemoryCollection, subjects: Sequence[Subject], scope: Scope, find: Finder
    ) -> Iterable[Linked]:
        if name in self._database.broken:
            raise TerminalError(f"Store {self.name}, collection {name}: it cannot be used.")
        mine = [record for record in self._database.records(name) if owned(record, collection, scope)]
        return find(mine, selecting(collection, self._map), subjects)

    def _collections(self, scope: Scope) -> Iterator[tuple[str, MemoryCollection]]:
        self._reach()
        for name, collection in self._spec.collections.items():
            by_member = collection.owner is not None and collection.owner.column is not None
            if in_scope(self.name, name, collection, scope, by_controller=by_member):
                yield name, collection

    def _check(self, actions: Mapping[str, Action]) -> None:
        for name, action in actions.items():
            collection = self._spec.collections.get(name)
            if collection is None or collection.log is not None:
                raise TerminalError(f"Store {self.name}, collection {name}: it is unknown, or a log, and left alone.")
            if action is not self._map.data_types[collection.data_type or ""].on_request:
                raise TerminalError(f"Store {self.name}, collection {name}: the data map says another action.")

    def _erase_one(self, name: str, collection: MemoryCollection, record: MemoryRecord) -> None:
        if self._map.data_types[collection.data_type or ""].on_request is Action.TOMBSTONE:
            self._database.put(name, tombstone(record, collection))
        else:
            self._database.remove(name, record.id)

    def _key(self, identity: str, value: str) -> SubjectKey | None:
        try:
            return SubjectKey(identity, self._map.identities[identity].rule.normalise(value))
        except NotNormalisable:
            return None

    def _reach(self) -> None:
        if not self._database.reachable:
            raise TransientError(f"Store {self.name}: it cannot be reached.")


def _added(tally: RecordCounts, found: Disposition, until: date | None) -> RecordCounts:
    match found:
        case Disposition.DUE:
            return replace(tally, due=tally.due + 1)
        case Disposition.NEWER:
            return replace(tally, newer=tally.newer + 1)
        case Disposition.RETAINED:
            # One record without a last day, and no day can be named for all of them.
            open_ended = until is None or (tally.retained > 0 and tally.until is None)
            last = None if open_ended or until is None else max(until, tally.until or until)
            return replace(tally, retained=tally.retained + 1, until=last)
        case Disposition.DONE:
            return tally
