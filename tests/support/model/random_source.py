"""Choices, all from one seed that Hypothesis draws.

A world takes hundreds of choices. Drawn one by one, Hypothesis mutates them: seven worlds of eight were near copies of
another. Seeded, every world is different; what it needs smaller is made smaller by `reducing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Choices of one example.

    Args:
        seed: Where the choices come from.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def number(self, least: int, most: int) -> int:
        """A whole number."""
        return self._random.randint(least, most)

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred."""
        return self._random.randrange(100) < percent

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return self._random.choice(choices)

    def some(self, choices: Sequence[T], least: int, most: int) -> list[T]:
        """A few different ones, in their order."""
        wanted = self.number(min(least, len(choices)), min(most, len(choices)))
        return [choices[index] for index in sorted(self._random.sample(range(len(choices)), wanted))]
