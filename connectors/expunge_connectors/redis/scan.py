"""SCAN before erasing: one pass over the database for a whole chunk, where keys cannot be named. Never KEYS.

Every key is read against the templates here, byte by byte; the server is given at most the literal beginning that they
share. SCAN returns every key that is there from the beginning of a pass to its end, some of them twice.

A cursor means something to one run of one server only. So a pass runs on one connection, and when that breaks, the
whole pass begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from expunge_connectors.redis import key_expressions
from expunge_connectors.redis.client import BATCH, ByValue, Command, PinnedClient, PipelineClient, Values
from expunge_connectors.redis.key_patterns import Search
from expunge_connectors.redis.records import Names, Record, RecordKind
from expunge_connectors.retry import with_retries

COUNT = 1000
PIECE = 10_000
Pin = Callable[[], AbstractContextManager[PinnedClient]]
"""Opens one connection of its own."""
Found = TypeVar("Found")
_SPECIAL = re.compile(rb"[*?\[\]\\^-]")


@dataclass(frozen=True, slots=True)
class ScanTarget:
    """What one kind of key is looked for: by the value in its name, or (parts) in every key of the kind."""

    kind: RecordKind
    search: Search
    by_value: Mapping[bytes, Sequence[Record]]


def _page(answer: Any) -> tuple[int, Values]:  # noqa: ANN401 - as the driver has it
    cursor, keys = answer
    return int(cursor), Values(keys)


@dataclass(frozen=True, slots=True)
class ScanPass:
    """A pass over the database.

    Attributes:
        conversation: Says how long to wait before a pass is begun anew, and whom to tell about every page.
        pin: Opens the connection of the pass.
        names: Refuses keys that are not ours.
    """

    conversation: PipelineClient
    pin: Pin
    names: Names

    def over(self, records: Sequence[Record], take: Callable[[Sequence[Record]], Iterable[Found]]) -> Sequence[Found]:
        """Look for the records that have no name yet, if there are any.

        `take` is told of them some at a time, with the keys that are there (for parts: where they may be); what it
        returns is gathered.
        """
        what = self._sought(records)

        def once() -> list[Found]:
            gathered: list[Found] = []
            with self.pin() as pinned:
                waiting: list[Record] = []
                for keys in self._pages(pinned, what):
                    for hits in self._hits(what, keys):
                        waiting += hits
                        if len(waiting) >= BATCH:  # a page shows few: not a request or two for each
                            gathered.extend(take(waiting))
                            waiting = []
                    self.conversation.beat()
                gathered.extend(take(waiting))
            return gathered

        return with_retries(self.conversation.wait)(once) if what else ()

    def _sought(self, records: Sequence[Record]) -> Sequence[ScanTarget]:
        kinds: dict[str, tuple[RecordKind, ByValue]] = {}
        for record in records:
            if record.key is None:
                _, by_value = kinds.setdefault(record.kind.name, (record.kind, ByValue()))
                value = b"" if record.kind.part is not None else record.via.value.encode()
                by_value.setdefault(value, []).append(record)
        return [
            ScanTarget(kind, key_expressions.by_expression(kind.pattern, by_value), by_value)
            for kind, by_value in kinds.values()
            if kind.pattern is not None
        ]

    def _pages(self, pinned: PinnedClient, what: Sequence[ScanTarget]) -> Iterator[Sequence[bytes]]:
        heads = sorted(one.kind.pattern.head for one in what if one.kind.pattern is not None)
        head = heads[0]
        while not heads[-1].startswith(head):
            head = head[:-1]
        match = ("MATCH", _SPECIAL.sub(rb"\\\g<0>", head) + b"*") if head else ()
        cursor = 0
        while True:
            if cursor == 0:
                pinned.send(Command(None, ("SCAN", 0, *match, "COUNT", COUNT)))
            cursor, keys = _page(pinned.receive())
            if cursor:  # the server looks for the next page while this one is read
                pinned.send(Command(None, ("SCAN", cursor, *match, "COUNT", COUNT)))
            yield keys
            if not cursor:
                return

    def _hits(self, what: Sequence[ScanTarget], keys: Sequence[bytes]) -> Iterator[Sequence[Record]]:
        """The records whose keys are among these, some thousands at a time."""
        piece: list[Record] = []
        for one in what:
            for hit in one.search(keys):
                for record in one.by_value[hit.value]:
                    piece.append(self.names.checked(replace(record, key=hit.key)))
                    if len(piece) == PIECE:
                        yield piece
                        piece = []
        if piece:
            yield piece
