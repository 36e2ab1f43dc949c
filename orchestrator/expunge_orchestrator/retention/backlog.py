"""Backlog: what is due and could go, how much goes in a day, and when nothing of it is left. From the ledger alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
        by_type: How many records of each data type.
        forecast: None: no run was measured yet.
    """

    by_type: Mapping[str, int]
    forecast: Forecast | None

    @property
    def records(self) -> int:
        """How many."""
        return sum(self.by_type.values())


@dataclass
class OpenWindow:
    """A run at work.

    Attributes:
        went: Data type -> how many records went in it by their own age, as far as is known.
        full: Its time was over before everything that could go was gone.
        swept: A sweep went on in it, or began: one to which leave was refused is no run.
        stuck: Something could go, and nothing went.
    """

    went: dict[str, int] = field(default_factory=dict)
    full: bool = False
    swept: bool = False
    stuck: bool = False

    @property
    def gone(self) -> int:
        """How many records went."""
        return sum(self.went.values())

    def take(self, data_type: str, records: int) -> None:
        """So many more went."""
        self.went[data_type] = self.went.get(data_type, 0) + records


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
                left = backlog(connection, now().date())
                opened.stuck |= opened.gone == 0 and left.records > 0
                sweep_windows.foresee(
                    connection,
                    number,
                    left.records,
                    None if left.forecast is None else left.forecast.empty_on,
                    by_type=_taken_and_left(opened, left),
                    stuck=opened.stuck,
                )
            else:
                sweep_windows.forget(connection, number)


def _taken_and_left(opened: OpenWindow, left: Backlog) -> dict[str, tuple[int, int]]:
    names = sorted({*opened.went, *left.by_type})
    return {name: (opened.went.get(name, 0), left.by_type.get(name, 0)) for name in names}


def backlog(connection: Transaction, today: date) -> Backlog:
    """By what the last sweep saw as it began, what went since, and what came due since."""
    last = sweeps.last(connection)
    if last is None:
        return Backlog({}, None)
    plan = sweeps.plan_of(connection, last.age_plan_id)
    done = last.state is SweepState.DONE
    taken = {} if done else {(one.store, one.collection): one for one in sweeps.places(connection, last.id)}
    seen: dict[str, int] = {}
    for place in plan.places:
        at = taken.get((place["store"], place["collection"]))
        if at is not None:
            seen[at.data_type] = seen.get(at.data_type, 0) + place["goes"] - at.swept - at.held
    return _from(connection, seen, plan.places, last.day, today)


def of_plan(connection: Transaction, plan: AgePlanRow) -> Backlog:
    """By a plan that was just made."""
    seen: dict[str, int] = {}
    for place in plan.places:
        if "due" in place:
            seen[place["data_type"]] = seen.get(place["data_type"], 0) + place["goes"]
    return _from(connection, seen, plan.places, plan.at.date(), plan.at.date())


def _from(
    connection: Transaction,
    seen: Mapping[str, int],
    places: Sequence[Mapping[str, Any]],
    planned: date,
    today: date,
) -> Backlog:
    past = max(0, (today - planned).days)
    by_type = {
        name: round(max(0, seen.get(name, 0)) + _came_due(_coming(places, name), past))
        for name in sorted({one["data_type"] for one in places if "due" in one})
    }
    records, coming = sum(by_type.values()), _coming(places)
    measured = [one.window for one in sweep_windows.recent(connection, _WINDOWS) if one.ended_at is not None]
    drain = backlog_forecast.drain(measured)
    if drain is None:
        return Backlog(by_type, None)
    if any(one.day == today for one in measured):
        first, due = today + timedelta(days=1), coming[past:]
    else:
        first, due = today, [0.0, *coming[past:]]
    return Backlog(by_type, backlog_forecast.forecast(records, due, drain, first))


def _coming(places: Sequence[Mapping[str, Any]], data_type: str | None = None) -> list[float]:
    """How many come due on each of the next weeks' days, of one data type or of all."""
    wanted = [one for one in places if "due" in one and data_type in {None, one["data_type"]}]
    weeks = [sum(week) for week in zip(*(one["due_in_weeks"] for one in wanted), strict=True)]
    return [week / _WEEK for week in weeks for _ in range(_WEEK)]


def _came_due(coming: Sequence[float], past: int) -> float:
    """How many came due in so many days; beyond those that were counted, as many as on the average."""
    average = sum(coming) / len(coming) if coming else 0.0
    return sum(coming[:past]) + average * max(0, past - len(coming))


def document(forecast: Forecast) -> dict[str, Any]:
    """As machines are told."""
    return {
        "records_per_second": round(forecast.drain.per_second, 1),
        "seconds_a_day": round(forecast.drain.seconds_a_day, 1),
        "empty_on": forecast.empty_on and forecast.empty_on.isoformat(),
        "keeps_up": forecast.keeps_up,
    }
