"""How many worlds, and which: EXPUNGE_MODEL_CASES and EXPUNGE_CHAOS_SEED; without them the same few every time."""

from __future__ import annotations

import os
import time
from functools import cache

USUAL = 40


@cache
def cases() -> int:
    """How many worlds."""
    return int(os.environ.get("EXPUNGE_MODEL_CASES") or USUAL)


@cache
def seed() -> int:
    """What they are drawn with: another one every time where many are asked for."""
    given = os.environ.get("EXPUNGE_CHAOS_SEED")
    if given:
        return int(given)
    # The workers are told the one of the report's head: drawn by each for itself, it named no world that failed.
    return int(os.environ.setdefault("PYTEST_MODEL_SEED", _drawn()))


def _drawn() -> str:
    return str(int(time.time())) if "EXPUNGE_MODEL_CASES" in os.environ else "1"
