"""Call slots: how many heavy calls of a kind are at work at a time, in all and of one client; and calls of one caller.

A heavy call that finds no slot is refused. Of a caller's other calls a few are at work, and the rest wait for them in
the event loop, where they take no thread and no connection of the ledger from others. The same holds of a client's
calls, however many keys it has and for whomever else they speak, and of the callers of one address who are looked up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import iscoroutinefunction
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from expunge_orchestrator.api.connection_limits import is_proxy
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.rate_limit import network_of
from expunge_orchestrator.api.waiting_calls import in_line

TURNS = 4
"""Calls of one caller at work at a time: a tenth of the threads that answer calls."""

TURNS_OF_CLIENT = 2 * TURNS
"""Calls of all keys of one client at work at a time."""

TURNS_OF_ADDRESS = 2
"""Callers of one address who are looked up at a time; and calls without a credential that are at work."""

LINE = 100
"""Calls that wait for those at work; each is a task with its body."""


class CallTurns:
    """Lets so many calls of each caller be at work at a time, and so many wait, for one event loop.

    A call of several callers waits in the line of each, and begins when each has a place. The call that has waited in a
    line for longest keeps one place there, and no other call keeps any: one caller's many calls take one place at most
    from a caller with whom they have a call in common, and every call begins. The oldest of all that wait is the first
    in each of its lines, and needs nothing but that calls at work end.
    """

    def __init__(self, most: int = TURNS, line: float = LINE) -> None:
        self._most, self._line = most, line
        self._at_work = Counter[Hashable]()
        self._lines: dict[Hashable, dict[asyncio.Future[None], frozenset[Hashable]]] = {}

    @asynccontextmanager
    async def taken(self, *callers: Hashable) -> AsyncIterator[None]:
        """Wait for one's turn, in the order in which the callers' calls came; it is over with the block.

        Raises:
            ProblemError: 429: too many wait already.
        """
        whose = frozenset(callers)
        if self._has_places(whose):
            self._begin(whose)
        else:
            await self._waited(whose)
        try:
            yield
        finally:
            self._end(whose)

    def _has_places(self, whose: frozenset[Hashable], turn: asyncio.Future[None] | None = None) -> bool:
        return all(self._at_work[one] < self._places(one, turn) for one in whose)

    def _places(self, caller: Hashable, turn: asyncio.Future[None] | None) -> int:
        """A caller's places, but for the one that is kept for another call."""
        first = next(iter(self._lines.get(caller, ())), turn)
        return self._most - (first is not turn)

    def _begin(self, whose: frozenset[Hashable]) -> None:
        self._at_work.update(whose)

    async def _waited(self, whose: frozenset[Hashable]) -> None:
        if any(len(self._lines.get(one, ())) >= self._line for one in whose):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-calls",
                "Too many calls wait for each other.",
                headers={"Retry-After": "1"},
            )
        turn = asyncio.get_running_loop().create_future()
        for one in whose:
            self._lines.setdefault(one, {})[turn] = whose
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(turn, whose)
                self._go_on(whose)
            else:  # it had just got its turn
                self._end(whose)
            raise

    def _leave(self, turn: asyncio.Future[None], whose: frozenset[Hashable]) -> None:
        for one in whose:
            del self._lines[one][turn]
            if not self._lines[one]:
                del self._lines[one]

    def _end(self, whose: frozenset[Hashable]) -> None:
        self._at_work.subtract(whose)
        self._go_on(whose)
        for one in whose:
            if not self._at_work[one]:
                del self._at_work[one]

    def _go_on(self, whose: frozenset[Hashable]) -> None:
        """Let those begin who wait in these lines and have places now."""
        for one in whose:
            for turn, theirs in list(self._lines.get(one, {}).items()):
                if self._at_work[one] >= self._most:
                    break
                if not turn.done() and self._has_places(theirs, turn):  # done: given up, and about to leave
                    self._leave(turn, theirs)
                    self._begin(theirs)
                    turn.set_result(None)


