"""Deletion: UNLINK of exactly named keys; removal of members, fields, list elements and stream entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from expunge_connectors.contract import RemovalNotice, SubjectKey
from expunge_connectors.redis.client import BATCH, LOST, ByValue, Command, Heard, PipelineClient
from expunge_connectors.redis.index_cleanup import IndexCleanup
from expunge_connectors.redis.index_members import text_of
from expunge_connectors.redis.key_indexes import Members, Named, members_at_once
from expunge_connectors.redis.lookup import present
from expunge_connectors.redis.records import Record, RecordKind
from expunge_connectors.redis.scan import Pin
from expunge_connectors.redis.spec import KeySpec
from expunge_connectors.retry import with_retries

_VERBS = {"set": "SREM", "zset": "ZREM", "hash": "HDEL", "stream": "XDEL"}


def remove(  # noqa: PLR0913, PLR0917 - what goes, and whom it is told
    conversation: PipelineClient,
    pin: Pin,
    kinds: Sequence[RecordKind],
    records: Sequence[Record],
    cleanup: IndexCleanup,
    notice: RemovalNotice,
) -> int:
    """Remove the records that are due, collection by collection in the order of `kinds`.

    Args:
        conversation: Its beat is called after each bounded piece.
        pin: Opens a connection for what must not change between two commands.
        kinds: The collections to be erased, in the order of erasure.
        records: Records of any collection and standing, all with a name.
        cleanup: Says what the indexes may lose of what they held when this pass began.
        notice: Told of whom something went, as the server answers.

    Returns:
        How many keys and parts of keys went.
    """
    names = {kind.name for kind in kinds}
    gone = 0
    for kind in kinds:
        due = [record for record in records if record.kind is kind and record.due]
        if kind.spec.yields is not None:
            named = _named(due, _waiting(records, names), cleanup)
            gone += (
                _emptied(conversation, named, notice)
                if _loose(kind.spec)
                else _unlinked(conversation, pin, named, cleanup.members, notice)
            )
        else:
            gone += removed(conversation, kind, due, notice)
    return gone


def removed(conversation: PipelineClient, kind: RecordKind, due: Sequence[Record], notice: RemovalNotice) -> int:
    """Remove whole keys, or parts of keys, of one collection that names nothing further."""
    # Entries of a stream are known by their ids; other parts by themselves, so that nobody asks whether they are there.
    going = present(conversation, due) if kind.part is None or kind.spec.type == "stream" else due
    if kind.part is not None:
        return _carried_out(conversation, dict(_parts(going)), notice)
    taken: dict[Command, list[Record]] = defaultdict(list)
    for record in going:
        taken[Command(kind.name, ("UNLINK", record.name))].append(record)
    return _carried_out(conversation, taken, notice)


def _carried_out(conversation: PipelineClient, taken: Mapping[Command, Sequence[Record]], notice: RemovalNotice) -> int:
    """Carry out commands, each with the records that it takes away. Returns how many keys and parts went."""
    return sum(map(_number, conversation.ask(taken, _telling(taken, notice))))


def _telling(taken: Mapping[Command, Sequence[Record]], notice: RemovalNotice) -> Heard:
    """Tell of what went by the server's answers, and of what may have gone where an answer was lost."""

    def heard(answered: Sequence[tuple[Command, Any]]) -> None:
        told: dict[int, set[str]] = defaultdict(set)
        for command, answer in answered:
            if answer is LOST or _number(answer):
                for record in taken[command]:
                    told[record.number].add(record.kind.name)
        if told:
            notice(told)

    return heard


def _number(answer: Any) -> int:  # noqa: ANN401 - of one command, or of a transaction: None where it was not carried out
    return sum(map(int, answer or ())) if answer is None or isinstance(answer, list) else int(answer)


def _parts(due: Sequence[Record]) -> Iterator[tuple[Command, Sequence[Record]]]:
    """Commands for parts that are of the same people: the answer is a number, and says of nobody else."""
    alike, groups = ByValue(), ByValue()
    for record in due:
        alike.setdefault((record.name, record.part or b""), []).append(record)
    for (name, part), records in alike.items():
        groups.setdefault((name, frozenset(one.number for one in records)), (records, []))[1].append(part)
    for records, parts in groups.values():
        for command in _taken_out(records[0], parts):
            yield command, records


def _taken_out(record: Record, parts: Sequence[str | bytes]) -> Iterator[Command]:
    """Commands that take parts out of the key of a record."""
    name, kind = record.kind.name, record.kind.spec.type
    if kind == "list":
        yield from (Command(name, ("LREM", record.name, 0, part)) for part in parts)
    else:
        for start in range(0, len(parts), BATCH):
            yield Command(name, (_VERBS[kind], record.name, *parts[start : start + BATCH]))


def _loose(spec: KeySpec) -> bool:
    """Whether what an index names can be taken out of it one by one, so that nothing else goes with it."""
    return spec.type in {"set", "zset", "list"} or (spec.type == "hash" and spec.named_by == "names")


def _waiting(records: Sequence[Record], erased: set[str]) -> set[tuple[int, SubjectKey]]:
    """What was found through live indexes alone, in collections that are not erased now."""
    return {(record.number, record.via) for record in records if record.late and record.kind.name not in erased}


def _named(
    due: Sequence[Record], waiting: Container[tuple[int, SubjectKey]], cleanup: IndexCleanup
) -> Mapping[Record, Named]:
    """What each index that is due names and may forget."""
    return {
        record: Named(
            member
            for member in cleanup.members.get(record, frozenset())
            if (record.number, SubjectKey(record.kind.spec.yields or "", text_of(member) or "")) not in waiting
            and cleanup.may(record, member)
        )
        for record in due
    }


def _by_key(named: Mapping[Record, Named]) -> ByValue:
    """Key -> the indexes of this name, of different people, that are to lose something."""
    found = ByValue()
    for record, going in named.items():
        if going:
            found.setdefault(record.name, []).append(record)
    return found


def _emptied(conversation: PipelineClient, named: Mapping[Record, Named], notice: RemovalNotice) -> int:
    """Take the members out of indexes; an index without members is no more.

    UNLINK would also forget a member that arrived a moment ago, whose record then nobody could find.
    """
    by_key = _by_key(named)
    taken = {one: by_key[record.name] for record, going in named.items() for one in _taken_out(record, sorted(going))}
    return _carried_out(conversation, taken, notice)


def _unlinked(
    conversation: PipelineClient, pin: Pin, named: Mapping[Record, Named], members: Members, notice: RemovalNotice
) -> int:
    """Remove indexes whole, each only if it still names nothing else than it did: WATCH, read, MULTI, UNLINK, EXEC.

    One that changed meanwhile stays, is still due, and leads the next pass to what it names now.
    """
    by_key, end = _by_key(named), Command(None, ("EXEC",))

    def attempt() -> int:
        gone = 0
        with pin() as pinned:
            for record, going in named.items():
                if len(going) < len(members.get(record, frozenset())):
                    continue
                pinned.ask([Command(record.kind.name, ("WATCH", record.name))])
                if members_at_once(pinned, [record])[record] <= going:
                    pinned.one("MULTI")
                    pinned.ask([Command(record.kind.name, ("UNLINK", record.name))])
                    gone += _number(pinned.ask([end], _telling({end: by_key.get(record.name, ())}, notice))[0])
                else:
                    pinned.one("UNWATCH")
                conversation.beat()
        return gone

    return with_retries(conversation.wait)(attempt) if named else 0
