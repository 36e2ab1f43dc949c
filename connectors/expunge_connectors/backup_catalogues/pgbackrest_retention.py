"""pgBackRest retention: when the tool removes a backup, by what is declared of its settings and its schedule. Pure.

Rules (pgBackRest 2.55.1, `src/command/expire/expire.c`, and a catalogue of thirty days that it really expired):
expire runs after each backup. By number N a full goes once N newer ones are complete. By time a full goes in the first
run more than N days after the next newer full was complete. Diffs, counted together with fulls, go by their number.
Whatever depends on a backup goes with it. Where the evidence does not suffice there is no day, and it is said why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from expunge_connectors.backup_catalogues.catalogue import Backup, Catalogue, Kind
from expunge_connectors.contract import CopyStatus

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """What `repo-retention-full`, `-full-type` and `-diff` say.

    Attributes:
        full: So many full backups, or days.
        diff: So many full and differential backups; None: diffs end with their full.
    """

    full: int
    type: Literal["count", "time"] = "count"
    diff: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often backups are made.

    Attributes:
        full_at_least / full_at_most: Between the starts of two full ones (months differ in length).
        any_at_most: Between two backups of any kind, each of which expires what is due.
        lag: How much later than that one may be complete, and have expired what is due.
    """

    full_at_least: timedelta
    full_at_most: timedelta
    any_at_most: timedelta
    lag: timedelta = 2 * _DAY


@dataclass(frozen=True, slots=True)
class End:
    """When the tool removes a backup: not before `earliest`, and by `latest` if it keeps to what was declared.

    Attributes:
        status: DUE with both times, or what else is known.
        steps: What has to happen, in words.
        blocker: What stands in the way of a day; None with one.
    """

    status: CopyStatus
    earliest: datetime | None
    latest: datetime | None
    steps: tuple[str, ...]
    blocker: str | None


@dataclass(frozen=True, slots=True)
class _Span:
    """From when until when something happens; or that it should have happened, by what is in the catalogue."""

    earliest: datetime
    latest: datetime
    step: str
    overdue: bool = False


def without_day(status: CopyStatus, blocker: str) -> End:
    """An end of which no day is known."""
    return End(status, None, None, (), blocker)


def tool_ends(catalogue: Catalogue, policy: Policy | None, schedule: Schedule | None, now: datetime) -> dict[str, End]:
    """Label -> when the tool removes that backup.

    Args:
        catalogue: What it has now.
        policy: What is declared of its retention; None: nothing.
        schedule: What is declared of its schedule; None: nothing.
        now: No end lies before it.
    """
    backups, fulls = catalogue.backups, catalogue.fulls
    if policy is None or schedule is None:
        lacking = "retention" if policy is None else "schedule"
        blocker = f"the data map declares no {lacking} of this place, and the repository does not tell it"
        return dict.fromkeys((one.label for one in backups), without_day(CopyStatus.UNKNOWN, blocker))
    if (stopped := _stopped(backups, fulls, schedule, now)) is not None:
        return dict.fromkeys((one.label for one in backups), without_day(CopyStatus.NEVER, stopped))
    rules = _Rules(backups, fulls, policy, schedule, now)
    spans = rules.spans()
    overdue = next((label for label, span in spans.items() if span.overdue), None)
    if overdue is not None:
        blocker = (
            f"by the declared retention {overdue} should be gone ({spans[overdue].step}), and is there: the declaration"
            " is wrong, or expire fails; so nothing that follows from it is told"
        )
        return dict.fromkeys((one.label for one in backups), without_day(CopyStatus.UNKNOWN, blocker))
    return _with_parents(backups, spans)


def wal_end(catalogue: Catalogue, ends: Mapping[str, End], first: Backup | None, now: datetime) -> End:
    """When the tool removes the WAL from the start of a full backup until the next.

    It goes in the run after which no full that is this old is left. `first` None: what was archived before the first
    full, which goes at the latest when that one does, and may go with every run before.
    """
    fulls = catalogue.fulls
    if not fulls:
        return without_day(CopyStatus.UNKNOWN, "no full backup is in the catalogue, and WAL goes with one")
    older = fulls[:1] if first is None else fulls[: fulls.index(first) + 1]
    of = [ends[one.label] for one in older]
    for end in of:
        if end.earliest is None or end.latest is None:
            return end
    latest = max(end.latest for end in of if end.latest is not None)
    if first is None:
        return End(
            CopyStatus.DUE, now, latest, (f"WAL goes before the full backup {fulls[0].label}", *of[0].steps), None
        )
    earliest = max(end.earliest for end in of if end.earliest is not None)
    steps = (f"WAL goes once the full backup {first.label} and all older ones are gone", *of[-1].steps)
    return End(CopyStatus.DUE, earliest, latest, steps, None)


