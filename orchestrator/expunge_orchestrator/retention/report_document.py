"""Report document: the report of a period as machines are told."""

from __future__ import annotations

from typing import Any

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.retention import backlog
from expunge_orchestrator.retention.retention_alarms import Alarm
from expunge_orchestrator.retention.sweep_counts import Counts, PlaceReport, TypeReport
from expunge_orchestrator.retention.sweep_report import RunOfPeriod, SweepOfPeriod, SweepReport
from expunge_orchestrator.rules.backlog_history import Day


def document(report: SweepReport) -> dict[str, Any]:
    """Counts, days and names of the data map; of nobody in particular."""
    forecast = report.backlog.forecast
    return {
        "period": report.period.text,
        "since": report.period.since.isoformat(),
        "before": report.period.before.isoformat(),
        "at": stamp(report.at),
        "armed": report.armed,
        "gone": report.gone,
        "along": report.along,
        "backlog": report.backlog.records,
        "backlog_by_type": dict(report.backlog.by_type),
        "forecast": forecast and backlog.document(forecast),
        "alarms": [_alarm(one) for one in report.alarms],
        "sounding": [_alarm(one) for one in report.sounding],
        "types": [_type(one) for one in report.types],
        "places": [_place(one) for one in report.places],
        "not_by_age": [{"reason": reason, "places": list(places)} for reason, places in report.not_by_age.items()],
        "sweeps": [_sweep(one) for one in report.sweeps],
        "windows": [_run(one) for one in report.runs],
        "history": {name: [_day(one) for one in days] for name, days in report.history.items()},
        "history_of_all": [_day(one) for one in report.history_of_all],
    }


def _alarm(one: Alarm) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "since": stamp(one.since),
        "until": one.until and stamp(one.until),
        "said": one.said,
    }


def _counts(one: Counts) -> dict[str, Any]:
    return {
        "due": one.due,
        "gone": one.gone,
        "along": one.along,
        "left": one.left,
        "held": one.held,
        "needed": one.needed,
        "other": one.other,
        "undated": one.undated,
        "oldest_left": one.oldest_left,
        "looked_on": one.looked_on and one.looked_on.isoformat(),
    }


def _type(one: TypeReport) -> dict[str, Any]:
    return {"data_type": one.data_type, "rule": one.rule, **_counts(one.counts)}


def _place(one: PlaceReport) -> dict[str, Any]:
    return {
        "store": one.store,
        "collection": one.collection,
        "data_type": one.data_type,
        "controller": one.controller,
        "rule": one.rule,
        **_counts(one.counts),
        "needed_by": list(one.needed_by),
        "failure": one.failure,
    }


def _sweep(one: SweepOfPeriod) -> dict[str, Any]:
    return {
        "id": one.sweep.uid,
        "day": one.sweep.day.isoformat(),
        "state": one.sweep.state.value,
        "why": one.sweep.why,
        "begun_at": stamp(one.sweep.begun_at),
        "ended_at": one.sweep.ended_at and stamp(one.sweep.ended_at),
        "series": dict(one.series),
        "types": [_type(each) for each in one.types],
    }


def _run(run: RunOfPeriod) -> dict[str, Any]:
    one, ended = run.window, run.window.ended_at
    emptied = run.judged and run.judged.emptied_on
    return {
        "day": one.window.day.isoformat(),
        "begun_at": stamp(one.begun_at),
        "ended_at": ended and stamp(ended),
        "seconds": round(one.window.seconds, 1),
        "allowed": one.window.allowed,
        "gone": None if ended is None else one.window.gone,
        "full": one.window.full,
        "stuck": one.stuck,
        "backlog": None if ended is None else one.backlog,
        "empty_on": one.empty_on and one.empty_on.isoformat(),
        "emptied_on": emptied and emptied.isoformat(),
        "days_late": run.judged and run.judged.late,
    }


def _day(one: Day) -> dict[str, Any]:
    return {"day": one.day.isoformat(), "came_due": one.came, "gone": one.gone, "left": one.left}
