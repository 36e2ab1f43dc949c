"""How many connections there may be, in all and from one address; and what is said when the process has no more.

uvicorn's own limit answers 503 to everybody once there are too many. Here whoever asks for nothing makes room for
whoever comes, among those of one address as in all, and no address takes all places; if nobody asks for nothing, the
one does whose body has not moved for longest, on which a batch is watched, or a refusal is held back. Whose call is at
work stays.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import Counter
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import chain
from typing import Any

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api.rate_limit import network_of

RESERVED = 200
"""File descriptors for the ledger, the stores, the log and threads."""

BACKLOG = 128
"""Connections that the kernel keeps until they are accepted. asyncio tries so often in a row when it cannot."""

_EVERY = 60.0
_LOG = logging.getLogger("expunge.api")


class _Tally:
    """Says once a minute how often something happened: whoever makes it happen does not decide how much is logged."""

    def __init__(self, level: int, words: str) -> None:
        self._level = level
        self._words = words
        self._untold = 0
        self._told_at = -_EVERY

    def add(self, *more: str) -> None:
        """It happened again."""
        self._untold += 1
        if time.monotonic() - self._told_at >= _EVERY:
            _LOG.log(self._level, self._words, self._untold, *more)
            self._untold, self._told_at = 0, time.monotonic()


class ConnectionLimits:
    """Counts connections.

    Args:
        most: In all.
        most_per_address: From one address; of IPv6 from a /64.
        proxies: Who speaks for many, and is not counted by address.
    """

    def __init__(self, most: int, most_per_address: int, proxies: tuple[IPv4Network | IPv6Network, ...] = ()) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._proxies = proxies
        self._open: dict[asyncio.Transport, str | None] = {}
        self._resting: dict[asyncio.Transport, None] = {}  # in the order in which they came to rest
        self._sending: dict[asyncio.Transport, None] = {}  # in the order in which something came last
        self._by_address: Counter[str] = Counter()
        self._refused = _Tally(logging.WARNING, "connections: %d refused, the places of all were at work")
        self._refused_one = _Tally(logging.WARNING, "connections: %d refused, the places of one address were at work")

    def admit(self, transport: asyncio.Transport, address: str | None) -> bool:
        """Whether there is room for a connection. In place of one on which nothing was asked for, there is.

        And of one on which a body is waited for, a batch is watched or a refusal is held back: nothing is at work for
        it, and its sender decides how long that takes. An address that has all of
        its places makes room itself.
        """
        counted = None if address is None or is_proxy(address, self._proxies) else network_of(address)
        alone = counted is not None and self._by_address[counted] >= self._most_per_address
        if alone or len(self._open) >= self._most:
            waiting = chain(self._resting, self._sending)
            longest = next((one for one in waiting if not alone or self._open[one] == counted), None)
            if longest is None:
                (self._refused_one if alone else self._refused).add()
                return False
            self.release(longest)
            longest.abort()
        self._open[transport] = counted
        self._resting[transport] = None
        if counted is not None:
            self._by_address[counted] += 1
        return True

    def release(self, transport: asyncio.Transport) -> None:
        """It ended, if it was admitted."""
        self.works(transport)
        counted = self._open.pop(transport, None)
        if counted is not None:
            self._by_address[counted] -= 1
            if not self._by_address[counted]:
                del self._by_address[counted]

    def works(self, transport: asyncio.Transport) -> None:
        """A whole call is there, and not answered."""
        self._resting.pop(transport, None)
        self._sending.pop(transport, None)

    def sends(self, transport: asyncio.Transport) -> None:
        """Something of a call came, and more of its body is waited for."""
        self.works(transport)
        if transport in self._open:
            self._sending[transport] = None

    def rests(self, transport: asyncio.Transport) -> None:
        """All was answered, and the answer taken."""
        self._sending.pop(transport, None)
        if transport in self._open:
            self._resting[transport] = None


def is_proxy(address: str, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether it is a named proxy's address, which speaks for many.

    What a proxy names is what it was told, and may be no address: "unknown" (RFC 7239, 6). That is nobody's.
    """
    try:
        there = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    there = getattr(there, "ipv4_mapped", None) or there
    return any(there in one for one in proxies)


def limits_of(settings: ApiSettings) -> ConnectionLimits:
    """The limits of this process."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = max(descriptors - RESERVED, descriptors // 2)
    return ConnectionLimits(min(settings.connections, room), settings.connections_per_address, settings.proxies)


def event_loop() -> asyncio.AbstractEventLoop:
    """Asyncio's own loop, that says once a minute how often a connection could not be accepted.

    By itself it says so, with a traceback, for each try: some hundred times a second when there are no descriptors.
    """
    loop = asyncio.SelectorEventLoop()
    loop.set_exception_handler(_AcceptErrors())
    return loop


class _AcceptErrors:
    def __init__(self) -> None:
        self._tally = _Tally(logging.ERROR, "connections: %d could not be accepted (%s)")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not str(context.get("message", "")).startswith("socket.accept()"):
            loop.default_exception_handler(context)
            return
        self._tally.add(type(context["exception"]).__name__)
