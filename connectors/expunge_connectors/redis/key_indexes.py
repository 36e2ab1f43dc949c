"""Key indexes: sets, lists and hashes whose members or fields are the names of further keys.

An empty member names nothing, and is taken out as any other: an index that kept it would be there for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expunge_connectors.redis.client import BATCH, Command, PipelineClient, Values
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
    read = {record: _of_stream(conversation, record, backwards=False) for record in streams}
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


def members_by_cursor(conversation: PipelineClient, indexes: Sequence[Record]) -> Members:
    """What indexes name, piece by piece and by other commands: for verifying."""
    streams, others = _apart(indexes)
    read = {record: _of_stream(conversation, record, backwards=True) for record in streams}
    read |= dict.fromkeys(others, Named())
    cursors: dict[Record, int] = dict.fromkeys(others, 0)
    while cursors:
        answers = conversation.ask(Command(one.kind.name, _piece(one, cursor)) for one, cursor in cursors.items())
        cursors = _add(read, cursors, answers)
    return read


def _add(read: Members, cursors: Mapping[Record, int], answers: Values) -> dict[Record, int]:
    """Add what a round of pieces shows; returns where to go on."""
    further: dict[Record, int] = {}
    for (record, cursor), answer in zip(cursors.items(), answers, strict=True):
        onward, page = _read_piece(record, cursor, answer)
        read[record] = Named(read[record].union(page))
        if onward:
            further[record] = onward
    return further


def _piece(record: Record, cursor: int) -> tuple[str | bytes | int, ...]:
    spec = record.kind.spec
    if isinstance(spec.named_by, NamedField):
        return ("HMGET", record.name, spec.named_by.field)
    if spec.type == "string":
        return ("GETRANGE", record.name, 0, -1)
    if spec.type == "list":  # from its end: what is pushed at its head meanwhile does not move the rest
        return ("LRANGE", record.name, -(cursor + BATCH), -(cursor + 1))
    return ({"set": "SSCAN", "zset": "ZSCAN", "hash": "HSCAN"}[spec.type], record.name, cursor, "COUNT", BATCH)


def _read_piece(record: Record, cursor: int, answer: Any) -> tuple[int, Sequence[bytes]]:  # noqa: ANN401 - by command
    """(where to go on, 0 at the end; what is named)."""
    spec = record.kind.spec
    if isinstance(spec.named_by, NamedField) or spec.type == "string":
        return 0, _listed(answer)
    if spec.type == "list":
        return cursor + BATCH if len(answer) == BATCH else 0, answer
    onward, page = answer
    if spec.type == "zset":
        return int(onward), [member for member, _ in page]
    if spec.type == "hash":
        return int(onward), list(page.values() if spec.named_by == "values" else page)
    return int(onward), list(page)


def _apart(indexes: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    return [one for one in indexes if one.kind.spec.type == "stream"], [
        one for one in indexes if one.kind.spec.type != "stream"
    ]


def _of_stream(conversation: PipelineClient, record: Record, *, backwards: bool) -> Named:
    named_by = record.kind.spec.named_by
    field = named_by.field.encode() if isinstance(named_by, NamedField) else b""
    found = Values()
    for page in pages(conversation, record, backwards=backwards):
        found += _named_in(page, field)
    return Named(found)


def _named_in(page: Values, field: bytes) -> list[bytes]:
    return [value for _, pairs in page for value in values_of(pairs, field)]


def _listed(answer: Any) -> list[bytes]:  # noqa: ANN401 - nothing, one value or several
    several = [answer] if isinstance(answer, bytes) else answer or ()
    return [one for one in several if one is not None]
