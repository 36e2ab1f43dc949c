"""Bearer secrets (`<prefix>_<id>_<secret>`): generated, handed out once, stored as a hash, parsed and compared."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

_FORM = re.compile(r"(?P<prefix>[a-z]{2})_(?P<id>[0-9a-f]{16,32})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PresentedSecret:
    """A secret as it came in with a call.

    Attributes:
        id: Names the row; not secret.
    """

    prefix: str
    id: str
    digest: bytes = field(repr=False)


def generate(prefix: str, identifier: str) -> tuple[str, bytes]:
    """(what is handed out, what is kept). 256 random bits: a slow hash would protect nothing more."""
    return derive(prefix, identifier, secrets.token_bytes(32))


def derive(prefix: str, identifier: str, secret: bytes) -> tuple[str, bytes]:
    """(what is handed out, what is kept) of 32 bytes that nobody can guess."""
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return f"{prefix}_{identifier}_{text}", hashlib.sha256(text.encode()).digest()


def parse(text: str) -> PresentedSecret | None:
    """Take one apart; None if it has not the form."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return PresentedSecret(found["prefix"], found["id"], hashlib.sha256(found["secret"].encode()).digest())


def matches(given: PresentedSecret, kept: bytes | None) -> bool:
    """Compare in constant time, also where there is nothing to compare with."""
    return hmac.compare_digest(given.digest, kept or bytes(32)) and kept is not None
