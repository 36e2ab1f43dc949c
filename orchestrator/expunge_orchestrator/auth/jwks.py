"""JWKS: an issuer's public keys (RFC 7517) from a file or URL, cached, and refetched for an unknown key id.

joserfc reads a set and picks the key. Fetching is ours: joserfc has none, and PyJWT's client bounds no size, keeps a
thread and a lock while it waits, and remembers no failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from expunge_config import regular_files
from expunge_config.api_settings import Issuer
from expunge_orchestrator.auth import strict_json
from expunge_orchestrator.errors import KeysError

GOOD_FOR = 600.0
"""Seconds for which a set is used without asking again. Whose key is in it does not wait for the answer, unless nobody
has asked for as long again: a key may have been taken out of it meanwhile."""

BELIEVED_FOR = 86400.0
"""Seconds after which a set is believed no more that cannot be asked for again: a key may have been taken out of it."""

NOT_BEFORE = 10.0
"""Seconds between two fetches, whatever came of the first: a flood of wrong tokens must not become one of requests."""

TIMEOUT = 5.0
MAX_BYTES = 256 * 1024

_ASYMMETRIC = ("EC", "RSA", "OKP")

Fetch = Callable[[], Awaitable[bytes]]


@dataclass(slots=True)
class JwksCache:
    """The keys of one issuer, held in memory, for the calls of one event loop.

    Attributes:
        fetch: Gets the set's bytes.
    """

    fetch: Fetch
    _set: KeySet | None = None
    _fetched_at: float = -BELIEVED_FOR
    _tried_at: float = -BELIEVED_FOR
    _failed: bool = False
    _fetching: asyncio.Task[None] | None = None

    async def current(self, key_id: str | None, waiting: AbstractAsyncContextManager[None]) -> KeySet:
        """The set, asked for again when it is old or has no such key. All who wait for that share one fetch.

        Args:
            key_id: Of the wanted key; None where its token names none.
            waiting: In which the set is waited for, where it is.

        Raises:
            KeysError: It cannot be had, and there is none from the last day, or none with such a key: that the key
                is wrong is not known then.
        """
        known = self._has(key_id)
        moment = time.monotonic()
        if moment - self._tried_at >= NOT_BEFORE and not (known and moment - self._fetched_at <= GOOD_FOR):
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._refresh())
            if not known or moment - self._tried_at > 2 * GOOD_FOR:
                async with waiting:
                    await asyncio.shield(self._fetching)  # a call that is given up does not end the fetch of others
        unknown = self._failed and not self._has(key_id)
        if self._set is None or unknown or time.monotonic() - self._fetched_at > BELIEVED_FOR:
            raise KeysError(
                "The public keys of an issuer cannot be had.", remedy="Check EXPUNGE_API__ISSUERS__…__JWKS_…"
            )
        return self._set

    def _has(self, key_id: str | None) -> bool:
        return self._set is not None and (key_id is None or any(one.kid == key_id for one in self._set.keys))

    async def _refresh(self) -> None:
        try:
            self._set = public_only(await self.fetch())
            self._fetched_at = time.monotonic()
            self._failed = False
        except (OSError, ValueError, TypeError, AttributeError, JoseError):
            self._failed = True  # the keys of the set from before are good for a while
        finally:
            self._tried_at = time.monotonic()


def public_only(data: bytes) -> KeySet:
    """Read a set and keep its asymmetric keys: a shared secret in it would let whoever has it sign as the issuer.

    Raises:
        ValueError: It is no set of keys, names a member twice, or has asymmetric keys and none that can be read.
    """
    document = strict_json.parse(data)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("no set of keys")  # noqa: TRY004 - for the caller it is a value that cannot be used
    asymmetric = [one for one in document["keys"] if isinstance(one, dict) and one.get("kty") in _ASYMMETRIC]
    read = [key for one in asymmetric if (key := _read_key(one)) is not None]
    if asymmetric and not read:
        raise ValueError("no key of the set can be read")
    return KeySet(read)


def _read_key(one: dict[str, Any]) -> Key | None:
    """Read one key of a set; None where nobody here can, as RFC 7517, 5 has it: the others are good without it."""
    try:
        if not isinstance(one.get("kid", ""), str):
            return None
        return KeySet.import_key_set({"keys": [one]}).keys[0]
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, JoseError, UnsupportedAlgorithm):
        return None


def keys_of(issuer: Issuer) -> JwksCache:
    """The keys of an issuer. Nothing is read yet."""
    if issuer.jwks_file is not None:
        return JwksCache(partial(_read, issuer.jwks_file))
    return JwksCache(partial(_download, str(issuer.jwks_url)))


async def _read(file: Path) -> bytes:
    return await asyncio.to_thread(regular_files.read, file)


async def _download(url: str) -> bytes:
    import httpx2  # noqa: PLC0415 - only where an issuer's keys are asked for over the network

    found = b""
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx2.AsyncClient(timeout=None, follow_redirects=False) as client,
            client.stream("GET", url, headers={"accept-encoding": "identity"}) as answer,
        ):
            answer.raise_for_status()
            async for part in answer.aiter_raw():  # as it came: nothing that unfolds to more than was sent
                found += part
                if len(found) > MAX_BYTES:
                    raise ValueError("the set of keys is too large")
    except httpx2.HTTPError:
        raise OSError("the set of keys cannot be fetched") from None
    return found
