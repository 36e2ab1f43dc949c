"""Event stream of a batch: server-sent events (WHATWG HTML, 9.2) that end, and that are resumed where they ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import anyio

from expunge_orchestrator.api import batch_watches
from expunge_orchestrator.api.batch_watches import Progress

BEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies end a connection on which nothing comes."""

AGAIN_MS = 2000
"""Milliseconds after which a client comes again."""


@dataclass(frozen=True, slots=True)
class BatchEventStream:
    """Somebody who watches.

    Attributes:
        seconds: For how long at the most: a batch that nobody works on would be watched for ever, also by somebody
            whose credential is not good any more. Whoever comes again is asked for it again.
        last: The id of the last event that the caller has.
    """

    seconds: float
    last: str | None = None

    def told_the_end(self, now: Progress) -> bool:
        """Whether the caller has everything, and there is no more to come."""
        return not now.runs and self.last == now.name

    async def events(
        self,
        first: Progress,
        look: Callable[[], Awaitable[Progress]],
        ending: Callable[[], bool],
    ) -> AsyncIterator[str]:
        """What is sent. An event has the id of what it tells: whoever has it is not told it again.

        Args:
            first: How the batch is.
            look: How it is then.
            ending: Whether the server ends. Where nobody listens any more, the answer is ended from outside.
        """
        until = time.monotonic() + self.seconds
        yield f"retry: {AGAIN_MS}\n\n"
        told, last, spoke = first, self.last, time.monotonic()
        while not ending():
            if not told.runs:
                yield f"id: {told.name}\nevent: end\ndata: {told.text}\n\n"
                return
            if told.name != last:
                last, spoke = told.name, time.monotonic()
                yield f"id: {last}\nevent: progress\ndata: {told.text}\n\n"
            elif time.monotonic() - spoke >= BEAT:
                spoke = time.monotonic()
                yield ": still here\n\n"
            if time.monotonic() >= until:
                return
            await anyio.sleep(min(batch_watches.EVERY, max(0.0, until - time.monotonic())))
            told = await look()
