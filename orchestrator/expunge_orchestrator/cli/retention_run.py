"""`expunge retention run`: delete by age what has had its time. For cron."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.runner_lock import sweep_lock
from expunge_orchestrator.ledger.sweeps import SweepState
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_orchestrator.retention.backlog import window
from expunge_orchestrator.retention.errors import RetentionBehindError
from expunge_orchestrator.retention.sweep_run import Pace, SweepRun
from expunge_orchestrator.retention.sweep_view import SweepView, sweep_view
from expunge_orchestrator.workspace import opened


def run(
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            help="Begin no piece after so long; the next run goes on.",
            min=0.01,
            max=output.MOST_MINUTES,
            callback=output.number,
        ),
    ] = None,
    busy: Annotated[
        float,
        typer.Option(
            help="The share of the time, at most, in which a store is at work for it.",
            min=0.01,
            max=1.0,
            callback=output.number,
        ),
    ] = 0.2,
    as_json: output.Json = False,
) -> None:
    """Delete what is due by age, piece by piece; verify; state what went and what is left. Goes on where it stopped.

    Needs `expunge retention arm`. One process at a time sweeps; requests go on beside it. Each piece is a short
    transaction, and the store rests in between. Holds are asked before each piece. Ends 15 if something could go and
    nothing went, in this run or in a sweep that it ended.

    Example: 15 1 * * *  expunge retention run --minutes 180
    """
    with opened(load_settings(), installed()) as workspace, sweep_lock(workspace.ledger):
        until = None if minutes is None else now() + timedelta(minutes=minutes)
        try:
            with output.progress("Records deleted by age", None) as show, window(workspace, until) as measured:
                swept = list(SweepRun(workspace, Pace(busy, until), show, measured).run())
        finally:
            with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
                publish(workspace.ledger, writer, lambda _: None)
        with reading(workspace.ledger) as connection:
            *earlier, view = [sweep_view(connection, one) for one in swept]
    if as_json:
        output.emit({**view.document, "earlier": [one.document for one in earlier]})
    else:
        for one in (*earlier, view):
            show_sweep(one)
    if measured.stuck:
        raise RetentionBehindError(
            "Records that could go are due, and none went.",
            remedy="`expunge retention report` names the places; see what the failure there says.",
        )


def show_sweep(view: SweepView) -> None:
    """The answer first: what went; then each place."""
    out, sweep = output.console(), view.sweep
    done = "done" if sweep.state is SweepState.DONE else f"{sweep.state.value}: {sweep.why}"
    along = f", and {view.along} with them" if view.along else ""
    gone = output.number_of(view.gone, "record")
    out.print(f"[bold]{gone} deleted by age[/]{along}. Sweep {sweep.uid} of {sweep.day}, {done}.")
    rows = [
        (f"{one.store}.{one.collection}", one.due, one.swept, *view.left_of(one), one.failure or "")
        for one in view.places
    ]
    columns = ("place", "due", "gone", "left", "on hold", "oldest left", "failure")
    out.print(output.table("By age", columns, rows))
