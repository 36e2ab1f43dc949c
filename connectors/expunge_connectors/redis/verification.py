"""Verification: which records are left after erasing, by other commands than those that looked them up (law 1)."""

from __future__ import annotations

from collections.abc import Sequence

from expunge_connectors.redis.client import Command, PipelineClient
from expunge_connectors.redis.lookup import checked_types, is_there
from expunge_connectors.redis.records import Record
from expunge_connectors.redis.streams import entries


def remaining(conversation: PipelineClient, records: Sequence[Record]) -> list[Record]:
    """The records that exist, each asked for on its own.

    EXISTS, SISMEMBER, ZSCORE, HEXISTS; lists and streams are read from the other end.

    Raises:
        TerminalError: A key is of another type than declared.
    """
    alone = [record for record in records if not record.in_stream]
    answers = conversation.ask(Command(record.kind.name, _single(record)) for record in alone)
    found = [record for record, answer in zip(alone, answers, strict=True) if is_there(record, answer)]
    list(checked_types(conversation, [record for record in found if record.part is None]))
    found += entries(conversation, [record for record in records if record.in_stream], backwards=True)
    return found


def _single(record: Record) -> tuple[str | bytes | int, ...]:
    if record.part is None:
        return ("EXISTS", record.name)
    if record.kind.spec.type == "list":
        return ("LPOS", record.name, record.wanted, "RANK", -1)
    return (
        {"set": "SISMEMBER", "zset": "ZSCORE", "hash": "HEXISTS"}[record.kind.spec.type],
        record.name,
        record.wanted,
    )
