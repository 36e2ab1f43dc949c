"""Retention metrics: backlog, what the last sweep came to, days left, alarms. Labels: the map's names."""

from __future__ import annotations

import math
from datetime import date, datetime

from prometheus_client import CollectorRegistry, Gauge

from expunge_orchestrator.ledger import Ledger, Transaction, sweeps
from expunge_orchestrator.retention import backlog, retention_alarms, sweep_counts
from expunge_orchestrator.retention.backlog import Backlog
from expunge_orchestrator.retention.retention_alarms import AlarmKind


def add(registry: CollectorRegistry, ledger: Ledger, connection: Transaction, at: datetime) -> None:
    """Add them, as they are in this transaction; what nobody has measured is not there."""
    armed = Gauge("expunge_retention_armed", "Whether anything may be deleted by age.", registry=registry)
    armed.set(sweeps.armed(connection) is not None)
    _backlog(registry, backlog.backlog(connection, at.date()), at.date())
    _last_sweep(registry, connection)
    sounds = Gauge("expunge_retention_alarm", "Whether an alarm sounds.", ("kind",), registry=registry)
    at_work = retention_alarms.at_work(ledger, connection)
    sounding = {
        one.kind for one in retention_alarms.alarms(connection, at.date(), at, at_work=at_work) if one.until is None
    }
    for kind in AlarmKind:
        sounds.labels(kind.value).set(kind in sounding)


def _backlog(registry: CollectorRegistry, found: Backlog, today: date) -> None:
    labels, said = ("data_type",), "Records that are due by age and could go."
    records = Gauge("expunge_retention_backlog_records", said, labels, registry=registry)
    for data_type, number in found.by_type.items():
        records.labels(data_type).set(number)
    if found.forecast is not None:
        said = "Days until the backlog is gone at the measured rate; +Inf: it is not in sight."
        days = Gauge("expunge_retention_days_left", said, registry=registry)
        keeps_up = Gauge(
            "expunge_retention_keeps_up", "Whether 1.3 times as much can go as comes due.", registry=registry
        )
        empty_on = found.forecast.empty_on
        left = math.inf if empty_on is None else max(0, (empty_on - today).days)
        days.set(left if found.records else 0)
        keeps_up.set(found.forecast.keeps_up)


def _last_sweep(registry: CollectorRegistry, connection: Transaction) -> None:
    said = "Records of the sweep that began last: due, deleted; and left, once it has looked, and why."
    records = Gauge("expunge_retention_sweep_records", said, ("data_type", "what"), registry=registry)
    last = sweeps.last(connection)
    if last is None:
        return
    planned = sweeps.plan_of(connection, last.age_plan_id).places
    for one in sweep_counts.of_types(sweep_counts.of_sweep(last, sweeps.places(connection, last.id), planned)):
        counts = one.counts
        told = {"due": counts.due, "deleted": counts.gone, "deleted-with-them": counts.along}
        if counts.left is not None:
            told |= {"left": counts.left, "held": counts.held, "needed": counts.needed, "other": counts.other}
        for what, number in told.items():
            records.labels(one.data_type, what).set(number)
