"""An answer goes on when its call has ended; whatever ends it, what was held for it is let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from fastapi import Request
from starlette.types import Message, Receive, Scope, Send

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api.answer_streams import Listener, StreamedAnswer, held
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.middleware import Guard
from expunge_orchestrator.api.rate_limit import RateLimiter

HEAD, PART, END, CLOSED, RELEASED = "head", "part", "end", "call closed", "released"
LONG = 60.0


@dataclass
class Exchange:
    """One call, the client that makes it, and what happened in which order."""

    rest: Callable[[Listener], Awaitable[None]]
    at_close: Callable[[], Awaitable[None]] | None = None
    happened: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    settings: ApiSettings = field(default_factory=ApiSettings)

    async def send_to(self, listener: Listener) -> None:
        await self.rest(listener)

    async def application(self, scope: Scope, receive: Receive, send: Send) -> None:
        held(Request(scope)).callback(self.happened.append, RELEASED)
        await StreamedAnswer(self, "text/event-stream")(scope, receive, send)
        if self.at_close is not None:
            await self.at_close()
        self.happened.append(CLOSED)

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        head = message["type"] == "http.response.start"
        self.happened.append(HEAD if head else PART if message["more_body"] else END)
        if not head:
            self.began.set()

    async def take_place(self) -> None:
        """As a server calls the application."""
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "client": None}
        guard = Guard(self.application, self.settings, Metrics(), RateLimiter(self.settings, b"key"))
        await guard(scope, self.receive, self.send)


async def told(listener: Listener) -> None:
    await listener.tell("a part")
    await listener.end()


async def told_until_it_leaves(listener: Listener) -> None:
    await listener.tell("a part")
    while not await listener.leaves_within(LONG, nullcontext):
        pass


async def defective(_: Listener) -> None:
    raise KeyError("secret")


def test_the_call_ends_before_the_rest_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "expunge.access")
    exchange = Exchange(told)
    asyncio.run(exchange.take_place())
    assert exchange.happened == [HEAD, CLOSED, PART, END, RELEASED]
    assert [one.name for one in caplog.records] == ["expunge.access"], "one line, when all is sent"


def test_the_client_leaves() -> None:
    async def leaves() -> list[str]:
        exchange = Exchange(told_until_it_leaves)
        exchange.left.set()
        await exchange.take_place()
        return exchange.happened

    assert asyncio.run(leaves()) == [HEAD, CLOSED, PART, RELEASED]


def test_the_server_ends_it() -> None:
    async def ended() -> list[str]:
        exchange = Exchange(told_until_it_leaves)
        task = asyncio.create_task(exchange.take_place())
        await exchange.began.wait()
        task.cancel()
        await task
        return exchange.happened

    assert asyncio.run(ended()) == [HEAD, CLOSED, PART, RELEASED]


def test_it_takes_longer_than_it_may() -> None:
    settings = ApiSettings(events_for=timedelta(seconds=1), call_timeout=timedelta(seconds=1))
    exchange = Exchange(told_until_it_leaves, settings=settings)
    asyncio.run(exchange.take_place())
    assert exchange.happened == [HEAD, CLOSED, PART, RELEASED]


def test_a_defect_in_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange(defective)
    asyncio.run(exchange.take_place())
    assert exchange.happened == [HEAD, CLOSED, RELEASED]
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("how", ["defect", "cancelled"])
def test_a_call_that_fails_behind_the_head_sends_no_rest(how: str) -> None:
    async def fails() -> None:
        raise KeyError if how == "defect" else asyncio.CancelledError

    exchange = Exchange(told, at_close=fails)
    asyncio.run(exchange.take_place())
    assert exchange.happened == [HEAD, RELEASED]
