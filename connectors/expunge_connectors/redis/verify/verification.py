"""Verification: counts what is left after erasing, by other commands and other code than what erases (law 1).

It shares the client, the names that the map gives to records, and how a name is written; it shares no listing, no scan
and no rule of what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from expunge_connectors.contract import Counts, Subject, SubjectKey
from expunge_connectors.keyspace.template_rules import Tallies
from expunge_connectors.redis.client import Command, PinnedClient, PipelineClient
from expunge_connectors.redis.errors import wrong_type
from expunge_connectors.redis.index_members import text_of
from expunge_connectors.redis.records import Names, Record, RecordKind
from expunge_connectors.redis.verify.database_walk import walk
from expunge_connectors.redis.verify.index_walk import named_by
from expunge_connectors.redis.verify.stream_walk import entries_left


def count_left(
    conversation: PipelineClient,
    pin: Callable[[], AbstractContextManager[PinnedClient]],
    names: Names,
    kinds: Sequence[RecordKind],
    subjects: Sequence[Subject],
) -> Counts:
    """What is left of each subject in each collection: asked for key by key, and looked for in the whole database.

    Raises:
        TerminalError: A key is of another type than declared.
    """

    def left(some: Sequence[Record]) -> Sequence[Record]:
        return remaining(conversation, some)

    records = _named(conversation, names, kinds, subjects)
    there = list(left([record for record in records if record.key is not None]))
    there += walk(conversation, pin, names, [record for record in records if record.key is None], left)
    tallies = Tallies(subjects, (kind.name for kind in kinds))
    seen: set[tuple[object, ...]] = set()  # a SCAN may show a key twice
    for record in there:
        one = (record.number, record.kind.name, record.via, record.key, record.part)
        if one not in seen:
            seen.add(one)
            tallies.add(record.number, record.kind.name, **{"due" if record.due else "newer": 1})
    return tallies.counts


def _named(
    conversation: PipelineClient, names: Names, kinds: Sequence[RecordKind], subjects: Sequence[Subject]
) -> list[Record]:
    """Records that the subjects' keys name, and those that indexes name which are there now, one after the other.

    What an index names is due if the index is and the map says so of the record. A name that was refused is somebody
    else's.
    """
    refused = {subject.number: subject.refused or frozenset() for subject in subjects}
    records = names.records(kinds, subjects)
    known = {(record.number, record.kind.name, record.via) for record in records}
    fresh = records
    while indexes := [record for record in fresh if record.kind.follows]:
        fresh = []
        for index, members in named_by(conversation, indexes).items():
            named = [kind for kind in kinds if kind.namespace == index.kind.spec.yields]
            for member in sorted(filter(None, map(text_of, members))):
                for kind in named:
                    via = SubjectKey(kind.namespace, member)
                    if (index.number, kind.name, via) not in known and via not in refused[index.number]:
                        known.add((index.number, kind.name, via))
                        due, late = index.due and kind.certain, index.late + 1
                        fresh.append(names.record(index.number, kind, via, due=due, late=late))
        records = records + fresh
    return records


def remaining(conversation: PipelineClient, records: Sequence[Record]) -> list[Record]:
    """The records that exist, each asked for on its own.

    EXISTS, SISMEMBER, ZSCORE, HEXISTS; lists and streams are read from the other end.

    Raises:
        TerminalError: A key is of another type than declared.
    """
    alone = [record for record in records if not record.in_stream]
    answers = conversation.ask(Command(record.kind.name, _single(record)) for record in alone)
    found = [record for record, answer in zip(alone, answers, strict=True) if _exists(record, answer)]
    _check_types(conversation, [record for record in found if record.part is None])
    found += entries_left(conversation, [record for record in records if record.in_stream])
    return found


def _single(record: Record) -> tuple[str | bytes | int, ...]:
    if record.part is None:
        return ("EXISTS", record.name)
    if record.kind.spec.type == "list":
        return ("LPOS", record.name, record.wanted, "RANK", -1)
    return (
        {"set": "SISMEMBER", "zset": "ZSCORE", "hash": "HEXISTS"}[record.kind.spec.type],
        record.name,
        record.wanted,
    )


def _exists(record: Record, answer: Any) -> bool:  # noqa: ANN401 - 0 or 1; a score or a position, or nothing
    # A score and a position may be 0, and say that the part is there.
    by_place = record.part is not None and record.kind.spec.type in {"zset", "list"}
    return answer is not None if by_place else answer == 1


def _check_types(conversation: PipelineClient, keys: Sequence[Record]) -> None:
    answers = conversation.ask(Command(record.kind.name, ("TYPE", record.name)) for record in keys)
    for record, answer in zip(keys, answers, strict=True):
        if answer not in {b"none", record.kind.spec.type.encode()}:  # none: gone since
            raise wrong_type(conversation.store, record.kind.name)
