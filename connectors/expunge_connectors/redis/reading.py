"""Reading: what the index sets name, what is there (before), and what is left (after, by other commands)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from expunge_connectors.contract import Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.redis.conversation import BATCH, Command, Conversation
from expunge_connectors.redis.faults import wrong_type
from expunge_connectors.redis.records import Kind, Names, Record


class Texts(frozenset[str]):
    """Members of an index set. `repr` hides them: they turn up in tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} members>"


Members = dict[Record, Texts]
ReadSets = Callable[[Conversation, Sequence[Record]], Members]


def members_at_once(conversation: Conversation, indexes: Sequence[Record]) -> Members:
    """The members of index sets, by SMEMBERS: for resolving, counting and erasing."""
    answers = conversation.ask(Command(record.kind.name, ("SMEMBERS", record.key)) for record in indexes)
    return {record: _texts(conversation.store, record, answer) for record, answer in zip(indexes, answers, strict=True)}


def members_by_cursor(conversation: Conversation, indexes: Sequence[Record]) -> Members:
    """The members of index sets, by SSCAN of exactly these sets: for verifying."""
    members: Members = dict.fromkeys(indexes, Texts())
    cursors: dict[Record, int] = dict.fromkeys(indexes, 0)
    while cursors:
        asked = list(cursors)
        answers = conversation.ask(
            Command(record.kind.name, ("SSCAN", record.key, cursors[record], "COUNT", BATCH)) for record in asked
        )
        for record, (cursor, page) in zip(asked, answers, strict=True):
            members[record] = Texts(members[record] | _texts(conversation.store, record, page))
            if int(cursor):
                cursors[record] = int(cursor)
            else:
                del cursors[record]
    return members


def _texts(store: str, record: Record, raw: Iterable[bytes]) -> Texts:
    try:
        return Texts(member.decode() for member in raw)
    except UnicodeDecodeError:
        raise TerminalError(
            f"Store {store}, collection {record.kind.name}: a member of an index set is not UTF-8."
        ) from None


def gathered(
    conversation: Conversation,
    names: Names,
    kinds: Sequence[Kind],
    subjects: Sequence[Subject],
    read_sets: ReadSets,
) -> tuple[list[Record], Members]:
    """Every record of the subjects: those that their keys name, and those that live index sets name beyond that.

    The second half finds records that appeared after the keys were resolved. A record that is only reached through an
    index set that is itself not due is not due either.
    """
    records = names.records(kinds, subjects)
    known = {(record.number, record.kind.name, record.via) for record in records}
    members: Members = {}
    fresh = records
    while indexes := [record for record in fresh if record.kind.spec.yields is not None]:
        read = read_sets(conversation, indexes)
        members |= read
        fresh = []
        for index, found in read.items():
            for kind in kinds if index.kind.follows else ():
                if kind.namespace != index.kind.spec.yields:
                    continue
                for member in sorted(found):
                    via = SubjectKey(kind.namespace, member)
                    if (index.number, kind.name, via) not in known:
                        known.add((index.number, kind.name, via))
                        fresh.append(names.record(index.number, kind, via, due=index.due and kind.certain, late=True))
        records = records + fresh
    return records, members


def present(conversation: Conversation, records: Sequence[Record]) -> list[Record]:
    """The records that exist, by TYPE and by the commands that ask for many parts of one key at once.

    Raises:
        TerminalError: A key is of another type than declared.
    """
    whole = [record for record in records if record.part is None]
    found = [record for record, kind in _types(conversation, whole) if kind != "none"]
    groups = list(_groups(records))
    answers = conversation.ask(Command(group[0].kind.name, _many(group)) for group in groups)
    for group, answer in zip(groups, answers, strict=True):
        each = [answer] if group[0].kind.spec.type == "hash" else answer
        found.extend(record for record, one in zip(group, each, strict=True) if _there(record, one))
    return found


def _groups(records: Sequence[Record]) -> Iterable[list[Record]]:
    """Parts of one key, as many as one command takes: a hash is asked for one field (HMGET would answer values)."""
    by_key: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.part is not None:
            by_key[record.kind.name, record.key].append(record)
    for group in by_key.values():
        size = 1 if group[0].kind.spec.type == "hash" else BATCH
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _many(group: Sequence[Record]) -> tuple[str, ...]:
    command = {"set": "SMISMEMBER", "zset": "ZMSCORE", "hash": "HEXISTS"}[group[0].kind.spec.type]
    return (command, group[0].key, *(str(record.part) for record in group))


def _there(record: Record, answer: Any) -> bool:  # noqa: ANN401 - 0 or 1; for sorted sets a score or nothing
    # A score of 0 is a member too.
    return answer is not None if record.part is not None and record.kind.spec.type == "zset" else bool(answer)


def _types(conversation: Conversation, whole: Sequence[Record]) -> Iterable[tuple[Record, str]]:
    """Each whole key with its type, checked against the declaration; `none` where there is no key."""
    answers = conversation.ask(Command(record.kind.name, ("TYPE", record.key)) for record in whole)
    for record, answer in zip(whole, answers, strict=True):
        kind = answer.decode() if isinstance(answer, bytes) else str(answer)
        if kind not in {"none", record.kind.spec.type}:
            raise wrong_type(conversation.store, record.kind.name)
        yield record, kind


def remaining(conversation: Conversation, records: Sequence[Record]) -> list[Record]:
    """The records that exist, each asked for on its own: EXISTS, SISMEMBER, ZSCORE, HEXISTS. For verifying.

    Raises:
        TerminalError: A key is of another type than declared.
    """
    answers = conversation.ask(Command(record.kind.name, _single(record)) for record in records)
    found = [record for record, answer in zip(records, answers, strict=True) if _there(record, answer)]
    list(_types(conversation, [record for record in found if record.part is None]))
    return found


def _single(record: Record) -> tuple[str, ...]:
    if record.part is None:
        return ("EXISTS", record.key)
    return ({"set": "SISMEMBER", "zset": "ZSCORE", "hash": "HEXISTS"}[record.kind.spec.type], record.key, record.part)
