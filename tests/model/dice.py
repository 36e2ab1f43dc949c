"""Choices, drawn by Hypothesis: the simplest one is always the first, so that failing examples shrink to plain ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Draws from one Hypothesis example.

    Args:
        draw: The `draw` of a composite strategy.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def number(self, least: int, most: int) -> int:
        """A whole number; `least` is the simplest."""
        return int(self._draw(st.integers(least, most)))

    def chance(self, percent: int) -> bool:
        """True in about so many of a hundred draws; False is simpler."""
        return self.number(0, 99) >= 100 - percent

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices; the first is the simplest."""
        return choices[self.number(0, len(choices) - 1)]

    def some(self, choices: Sequence[T], least: int, most: int) -> list[T]:
        """A few different ones, in their order."""
        wanted = self.number(min(least, len(choices)), min(most, len(choices)))
        left = list(range(len(choices)))
        taken = [left.pop(self.number(0, len(left) - 1)) for _ in range(wanted)]
        return [choices[index] for index in sorted(taken)]
