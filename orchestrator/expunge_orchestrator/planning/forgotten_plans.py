"""Forgotten plans: those that nobody carried out in time, and those that were not written to their end."""

from __future__ import annotations

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import stale_plans
from expunge_orchestrator.workspace import Workspace


def forget_stale(workspace: Workspace) -> int:
    """Cancel plans that are too old, and destroy the keys of their sealed identifiers. Returns how many there were."""
    with workspace.ledger.begin() as connection:
        stale = stale_plans.cancel_older(connection, stamp(now() - workspace.settings.plan_lifetime))
    stale_plans.destroy_keys(workspace.ledger)
    return stale
