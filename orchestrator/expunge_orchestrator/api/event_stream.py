"""Event stream of a batch: server-sent events (WHATWG HTML, 9.2) that end, and that are resumed where they ended."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from expunge_orchestrator.api import batch_watches
from expunge_orchestrator.api.answer_streams import Listener
from expunge_orchestrator.api.batch_watches import Progress

BEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies end a connection on which nothing comes."""

AGAIN_MS = 2000
"""Milliseconds after which a client comes again."""


@dataclass(frozen=True, slots=True)
class BatchEventStream:
    """What is sent to a client that watches a batch. An event has the id of what it tells, and is not told twice.

    Attributes:
        first: How the batch is.
        look: How it is then.
        ending: Whether the server ends.
        seconds: For how long at the most: a batch that nobody works on would be watched for ever, also with a
            credential that is not good any more. A client that comes again is asked for it again.
        last: The id of the last event that the client has.
    """

    first: Progress
    look: Callable[[], Awaitable[Progress]]
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
        told, last, spoke = self.first, self.last, time.monotonic()
        while not self.ending():
            if not told.runs:
                await listener.tell(f"id: {told.name}\nevent: end\ndata: {told.text}\n\n")
                break
            if told.name != last:
                last, spoke = told.name, time.monotonic()
                await listener.tell(f"id: {last}\nevent: progress\ndata: {told.text}\n\n")
            elif time.monotonic() - spoke >= BEAT:
                spoke = time.monotonic()
                await listener.tell(": still here\n\n")
            left = until - time.monotonic()
            if left <= 0:
                break
            if await listener.leaves_within(min(batch_watches.EVERY, left)):
                return
            told = await self.look()
        await listener.end()
