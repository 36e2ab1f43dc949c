"""Event stream of a batch: server-sent events (WHATWG HTML, 9.2) that end, and that are resumed where they ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from expunge_orchestrator.api.answer_streams import Listener
from expunge_orchestrator.api.batch_watches import Progress, WatchedBatch

BEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies end a connection on which nothing comes."""

AGAIN_MS = 2000
"""Milliseconds after which a client comes again."""


@dataclass(frozen=True, slots=True)
class BatchEventStream:
    """What is sent to a client that watches a batch. An event has the id of what it tells, and is not told twice.

    Attributes:
        first: How the batch is.
        batch: What is told of it from then on.
        ending: Whether the server ends.
        seconds: For how long at the most: a batch that nobody works on would be watched for ever, also with a
            credential that is not good any more. A client that comes again is asked for it again.
        last: The id of the last event that the client has.
    """

    first: Progress
    batch: WatchedBatch
    ending: Callable[[], bool]
    seconds: float
    last: str | None = None

    @property
    def has_nothing(self) -> bool:
        """Whether the client has everything, and there is no more to come."""
        return not self.first.runs and self.last == self.first.name

    async def send_to(self, listener: Listener) -> None:
        """Send events until the batch rests, the time is over, the server ends or the client leaves."""
        until = time.monotonic() + self.seconds
        await listener.tell(f"retry: {AGAIN_MS}\n\n")
        last, spoke = self.last, time.monotonic()
        while not self.ending():
            if self.batch.failed is not None:
                raise self.batch.failed
            told = self.batch.newest or self.first
            if not told.runs:
                await listener.tell(f"id: {told.name}\nevent: end\ndata: {told.text}\n\n")
                break
            if told.name != last:
                last, spoke = told.name, time.monotonic()
                await listener.tell(f"id: {last}\nevent: progress\ndata: {told.text}\n\n")
                continue  # it may have changed meanwhile
            left = until - time.monotonic()
            if left <= 0:
                break
            silence = BEAT + spoke - time.monotonic()
            if silence <= 0:
                spoke = time.monotonic()
                await listener.tell(": still here\n\n")
            elif await listener.leaves_within(min(silence, left), self.batch.waking):
                return
        await listener.end()
