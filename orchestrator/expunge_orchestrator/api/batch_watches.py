"""Batch watches: all who watch a batch share one look at it, and nobody watches at too many places at a time."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool

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
        text: What is told.
        name: The id of an event that tells it: the same text, the same id, in whatever process.
        runs: Whether more is to come.
    """

    text: str
    name: str
    runs: bool

    @classmethod
    def of(cls, now: Batch) -> Progress:
        """What there is to tell of a batch."""
        text = now.model_dump_json()
        return cls(text, hashlib.sha256(text.encode()).hexdigest()[:16], now.state in _RUNS)


class BatchWatches:
    """Of one server, for the calls of one event loop."""

    def __init__(self) -> None:
        self._of_actor: Counter[str] = Counter()
        self._of_batch: Counter[str] = Counter()
        self._looks: dict[str, tuple[float, asyncio.Task[Progress]]] = {}

    @contextmanager
    def watching(self, actor: str, batch_id: str) -> Iterator[None]:
        """While somebody watches.

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
        self._of_actor[actor] += 1
        self._of_batch[batch_id] += 1
        try:
            yield
        finally:
            for count, one in ((self._of_actor, actor), (self._of_batch, batch_id)):
                count[one] -= 1
                if not count[one]:
                    del count[one]
            if not self._of_batch[batch_id]:
                self._looks.pop(batch_id, None)

    async def look(self, batch_id: str, ask: Callable[[], Progress], since: float) -> Progress:
        """How the batch is, or was within the last `EVERY`: whoever comes first asks the ledger for all.

        Args:
            batch_id: Which one.
            ask: Asks the ledger.
            since: When the caller had looked by itself (monotonic seconds). A look that was begun before may be older
                than what it saw: its end is waited for, as the ledger is asked once at a time, and another one shared.
        """
        at, looking = self._looks.get(batch_id, (0.0, None))
        while looking is not None and at <= since and not looking.done():
            await asyncio.wait([looking])
            at, looking = self._looks.get(batch_id, (0.0, None))
        if looking is None or (looking.done() and (at <= since or time.monotonic() - at >= EVERY)):
            looking = asyncio.create_task(run_in_threadpool(ask))
            looking.add_done_callback(_heard)
            self._looks[batch_id] = (time.monotonic(), looking)
        if looking.done():
            return looking.result()
        return await asyncio.shield(looking)  # a watch that ends does not end the look that others wait for


def _heard(looking: asyncio.Task[Progress]) -> None:
    """Whoever waited for it may be gone: nobody else is to be told that it failed."""
    if not looking.cancelled():
        looking.exception()