def _stopped(backups: Sequence[Backup], fulls: Sequence[Backup], schedule: Schedule, now: datetime) -> str | None:
    """That no backup is made any more, if it seems so: the tool expires only after one."""
    for found, period, what in (
        (fulls, schedule.full_at_most, "full backup"),
        (backups, schedule.any_at_most, "backup"),
    ):
        last = max((one.stop for one in found), default=None)
        if last is None:
            return f"no {what} is in the catalogue, and the tool expires only after one"
        if last + 2 * period < now:
            return (
                f"the last {what} is of {last:%Y-%m-%d}, more than two periods of the declared schedule ago, and the"
                " tool expires only after one"
            )
    return None


class _Rules:
    """The rules on one catalogue. No state beyond its arguments."""

    def __init__(
        self, backups: Sequence[Backup], fulls: Sequence[Backup], policy: Policy, schedule: Schedule, now: datetime
    ) -> None:
        self.backups, self.fulls = backups, fulls
        self.policy, self.schedule, self.now = policy, schedule, now

    def spans(self) -> dict[str, _Span]:
        """Label -> the span in which a rule of its own ends a backup; none for those that only follow another."""
        by_full = self._by_number if self.policy.type == "count" else self._by_time
        found = {one.label: by_full(place) for place, one in enumerate(self.fulls)}
        if self.policy.diff is not None:
            counted = [one for one in self.backups if one.kind is not Kind.INCR]
            for place, one in enumerate(counted):
                if one.kind is Kind.DIFF:
                    found[one.label] = self._diff(counted, place, self.policy.diff)
        return found

    def _next_full(self, number: int) -> tuple[datetime, datetime]:
        """Between when the full backup so many after the last one is complete, if the schedule is kept to."""
        last, schedule = self.fulls[-1], self.schedule
        earliest = max(last.start + number * schedule.full_at_least, self.now)
        # One that is late already shifts those after it.
        first = max(last.stop + schedule.full_at_most, self.now)
        return earliest, first + (number - 1) * schedule.full_at_most + schedule.lag

    def _run(self, stop: datetime, step: str) -> _Span:
        """The run of expire after a backup that is complete: now, if it is not over long since."""
        latest = stop + self.schedule.lag
        return _Span(self.now, max(latest, self.now), step, overdue=latest < self.now)

    def _by_number(self, place: int) -> _Span:
        newer, number = len(self.fulls) - 1 - place, self.policy.full
        step = f"retention by number: goes once {number} newer full backups are complete, {min(newer, number)} are"
        if newer >= number:
            return self._run(self.fulls[place + number].stop, step)
        return _Span(*self._next_full(number - newer), step)

    def _by_time(self, place: int) -> _Span:
        days = timedelta(days=self.policy.full)
        step = f"retention by time: goes in the first run more than {self.policy.full} days after the next newer full"
        if place + 1 == len(self.fulls):
            earliest, latest = self._next_full(1)
            return _Span(earliest + days, latest + days + self.schedule.any_at_most, f"{step}, which is not there yet")
        threshold = self.fulls[place + 1].stop + days
        step += f" ({threshold:%Y-%m-%d %H:%M} UTC)"
        # A run some seconds before the threshold leaves it for the next one.
        run = min((one.stop for one in self.backups if one.stop > threshold), default=None)
        if run is not None:
            return self._run(run, step)
        last = max(one.stop for one in self.backups)
        following = max(threshold, last, self.now - self.schedule.any_at_most)
        return _Span(max(threshold, self.now), following + self.schedule.any_at_most + self.schedule.lag, step)

    def _diff(self, counted: Sequence[Backup], place: int, number: int) -> _Span:
        """Full backups count as diffs. When the next diff is made nobody declares, so it may go at once."""
        newer = len(counted) - 1 - place
        step = (
            f"retention of diffs by number: goes once {number} newer full or differential backups are complete,"
            f" {min(newer, number)} are"
        )
        if newer >= number:
            return self._run(counted[place + number].stop, step)
        return _Span(self.now, self._next_full(number - newer)[1], step)


def _with_parents(backups: Sequence[Backup], spans: dict[str, _Span]) -> dict[str, End]:
    """Each backup's end by its own rule, or when its parent goes, whichever comes first."""
    ends: dict[str, End] = {}
    for one in backups:  # a parent was begun before its children
        span, parent = spans.get(one.label), None if one.parent is None else ends.get(one.parent)
        if one.parent is not None and parent is None:
            blocker = f"the backup {one.parent} that it needs is not in the catalogue"
            ends[one.label] = without_day(CopyStatus.UNKNOWN, blocker)
        elif parent is None or parent.earliest is None or parent.latest is None:
            ends[one.label] = parent or _end(spans[one.label])
        elif span is None:
            steps = (f"goes with {one.parent}", *(step for step in parent.steps if not step.startswith("goes with")))
            ends[one.label] = End(CopyStatus.DUE, parent.earliest, parent.latest, steps, None)
        else:
            steps = (span.step, f"at the latest with {one.parent}")
            earliest, latest = min(span.earliest, parent.earliest), min(span.latest, parent.latest)
            ends[one.label] = End(CopyStatus.DUE, earliest, latest, steps, None)
    return ends


def _end(span: _Span) -> End:
    return End(CopyStatus.DUE, span.earliest, span.latest, (span.step,), None)
