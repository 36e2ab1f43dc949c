"""Turns of an address: of many calls that come at once, a few are looked at at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api.call_slots import TURNS_OF_ADDRESS
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.middleware import Guard
from expunge_orchestrator.api.rate_limit import RateLimiter

PROXY, VISITOR, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class Served:
    """An application whose calls wait until they are let go on; it knows a caller when it is told so."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Event] = []
        self.answered = 0
        settings = ApiSettings(proxies=(PROXY,))  # type: ignore[arg-type] # as settings are read
        self._guard = Guard(self._answer, settings, Metrics(), RateLimiter(settings, b"k" * 32))

    async def call(self, address: str, path: str = "/v1/batches") -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            self.answered += message["type"] == "http.response.start"

        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        await self._guard({**scope, "client": (address, 1)}, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        go_on = asyncio.Event()
        self.waiting.append(go_on)
        await go_on.wait()
        if scope["path"] == "/known":
            await scope["state"]["known"]()
            self.waiting.append(go_on := asyncio.Event())
            await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_many_calls_of_one_address_wait_for_each_other_and_nobody_else_does() -> None:
    async def scene() -> None:
        served = Served()
        async with asyncio.TaskGroup() as group:
            for _ in range(60):
                group.create_task(served.call(VISITOR))
            await _settled()
            assert len(served.waiting) == TURNS_OF_ADDRESS
            group.create_task(served.call(OTHER))
            for _ in range(10):
                group.create_task(served.call(PROXY))
            await _settled()
            assert len(served.waiting) == TURNS_OF_ADDRESS + 1 + 10
            while served.answered < 71:
                for one in served.waiting:
                    one.set()
                await _settled()

    asyncio.run(scene())


def test_the_turn_is_over_when_the_caller_is_known() -> None:
    async def scene() -> None:
        served = Served()
        async with asyncio.TaskGroup() as group:
            for _ in range(TURNS_OF_ADDRESS + 1):
                group.create_task(served.call(VISITOR, "/known"))
            await _settled()
            served.waiting[0].set()
            await _settled()
            # The first one again, whose caller is known, and the one that was last.
            assert len(served.waiting) == TURNS_OF_ADDRESS + 2
            assert not served.answered
            while served.answered < TURNS_OF_ADDRESS + 1:
                for one in served.waiting:
                    one.set()
                await _settled()

    asyncio.run(scene())
