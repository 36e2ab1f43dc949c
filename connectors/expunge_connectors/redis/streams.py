"""Streams before erasing: a person's entries, found by the value of one field, page by page from the first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from expunge_connectors.redis.client import BATCH, ByValue, Command, PipelineClient, Values
from expunge_connectors.redis.records import Record

_LARGEST = 2**64 - 1


def entries(conversation: PipelineClient, records: Sequence[Record]) -> list[Record]:
    """One record for each entry that holds what stands for the subject; its part is the entry's id."""
    streams = ByValue()
    for record in records:
        wanted = streams.setdefault((record.kind.name, record.name), ByValue())
        wanted.setdefault(record.wanted, []).append(record)
    found: list[Record] = []
    for wanted in streams.values():
        found.extend(_matching(conversation, wanted))
    return found


def _matching(conversation: PipelineClient, wanted: ByValue) -> Iterator[Record]:
    stream: Record = next(iter(wanted.values()))[0]
    field = next(iter(stream.kind.spec.entry or {"": ""})).encode()
    for page in pages(conversation, stream):
        yield from _hits(page, field, wanted)


def _hits(page: Values, field: bytes, wanted: ByValue) -> list[Record]:
    return [
        replace(record, part=entry)
        for entry, pairs in page
        for value in set(values_of(pairs, field)) & wanted.keys()
        for record in wanted[value]
    ]


def values_of(pairs: Sequence[bytes], field: bytes) -> Sequence[bytes]:
    """The values of one field of an entry, of which it may have several."""
    return [value for name, value in zip(pairs[::2], pairs[1::2], strict=True) if name == field]


def pages(conversation: PipelineClient, stream: Record) -> Iterator[Values]:
    """The entries of a stream: (id, names and values in turn), some at a time."""
    onward: str | None = "-"
    while onward is not None:
        asked = Command(stream.kind.name, ("XRANGE", stream.name, onward, "+", "COUNT", BATCH))
        page = Values(conversation.ask([asked])[0])
        yield page
        onward = _beyond(page[-1][0]) if len(page) == BATCH else None


def _beyond(entry: bytes) -> str | None:
    """The id after one (`(id` would need Redis 6.2); None where there is none."""
    milliseconds, _, number = entry.partition(b"-")
    first, second = divmod(int(milliseconds) * (_LARGEST + 1) + int(number) + 1, _LARGEST + 1)
    return f"{first}-{second}" if first <= _LARGEST else None
