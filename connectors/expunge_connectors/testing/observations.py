"""Observations of the contract tests: a person's keys, the counts that are expected, the records that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from expunge_connectors.contract import RecordCounts, StoreConnector, Subject, SubjectKey
from expunge_connectors.testing.harness import Person, RawRecords, StoreHarness


@contextmanager
def opened(connector: StoreConnector) -> Iterator[StoreConnector]:
    """A connector, closed at the end."""
    try:
        yield connector
    finally:
        connector.close()


def closure(connector: StoreConnector, harness: StoreHarness, subject: Subject, cutoff: datetime | None) -> Subject:
    """The subject with every key that resolution finds, fed back until nothing new appears."""
    keys, fresh = subject.keys, subject.keys
    while fresh:
        asked = Subject(subject.number, fresh, known=keys - fresh)
        found = connector.resolve([asked], harness.scope, cutoff)
        fresh = frozenset(one.key for one in found if selects(harness, one.key)) - keys
        keys |= fresh
    return Subject(subject.number, keys)


def selects(harness: StoreHarness, key: SubjectKey) -> bool:
    """Whether the orchestrator would hand the key to a store: a shareable identity never selects a record."""
    identity = harness.data_map.identities.get(key.namespace)
    return identity is None or not identity.shareable


def declared(harness: StoreHarness, subject: Subject) -> frozenset[SubjectKey]:
    """The keys of a subject in namespaces of the map."""
    return frozenset(key for key in subject.keys if key.namespace in harness.data_map.identities)


def all_due(harness: StoreHarness, person: Person) -> Mapping[str, RecordCounts]:
    """What counting must say before anything is erased."""
    return {name: RecordCounts(due=person.counts.get(name, 0)) for name in harness.actions}


def nothing_due(counts: Mapping[int, Mapping[str, RecordCounts]]) -> bool:
    """Whether nothing is left to do."""
    return not any(tally.due for tallies in counts.values() for tally in tallies.values())


def changed(before: RawRecords, after: RawRecords) -> frozenset[tuple[str, str]]:
    """The records that went, came or changed."""
    return frozenset(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
