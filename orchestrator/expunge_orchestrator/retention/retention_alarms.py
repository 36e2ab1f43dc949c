"""Retention alarms: from when until when deletion by age did not do what it is for. From the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import Ledger, Transaction, sweep_stops, sweep_windows, sweeps
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.runner_lock import sweeping
from expunge_orchestrator.ledger.sweep_windows import SweepWindow
from expunge_orchestrator.rules import run_gaps
from expunge_orchestrator.rules.run_gaps import Ran


class AlarmKind(StrEnum):
    """What is wrong."""

    NO_RUN = "no-run"
    """Armed, and nobody runs it."""
    KILLED = "killed"
    """A run was killed, and none began since."""
    STOPPED = "stopped"
    """A sweep stands still, or none may begin: somebody's word is needed."""
    NOTHING_WENT = "nothing-went"
    """Something could go, and nothing went."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    Attributes:
        until: When it ended; None: it has not.
        said: What is wrong, in a sentence.
    """

    kind: AlarmKind
    since: datetime
    until: datetime | None
    said: str

    def within(self, since: date, before: date) -> bool:
        """It sounded at some time of a period."""
        return self.since.date() < before and (self.until is None or self.until.date() >= since)


def alarms(connection: Transaction, since: date, now: datetime, *, at_work: bool) -> list[Alarm]:
    """All that had not ended before a day, the oldest first.

    Args:
        connection: Reads the ledger.
        since: The day.
        now: Of the operator's clock.
        at_work: Some process sweeps now: the last run was not killed.
    """
    windows = sweep_windows.windows(connection, since)
    found = [
        *_nobody_ran(connection, windows, since, now, at_work=at_work),
        *_killed(windows, at_work=at_work),
        *(
            Alarm(AlarmKind.STOPPED, one.begun_at, one.ended_at, f"A sweep stands still: {one.why}")
            for one in sweep_stops.stops(connection, since)
        ),
        *_nothing_went(windows),
    ]
    return sorted((one for one in found if one.within(since, date.max)), key=lambda one: (one.since, one.kind))


def at_work(ledger: Ledger, connection: Transaction) -> bool:
    """Whether the run that is open in this transaction is at work: it was not killed.

    Who asks holds the lock of sweeps for a moment, for which a run that begins waits.
    """
    last = sweep_windows.recent(connection, 1)
    if not last or last[0].ended_at is not None:
        return False
    if sweeping(ledger):
        return True
    with reading(ledger) as later:  # it ended meanwhile
        return any(one.id == last[0].id and one.ended_at is not None for one in sweep_windows.recent(later, 2))


def _nobody_ran(
    connection: Transaction, windows: Sequence[SweepWindow], since: date, now: datetime, *, at_work: bool
) -> list[Alarm]:
    last = windows[-1] if windows else None
    runs = [Ran(one.begun_at, one.ended_at or (now if at_work and one is last else one.begun_at)) for one in windows]
    return [
        Alarm(AlarmKind.NO_RUN, one.noticed, one.until, f"Armed, and no run began since {stamp(one.since)}.")
        for one in run_gaps.gaps(sweeps.leaves(connection, since), runs, now)
    ]


def _killed(windows: Sequence[SweepWindow], *, at_work: bool) -> list[Alarm]:
    following = [*pairwise([one.begun_at for one in windows]), *([(windows[-1].begun_at, None)] if windows else [])]
    return [
        Alarm(AlarmKind.KILLED, begun, after, f"The run that began {stamp(begun)} was killed.")
        for window, (begun, after) in zip(windows, following, strict=True)
        if window.ended_at is None and not (at_work and after is None)
    ]


def _nothing_went(windows: Sequence[SweepWindow]) -> list[Alarm]:
    found: list[Alarm] = []
    begun: datetime | None = None
    for one in windows:
        if one.ended_at is None:
            continue
        if one.stuck and begun is None:
            begun = one.ended_at
        elif not one.stuck and begun is not None:
            found.append(_stuck(begun, one.ended_at))
            begun = None
    return [*found, _stuck(begun, None)] if begun is not None else found


def _stuck(since: datetime, until: datetime | None) -> Alarm:
    said = f"In the run that ended {stamp(since)} records that could go were due, and none went."
    return Alarm(AlarmKind.NOTHING_WENT, since, until, said)
