"""Readiness: whether the ledger answers, asked at most once a second, for everybody who wants to know.

Neither the threads nor the connections of other calls are used: whoever fills them does not take the server out.
"""

from __future__ import annotations

import asyncio
import time

import anyio

from expunge_orchestrator.ledger import Ledger
from expunge_orchestrator.ledger.database import ask_apart

GOOD_FOR = 1.0
"""Seconds for which an answer of the ledger is passed on."""


class Readiness:
    """Of one server, for the calls of one event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._answered_at = -GOOD_FOR
        self._asking: asyncio.Task[None] | None = None
        self._thread: anyio.CapacityLimiter | None = None

    async def confirm(self) -> None:
        """Return if the ledger answers, or did a moment ago; raise what the database says if it does not."""
        if time.monotonic() - self._answered_at < GOOD_FOR:
            return
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)  # a call that is given up does not end what others wait for

    async def _ask(self) -> None:
        if self._thread is None:
            self._thread = anyio.CapacityLimiter(1)
        await anyio.to_thread.run_sync(ask_apart, self._ledger, limiter=self._thread)
        self._answered_at = time.monotonic()
