"""Index walk: what indexes name, piece by piece by cursor, by which verification reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expunge_connectors.redis.client import BATCH, Command, PipelineClient, Values
from expunge_connectors.redis.records import Record
from expunge_connectors.redis.spec import NamedField
from expunge_connectors.redis.verify.stream_walk import values_left

Named = dict[Record, set[bytes]]


def named_by(conversation: PipelineClient, indexes: Sequence[Record]) -> Named:
    """Index -> the members, elements, fields or values that name something, as the server has them."""
    named: Named = {index: set() for index in indexes}
    cursors: dict[Record, int] = {}
    for index in indexes:
        if index.kind.spec.type == "stream":
            place = index.kind.spec.named_by
            named[index].update(values_left(conversation, index, place.field if isinstance(place, NamedField) else ""))
        else:
            cursors[index] = 0
    while cursors:
        answers = conversation.ask(Command(one.kind.name, _piece(one, cursor)) for one, cursor in cursors.items())
        cursors = _add(named, cursors, answers)
    return named


def _add(named: Named, cursors: Mapping[Record, int], answers: Values) -> dict[Record, int]:
    """Add what a round of pieces shows; returns where to go on."""
    further: dict[Record, int] = {}
    for (index, cursor), answer in zip(cursors.items(), answers, strict=True):
        onward, page = _read_piece(index, cursor, answer)
        named[index].update(one for one in page if one is not None)
        if onward:
            further[index] = onward
    return further


def _piece(index: Record, cursor: int) -> tuple[str | bytes | int, ...]:
    spec = index.kind.spec
    if isinstance(spec.named_by, NamedField):
        return ("HMGET", index.name, spec.named_by.field)
    if spec.type == "string":
        return ("GETRANGE", index.name, 0, -1)
    if spec.type == "list":  # from its end: what is pushed at its head meanwhile does not move the rest
        return ("LRANGE", index.name, -(cursor + BATCH), -(cursor + 1))
    return ({"set": "SSCAN", "zset": "ZSCAN", "hash": "HSCAN"}[spec.type], index.name, cursor, "COUNT", BATCH)


def _read_piece(
    index: Record,
    cursor: int,
    answer: Any,  # noqa: ANN401 - by command
) -> tuple[int, Sequence[bytes | None]]:
    """(where to go on, 0 at the end; what is named)."""
    spec = index.kind.spec
    if isinstance(spec.named_by, NamedField):
        return 0, answer
    if spec.type == "string":
        return 0, [answer]
    if spec.type == "list":
        return cursor + BATCH if len(answer) == BATCH else 0, answer
    onward, page = answer
    if spec.type == "zset":
        return int(onward), [member for member, _ in page]
    if spec.type == "hash":
        return int(onward), list(page.values() if spec.named_by == "values" else page)
    return int(onward), list(page)
