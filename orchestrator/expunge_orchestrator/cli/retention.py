"""`expunge retention`: what has had its time: plan, arm, run, report, drift. A module for each verb."""

from __future__ import annotations

import typer

from expunge_orchestrator.cli import retention_arm, retention_drift, retention_plan, retention_report, retention_run


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Retention: what has had its time goes, and it is shown.")
    group.command("plan")(retention_plan.plan)
    group.command("arm")(retention_arm.arm)
    group.command("disarm")(retention_arm.disarm)
    group.command("run")(retention_run.run)
    group.command("report")(retention_report.report)
    group.command("drift")(retention_drift.drift)
    app.add_typer(group, name="retention")
