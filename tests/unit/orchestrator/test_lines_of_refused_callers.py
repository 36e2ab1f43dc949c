"""Calls of a caller who is refused too often are looked at one after another, whether the caller waits or not."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from starlette.types import Message, Receive, Scope, Send

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api import refusal_pace
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.middleware import Guard
from expunge_orchestrator.api.rate_limit import RateLimiter
from expunge_orchestrator.api.refusal_pace import AT_ONCE
from expunge_orchestrator.api.waiting_calls import leave_line

VISITOR, OTHER, PROXY = "192.0.2.2", "192.0.2.3", "192.0.2.1"
WRONG, GOOD = b"Bearer fu_0123456789abcdef_" + b"A" * 43, b"Bearer fu_0123456789abcdef_" + b"B" * 43


@dataclass
class Server:
    """Refuses wrong keys, after a while; whoever has a good one stays until the end.

    Attributes:
        looked_at: Address -> calls that are looked at now, and were at most.
        good: Calls with a good key that are at work.
    """

    guard: Guard = field(init=False)
    looked_at: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    good: list[str] = field(default_factory=list)
    told: Counter[int] = field(default_factory=Counter)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        settings = ApiSettings.model_validate({"proxies": [PROXY], "calls_per_minute_unknown": 10**6})
        self.guard = Guard(self._answer, settings, Metrics(), RateLimiter(settings, b"key"))

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        address, key = scope["client"][0], dict(scope["headers"]).get(b"authorization")
        self.looked_at[address] += 1
        self.most[address] = max(self.most[address], self.looked_at[address])
        await asyncio.sleep(0)
        self.looked_at[address] -= 1
        if key == GOOD:
            scope["state"]["actor"] = "follower"
            await leave_line(scope)
            self.good.append(address)
            await self.over.wait()
        status = 200 if key == GOOD or scope["path"] in {"/healthz", "/v1/log/checkpoint"} else 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    async def call(
        self, address: str, key: bytes | None = WRONG, path: str = "/v1/follow_up", *, taken: bool = True
    ) -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.told[message["status"]] += 1
            elif not taken:
                await self.over.wait()

        headers = [] if key is None else [(b"authorization", key)]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers, "state": {}}
        await self.guard({**scope, "client": (address, 1)}, receive, send)

    async def owe(self, address: str) -> None:
        """Be refused so often that the next refusal is held back."""
        for _ in range(AT_ONCE + 2):
            await self.call(address)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was to wait for a refusal. An hour is owed, and nobody waits: nothing of it is over before the end."""
    told: list[str] = []

    async def hold_back(scope: Scope, _seconds: float) -> None:
        told.append(scope["client"][0])

    monkeypatch.setattr("expunge_orchestrator.api.middleware.hold_back", hold_back)
    monkeypatch.setattr(refusal_pace, "PACE", 3600 / AT_ONCE)
    monkeypatch.setattr(refusal_pace, "REST", 0.0)
    return told


def test_calls_of_who_is_refused_too_often_are_looked_at_one_after_another() -> None:
    async def scene() -> None:
        server = Server()
        await asyncio.gather(server.owe(VISITOR), server.owe(PROXY))
        server.most.clear()
        await asyncio.gather(*(server.call(one) for one in (VISITOR, OTHER, PROXY) for _ in range(20)))
        assert server.most == {VISITOR: 1, OTHER: 20, PROXY: 20}, "a proxy speaks for many"
        assert server.told == {401: 60 + 2 * (AT_ONCE + 2)}

    asyncio.run(scene())


def test_who_is_known_by_then_keeps_nobody_waiting() -> None:
    """Nor do health checks wait, or another kind of credential."""

    async def scene() -> None:
        server = Server()
        await server.owe(VISITOR)
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(server.call(VISITOR, GOOD))
                group.create_task(server.call(VISITOR))
            await asyncio.wait_for(server.call(VISITOR, None, "/healthz"), 20)
            for _ in range(1000):
                await asyncio.sleep(0)
            assert (len(server.good), server.told[401]) == (5, AT_ONCE + 2 + 5)
            server.over.set()
        assert server.told == {401: AT_ONCE + 2 + 5, 200: 6}

    asyncio.run(scene())


def test_refusals_of_a_proxy_are_not_held_back_for_others_of_its_callers(pauses: list[str]) -> None:
    """The application of a company waits for them, and its next visitors with it."""

    async def scene() -> None:
        server = Server()
        for address in (PROXY, VISITOR):
            await server.owe(address)

    asyncio.run(scene())
    assert pauses == [VISITOR]


def test_a_call_with_another_kind_of_credential_stands_in_no_line() -> None:
    async def scene() -> None:
        server = Server()
        await server.owe(VISITOR)
        server.most.clear()
        await asyncio.gather(*(server.call(VISITOR, b"Bearer x.y.z") for _ in range(5)))
        assert server.most == {VISITOR: 5}

    asyncio.run(scene())


def test_an_answer_that_nobody_takes_keeps_nobody_in_line() -> None:
    """What is public is answered whatever key is brought, and the caller may read nothing of it."""

    async def scene() -> None:
        server = Server()
        await server.owe(VISITOR)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.call(VISITOR, path="/v1/log/checkpoint", taken=False))
            await asyncio.wait_for(server.call(VISITOR), 5)
            assert server.told == {200: 1, 401: AT_ONCE + 3}
            server.over.set()

    asyncio.run(scene())
