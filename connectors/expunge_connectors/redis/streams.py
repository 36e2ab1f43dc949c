"""Streams: a person's entries, found by the value of one field, page by page from either end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from expunge_connectors.redis.client import BATCH, ByValue, Command, PipelineClient, Values
from expunge_connectors.redis.records import Record

# redis-py would make a dictionary of an entry, and forget a field that stands twice in it.
RAW = ("XRANGE", "XREVRANGE")
_LARGEST = 2**64 - 1


def entries(conversation: PipelineClient, records: Sequence[Record], *, backwards: bool) -> list[Record]:
    """One record for each entry that holds what stands for the subject; its part is the entry's id."""
    streams = ByValue()
    for record in records:
        wanted = streams.setdefault((record.kind.name, record.name), ByValue())
        wanted.setdefault(record.wanted, []).append(record)
    found: list[Record] = []
    for wanted in streams.values():
        found.extend(_matching(conversation, wanted, backwards=backwards))
    return found


def _matching(conversation: PipelineClient, wanted: ByValue, *, backwards: bool) -> Iterator[Record]:
    stream: Record = next(iter(wanted.values()))[0]
    field = next(iter(stream.kind.spec.entry or {"": ""})).encode()
    for page in pages(conversation, stream, backwards=backwards):
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


def pages(conversation: PipelineClient, stream: Record, *, backwards: bool) -> Iterator[Values]:
    """The entries of a stream: (id, names and values in turn), some at a time."""
    command, far, here = ("XREVRANGE", "-", "+") if backwards else ("XRANGE", "+", "-")
    onward: str | None = here
    while onward is not None:
        asked = Command(stream.kind.name, (command, stream.name, onward, far, "COUNT", BATCH))
        page = Values(conversation.ask([asked])[0])
        yield page
        onward = _beyond(page[-1][0], backwards=backwards) if len(page) == BATCH else None


def _beyond(entry: bytes, *, backwards: bool) -> str | None:
    """The id next to one (`(id` would need Redis 6.2); None where there is none."""
    milliseconds, _, number = entry.partition(b"-")
    whole = int(milliseconds) * (_LARGEST + 1) + int(number) + (-1 if backwards else 1)
    first, second = divmod(whole, _LARGEST + 1)
    return f"{first}-{second}" if 0 <= first <= _LARGEST else None
