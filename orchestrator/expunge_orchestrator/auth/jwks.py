"""An issuer's public keys (RFC 7517), from a file or an address; asked for again now and then, or for a new key."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from expunge_config.api_settings import Issuer
from expunge_config.errors import ConfigError

GOOD_FOR = 600.0
"""Seconds for which a set is used without asking again."""

BELIEVED_FOR = 86400.0
"""Seconds after which a set is believed no more that cannot be asked for again: a key may have been taken out of it."""

NOT_BEFORE = 10.0
"""Seconds between two askings for a key that was not there: a flood of wrong tokens must not become one of requests."""

_TIMEOUT = 5.0
_MAX_BYTES = 256 * 1024

Fetch = Callable[[], bytes]


@dataclass(slots=True)
class JwksCache:
    """The keys of one issuer, held in memory.

    Attributes:
        fetch: Gets the set's bytes.
    """

    fetch: Fetch
    _set: KeySet | None = None
    _at: float = 0.0
    _failed_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def held(self, key_id: str | None) -> KeySet | None:
        """The set, if it is in memory, not old, and has that key. Waits for nobody."""
        known = self._set
        if known is None or time.monotonic() - self._at > GOOD_FOR:
            return None
        return known if key_id is None or any(one.kid == key_id for one in known.keys) else None

    def current(self, key_id: str | None) -> KeySet:
        """The set, asked for again when it is old or has no such key.

        Raises:
            ConfigError: It cannot be had, and there is none from the last day.
        """
        held = self.held(key_id)
        if held is not None:
            return held
        with self._lock:
            age = time.monotonic() - self._at
            known = self._set is not None and (key_id is None or any(one.kid == key_id for one in self._set.keys))
            if self._set is None or age > GOOD_FOR or (not known and age > NOT_BEFORE):
                self._refresh()
            if self._set is None or time.monotonic() - self._at > BELIEVED_FOR:
                raise ConfigError(
                    "The public keys of an issuer cannot be had.", remedy="Check EXPUNGE_API__ISSUERS__…__JWKS_…"
                )
            return self._set

    def _refresh(self) -> None:
        moment = time.monotonic()
        if self._failed_at is not None and moment - self._failed_at < NOT_BEFORE:
            return  # others wait for this lock: an issuer that does not answer must not hold every call up
        try:
            self._set = public_only(self.fetch())
        except (OSError, ValueError, TypeError, AttributeError, JoseError):
            self._failed_at = time.monotonic()
        else:
            self._at, self._failed_at = time.monotonic(), None


def public_only(data: bytes) -> KeySet:
    """Read a set and keep its asymmetric keys: a shared secret in it would let whoever has it sign as the issuer.

    Raises:
        ValueError: It is no set of keys.
    """
    document = json.loads(data)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("no set of keys")  # noqa: TRY004 - for the caller it is a value that cannot be used
    return KeySet.import_key_set({"keys": [one for one in document["keys"] if one.get("kty") in {"EC", "RSA", "OKP"}]})


def keys_of(issuer: Issuer) -> JwksCache:
    """The keys of an issuer. Nothing is read yet."""
    if issuer.jwks_file is not None:
        return JwksCache(issuer.jwks_file.read_bytes)
    return JwksCache(lambda: _download(str(issuer.jwks_url)))


def _download(url: str) -> bytes:
    import httpx2  # noqa: PLC0415 - only where an issuer's keys are asked for over the network

    with httpx2.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
        try:
            answer = client.get(url)
            answer.raise_for_status()
        except httpx2.HTTPError:
            raise OSError("the set of keys cannot be fetched") from None
    if len(answer.content) > _MAX_BYTES:
        raise ValueError("the set of keys is too large")
    return answer.content
