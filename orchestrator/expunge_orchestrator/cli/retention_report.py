"""`expunge retention report`: what went by age in a period, what is left, and whether it keeps up."""

from __future__ import annotations

import csv
import sys
from datetime import date
from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.runner_lock import sweeping
from expunge_orchestrator.ledger.sweep_windows import SweepWindow
from expunge_orchestrator.retention.backlog import Backlog
from expunge_orchestrator.retention.errors import RetentionBehindError
from expunge_orchestrator.retention.period import parse_period
from expunge_orchestrator.retention.sweep_report import SweepReport, document, sweep_report
from expunge_orchestrator.workspace import opened

_COLUMNS = (
    "place",
    "data type",
    "controller",
    "rule",
    "gone",
    "with them",
    "left",
    "on hold",
    "oldest left",
    "seen on",
)


def report(
    period: Annotated[str | None, typer.Option(help="2026, 2026-Q4 or 2026-11; otherwise this year.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")] = False,
    as_json: output.Json = False,
) -> None:
    """Show what went by age in a period, what is left and why, and on which day the backlog is gone. Reads the ledger.

    *left* is what a check found that shares no statement with what deletes: but for it, everything of the place whose
    period was over on the day in *seen on* is gone. Ends 15 if retention is armed and no run began for 26 hours, if the
    last one was killed, or if a sweep stands still.

    Example: expunge retention report --period 2026-Q4 --csv > retention-2026-Q4.csv
    """
    asked = parse_period(period or str(now().year))
    with opened(load_settings(), installed()) as workspace, reading(workspace.ledger) as connection:
        found = sweep_report(connection, asked, now())
        killed = found.open is not None and not sweeping(workspace.ledger)
    if as_json:
        output.emit(document(found))
    elif as_csv:
        rows = csv.writer(sys.stdout)
        rows.writerow(_COLUMNS)
        rows.writerows(_rows(found))
    else:
        _show(found)
    if found.late is not None:
        raise RetentionBehindError(
            f"Retention is armed, and no run began since {stamp(found.late)}.",
            remedy="Have cron run it: expunge retention run",
        )
    if killed and found.open is not None:
        raise RetentionBehindError(
            f"The run that began {stamp(found.open)} was killed, and none began since.",
            remedy="expunge retention run goes on where it was.",
        )
    if found.stopped is not None:
        raise RetentionBehindError(
            f"A sweep stands still: {found.stopped}", remedy="Look at `expunge retention plan`, then arm it anew."
        )


def _rows(found: SweepReport) -> list[tuple[object, ...]]:
    return [
        (
            f"{one.store}.{one.collection}",
            one.data_type,
            one.controller,
            one.rule,
            one.gone,
            one.along,
            "not looked at yet" if one.left is None else one.left,
            one.held,
            one.oldest_left or "",
            "" if one.looked_on is None else one.looked_on.isoformat(),
        )
        for one in found.places
    ]


def _show(found: SweepReport) -> None:
    out = output.console()
    number = output.number_of(len(found.sweeps), "sweep")
    out.print(f"[bold]{output.number_of(found.gone, 'record')} deleted by age[/] in {found.period.text}, by {number}.")
    show_backlog(found.backlog)
    if found.places:
        out.print(output.table("By age", _COLUMNS, _rows(found)))
    for one in found.windows:
        out.print(f"{one.window.day.isoformat()}  {_ran(one)}")


def show_backlog(found: Backlog) -> None:
    """What can go is left, until when, and whether it keeps up."""
    forecast, out = found.forecast, output.console()
    if forecast is not None:
        drain = forecast.drain
        keeps = "keeps up" if forecast.keeps_up else "[yellow]does not keep up[/] with what comes due in the next weeks"
        out.print(
            f"{drain.a_day:.0f} records a day can go, in {drain.seconds_a_day / 3600:.1f} hours: it {keeps}."
            f" Backlog: {_left(found.records, forecast.empty_on)}."
        )


def _ran(one: SweepWindow) -> str:
    if one.ended_at is None:
        return "a run that is at work, or was killed"
    minutes = f"{one.window.seconds / 60:.0f} minutes"
    return f"{one.window.gone} went in {minutes}; then {_left(one.backlog, one.empty_on)}"


def _left(records: int, empty_on: date | None) -> str:
    if not records:
        return "nothing left"
    return f"{records} left, " + ("not gone at this rate" if empty_on is None else f"gone on {empty_on.isoformat()}")
