"""Turns: whose work comes next, so that one with much of it keeps nobody else waiting. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Who had a turn when. Lost when its process ends: then everybody has had none.

    The longest without one comes first, and of one owner's work the first in its own order.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}
        self._taken = 0

    def taken(self, owner: Hashable) -> None:
        """Somebody has a turn now."""
        self._taken += 1
        self._last[owner] = self._taken

    def ordered(self, work: Iterable[T], owner: Callable[[T], Hashable]) -> list[T]:
        """Put work in turns: everybody's first, then everybody's second, and so on.

        Args:
            work: In the order that it has without turns.
            owner: Whose a piece is.
        """
        seen: Counter[Hashable] = Counter()
        placed: list[tuple[int, int, int, T]] = []
        for piece in work:
            theirs = owner(piece)
            placed.append((seen[theirs], self._last.get(theirs, 0), len(placed), piece))
            seen[theirs] += 1
        placed.sort(key=lambda one: one[:3])
        return [piece for *_, piece in placed]
