"""Batch watches: who watches a batch is woken when it changes; all share one look, and nobody watches at many places.

Hundreds may watch. If each looked by itself, twice a second, they would take a quarter of a processor from everybody's
calls, with nothing to tell. So one task per batch looks, and a watch sleeps until there is something to say.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool

from expunge_connectors.contract import Scope
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.schemas.batches import Batch
from expunge_orchestrator.ledger.states import RUNNING

EVERY = 0.5
"""Seconds between two looks at a batch."""

MOST = 10
"""Watches of one actor at a time."""

_AGAIN = 30

_RUNS = frozenset(state.value for state in RUNNING)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a batch is, written once for all who watch it.

    Attributes:
        scope: Whose batch it is.
        text: What is told.
        name: The id of an event that tells it: the same text, the same id, in whatever process.
        runs: Whether more is to come.
    """

    scope: Scope
    text: str
    name: str
    runs: bool

    @classmethod
    def of(cls, scope: Scope, now: Batch) -> Progress:
        """What there is to tell of a batch."""
        text = now.model_dump_json()
        return cls(scope, text, hashlib.sha256(text.encode()).hexdigest()[:16], now.state in _RUNS)


class WatchedBatch:
    """A batch while it is watched, in one event loop.

    Args:
        ask: Asks the ledger, in a thread.
        ending: Whether the server ends.

    Attributes:
        newest: How it was at the last look.
        failed: Why the last look failed, if it did.
    """

    def __init__(self, ask: Callable[[], Progress], ending: Callable[[], bool]) -> None:
        self._ask, self._ending = ask, ending
        self.newest: Progress | None = None
        self.failed: Exception | None = None
        self.watches = 0
        self._looking: asyncio.Task[Progress] | None = None
        self._following: asyncio.Task[None] | None = None
        self._sleepers: set[asyncio.Timeout] = set()

    async def look(self) -> Progress:
        """How it is now: a look that begins after this call, and that all who call meanwhile share.

        One that had begun before may be older than what the caller saw: its end is waited for, since the ledger is
        asked once at a time.
        """
        before = self._looking
        if before is not None and not before.done():
            await asyncio.wait([before])
        if self._looking is None or self._looking is before:
            self._looking = asyncio.create_task(self._looked())
            self._looking.add_done_callback(_heard)
        return await asyncio.shield(self._looking)  # a watch that ends does not end the look that others wait for

    async def _looked(self) -> Progress:
        try:
            newest = await run_in_threadpool(self._ask)
        except Exception as error:
            self.failed = error
            self._wake()
            raise
        self.failed = None
        if self.newest is None or newest.name != self.newest.name:
            self.newest = newest
            self._wake()
        return self.newest

    @contextmanager
    def waking(self, sleeper: asyncio.Timeout) -> Iterator[None]:
        """End this timeout as soon as a look sees a change or fails, whoever looked, or the server ends."""
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow())
        self._sleepers.add(sleeper)
        try:
            yield
        finally:
            self._sleepers.discard(sleeper)

    def left(self) -> None:
        """Nobody watches it any more."""
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        while not self._ending() and self.failed is None:
            await asyncio.sleep(EVERY)
            with suppress(Exception):  # each watch is woken, and raises it
                await self.look()
        self._wake()

    def _wake(self) -> None:
        now = asyncio.get_running_loop().time()
        for sleeper in self._sleepers:
            if not sleeper.expired():
                sleeper.reschedule(now)


class BatchWatches:
    """Of one server, for the calls of one event loop."""

    def __init__(self) -> None:
        self._of_actor: Counter[str] = Counter()
        self._batches: dict[str, WatchedBatch] = {}

    @contextmanager
    def watching(self, actor: str, batch_id: str, watched: Callable[[], WatchedBatch]) -> Iterator[WatchedBatch]:
        """While an actor watches a batch.

        Args:
            actor: Who watches.
            batch_id: Which one.
            watched: Makes what its watches share, where this is the first one.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        if self._of_actor[actor] >= MOST:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-watches",
                f"You watch {MOST} batches already.",
                headers={"Retry-After": str(_AGAIN)},
            )
        if batch_id not in self._batches:
            self._batches[batch_id] = watched()
        batch = self._batches[batch_id]
        self._of_actor[actor] += 1
        batch.watches += 1
        try:
            yield batch
        finally:
            self._of_actor[actor] -= 1
            if not self._of_actor[actor]:
                del self._of_actor[actor]
            batch.watches -= 1
            if not batch.watches:
                batch.left()
                del self._batches[batch_id]


def _heard(looking: asyncio.Task[Progress]) -> None:
    """Whoever waited for it may be gone: nobody else is to be told that it failed."""
    if not looking.cancelled():
        looking.exception()
