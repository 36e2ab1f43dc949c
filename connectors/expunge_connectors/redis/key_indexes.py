"""Key indexes: sets, lists and hashes whose members or fields are the names of further keys.

An empty member names nothing, and is taken out as any other: an index that kept it would be there for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from expunge_connectors.redis.client import Command, PipelineClient, Values
from expunge_connectors.redis.records import Record
from expunge_connectors.redis.spec import NamedField
from expunge_connectors.redis.streams import pages, values_of


class Named(frozenset[bytes]):
    """What an index names, as the server has it. `repr` hides it: it turns up in tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} members>"


Members = dict[Record, Named]


def members_at_once(conversation: PipelineClient, indexes: Sequence[Record]) -> Members:
    """What indexes name, each by one command (streams page by page): for resolving, counting and erasing."""
    streams, others = _apart(indexes)
    read = {record: _of_stream(conversation, record) for record in streams}
    answers = conversation.ask(Command(record.kind.name, _whole(record)) for record in others)
    return read | {record: Named(_listed(answer)) for record, answer in zip(others, answers, strict=True)}


def _whole(record: Record) -> tuple[str | bytes | int, ...]:
    spec = record.kind.spec
    if isinstance(spec.named_by, NamedField):
        return ("HGET", record.name, spec.named_by.field)
    if spec.type == "hash":
        return ("HVALS" if spec.named_by == "values" else "HKEYS", record.name)
    if spec.type in {"zset", "list"}:
        return ("ZRANGE" if spec.type == "zset" else "LRANGE", record.name, 0, -1)
    return ("SMEMBERS" if spec.type == "set" else "GET", record.name)


def _apart(indexes: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    return [one for one in indexes if one.kind.spec.type == "stream"], [
        one for one in indexes if one.kind.spec.type != "stream"
    ]


def _of_stream(conversation: PipelineClient, record: Record) -> Named:
    named_by = record.kind.spec.named_by
    field = named_by.field.encode() if isinstance(named_by, NamedField) else b""
    found = Values()
    for page in pages(conversation, record):
        found += _named_in(page, field)
    return Named(found)


def _named_in(page: Values, field: bytes) -> list[bytes]:
    return [value for _, pairs in page for value in values_of(pairs, field)]


def _listed(answer: Any) -> list[bytes]:  # noqa: ANN401 - nothing, one value or several
    several = [answer] if isinstance(answer, bytes) else answer or ()
    return [one for one in several if one is not None]
