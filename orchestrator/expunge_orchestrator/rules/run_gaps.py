"""Run gaps: for how long there was leave to delete by age, and nobody ran it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LATE = timedelta(hours=26)
"""Armed, and no run for so long: nobody runs it. A day, and what one night begins later than the other."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to delete. `until`: it was taken back, or given anew; None: it is in force."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Ran:
    """One run. `until`: as far as is known; of one that was killed, when it began."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody ran it. `until`: when somebody did, or the leave ended; None: still nobody does."""

    since: datetime
    until: datetime | None

    @property
    def noticed(self) -> datetime:
        """From when on it is an alarm."""
        return self.since + LATE


def gaps(leaves: Sequence[Leave], runs: Sequence[Ran], now: datetime) -> list[Gap]:
    """Of each leave the times longer than `LATE` in which no run was at work and none began.

    Args:
        leaves: That do not overlap: there is one at a time.
        runs: In the order in which they began. One at a time is at work.
        now: Of the operator's clock.
    """
    found = []
    for leave in leaves:
        free, end = leave.since, leave.until or now
        for run in runs:
            if run.since < end and run.until > leave.since:
                if run.since - free > LATE:
                    found.append(Gap(free, run.since))
                free = max(free, run.until)
        if end - free > LATE:
            found.append(Gap(free, leave.until))
    return found
