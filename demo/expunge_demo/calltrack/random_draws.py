"""Seeded random draws that depend on the seed and the person alone, not on earlier draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
SPREAD = timedelta(days=725)
# Nothing is so young that it could be taken for newer than a cutoff set right after loading.
REST = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Draws:
    """One person's source of choices."""

    source: random.Random
    now: datetime

    @classmethod
    def of(cls, seed: int, kind: int, index: int, now: datetime) -> Draws:
        """The source of person `index` of a kind (a small number)."""
        return cls(random.Random((seed << 48) | (kind << 44) | index), now)  # noqa: S311 - an example, no secret

    def pick(self, choices: Sequence[T]) -> T:
        """One of several."""
        return choices[int(self.source.random() * len(choices))]

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.source.random() * (high - low + 1))

    def hexadecimal(self, digits: int) -> str:
        """A random name in hexadecimal."""
        return f"{self.source.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        """A random UUID in text form (version 4)."""
        text = self.hexadecimal(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) % 4]}{text[17:20]}-{text[20:]}"

    def moment(self, since: datetime | None = None) -> datetime:
        """A whole second between `since` (default: about two years before now) and two hours before now."""
        start = since or self.now - SPREAD
        span = int((self.now - REST - start).total_seconds())
        return start + timedelta(seconds=int(self.source.random() * span))

    def address(self) -> str:
        """An address on the net from the documentation ranges (RFC 5737, RFC 3849)."""
        if self.source.random() < 0.25:  # noqa: PLR2004 - a quarter come by IPv6
            return f"2001:db8:{self.number(1, 0xFFFF):x}:{self.number(1, 0xFFFF):x}::{self.number(1, 0xFFFF):x}"
        return f"{self.pick(('192.0.2', '198.51.100', '203.0.113'))}.{self.number(1, 254)}"
