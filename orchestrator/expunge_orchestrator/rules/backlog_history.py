"""Backlog history: what came due, went and was left day by day, and what the forecasts of it were worth. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Look:
    """What a run took, and left of what is due and could go.

    Attributes:
        empty_on: The day that was forecast then; None: none could be.
    """

    day: date
    gone: int
    left: int
    empty_on: date | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day with a run.

    Attributes:
        came: How many came due since the run before; None: there was none, and what is due is of unknown age.
        gone: How many went.
        left: How many could go still after its last run.
    """

    day: date
    came: int | None
    gone: int
    left: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A forecast beside what happened.

    Attributes:
        look: The run after which it was made.
        emptied_on: The day of the first run from then on that left nothing; None: none has.
        late: By how many days that was later than forecast; None: one of the two days is not known.
    """

    look: Look
    emptied_on: date | None

    @property
    def late(self) -> int | None:
        """See the class. Below 0: it was earlier."""
        foreseen, emptied = self.look.empty_on, self.emptied_on
        return None if foreseen is None or emptied is None else (emptied - foreseen).days


def days(looks: Sequence[Look]) -> list[Day]:
    """Day by day, in the order of the runs.

    What came due is what is left more than before, and what went. Rows that went otherwise (by a request, or because
    their start was changed) make it less; it is never below 0.
    """
    found: list[Day] = []
    for look in looks:
        before = found[-1] if found else None
        came = None if before is None else max(0, look.left + look.gone - before.left)
        if before is not None and before.day == look.day:
            sums = [one for one in (before.came, came) if one is not None]
            found[-1] = Day(
                look.day, sum(sums) if before.came is not None else None, before.gone + look.gone, look.left
            )
        else:
            found.append(Day(look.day, came, look.gone, look.left))
    return found


def judged(looks: Sequence[Look]) -> list[Judged | None]:
    """For each run its forecast beside the day on which nothing was left; None: nothing was as it was made."""
    found: list[Judged | None] = []
    emptied: date | None = None
    for look in reversed(looks):
        if look.left == 0:
            emptied = look.day
        found.append(Judged(look, emptied) if look.left else None)
    return found[::-1]
