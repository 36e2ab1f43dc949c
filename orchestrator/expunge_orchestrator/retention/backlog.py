"""Backlog: what is due and could go, how much goes in a day, and when nothing of it is left. From the ledger alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger import Transaction, sweep_windows, sweeps
from expunge_orchestrator.ledger.sweeps import AgePlanRow, SweepState
from expunge_orchestrator.rules import backlog_forecast
from expunge_orchestrator.rules.backlog_forecast import Forecast
from expunge_orchestrator.workspace import Workspace

_WINDOWS = 20
"""So many are measured."""

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is due and could go.

    Attributes:
        records: How many.
        forecast: None: no run was measured yet.
    """

    records: int
    forecast: Forecast | None


@dataclass
class OpenWindow:
    """A run at work.

    Attributes:
        gone: How many records went in it by their own age, as far as is known.
        full: Its time was over before everything that could go was gone.
        swept: A sweep went on in it, or began: one to which leave was refused is no run.
    """

    gone: int = 0
    full: bool = False
    swept: bool = False


@contextmanager
def window(workspace: Workspace, until: datetime | None) -> Iterator[OpenWindow]:
    """Around a run: measure it, and write down what it left and the day that is forecast then."""
    begun, opened = now(), OpenWindow()
    with workspace.ledger.begin() as connection:
        allowed = None if until is None else (until - begun).total_seconds()
        number = sweep_windows.open_window(connection, begun, allowed)
    try:
        yield opened
    finally:
        with workspace.ledger.begin() as connection:
            if opened.swept:
                sweep_windows.close_window(connection, number, now(), opened.gone, full=opened.full)
                found = backlog(connection, now().date())
                empty_on = None if found.forecast is None else found.forecast.empty_on
                sweep_windows.foresee(connection, number, found.records, empty_on)
            else:
                sweep_windows.forget(connection, number)


def backlog(connection: Transaction, today: date) -> Backlog:
    """By what the last sweep saw as it began, what went since, and what came due since."""
    last = sweeps.last(connection)
    if last is None:
        return Backlog(0, None)
    plan = sweeps.plan_of(connection, last.age_plan_id)
    seen = 0
    if last.state is not SweepState.DONE:
        seen = plan.goes - sum(one.swept + one.held for one in sweeps.places(connection, last.id))
    return _from(connection, max(0, seen), plan.places, last.day, today)


def of_plan(connection: Transaction, plan: AgePlanRow) -> Backlog:
    """By a plan that was just made."""
    return _from(connection, plan.goes, plan.places, plan.at.date(), plan.at.date())


def _from(
    connection: Transaction, seen: int, places: Sequence[Mapping[str, Any]], planned: date, today: date
) -> Backlog:
    weeks = [sum(week) for week in zip(*(one["due_in_weeks"] for one in places if "due" in one), strict=True)]
    coming = [week / _WEEK for week in weeks for _ in range(_WEEK)]
    past = (today - planned).days
    average = sum(coming) / len(coming) if coming else 0.0
    records = round(seen + sum(coming[:past]) + average * max(0, past - len(coming)))
    measured = [one.window for one in sweep_windows.recent(connection, _WINDOWS) if one.ended_at is not None]
    drain = backlog_forecast.drain(measured)
    if drain is None:
        return Backlog(records, None)
    if any(one.day == today for one in measured):
        first, due = today + timedelta(days=1), coming[past:]
    else:
        first, due = today, [0.0, *coming[past:]]
    return Backlog(records, backlog_forecast.forecast(records, due, drain, first))


def document(forecast: Forecast) -> dict[str, Any]:
    """As machines are told."""
    return {
        "records_per_second": round(forecast.drain.per_second, 1),
        "seconds_a_day": round(forecast.drain.seconds_a_day, 1),
        "empty_on": forecast.empty_on and forecast.empty_on.isoformat(),
        "keeps_up": forecast.keeps_up,
    }
