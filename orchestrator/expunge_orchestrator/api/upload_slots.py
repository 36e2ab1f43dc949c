"""Upload slots: how many lists are taken in and planned at a time, in all and of one client."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from expunge_orchestrator.api.problems import ProblemError

AGAIN = 5
"""Seconds after which whoever finds no slot may ask again."""


class UploadSlots:
    """Counts uploads, for the calls of one event loop. Whoever has a slot has one: the others' are not all theirs."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[Hashable] = set()

    @contextmanager
    def taken(self, whose: Hashable) -> Iterator[None]:
        """Have a slot.

        Args:
            whose: Those who have one together: a client, however many keys it has.

        Raises:
            ProblemError: 429 with Retry-After; nothing of the list was read.
        """
        if whose in self._taken or len(self._taken) >= self._most:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-uploads",
                "A list of yours is taken in, or as many of others as may be at a time.",
                headers={"Retry-After": str(AGAIN)},
            )
        self._taken.add(whose)
        try:
            yield
        finally:
            self._taken.remove(whose)
