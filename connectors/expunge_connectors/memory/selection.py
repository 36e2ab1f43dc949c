"""Selection: which records belong to which subject, and whether each is due, retained or newer. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.memory.database import MemoryRecord
from expunge_connectors.memory.spec import MemoryCollection


class Disposition(StrEnum):
    """What is right for a record of a subject."""

    DUE = "due"
    RETAINED = "retained"
    NEWER = "newer"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Linked:
    """A record that belongs to a subject through these keys."""

    number: int
    record: MemoryRecord
    via: tuple[SubjectKey, ...]


def selecting(collection: MemoryCollection, data_map: DataMap) -> Mapping[str, str]:
    """The links that select records: identity -> field. A shareable identity never does."""
    return {
        identity: field
        for identity, field in collection.found_by.items()
        if not data_map.identities[identity].shareable
    }


def owned(record: MemoryRecord, collection: MemoryCollection, scope: Scope) -> bool:
    """Whether the record is one of the controller's own."""
    column = collection.owner.column if collection.owner is not None else None
    return column is None or record.fields.get(column) == scope.member


def linked(records: Iterable[MemoryRecord], links: Mapping[str, str], subjects: Sequence[Subject]) -> Iterator[Linked]:
    """The subjects' records, found by an index over all their keys: one pass over the records."""
    wanted: dict[SubjectKey, set[int]] = defaultdict(set)
    for subject in subjects:
        for key in subject.keys:
            wanted[key].add(subject.number)
    for record in records:
        found: dict[int, list[SubjectKey]] = defaultdict(list)
        for identity, field in links.items():
            key = SubjectKey(identity, record.fields.get(field, ""))
            for number in wanted.get(key, ()):
                found[number].append(key)
        for number, via in found.items():
            yield Linked(number, record, tuple(via))


def linked_one_by_one(
    records: Sequence[MemoryRecord], links: Mapping[str, str], subjects: Sequence[Subject]
) -> Iterator[Linked]:
    """The same by looking at every record for every subject: for verifying."""
    for subject in subjects:
        for record in records:
            via = tuple(
                key for key in sorted(subject.keys) if record.fields.get(links.get(key.namespace, "")) == key.value
            )
            if via:
                yield Linked(subject.number, record, via)


def standing(
    one: Linked, collection: MemoryCollection, data_map: DataMap, cutoff: datetime
) -> tuple[Disposition, date | None]:
    """What is right for a record, and the last day to which it is retained."""
    if collection.tombstone and is_tombstoned(one.record, collection):
        return Disposition.DONE, None
    if not within(one, collection, data_map, cutoff):
        return Disposition.NEWER, None
    data_type = data_map.data_types[collection.data_type or ""]
    if data_type.on_request is Action.RETAIN:
        until = None if one.record.start is None else data_type.rule.period.after(one.record.start)
        if until is None or until > cutoff.date():
            return Disposition.RETAINED, until
    return Disposition.DUE, None


def within(one: Linked, collection: MemoryCollection, data_map: DataMap, cutoff: datetime | None) -> bool:
    """Whether a record is part of the request (law 7)."""
    if any(data_map.identities[key.namespace].kind is not IdentityKind.REUSABLE for key in one.via):
        return True
    if one.record.created is None:
        return collection.undated == "erase"
    return cutoff is None or one.record.created < cutoff


def tombstone(record: MemoryRecord, collection: MemoryCollection) -> MemoryRecord:
    """What stands there afterwards."""
    fields = {**record.fields, **dict.fromkeys(collection.tombstone, f"erased-{record.id}")}
    return MemoryRecord(record.id, fields, record.created, record.start)


def is_tombstoned(record: MemoryRecord, collection: MemoryCollection) -> bool:
    """Whether nothing of the person is left in it."""
    return all(record.fields.get(name) == f"erased-{record.id}" for name in collection.tombstone)
