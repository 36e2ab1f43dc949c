"""Removing: exactly named keys, members and fields, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from expunge_connectors.contract import SubjectKey
from expunge_connectors.redis.conversation import BATCH, Command, Conversation
from expunge_connectors.redis.reading import Members, present
from expunge_connectors.redis.records import Kind, Record


def remove(conversation: Conversation, kinds: Sequence[Kind], records: Sequence[Record], members: Members) -> int:
    """Remove the records that are due, collection by collection in the order of `kinds`.

    Args:
        conversation: Its beat is called after each bounded piece.
        kinds: The collections to be erased, in the order of erasure.
        records: Records of any collection and standing.
        members: What the index sets held when this pass began.

    Returns:
        How many keys, members and fields went.
    """
    names = {kind.name for kind in kinds}
    gone = 0
    for kind in kinds:
        due = [record for record in records if record.kind.name == kind.name and record.due]
        if kind.part is not None:
            commands = _parts(due)
        elif kind.spec.yields is not None:
            commands = _emptied(due, members, records, names)
        else:
            commands = [Command(kind.name, ("UNLINK", record.key)) for record in present(conversation, due)]
        gone += sum(int(answer) for answer in conversation.ask(commands))
    return gone


def _parts(due: Sequence[Record]) -> Iterable[Command]:
    by_key: dict[str, list[Record]] = defaultdict(list)
    for record in due:
        by_key[record.key].append(record)
    for key, group in by_key.items():
        verb = {"set": "SREM", "zset": "ZREM", "hash": "HDEL"}[group[0].kind.spec.type]
        for start in range(0, len(group), BATCH):
            parts = [str(record.part) for record in group[start : start + BATCH]]
            yield Command(group[0].kind.name, (verb, key, *parts))


def _emptied(due: Sequence[Record], members: Members, records: Sequence[Record], erased: set[str]) -> Iterable[Command]:
    """Take the members out of index sets; a set without members is no more.

    UNLINK would also forget a member that arrived a moment ago, whose record then nobody could find. What an index
    names in a collection that is not erased now stays in the index as well, unless the subject's keys name it already.
    """
    waiting = {(record.number, record.via) for record in records if record.late and record.kind.name not in erased}
    for record in due:
        namespace = record.kind.spec.yields or ""
        named = sorted(
            member
            for member in members.get(record, frozenset())
            if (record.number, SubjectKey(namespace, member)) not in waiting
        )
        for start in range(0, len(named), BATCH):
            yield Command(record.kind.name, ("SREM", record.key, *named[start : start + BATCH]))
