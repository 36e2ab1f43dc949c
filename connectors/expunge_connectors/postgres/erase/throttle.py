"""The pace of an erasure: how much its next transaction may touch, and how long to rest before it (pure rules).

As senders in a crowded network do: much less at the first sign that others suffer, and back in smaller steps when there
is none. It never comes to a stand, so that every erasure ends, and however bad it is nothing of it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST_SHARE = 1 / 64
FIRST_REST_SECONDS = 0.05
LONGEST_REST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LoadSample:
    """What a transaction saw at its end.

    Attributes:
        blocked: Sessions that wait for a lock that it holds.
        busy: Other sessions of the server in a transaction; None: nobody asked.
        refused: It did not get a lock in time, while others may have waited for those that it had.
    """

    blocked: int = 0
    busy: int | None = None
    refused: bool = False

    def strained(self, busy_allowed: int | None) -> bool:
        """Others suffer, or soon will."""
        crowded = self.busy is not None and busy_allowed is not None and self.busy > busy_allowed
        return self.refused or self.blocked > 0 or crowded


@dataclass(frozen=True, slots=True)
class Throttle:
    """How the next transaction goes.

    Attributes:
        share: Of the rows and the time that the settings allow a transaction, above 0, at most 1.
        rest: Seconds before it.
    """

    share: float = 1.0
    rest: float = 0.0

    def after(self, *, strained: bool) -> Throttle:
        """A quarter and twice the rest where others suffer; otherwise twice and half the rest."""
        if strained:
            rest = min(max(2 * self.rest, FIRST_REST_SECONDS), LONGEST_REST_SECONDS)
            return Throttle(max(self.share / 4, SMALLEST_SHARE), rest)
        rest = self.rest / 2
        return Throttle(min(2 * self.share, 1.0), rest if rest >= FIRST_REST_SECONDS else 0.0)

    def rows(self, most: int) -> int:
        """How many rows it may touch: at least one."""
        return max(1, round(most * self.share))
