"""Call slots: how many heavy calls of a kind are at work at a time, in all and of one client; and calls of one caller.

A heavy call that finds no slot is refused. Of a caller's other calls a few are at work, and the rest wait for them in
the event loop, where they take no thread and no connection of the ledger from others. The same holds of a client's
calls, however many keys it has, and of the callers of one address who are looked up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network

from expunge_orchestrator.api.connection_limits import is_proxy
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.rate_limit import network_of

TURNS = 4
"""Calls of one caller at work at a time: a tenth of the threads that answer calls."""

TURNS_OF_CLIENT = 2 * TURNS
"""Calls of all keys of one client at work at a time."""

TURNS_OF_ADDRESS = 2
"""Callers of one address who are looked up at a time."""

LINE = 100
"""Calls that wait for those at work; each is a task with its body."""


@dataclass(slots=True)
class _Turns:
    free: asyncio.Semaphore
    calls: int = 0


class CallTurns:
    """Lets so many calls of each caller be at work at a time, for one event loop."""

    def __init__(self, most: int = TURNS) -> None:
        self._most = most
        self._callers: dict[str, _Turns] = {}

    @asynccontextmanager
    async def taken(self, caller: str) -> AsyncIterator[None]:
        """Wait for one's turn, in the order in which the caller's calls came; it is over with the block.

        Raises:
            ProblemError: 429: too many wait already.
        """
        theirs = self._callers.setdefault(caller, _Turns(asyncio.Semaphore(self._most)))
        if theirs.calls >= self._most + LINE:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-calls",
                "Too many calls wait for each other.",
                headers={"Retry-After": "1"},
            )
        theirs.calls += 1
        try:
            async with theirs.free:
                yield
        finally:
            theirs.calls -= 1
            if not theirs.calls:
                del self._callers[caller]


class AddressTurns:
    """Lets so many callers of each address be looked up at a time, but for a named proxy's own: it speaks for many."""

    def __init__(self, proxies: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._turns = CallTurns(TURNS_OF_ADDRESS)
        self._proxies = proxies

    def taken(self, address: str) -> AbstractAsyncContextManager[None]:
        """Wait for a turn; it is over with the block."""
        return nullcontext() if is_proxy(address, self._proxies) else self._turns.taken(network_of(address))


@dataclass(frozen=True, slots=True)
class CallSlots:
    """Counts calls of one kind, for one event loop. Whoever has a slot has one: the others' are not all theirs.

    Attributes:
        most: At work at a time.
        slug: Of the refusal.
        told: Why.
        again: Seconds after which whoever finds no slot may ask again.
    """

    most: int
    slug: str
    told: str
    again: int
    _taken: list[frozenset[Hashable]] = field(default_factory=list, repr=False)

    @contextmanager
    def taken(self, whose: frozenset[Hashable]) -> Iterator[None]:
        """Have a slot.

        Args:
            whose: Those who have one together: the clients that a key speaks for, however many keys they have. Two
                calls with a client in common are one's.

        Raises:
            ProblemError: 429 with Retry-After; nothing of the body was read.
        """
        if len(self._taken) >= self.most or not all(map(whose.isdisjoint, self._taken)):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS, self.slug, self.told, headers={"Retry-After": str(self.again)}
            )
        self._taken.append(whose)
        try:
            yield
        finally:
            self._taken.remove(whose)


def upload_slots(most: int) -> CallSlots:
    """Of lists that are taken in and planned."""
    told = "A list of yours is taken in, or as many of others as may be at a time."
    return CallSlots(most, "too-many-uploads", told, again=5)


def locate_slots(most: int) -> CallSlots:
    """Of searches for a person in all stores."""
    told = "A person is located for you, or for as many others as may be at a time."
    return CallSlots(most, "too-many-locates", told, again=1)
