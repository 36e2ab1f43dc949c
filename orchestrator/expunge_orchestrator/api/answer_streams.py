"""Answer streams: answers that go on when their call has ended.

A call is answered inside some thirty coroutines: middleware, dependencies, and what each of them closes. If they stayed
as long as somebody watches, a full garbage collection would walk over all of them, for hundreds who watch, and stop
everybody's calls meanwhile. So a call sends the head of such an answer, and ends; the `Guard` has the rest sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from expunge_orchestrator.api.waiting_calls import waits

_HELD, _STREAM = "held", "stream"


@dataclass(frozen=True, slots=True)
class Listener:
    """The client to whom an answer is sent."""

    receive: Receive
    send: Send
    scope: Scope

    async def tell(self, text: str) -> None:
        """Send a part of the answer."""
        await self.send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def end(self) -> None:
        """Complete the answer."""
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def leaves_within(
        self, seconds: float, waking: Callable[[asyncio.Timeout], AbstractContextManager[None]]
    ) -> bool:
        """Whether the client closes the connection in this time; else all of it has passed.

        A new connection that finds no place may have this one's meanwhile: the client comes again.

        Args:
            seconds: For how long at the most.
            waking: While this is entered, the wait may be ended before.
        """
        try:
            async with asyncio.timeout(seconds) as patience:
                with waking(patience), waits(self.scope, makes_room=True):
                    while (await self.receive())["type"] != "http.disconnect":
                        pass
        except TimeoutError:
            return False
        return True


class AnswerStream(Protocol):
    """The rest of an answer."""

    async def send_to(self, listener: Listener) -> None:
        """Send it, to the end or until the client leaves."""


class StreamedAnswer(Response):
    """An answer of which the call sends the head, and the `Guard` the rest when the call has ended."""

    def __init__(self, stream: AnswerStream, media_type: str) -> None:
        """An answer without a length."""
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and leave the rest to the `Guard`."""
        del receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        scope["state"][_STREAM] = self._stream


def held(request: Request) -> ExitStack:
    """What is held until the answer has ended, or the call without one. The `Guard` closes it."""
    stack: ExitStack = request.scope["state"][_HELD]
    return stack


def own_scope(scope: Scope, held_for_it: ExitStack) -> Scope:
    """A scope for the application: what it writes there goes with the call, although the server keeps its own."""
    return {**scope, "state": {**scope.get("state", {}), _HELD: held_for_it}}


def stream_of(scope: Scope) -> AnswerStream | None:
    """The rest of an answer whose head was sent."""
    stream: AnswerStream | None = scope["state"].get(_STREAM)
    return stream
