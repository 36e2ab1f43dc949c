"""Waiting calls: one whose client is gone waits no longer, and one that is refused, or watches, makes room.

A call that waits does not read from its connection, so that the server (`http_protocol`) alone learns of its end. A
client that calls and goes away would leave as many calls behind as come in the time of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)

from starlette.types import Scope

WAITS = "expunge.waits"
"""The ASGI extension, a context manager of whether the call makes room. What is awaited in it ends with the connection,
as by a cancellation."""

LINE = "line"
"""In the state of a call that stands in a line of callers who are refused too often: its `Line`."""

Waits = Callable[[bool], AbstractContextManager[None]]


def waits(scope: Scope, *, makes_room: bool) -> AbstractContextManager[None]:
    """While a call waits: what is awaited meanwhile ends with its connection, as by a cancellation.

    Args:
        scope: Of the call.
        makes_room: A new connection that finds no place may have this one's.
    """
    extension: Waits | None = scope.get("extensions", {}).get(WAITS)
    return nullcontext() if extension is None else extension(makes_room)


async def hold_back(scope: Scope, seconds: float) -> None:
    """Wait so long before a refusal is told; a new connection that finds no place has the call's meanwhile."""
    with waits(scope, makes_room=True):
        await asyncio.sleep(seconds)


@asynccontextmanager
async def in_line(scope: Scope, turn: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Wait for a turn while the client does; have it, then, whatever becomes of the client."""
    async with AsyncExitStack() as stack:
        with waits(scope, makes_room=False):
            await stack.enter_async_context(turn)
        yield


class Line:
    """A call's place among those of a caller who is refused too often (`Guard`), of which one is looked at at a time.

    Args:
        scope: Of the call.
        turn: Makes a turn in the line.
    """

    def __init__(self, scope: Scope, turn: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._scope, self._turn, self._place = scope, turn, AsyncExitStack()

    async def stand(self) -> None:
        """Wait for a turn, behind those who wait already."""
        await self._place.enter_async_context(in_line(self._scope, self._turn()))

    async def leave(self) -> None:
        """The next one is looked at."""
        await self._place.aclose()


async def leave_line(scope: Scope) -> None:
    """Leave the line for good, where the call stands in one."""
    line: Line | None = scope["state"].pop(LINE, None)
    if line is not None:
        await line.leave()


@asynccontextmanager
async def out_of_line(scope: Scope) -> AsyncIterator[None]:
    """While a call waits for an answer from elsewhere (an issuer's keys), whose delay is not its caller's doing.

    Others of the line are looked at meanwhile, and the call stands at its end afterwards. Nobody knows yet who calls: a
    new connection that finds no place has the call's.
    """
    line: Line | None = scope["state"].get(LINE)
    if line is not None:
        await line.leave()
    with waits(scope, makes_room=True):
        yield
    if line is not None:
        await line.stand()
