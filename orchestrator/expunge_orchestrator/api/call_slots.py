"""Call slots: how many heavy calls of a kind are at work at a time, in all and of one client."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from expunge_orchestrator.api.problems import ProblemError


@dataclass(frozen=True, slots=True)
class CallSlots:
    """Counts calls of one kind, for one event loop. Whoever has a slot has one: the others' are not all theirs.

    Attributes:
        most: At work at a time.
        slug: Of the refusal.
        told: Why.
        again: Seconds after which whoever finds no slot may ask again.
    """

    most: int
    slug: str
    told: str
    again: int
    _taken: list[frozenset[Hashable]] = field(default_factory=list, repr=False)

    @contextmanager
    def taken(self, whose: frozenset[Hashable]) -> Iterator[None]:
        """Have a slot.

        Args:
            whose: Those who have one together: the clients that a key speaks for, however many keys they have. Two
                calls with a client in common are one's.

        Raises:
            ProblemError: 429 with Retry-After; nothing of the body was read.
        """
        if len(self._taken) >= self.most or not all(map(whose.isdisjoint, self._taken)):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS, self.slug, self.told, headers={"Retry-After": str(self.again)}
            )
        self._taken.append(whose)
        try:
            yield
        finally:
            self._taken.remove(whose)


def upload_slots(most: int) -> CallSlots:
    """Of lists that are taken in and planned."""
    told = "A list of yours is taken in, or as many of others as may be at a time."
    return CallSlots(most, "too-many-uploads", told, again=5)


def locate_slots(most: int) -> CallSlots:
    """Of searches for a person in all stores."""
    told = "A person is located for you, or for as many others as may be at a time."
    return CallSlots(most, "too-many-locates", told, again=1)
