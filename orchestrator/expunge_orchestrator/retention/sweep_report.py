"""Sweep report: what went by age in a period, what is left, and whether it keeps up (ADR 30). From the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import Transaction, sweep_windows, sweeps
from expunge_orchestrator.ledger.sweep_windows import SweepWindow
from expunge_orchestrator.ledger.sweeps import Sweep, SweepPlace, SweepState
from expunge_orchestrator.retention import backlog
from expunge_orchestrator.retention.backlog import Backlog
from expunge_orchestrator.retention.period import ReportPeriod

LATE = timedelta(hours=26)
"""Armed, and no run for so long: nobody runs it. A day, and what one night begins later than the other."""


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """One collection over a period.

    Attributes:
        gone: Records that went by their own age; `along`: and with them, of other collections.
        left: Due and there when the last sweep was done; None: none was done.
        looked_on: The day of that sweep: but for what is left, everything whose period was over then is gone.
    """

    store: str
    collection: str
    data_type: str
    controller: str
    rule: str
    gone: int
    along: int
    left: int | None
    held: int
    oldest_left: str | None
    looked_on: date | None


@dataclass(frozen=True, slots=True)
class SweepReport:
    """A period.

    Attributes:
        windows: The runs.
        backlog: What is due and could go, and the day that is forecast.
        late: Armed, and no run began for a day; since when.
        stopped: Why the sweep that is not done stands still.
        open: When the last run began, if it has not ended. It is at work, or its process was killed.
    """

    period: ReportPeriod
    sweeps: Sequence[Sweep]
    places: Sequence[PlaceReport]
    windows: Sequence[SweepWindow]
    backlog: Backlog
    late: datetime | None
    stopped: str | None
    open: datetime | None

    @property
    def gone(self) -> int:
        """Records that went by their own age."""
        return sum(one.gone for one in self.places)


def sweep_report(connection: Transaction, period: ReportPeriod, now: datetime) -> SweepReport:
    """Read the report of a period.

    Args:
        connection: Reads the ledger.
        period: Of the sweeps' days.
        now: Of the operator's clock.
    """
    found = sweeps.sweeps(connection, period.since.isoformat(), period.before.isoformat())
    by_sweep = [(one, sweeps.places(connection, one.id)) for one in found]
    plans = {one.id: sweeps.plan_of(connection, one.age_plan_id) for one in found}
    rules = {
        (place["store"], place["collection"]): f"{place['period']} from {place['start_event']}"
        for one in found
        for place in plans[one.id].places
    }
    last, armed = sweep_windows.recent(connection, 1), sweeps.armed(connection)
    since = None if armed is None else max([armed.armed_at, *(one.begun_at for one in last)])
    unfinished = sweeps.unfinished(connection)
    return SweepReport(
        period,
        found,
        _places(by_sweep, rules),
        sweep_windows.windows(connection, period.since.isoformat(), period.before.isoformat()),
        backlog.backlog(connection, now.date()),
        since if since is not None and now - since > LATE else None,
        None if unfinished is None or unfinished.state is not SweepState.STOPPED else unfinished.why,
        next((one.begun_at for one in last if one.ended_at is None), None),
    )


def _places(
    by_sweep: Sequence[tuple[Sweep, Sequence[SweepPlace]]], rules: Mapping[tuple[str, str], str]
) -> list[PlaceReport]:
    found: dict[tuple[str, str], PlaceReport] = {}
    for sweep, places in by_sweep:
        for one in places:
            at = one.store, one.collection
            before = found.get(at)
            gone, along = one.swept, sum(one.gone.values()) - one.swept
            looked = one.left is not None
            found[at] = PlaceReport(
                one.store,
                one.collection,
                one.data_type,
                one.controller,
                rules.get(at, ""),
                gone + (before.gone if before else 0),
                along + (before.along if before else 0),
                int(one.left[0]) if one.left is not None else before.left if before else None,
                one.held if looked or before is None else before.held,
                one.left[1] if one.left is not None else before.oldest_left if before else None,
                sweep.day if looked else before.looked_on if before else None,
            )
    return list(found.values())


def document(report: SweepReport) -> dict[str, Any]:
    """As machines are told."""
    forecast = report.backlog.forecast
    return {
        "period": report.period.text,
        "since": report.period.since.isoformat(),
        "before": report.period.before.isoformat(),
        "sweeps": [one.uid for one in report.sweeps],
        "gone": report.gone,
        "backlog": report.backlog.records,
        "forecast": forecast and backlog.document(forecast),
        "no_run_since": report.late and report.late.isoformat(),
        "stopped": report.stopped,
        "windows": [
            {
                "day": one.window.day.isoformat(),
                "begun_at": stamp(one.begun_at),
                "ended_at": one.ended_at and stamp(one.ended_at),
                "seconds": round(one.window.seconds, 1),
                "allowed": one.window.allowed,
                "gone": None if one.ended_at is None else one.window.gone,
                "full": one.window.full,
                "backlog": None if one.ended_at is None else one.backlog,
                "empty_on": one.empty_on and one.empty_on.isoformat(),
            }
            for one in report.windows
        ],
        "places": [
            {
                "store": one.store,
                "collection": one.collection,
                "data_type": one.data_type,
                "controller": one.controller,
                "rule": one.rule,
                "gone": one.gone,
                "along": one.along,
                "left": one.left,
                "held": one.held,
                "oldest_left": one.oldest_left,
                "looked_on": one.looked_on and one.looked_on.isoformat(),
            }
            for one in report.places
        ],
    }
