"""Around every call: its size, its time, its line in the access log. Plain ASGI."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from expunge_config.apisettings import ApiSettings
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.problems import ProblemError, answer

_ACCESS = logging.getLogger("expunge.access")

LONG = ("/v1/batches",)
"""Below these paths a call may take as long as it takes, or carry a list: uploads, progress."""


class TooLargeError(ProblemError):
    """The body is larger than allowed."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large.")


class Guard:
    """Bounds size and time of a call, and writes one line about it: never a path, a query, a body or an address."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        call = secrets.token_hex(8)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", call.encode()), *_SAFE]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._bounded(scope, receive, sending, lambda: status)
        finally:
            spent = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.call(scope["method"], route, status, spent)
            line: dict[str, Any] = {
                "call": call,
                "method": scope["method"] if scope["method"] in _METHODS else "other",
                "route": route,
                "status": status,
                "ms": round(1000 * spent, 1),
                "actor": scope.get("state", {}).get("actor"),
            }
            _ACCESS.info(json.dumps(line, separators=(",", ":")))

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, status: Any) -> None:  # noqa: ANN401
        long = scope["path"].startswith(LONG)
        limit = self._settings.max_upload if long else self._settings.max_body
        left = limit

        async def receiving() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLargeError
            return message

        if _declared(scope) > limit:
            await answer(TooLargeError())(scope, receive, send)
            return
        try:
            async with asyncio.timeout(None if long else self._settings.call_timeout.total_seconds()):
                await self._app(scope, receiving, send)
        except TooLargeError as error:
            if not status():
                await answer(error)(scope, receive, send)
        except TimeoutError:
            if not status():
                late = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "took-too-long", "The call took too long.")
                await answer(late)(scope, receive, send)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAFE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
