"""Event stream of a batch: server-sent events (WHATWG HTML, 9.2) that end, and that are resumed where they ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import anyio

from expunge_orchestrator.api import batch_watches
from expunge_orchestrator.api.schemas.batches import Batch
from expunge_orchestrator.ledger.states import RUNNING

BEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies end a connection on which nothing comes."""

AGAIN_MS = 2000
"""Milliseconds after which a client comes again."""

_RUNS = frozenset(state.value for state in RUNNING)


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

    def told_the_end(self, now: Batch) -> bool:
        """Whether the caller has everything, and there is no more to come."""
        return now.state not in _RUNS and self.last == _named(_text(now))

    async def events(
        self,
        first: Batch,
        look: Callable[[], Awaitable[Batch]],
        gone: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[str]:
        """What is sent. An event has the id of what it tells: whoever has it is not told it again.

        Args:
            first: How the batch is.
            look: How it is then.
            gone: Whether nobody listens any more, or nobody is there to speak: the server ends.
        """
        until = time.monotonic() + self.seconds
        yield f"retry: {AGAIN_MS}\n\n"
        told, last, spoke = first, self.last, time.monotonic()
        while not await gone():
            text = _text(told)
            if told.state not in _RUNS:
                yield f"id: {_named(text)}\nevent: end\ndata: {text}\n\n"
                return
            if _named(text) != last:
                last, spoke = _named(text), time.monotonic()
                yield f"id: {last}\nevent: progress\ndata: {text}\n\n"
            elif time.monotonic() - spoke >= BEAT:
                spoke = time.monotonic()
                yield ": still here\n\n"
            if time.monotonic() >= until:
                return
            await anyio.sleep(min(batch_watches.EVERY, max(0.0, until - time.monotonic())))
            told = await look()


def _text(told: Batch) -> str:
    return told.model_dump_json()


def _named(text: str) -> str:
    """The id of an event: the same text, the same id, in whatever process."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
