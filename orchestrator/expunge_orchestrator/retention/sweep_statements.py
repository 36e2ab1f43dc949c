"""Sweep statements: a series for each controller: what was due by age, and what came of it."""

from __future__ import annotations

from datetime import datetime

from expunge_orchestrator.ledger import Transaction, sweeps
from expunge_orchestrator.ledger.sweeps import AgePlanRow, Sweep
from expunge_orchestrator.receipts import sweep_bodies
from expunge_orchestrator.receipts.statement_issuer import StatementDraft, issue
from expunge_orchestrator.workspace import Workspace
from expunge_reports.statement import Open


def state_begun(connection: Transaction, workspace: Workspace, sweep: Sweep, plan: AgePlanRow, at: datetime) -> None:
    """State for each controller what is due, in the transaction that begins the sweep."""
    drafts = [
        StatementDraft(
            None,
            series,
            "sweep-begun",
            [plan.digest],
            sweep_bodies.sweep_begun(sweep, controller, plan.map_digest, plan.places),
            Open(1),
        )
        for controller, series in sorted(sweeps.series(connection, sweep.id).items())
    ]
    _issue(connection, workspace, drafts, at)


def state_done(connection: Transaction, workspace: Workspace, sweep: Sweep, at: datetime) -> None:
    """State for each controller what is gone and what is left, in the transaction that ends the sweep."""
    plan, places = sweeps.plan_of(connection, sweep.age_plan_id), sweeps.places(connection, sweep.id)
    drafts = [
        StatementDraft(
            None, series, "swept", [plan.digest], sweep_bodies.swept(sweep, controller, places, at), final=True
        )
        for controller, series in sorted(sweeps.series(connection, sweep.id).items())
    ]
    _issue(connection, workspace, drafts, at)


def _issue(connection: Transaction, workspace: Workspace, drafts: list[StatementDraft], at: datetime) -> None:
    if drafts:
        issue(connection, workspace.keys, drafts, at)
