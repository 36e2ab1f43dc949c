"""Lookup: which of the subjects' records exist, before erasing. Verification asks by other commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from expunge_connectors.contract import Subject, SubjectKey
from expunge_connectors.redis.client import BATCH, Command, PipelineClient
from expunge_connectors.redis.errors import wrong_type
from expunge_connectors.redis.index_members import text_of
from expunge_connectors.redis.key_indexes import Members, members_at_once
from expunge_connectors.redis.records import Names, Record, RecordKind
from expunge_connectors.redis.streams import entries


def gathered(
    conversation: PipelineClient,
    names: Names,
    kinds: Sequence[RecordKind],
    subjects: Sequence[Subject],
) -> tuple[list[Record], Members]:
    """Every record of the subjects: those that their keys name, and those that live indexes name beyond that.

    The second half finds records that appeared after the keys were resolved. A record that is only reached through an
    index that is itself not due is not due either. A name that was refused is somebody else's, whichever index has it.
    """
    refused = {(one.number, key) for one in subjects for key in one.refused or ()}
    records = names.records(kinds, subjects)
    known = {(record.number, record.kind.name, record.via) for record in records}
    members: Members = {}
    fresh = records
    while indexes := [record for record in fresh if record.kind.spec.yields is not None]:
        read = members_at_once(conversation, indexes)
        members |= read
        fresh = []
        for index, found in read.items():
            for kind in kinds if index.kind.follows else ():
                if kind.namespace != index.kind.spec.yields:
                    continue
                for member in sorted(filter(None, map(text_of, found))):
                    via = SubjectKey(kind.namespace, member)
                    if (index.number, kind.name, via) not in known and (index.number, via) not in refused:
                        known.add((index.number, kind.name, via))
                        due, late = index.due and kind.certain, index.late + 1
                        fresh.append(names.record(index.number, kind, via, due=due, late=late))
        records = records + fresh
    return records, members


def present(conversation: PipelineClient, records: Sequence[Record]) -> list[Record]:
    """The records that exist, by TYPE and by the commands that ask for many parts of one key at once.

    Raises:
        TerminalError: A key is of another type than declared.
    """
    whole = [record for record in records if record.part is None]
    found = [record for record, kind in _checked_types(conversation, whole) if kind != "none"]
    groups = list(_groups(records))
    answers = conversation.ask(Command(group[0].kind.name, _many(group)) for group in groups)
    for group, answer in zip(groups, answers, strict=True):
        each = [answer] if group[0].kind.spec.type in _ONE_BY_ONE else answer
        found.extend(record for record, one in zip(group, each, strict=True) if _is_there(record, one))
    found += entries(conversation, [record for record in records if record.in_stream])
    return found


# A hash is asked for one field (HMGET would answer values), a list for one element.
_ONE_BY_ONE = frozenset({"hash", "list"})


def _groups(records: Sequence[Record]) -> Iterable[list[Record]]:
    """Parts of one key, as many as one command takes."""
    by_key: dict[tuple[str, str | bytes], list[Record]] = defaultdict(list)
    for record in records:
        if record.part is not None and not record.in_stream:
            by_key[record.kind.name, record.name].append(record)
    for group in by_key.values():
        size = 1 if group[0].kind.spec.type in _ONE_BY_ONE else BATCH
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _many(group: Sequence[Record]) -> tuple[str | bytes, ...]:
    command = {"set": "SMISMEMBER", "zset": "ZMSCORE", "hash": "HEXISTS", "list": "LPOS"}[group[0].kind.spec.type]
    return (command, group[0].name, *(record.wanted for record in group))


def _is_there(record: Record, answer: Any) -> bool:  # noqa: ANN401 - 0 or 1; a score, a position, or nothing
    """Whether the answer to a question for one record says that it exists."""
    # A score of 0 is a member too, and the element at position 0 is there.
    scored = record.part is not None and record.kind.spec.type in {"zset", "list"}
    return answer is not None if scored else bool(answer)


def _checked_types(conversation: PipelineClient, whole: Sequence[Record]) -> Iterable[tuple[Record, str]]:
    """Each whole key with its type; `none` where there is no key.

    Raises:
        TerminalError: A key is of another type than declared.
    """
    answers = conversation.ask(Command(record.kind.name, ("TYPE", record.name)) for record in whole)
    for record, answer in zip(whole, answers, strict=True):
        kind = answer.decode() if isinstance(answer, bytes) else str(answer)
        if kind not in {"none", record.kind.spec.type}:
            raise wrong_type(conversation.store, record.kind.name)
        yield record, kind
