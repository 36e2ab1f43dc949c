"""A body has its time from when it is asked for: a call that waited for its turn first has lost none of it."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api import middleware
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.middleware import UPLOAD, Guard
from expunge_orchestrator.api.rate_limit import RateLimiter

PIECES = 3


def status_of(path: str, waits: float, pause: float) -> int:
    """Of a call that waits so long before its body is asked for, of which a piece comes so long after that each."""
    left, told = PIECES, list[int]()

    async def application(_scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(waits)
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def receive() -> Message:
        nonlocal left
        await asyncio.sleep(pause)
        left -= 1
        return {"type": "http.request", "body": b"x", "more_body": left > 0}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    settings = ApiSettings.model_validate({"call_timeout": "PT1S" if path == UPLOAD[1] else "PT30S"})
    guard = Guard(application, settings, Metrics(), RateLimiter(settings, b"key"))
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "client": None}
    asyncio.run(guard({**scope, "state": {}}, receive, send))
    return told[0]


@pytest.mark.parametrize("path", ["/v1/erasure_requests", UPLOAD[1]])
@pytest.mark.parametrize(
    ("waits", "pause", "expected"), [(1.5, 0.01, 200), (0.0, 0.01, 200), (0.0, 30.0, 503), (0.0, 0.45, 503)]
)
def test_a_body_has_its_time_from_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, path: str, waits: float, pause: float, expected: int
) -> None:
    monkeypatch.setattr(middleware, "BODY_COMES", 1.0)
    assert status_of(path, waits, pause) == expected
