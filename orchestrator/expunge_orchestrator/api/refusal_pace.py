"""Refusal pace: how long a refusal is held back, so that those who are refused take no processor from others.

A caller who asks again as soon as it is refused makes as many calls as the machine can refuse, over as many connections
as it has. Told one after another, refusals keep such a caller waiting and nobody else: a call that is not refused waits
for none of them. While one is held back, its connection makes room for others (`waiting_calls`).
"""

from __future__ import annotations

HELD_BACK = 1.0
"""Seconds for which a refusal for too many calls is held back at least."""

PACE = 0.05
"""Seconds between two refusals of one caller."""

AT_ONCE = 10
"""Refusals that are told without a pause, of a caller who had none for so many times `PACE`."""

REST = 0.02
"""Seconds between two calls of a caller who is refused too often: so many are looked at, whether it waits or not."""

SHARE = 3
"""A refusal is held back for a third of the time of a call at most, so that it is told within it."""


class RefusalPace:
    """When refusals are told, for one event loop.

    Args:
        longest: Seconds for which one is held back at most.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next: dict[str, float] = {}  # in the order of the last refusal

    def owes(self, whose: str, now: float) -> bool:
        """Whether another refusal would be held back, for the number of those before."""
        return self._next.get(whose, now) - now > AT_ONCE * PACE

    def pause(self, whose: str, least: float, now: float) -> float:
        """Seconds until a refusal is told.

        Args:
            whose: To whom.
            least: At least so many, where that is no more than the longest pause.
            now: On the loop's clock.
        """
        while self._next and self._next[first := next(iter(self._next))] <= now:
            del self._next[first]
        least = min(least, self._longest)
        early, own = AT_ONCE * PACE, now + least
        own = max(own, min(self._next.pop(whose, own), now + self._longest + early))
        self._next[whose] = own + PACE
        return max(least, own - early - now)
