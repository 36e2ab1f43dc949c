"""Limits on calls: so many a minute. In memory, per process: they protect this process.

Our own few lines: the library for it (limits 5.8) pins another one to an exact version, so nothing can stand beside it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Network, ip_address

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api.problems import ProblemError

FOR_ALL = 10
"""So many times as many guesses as are answered, and nobody is listened to at that address for the rest of the minute.

So many, because several may share it, as behind a proxy that is not named in the settings.
"""

WINDOW = 60.0
"""Seconds; a window begins with the minute, and everything counted is forgotten with it."""


_LONGEST = 64
"""Characters of an address; what is longer is none, and is not kept."""


class RateLimiter:
    """Counts calls of actors, and of addresses that bring no credential that is accepted, or need none."""

    def __init__(self, settings: ApiSettings) -> None:
        self._known = settings.calls_per_minute
        self._unknown = settings.calls_per_minute_unknown
        self._public = settings.calls_per_minute_public
        self._lock = threading.Lock()
        self._window = 0
        self._calls: Counter[tuple[str, str]] = Counter()

    def count(self, actor: str) -> None:
        """Count a call of somebody known.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        self._count(("actor", actor), self._known)

    def count_unknown(self, address: str) -> None:
        """Count a call with a credential that is not accepted.

        Raises:
            ProblemError: 429 with Retry-After: the guess is not even answered.
        """
        self._count(("address", _counted_as(address)), self._unknown)

    def count_public(self, address: str) -> None:
        """Count a call that needs no credential.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        self._count(("public", _counted_as(address)), self._public)

    def refuse_guessers(self, address: str) -> None:
        """Refuse whoever calls from where far too many guesses came from, before their credential is looked at.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        guesses = self._calls.get(("address", _counted_as(address)), 0)
        if guesses <= FOR_ALL * self._unknown:  # nearly always, and without the lock
            return
        moment = time.monotonic()
        if int(moment // WINDOW) == self._window:
            raise _too_many(moment)

    def _count(self, who: tuple[str, str], allowed: int) -> None:
        moment = time.monotonic()
        window = int(moment // WINDOW)
        with self._lock:
            if window != self._window:
                self._window = window
                self._calls.clear()
            self._calls[who] += 1
            over = self._calls[who] > allowed
        if over:
            raise _too_many(moment)


def _counted_as(address: str) -> str:
    """Under what the calls from an address are counted; what is none is all one."""
    return _network(address) if len(address) <= _LONGEST else ""


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """An IPv4 address, also one mapped into IPv6; of IPv6 the /64, which one subscriber has at least (RFC 6177)."""
    try:
        there = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(there, IPv4Address):
        return str(there)
    if there.ipv4_mapped is not None:
        return str(there.ipv4_mapped)
    return str(IPv6Network((int(there), 64), strict=False))


def _too_many(moment: float) -> ProblemError:
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-calls",
        "Too many calls in this minute.",
        headers={"Retry-After": str(int(WINDOW - moment % WINDOW) + 1)},
    )