class AddressTurns:
    """Lets so many callers of each address be at work at a time, but for a named proxy's own: it speaks for many.

    Args:
        proxies: The named ones.
        line: How many of an address wait; infinite where nobody knows yet who they are: a credential that is good is
            not to be refused for others that are not. Connections bound their number.
    """

    def __init__(self, proxies: tuple[IPv4Network | IPv6Network, ...], line: float = LINE) -> None:
        self._turns = CallTurns(TURNS_OF_ADDRESS, line)
        self._proxies = proxies

    def taken(self, address: str) -> AbstractAsyncContextManager[None]:
        """Wait for a turn; it is over with the block."""
        return nullcontext() if is_proxy(address, self._proxies) else self._turns.taken(network_of(address))


class InAddressTurn(APIRoute):
    """A route without a credential whose answers are made in a thread: a few of one address at a time.

    The turn is over when an answer is made: whoever does not read one keeps nobody of their address waiting.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's own, in a turn, where it takes a thread."""
        handle = super().get_route_handler()
        if iscoroutinefunction(self.endpoint):
            return handle

        async def answer(request: Request) -> Response:
            """As the route does, in the turn of the address."""
            turns: AddressTurns = request.app.state.public_turns
            async with in_line(request.scope, turns.taken(request.client.host if request.client is not None else "")):
                return await handle(request)

        return answer


@dataclass(eq=False, slots=True)
class Slot:
    """A heavy call's.

    Attributes:
        whose: Those who have it together.
        task: The call.
        since: On the loop's clock.
    """

    whose: frozenset[Hashable]
    task: asyncio.Task[Any] | None
    since: float
    _comes: bool = False

    @contextmanager
    def coming(self) -> Iterator[None]:
        """While the call's body comes: its sender decides how long that takes."""
        self._comes = True
        try:
            yield
        finally:
            self._comes = False

    def is_late(self, patience: float) -> bool:
        """Whether its body has been coming for longer than this."""
        return self._comes and asyncio.get_running_loop().time() - self.since > patience


@dataclass(frozen=True, slots=True)
class CallSlots:
    """Counts calls of one kind, for one event loop. Whoever has a slot has one: the others' are not all theirs.

    Attributes:
        most: At work at a time.
        slug: Of the refusal.
        told: Why.
        again: Seconds after which whoever finds no slot may ask again.
        patience: Seconds after which a call whose body still comes gives its slot to one that finds none.
    """

    most: int
    slug: str
    told: str
    again: int
    patience: float
    _taken: list[Slot] = field(default_factory=list, repr=False)

    @contextmanager
    def taken(self, whose: frozenset[Hashable]) -> Iterator[Slot]:
        """Have a slot; maybe in place of the call whose body has been coming for longest, which ends then.

        Args:
            whose: Those who have one together: the clients that a key speaks for, however many keys they have. Two
                calls with a client in common are one's.

        Raises:
            ProblemError: 429 with Retry-After; nothing of the body was read.
        """
        alone = all(whose.isdisjoint(one.whose) for one in self._taken)
        if not alone or (len(self._taken) >= self.most and not self._made_room()):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS, self.slug, self.told, headers={"Retry-After": str(self.again)}
            )
        slot = Slot(whose, asyncio.current_task(), asyncio.get_running_loop().time())
        self._taken.append(slot)
        try:
            yield slot
        finally:
            if slot in self._taken:
                self._taken.remove(slot)

    def _made_room(self) -> bool:
        late = next((one for one in self._taken if one.is_late(self.patience)), None)
        if late is None or late.task is None:
            return False
        self._taken.remove(late)
        late.task.cancel()
        return True


def upload_slots(most: int, patience: float) -> CallSlots:
    """Of lists that are taken in and planned."""
    told = "A list of yours is taken in, or as many of others as may be at a time."
    return CallSlots(most, "too-many-uploads", told, again=5, patience=patience)


def locate_slots(most: int, patience: float) -> CallSlots:
    """Of searches for a person in all stores."""
    told = "A person is located for you, or for as many others as may be at a time."
    return CallSlots(most, "too-many-locates", told, again=1, patience=patience)
