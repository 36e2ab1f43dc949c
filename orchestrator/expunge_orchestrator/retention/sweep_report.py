"""Sweep report: what went by age in a period, what is left and why, what was wrong. From the ledger alone (ADR 30)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from expunge_orchestrator.ledger import Transaction, sweep_windows, sweeps
from expunge_orchestrator.ledger.sweep_windows import SweepWindow
from expunge_orchestrator.ledger.sweeps import Sweep
from expunge_orchestrator.retention import backlog, retention_alarms, sweep_counts
from expunge_orchestrator.retention.backlog import Backlog
from expunge_orchestrator.retention.period import ReportPeriod
from expunge_orchestrator.retention.retention_alarms import Alarm
from expunge_orchestrator.retention.sweep_counts import PlaceReport, TypeReport
from expunge_orchestrator.rules import backlog_history
from expunge_orchestrator.rules.backlog_history import Day, Judged, Look


@dataclass(frozen=True, slots=True)
class SweepOfPeriod:
    """One sweep. `series`: controller -> the series of what is stated of it."""

    sweep: Sweep
    types: Sequence[TypeReport]
    series: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunOfPeriod:
    """One run. `judged`: the forecast that was made as it ended; None: nothing was left, or it did not end."""

    window: SweepWindow
    judged: Judged | None


@dataclass(frozen=True, slots=True)
class SweepReport:
    """A period.

    Attributes:
        at: When it was made.
        sweeps: Of which the day is in the period.
        places, types: What they come to.
        not_by_age: Why -> places of which the last sweep knew no age.
        runs: Of which the day is in the period.
        history: Data type -> day by day what came due, went, and was left; `history_of_all`: of all data types.
        backlog: What is due and could go now, and the day that is forecast.
        alarms: Of the period; `sounding`: those that have not ended, of any period.
        armed: Leave is given now.
    """

    period: ReportPeriod
    at: datetime
    sweeps: Sequence[SweepOfPeriod]
    places: Sequence[PlaceReport]
    types: Sequence[TypeReport]
    not_by_age: Mapping[str, Sequence[str]]
    runs: Sequence[RunOfPeriod]
    history: Mapping[str, Sequence[Day]]
    history_of_all: Sequence[Day]
    backlog: Backlog
    alarms: Sequence[Alarm]
    sounding: Sequence[Alarm]
    armed: bool

    @property
    def gone(self) -> int:
        """Records that went by their own age."""
        return sum(one.counts.gone for one in self.places)

    @property
    def along(self) -> int:
        """Records that went with them."""
        return sum(one.counts.along for one in self.places)


def sweep_report(connection: Transaction, period: ReportPeriod, now: datetime, *, at_work: bool) -> SweepReport:
    """Read the report of a period.

    Args:
        connection: Reads the ledger.
        period: Of the sweeps' and the runs' days.
        now: Of the operator's clock.
        at_work: Some process sweeps now.
    """
    found = sweeps.sweeps(connection, period.since.isoformat(), period.before.isoformat())
    plans = [sweeps.plan_of(connection, one.age_plan_id) for one in found]
    by_sweep = [
        sweep_counts.of_sweep(one, sweeps.places(connection, one.id), plan.places)
        for one, plan in zip(found, plans, strict=True)
    ]
    places = sweep_counts.of_period(by_sweep)
    windows = sweep_windows.windows(connection, period.since)
    alarms = retention_alarms.alarms(connection, min(period.since, now.date()), now, at_work=at_work)
    return SweepReport(
        period=period,
        at=now,
        sweeps=[
            SweepOfPeriod(one, sweep_counts.of_types(counts), sweeps.series(connection, one.id))
            for one, counts in zip(found, by_sweep, strict=True)
        ],
        places=places,
        types=sweep_counts.of_types(places),
        not_by_age=_not_by_age(plans[-1].places if plans else []),
        runs=_runs(windows, period),
        history=_history(windows, period),
        history_of_all=_within(
            [Look(one.window.day, one.window.gone, one.backlog) for one in windows if one.ended_at], period
        ),
        backlog=backlog.backlog(connection, now.date()),
        alarms=[one for one in alarms if one.within(period.since, period.before)],
        sounding=[one for one in alarms if one.until is None],
        armed=sweeps.armed(connection) is not None,
    )


def _not_by_age(planned: Sequence[Mapping[str, object]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in planned:
        if "no_age" in one:
            found.setdefault(str(one["no_age"]), []).append(f"{one['store']}.{one['collection']}")
    return found


def _runs(windows: Sequence[SweepWindow], period: ReportPeriod) -> list[RunOfPeriod]:
    ended = [one for one in windows if one.ended_at is not None]
    looks = [Look(one.window.day, one.window.gone, one.backlog, one.empty_on) for one in ended]
    judged = dict(zip((one.id for one in ended), backlog_history.judged(looks), strict=True))
    return [RunOfPeriod(one, judged.get(one.id)) for one in windows if period.since <= one.window.day < period.before]


def _history(windows: Sequence[SweepWindow], period: ReportPeriod) -> dict[str, list[Day]]:
    ended = [one for one in windows if one.ended_at is not None]
    names = sorted({name for one in ended for name in one.by_type})
    return {name: _within([_look(one, name) for one in ended if name in one.by_type], period) for name in names}


def _within(looks: Sequence[Look], period: ReportPeriod) -> list[Day]:
    """Of looks that may begin before a period the days in it."""
    return [one for one in backlog_history.days(looks) if period.since <= one.day < period.before]


def _look(window: SweepWindow, data_type: str) -> Look:
    gone, left = window.by_type[data_type]
    return Look(window.window.day, gone, left)
