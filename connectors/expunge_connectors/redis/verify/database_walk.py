"""Database walk: one SCAN over every key of the database, by which verification looks for keys that cannot be named.

The server is given no pattern: each name is read here, by walking. A cursor means something to one run of one server
only, so the walk has one connection, and begins anew when that breaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from expunge_connectors.redis.client import BATCH, ByValue, Command, PinnedClient, PipelineClient, Values
from expunge_connectors.redis.key_patterns import Search
from expunge_connectors.redis.records import Names, Record, RecordKind
from expunge_connectors.redis.verify.key_walk import by_walking
from expunge_connectors.retry import with_retries

COUNT = 1000

Asked = tuple[Search, ByValue]
"""How to read the keys of one kind, and the records that are looked for by the value in them."""


def walk(
    conversation: PipelineClient,
    pin: Callable[[], AbstractContextManager[PinnedClient]],
    names: Names,
    records: Sequence[Record],
    left: Callable[[Sequence[Record]], Sequence[Record]],
) -> Sequence[Record]:
    """The records without a name that are left; nothing is asked where there are none.

    Args:
        conversation: Says how long to wait before a walk is begun anew.
        pin: Opens one connection for the walk.
        names: Refuses keys that are not ours.
        records: Those whose keys cannot be named.
        left: Which of some records, whose keys are there, exist (a part need not).
    """
    asked = _asked(records)

    def once() -> list[Record]:
        found: list[Record] = []
        waiting: list[Record] = []
        with pin() as pinned:
            for keys in _pages(pinned):
                for record in _hits(names, asked, keys):
                    waiting.append(record)
                    if len(waiting) >= BATCH:
                        found += left(waiting)
                        waiting = []
        return found + list(left(waiting))

    return with_retries(conversation.wait)(once) if asked else ()


def _asked(records: Sequence[Record]) -> Sequence[Asked]:
    of_kind: dict[RecordKind, ByValue] = defaultdict(ByValue)
    for record in records:
        value = record.via.value.encode() if record.kind.part is None else b""
        of_kind[record.kind].setdefault(value, []).append(record)
    return [
        (by_walking(kind.pattern, by_value), by_value) for kind, by_value in of_kind.items() if kind.pattern is not None
    ]


def _pages(pinned: PinnedClient) -> Iterator[Values]:
    cursor = 0
    pinned.send(Command(None, ("SCAN", cursor, "COUNT", COUNT)))
    while True:
        onward, keys = pinned.receive()
        cursor = int(onward)
        if cursor:  # the server looks for the next page while this one is read
            pinned.send(Command(None, ("SCAN", cursor, "COUNT", COUNT)))
        yield Values(keys)
        if not cursor:
            return


def _hits(names: Names, asked: Sequence[Asked], keys: Values) -> Iterator[Record]:
    for search, by_value in asked:
        for hit in search(keys):
            yield from (names.checked(replace(record, key=hit.key)) for record in by_value[hit.value])
