"""Upload slots: how many lists are taken in and planned at a time, in all, of one actor, and of one person's keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from expunge_orchestrator.api.problems import ProblemError

AGAIN = 5
"""Seconds after which whoever finds no slot may ask again."""


class UploadSlots:
    """Counts uploads, for the calls of one event loop.

    An actor has one at a time, and whoever has several keys never all: one person may have issued those of all systems,
    so that they are not refused one another's, but for the last one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[str] = set()

    @contextmanager
    def taken(self, actor: str, same: frozenset[str]) -> Iterator[None]:
        """Have a slot.

        Args:
            actor: Whose it is, as actors are counted.
            same: The actors behind whom there may be the same person.

        Raises:
            ProblemError: 429 with Retry-After; nothing of the list was read.
        """
        left = self._most - len(self._taken)
        if actor in self._taken or left <= (0 if same.isdisjoint(self._taken) else 1):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-uploads",
                "A list of yours is taken in, or as many of others as may be at a time.",
                headers={"Retry-After": str(AGAIN)},
            )
        self._taken.add(actor)
        try:
            yield
        finally:
            self._taken.remove(actor)
