"""Snapshot models: digests of records, whose they are, and where people's values occur."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

Key = int | str
"""A record's name in its place: a row's id, a Redis key, an object's key and version."""


class JudgeError(Exception):
    """The judge cannot judge what is there."""

    exit_code = 1


class Places(Protocol):
    """URLs and secrets of the three servers, with the right to read everything."""

    @property
    def postgres_url(self) -> str:
        """Return the libpq URL."""
        ...

    @property
    def redis_url(self) -> str:
        """Return the URL with database number."""
        ...

    @property
    def s3_endpoint(self) -> str:
        """Return the URL of the service."""
        ...

    @property
    def s3_access_key(self) -> str:
        """Return the account."""
        ...

    @property
    def s3_secret_key(self) -> str:
        """Return the account's secret."""
        ...


class Record(NamedTuple):
    """One row, key or object version.

    Attributes:
        person: Whose it is: a user's, caller's or lead's id, as its place says; None for nobody's.
        image: Digest of everything it holds.
        until: First day on which it need not be kept any more, where a law says how long; else None.
    """

    person: int | None
    image: bytes
    until: date | None = None


class Holder(NamedTuple):
    """What tells an account holder from others.

    Attributes:
        anchor: Digest of id, client and creation time: what stays for ever.
        values: Digests of e-mail, name and phone.
        words: Digests of every word in e-mail, name and phone.
        closed: The row looks anonymous: an address that nobody can have, and no phone.
    """

    anchor: bytes
    values: frozenset[bytes]
    words: frozenset[bytes]
    closed: bool


class Caller(NamedTuple):
    """What tells a caller from others: the client, and digests of phone and name."""

    client: int
    phone: bytes
    name: bytes | None


class Lead(NamedTuple):
    """Who sent a web form: the client, the caller if named, and digests of e-mail, phone and name."""

    client: int
    caller: int | None
    email: bytes
    phone: bytes | None
    name: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that Calltrack's stores held at one moment, as digests.

    Attributes:
        day: The database's day (UTC).
        records: Place -> key -> record. Places are tables by name, `redis:` kinds of keys, and `s3:` buckets.
        holders / callers / leads: The people, by id.
        mentions: Digest of an e-mail, phone or name -> every record outside the logs in which it stands.
    """

    day: date
    records: Mapping[str, Mapping[Key, Record]]
    holders: Mapping[int, Holder]
    callers: Mapping[int, Caller]
    leads: Mapping[int, Lead]
    mentions: Mapping[bytes, list[tuple[str, Key]]]


_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+\d[\d ().-]{5,20}\d")
# Two words with capitals side by side, overlapping ones too.
_NAME = re.compile(r"\b(?=([A-ZÀ-ÖØ-Þ]\w+ [A-ZÀ-ÖØ-Þ]\w+))")
_WORD = re.compile(r"\w+")


def image(text: str) -> bytes:
    """Digest of a whole record."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def value(text: str) -> bytes:
    """Digest of an e-mail, phone or name, however it is spelled."""
    plain = re.sub(r"[^\d+]", "", text) if text.startswith("+") else text.strip().lower()
    return hashlib.blake2b(plain.encode(), digest_size=8).digest()


def words(*texts: str | None) -> frozenset[bytes]:
    """Digests of all words of several texts."""
    return frozenset(value(word) for text in texts if text for word in _WORD.findall(text))


def mentioned(text: str) -> set[bytes]:
    """Digests of every e-mail, phone and name that stands in a text."""
    found = _EMAIL.findall(text) if "@" in text else []
    found += _PHONE.findall(text) if "+" in text else []
    found += _NAME.findall(text)
    return {value(one) for one in found}
