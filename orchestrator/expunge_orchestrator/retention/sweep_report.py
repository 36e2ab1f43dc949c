"""Sweep report: what went by age in a period, what is left, and whether it keeps up (ADR 30). From the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from expunge_orchestrator.ledger import Transaction, sweeps
from expunge_orchestrator.ledger.sweeps import Sweep, SweepPlace, SweepState
from expunge_orchestrator.retention.period import ReportPeriod
from expunge_orchestrator.rules import backlog_forecast
from expunge_orchestrator.rules.backlog_forecast import Forecast

LATE = timedelta(days=2)
"""Armed, and no sweep for so long: nobody runs it."""

_RATES = 20


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
        days: Day -> (due when a sweep began, gone by it), for a picture.
        backlog: Due, and could go, when the last plan was made.
        forecast: None: nothing was measured yet.
        late: Armed, and no sweep began for two days; since when.
        stopped: Why the sweep that is not done stands still.
    """

    period: ReportPeriod
    sweeps: Sequence[Sweep]
    places: Sequence[PlaceReport]
    days: Sequence[tuple[date, int, int]]
    backlog: int
    forecast: Forecast | None
    late: datetime | None
    stopped: str | None

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
    days = [(one.day, plans[one.id].goes, sum(place.swept for place in places)) for one, places in by_sweep]
    last, armed = sweeps.last(connection), sweeps.armed(connection)
    since = None if armed is None else max(armed.armed_at, armed.armed_at if last is None else last.begun_at)
    unfinished = sweeps.unfinished(connection)
    backlog, forecast = _forecast(connection, last, now.date())
    return SweepReport(
        period,
        found,
        _places(by_sweep, rules),
        days,
        backlog,
        forecast,
        since if since is not None and now - since > LATE else None,
        None if unfinished is None or unfinished.state is not SweepState.STOPPED else unfinished.why,
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


def _forecast(connection: Transaction, last: Sweep | None, today: date) -> tuple[int, Forecast | None]:
    if last is None:
        return 0, None
    plan = sweeps.plan_of(connection, last.age_plan_id)
    places = sweeps.places(connection, last.id)
    backlog = max(0, plan.goes - sum(one.swept for one in places))
    recent = sweeps.sweeps(connection, "0001-01-01", "9999-12-31")[-_RATES:]
    measured = []
    for one in recent:
        went = sum(place.swept for place in sweeps.places(connection, one.id))
        if one.seconds > 0 and went:
            measured.append((went / one.seconds, one.seconds))
    rate = backlog_forecast.rate([one for one, _ in measured])
    if rate is None:
        return backlog, None
    window = max(seconds for _, seconds in measured)
    weeks = [sum(week) for week in zip(*(one["due_in_weeks"] for one in plan.places if "due" in one), strict=True)]
    return backlog, backlog_forecast.forecast(backlog, weeks, rate, window, today)


def document(report: SweepReport) -> dict[str, Any]:
    """As machines are told."""
    forecast = report.forecast
    return {
        "period": report.period.text,
        "since": report.period.since.isoformat(),
        "before": report.period.before.isoformat(),
        "sweeps": [one.uid for one in report.sweeps],
        "gone": report.gone,
        "backlog": report.backlog,
        "forecast": forecast
        and {
            "records_per_second": round(forecast.rate, 1),
            "empty_on": forecast.empty_on and forecast.empty_on.isoformat(),
            "keeps_up": forecast.keeps_up,
        },
        "no_sweep_since": report.late and report.late.isoformat(),
        "stopped": report.stopped,
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
