"""Entries of streams that belong to somebody: found by the value of one field, page by page, from either end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from expunge_connectors.redis.conversation import BATCH, Command, Conversation
from expunge_connectors.redis.records import Record

# redis-py would make a dictionary of an entry, and forget a field that stands twice in it.
RAW = ("XRANGE", "XREVRANGE")
_LARGEST = 2**64 - 1


def entries(conversation: Conversation, records: Sequence[Record], *, backwards: bool) -> list[Record]:
    """One record for each entry that holds what stands for the subject; its part is the entry's id."""
    streams: dict[tuple[str, str | bytes], dict[bytes, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        streams[record.kind.name, record.name][record.wanted].append(record)
    return [
        replace(record, part=entry)
        for (collection, key), wanted in streams.items()
        for entry, record in _matching(conversation, collection, key, wanted, backwards=backwards)
    ]


def _matching(
    conversation: Conversation,
    collection: str,
    key: str | bytes,
    wanted: Mapping[bytes, Sequence[Record]],
    *,
    backwards: bool,
) -> Iterator[tuple[bytes, Record]]:
    field = _field(next(iter(wanted.values()))[0])
    for entry, pairs in pages(conversation, collection, key, backwards=backwards):
        held = {value for name, value in zip(pairs[::2], pairs[1::2], strict=True) if name == field}
        yield from ((entry, record) for value in held & wanted.keys() for record in wanted[value])


def _field(record: Record) -> bytes:
    return next(iter(record.kind.spec.entry or {"": ""})).encode()


def pages(
    conversation: Conversation, collection: str, key: str | bytes, *, backwards: bool
) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """(id, names and values in turn) of every entry."""
    command, far, here = ("XREVRANGE", "-", "+") if backwards else ("XRANGE", "+", "-")
    while True:
        page = conversation.ask([Command(collection, (command, key, here, far, "COUNT", BATCH))])[0]
        yield from ((entry, pairs) for entry, pairs in page)
        beyond = _beyond(page[-1][0], backwards=backwards) if len(page) == BATCH else None
        if beyond is None:
            return
        here = beyond


def _beyond(entry: bytes, *, backwards: bool) -> str | None:
    """The id next to one (`(id` would need Redis 6.2); None where there is none."""
    milliseconds, _, number = entry.partition(b"-")
    whole = int(milliseconds) * (_LARGEST + 1) + int(number) + (-1 if backwards else 1)
    first, second = divmod(whole, _LARGEST + 1)
    return f"{first}-{second}" if 0 <= first <= _LARGEST else None
