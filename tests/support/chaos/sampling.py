"""How many points, and which: EXPUNGE_CHAOS_SAMPLE and EXPUNGE_CHAOS_SEED."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Choice:
    """A sample of so many points (None: all of them) and what it is drawn with."""

    sample: int | None
    seed: int

    def __str__(self) -> str:
        number = "all points" if self.sample is None else f"EXPUNGE_CHAOS_SAMPLE={self.sample}"
        return f"{number}, EXPUNGE_CHAOS_SEED={self.seed}"


@cache
def chosen() -> Choice:
    """What the environment says; without a seed another one every second."""
    sample = os.environ.get("EXPUNGE_CHAOS_SAMPLE")
    return Choice(int(sample) if sample else None, int(os.environ.get("EXPUNGE_CHAOS_SEED") or time.time()))
