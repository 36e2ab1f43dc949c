"""Rate limits per minute: per actor, per address of public routes, and of guesses per kind and address.

Counted by throttled-py, in this process or in a Redis that several processes share. The better known `limits` (5.8)
goes through all its counters in memory at every hit: 0.9 ms with 10,000 of them, 5 ms with 50,000. This takes 0.01 ms.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import math
import time
from http import HTTPStatus
from ipaddress import IPv4Address, ip_address

from throttled.asyncio import BaseStore, MemoryStore, RateLimiterType, RedisStore, Throttled, rate_limiter
from throttled.exceptions import StoreUnavailableError

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api import refusal_pace
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.refusal_pace import RefusalPace

_LOG = logging.getLogger("expunge.api")

MAX_COUNTERS = 50_000
"""In memory, of each limit. Beyond that the counter that was used least recently is forgotten."""

REDIS_PATIENCE, REDIS_PAUSE = 0.5, 10.0
"""Seconds to wait for Redis, and seconds for which this process counts alone after Redis did not answer."""


class RateLimiter:
    """Counts calls, and refuses those that are too many; says when refusals are told.

    Args:
        settings: The limits, and where to count.
        key: Who calls is counted under an HMAC of their name or address: neither is kept in memory or in Redis.
    """

    def __init__(self, settings: ApiSettings, key: bytes) -> None:
        quotas = {
            "actor": settings.calls_per_minute,
            "public": settings.calls_per_minute_public,
            "guess": settings.calls_per_minute_unknown,
        }
        self._key = key
        self._own = {
            kind: _limit(kind, quota, MemoryStore(options={"MAX_SIZE": MAX_COUNTERS})) for kind, quota in quotas.items()
        }
        url = settings.rate_limit_redis
        store = None if url is None else RedisStore(str(url.get_secret_value()))
        self._shared = {} if store is None else {kind: _limit(kind, quota, store) for kind, quota in quotas.items()}
        self._redis_from = 0.0
        self._pace = RefusalPace(settings.call_timeout.total_seconds() / refusal_pace.SHARE)

    def owes(self, kind: str, address: str) -> bool:
        """Whether a refusal of this kind and address would be held back, for the number of those before."""
        return self._pace.owes(self._counter(kind, network_of(address)), asyncio.get_running_loop().time())

    def pause(self, kind: str, address: str, least: float) -> float:
        """Seconds for which a refusal is held back.

        Args:
            kind: Who was refused: an actor, or a kind of credential.
            address: Where the call comes from.
            least: At least so many.
        """
        whose = self._counter(kind, network_of(address))
        return self._pace.pause(whose, least, asyncio.get_running_loop().time())

    async def count_call(self, actor: str) -> None:
        """Count a call whose credential was accepted.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        await self._count("actor", actor)

    async def count_public(self, address: str) -> None:
        """Count a call that needs no credential.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        await self._count("public", network_of(address))

    async def count_guess(self, kind: str, address: str) -> None:
        """Count a credential that was not accepted. Others from that address, and of other kinds, are not affected.

        Raises:
            ProblemError: 429 with Retry-After.
        """
        await self._count("guess", kind, network_of(address))

    async def _count(self, limit: str, *who: str) -> None:
        result = await self._hit(limit, self._counter(*who))
        if result.limited:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-calls",
                "Too many calls in this minute.",
                headers={"Retry-After": str(max(1, math.ceil(result.state.retry_after)))},
            )

    def _counter(self, *who: str) -> str:
        told = b"expunge-rate-limit/1\x00" + json.dumps(who).encode()
        return hmac.digest(self._key, told, "sha256").hex()[:32]

    async def _hit(self, limit: str, counter: str) -> rate_limiter.RateLimitResult:
        if self._shared and time.monotonic() >= self._redis_from:
            try:
                async with asyncio.timeout(REDIS_PATIENCE):
                    return await self._shared[limit].limit(counter)
            except (StoreUnavailableError, TimeoutError) as error:
                self._redis_from = time.monotonic() + REDIS_PAUSE
                _LOG.warning("rate limits: Redis does not answer (%s); counted in this process", type(error).__name__)
        return await self._own[limit].limit(counter)


def _limit(kind: str, per_minute: int, store: BaseStore) -> Throttled:
    return Throttled(
        using=RateLimiterType.FIXED_WINDOW.value,
        quota=rate_limiter.per_min(per_minute),
        store=store,
        key_prefix=f"expunge:{kind}",
    )


def network_of(address: str) -> str:
    """Under what an address is counted: of IPv6 the /64, which one subscriber has at least (RFC 6177).

    What cannot be read as one is counted together.
    """
    try:
        there = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(there, IPv4Address):
        return str(there)
    return str(there.ipv4_mapped or f"{int(there) >> 64:x}/64")
