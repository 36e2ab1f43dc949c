"""Stream walk: entries of a stream, page by page from the last one, by which verification reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from expunge_connectors.redis.client import BATCH, ByValue, Command, PipelineClient, Values
from expunge_connectors.redis.records import Record


def entries_left(conversation: PipelineClient, records: Sequence[Record]) -> Iterator[Record]:
    """One record for each entry of which a field holds what stands for the subject; its part is the entry's id."""
    of_stream = ByValue()
    for record in records:
        of_stream.setdefault((record.kind.name, record.name), []).append(record)
    for asked in of_stream.values():
        spec = asked[0].kind.spec
        field = next(iter(spec.entry or {"": ""})).encode()
        for entry, texts in _entries(conversation, asked[0]):
            held = _fields(texts)[field]
            yield from (replace(record, part=entry) for record in asked if record.wanted in held)


def values_left(conversation: PipelineClient, stream: Record, field: str) -> Iterator[bytes]:
    """What the entries of a stream hold in one field."""
    for _, texts in _entries(conversation, stream):
        yield from _fields(texts)[field.encode()]


def _fields(texts: Sequence[bytes]) -> defaultdict[bytes, set[bytes]]:
    """Names and values in turn -> name -> values: a name may stand twice in an entry."""
    held: defaultdict[bytes, set[bytes]] = defaultdict(set)
    turns = iter(texts)
    for name in turns:
        held[name].add(next(turns))
    return held


def _entries(conversation: PipelineClient, stream: Record) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    before: str | None = "+"
    while before is not None:
        asked = Command(stream.kind.name, ("XREVRANGE", stream.name, before, "-", "COUNT", BATCH))
        page = Values(conversation.ask([asked])[0])
        yield from page
        before = _next_below(page[-1][0].decode()) if len(page) == BATCH else None


def _next_below(entry: str) -> str | None:
    """The id before one; None before the first there can be. Both of its numbers have 64 bits."""
    milliseconds, number = map(int, entry.split("-"))
    if number:
        return f"{milliseconds}-{number - 1}"
    return f"{milliseconds - 1}-{2**64 - 1}" if milliseconds else None
