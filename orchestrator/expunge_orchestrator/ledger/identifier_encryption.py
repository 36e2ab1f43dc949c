"""Envelope encryption of identifiers and resolved keys, under one data key per item.

The item's key is wrapped by the wrapping key, which lives outside the ledger and its backups. When the item is settled
its wrapped key is destroyed in the ledger. A copy of the ledger that was made before still opens with the wrapping key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from expunge_connectors.contract import Subject, SubjectKey
from expunge_orchestrator.errors import KeysError

_NONCE = 12
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode  # made once: a chunk seals thousands


class Sealed(StrEnum):
    """What a sealed value is: bound in, so that one does not open in another's place."""

    IDENTIFIERS = "identifiers"
    KEYS = "keys"
    RESIDUAL_KEYS = "residual-keys"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class Opened:
    """What one drive of a chunk has opened, by what it was sealed as: its steps follow each other.

    Attributes:
        keys: The keys in it.
        people: The person whom they make (`member_proof.subject`): each step asks for everybody several times.
    """

    keys: dict[bytes, frozenset[SubjectKey]] = field(default_factory=dict)
    people: dict[bytes, Subject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemCipher:
    """Seals under the wrapping key of this installation (AES-256, RFC 3394 key wrap, AES-GCM)."""

    wrapping_key: bytes

    def new_key(self) -> bytes:
        """A fresh item key, wrapped."""
        return aes_key_wrap(self.wrapping_key, AESGCM.generate_key(bit_length=256))

    def close(self, wrapped: bytes, what: Sealed, owner: str, keys: Iterable[SubjectKey]) -> bytes:
        """Seal keys. What they are and whose (a series, a request) is bound in: moved elsewhere they do not open."""
        plain = _ENCODE(sorted(keys)).encode()  # a key is a tuple: namespace, value
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._unwrap(wrapped)).encrypt(nonce, plain, _bound(what, owner))

    def open(self, wrapped: bytes, what: Sealed, owner: str, sealed: bytes) -> frozenset[SubjectKey]:
        """Open what `close` sealed.

        Raises:
            KeysError: Wrong wrapping key, or the ledger was altered.
        """
        try:
            plain = AESGCM(self._unwrap(wrapped)).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(what, owner))
        except InvalidTag:
            raise KeysError(
                "A sealed record of the ledger does not open: it was altered or moved.",
                remedy="Find out who wrote to the ledger; restore it from its own backup together with its log.",
            ) from None
        return frozenset(SubjectKey(namespace, value) for namespace, value in json.loads(plain.decode()))

    def _unwrap(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self.wrapping_key, wrapped)
        except InvalidUnwrap:
            raise KeysError(
                "The wrapping key does not belong to this ledger.",
                remedy="Point EXPUNGE_KEYS_DIR at this ledger's keys.",
            ) from None


def _bound(what: Sealed, owner: str) -> bytes:
    return f"expunge-seal/1\0{what}\0{owner}".encode()
