"""`expunge retention report`: what went by age in a period, what is left and why, what was wrong; for an auditor."""

from __future__ import annotations

import csv
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.retention import retention_alarms
from expunge_orchestrator.retention.backlog import Backlog
from expunge_orchestrator.retention.errors import RetentionBehindError
from expunge_orchestrator.retention.period import parse_period
from expunge_orchestrator.retention.report_document import document
from expunge_orchestrator.retention.retention_alarms import Alarm, AlarmKind
from expunge_orchestrator.retention.sweep_counts import Counts
from expunge_orchestrator.retention.sweep_report import RunOfPeriod, SweepReport, sweep_report
from expunge_orchestrator.workspace import opened
from expunge_reports.page.retention_page import retention_page

_COUNTED = ("due", "gone", "with them", "left", "on hold", "needed", "other", "oldest left", "seen on")
_TYPES = ("data type", "rule", *_COUNTED)
_PLACES = ("place", "data type", "controller", "rule", *_COUNTED, "without a start", "needed by", "failure")
_REMEDIES = {
    AlarmKind.NO_RUN: "Have cron run it: expunge retention run",
    AlarmKind.KILLED: "expunge retention run goes on where it was.",
    AlarmKind.STOPPED: "Look at `expunge retention plan`, then arm it anew.",
    AlarmKind.NOTHING_WENT: "See what `expunge retention run` says of each place, and `report --csv` under failure.",
}


def report(
    period: Annotated[str | None, typer.Option(help="2026, 2026-Q4 or 2026-11; otherwise this year.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet: a line for each place.")] = False,
    as_page: Annotated[
        Path | None, typer.Option("--page", help="Also write a readable HTML page.", metavar="FILE")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Show what went by age in a period, what is left and why, what was wrong, and when the backlog is gone.

    Reads the ledger. *left* is what a check found that shares no statement with what deletes: but for it, everything
    whose period was over on the day in *seen on* is gone. Of it, so much is *on hold*, or *needed* by something that
    stays. Ends 15 if an alarm is sounding: armed, and no run for 26 hours; one was killed; a sweep stands still;
    something could go, and nothing went.

    The page is one file, without scripts, with pictures of backlog, intake and drain.

    Example: expunge retention report --period 2026-Q4 --page retention-2026-Q4.html --csv > retention-2026-Q4.csv
    """
    asked = parse_period(period or str(now().year))
    with opened(load_settings(), installed()) as workspace:
        with reading(workspace.ledger) as connection:
            at_work = retention_alarms.at_work(workspace.ledger, connection)
            found = sweep_report(connection, asked, now(), at_work=at_work)
        operator = workspace.data_map.operator
    if as_page is not None:
        as_page.write_text(retention_page(document(found), operator.name, operator.contact), encoding="utf-8")
    if as_json:
        output.emit(document(found))
    elif as_csv:
        rows = csv.writer(sys.stdout)
        rows.writerow(_PLACES)
        rows.writerows(_places(found))
    else:
        _show(found)
    if found.sounding:
        raise RetentionBehindError(
            " ".join(one.said for one in found.sounding), remedy=_REMEDIES[found.sounding[0].kind]
        )


def _counted(of: Counts) -> tuple[object, ...]:
    looked = of.left is not None
    return (
        of.due,
        of.gone,
        of.along,
        of.left if looked else "not looked at yet",
        *((of.held, of.needed, of.other) if looked else ("", "", "")),
        of.oldest_left or "",
        "" if of.looked_on is None else of.looked_on.isoformat(),
    )


def _places(found: SweepReport) -> list[tuple[object, ...]]:
    return [
        (
            one.name,
            one.data_type,
            one.controller,
            one.rule,
            *_counted(one.counts),
            one.counts.undated,
            ", ".join(one.needed_by),
            one.failure or "",
        )
        for one in found.places
    ]


def _show(found: SweepReport) -> None:
    out = output.console()
    number = output.number_of(len(found.sweeps), "sweep")
    along = f", and {found.along} with them" if found.along else ""
    gone = output.number_of(found.gone, "record")
    out.print(f"[bold]{gone} deleted by age[/]{along} in {found.period.text}, by {number}.")
    show_backlog(found.backlog)
    if found.types:
        rows = [(one.data_type, one.rule, *_counted(one.counts)) for one in found.types]
        out.print(output.table("By age", _TYPES, rows))
    for one in found.places:
        if one.failure is not None:
            out.print(f"[yellow]{escape(one.name)}[/]: {escape(one.failure)}", soft_wrap=True)
        if one.counts.undated:
            out.print(f"{escape(one.name)}: {output.number_of(one.counts.undated, 'record')} without a start.")
    for reason, places in found.not_by_age.items():
        out.print(f"[yellow]Not by age[/]: {escape(', '.join(places))}. {escape(reason)}.", soft_wrap=True)
    for run in found.runs:
        out.print(f"{run.window.window.day.isoformat()}  {_ran(run)}")
    for alarm in found.alarms:
        out.print(f"[yellow]{_sounded(alarm)}[/]  {escape(alarm.said)}", soft_wrap=True)


def _sounded(alarm: Alarm) -> str:
    return f"alarm {stamp(alarm.since)} to {'now' if alarm.until is None else stamp(alarm.until)}"


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


def _ran(run: RunOfPeriod) -> str:
    one = run.window
    if one.ended_at is None:
        return "a run that is at work, or was killed"
    said = f"{one.window.gone} went in {one.window.seconds / 60:.0f} minutes; then {_left(one.backlog, one.empty_on)}"
    if run.judged is None or run.judged.emptied_on is None:
        return said
    return f"{said} (was gone on {run.judged.emptied_on.isoformat()})"


def _left(records: int, empty_on: date | None) -> str:
    if not records:
        return "nothing left"
    return f"{records} left, " + ("not gone at this rate" if empty_on is None else f"gone on {empty_on.isoformat()}")
