"""Suppression tags: keyed hashes under which the ledger remembers whom it erased, without saying whom."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from expunge_connectors.contract import SubjectKey


@dataclass(frozen=True, slots=True)
class Tagger:
    """HMAC-SHA-256 under the suppression key, over namespace and normalised value."""

    suppression_key: bytes

    def tag(self, key: SubjectKey) -> bytes:
        """32 bytes. The NUL cannot stand in a namespace, so two different keys never run together."""
        return hmac.digest(self.suppression_key, f"expunge-tag/1\x00{key.namespace}\x00{key.value}".encode(), "sha256")
