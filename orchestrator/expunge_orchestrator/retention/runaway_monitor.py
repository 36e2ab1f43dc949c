"""Runaway monitor: no sweep begins by which more would go than leave was given for, or than was foreseen (ADR 30)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from expunge_connectors.contract import Heartbeat
from expunge_orchestrator.ledger import sweeps
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.sweeps import AgePlanRow, Arming
from expunge_orchestrator.retention import age_plan
from expunge_orchestrator.retention.age_plan import AgePlan
from expunge_orchestrator.retention.errors import RunawayError
from expunge_orchestrator.rules.runaway_limit import beyond
from expunge_orchestrator.workspace import Workspace


def planned(workspace: Workspace, arming: Arming, today: date, beat: Heartbeat) -> AgePlan:
    """Look at what is due, and hold it against the leave and against what was seen last.

    Args:
        workspace: Stores and ledger.
        arming: The leave.
        today: UTC.
        beat: Called after each piece that is counted.

    Raises:
        RunawayError: More would go, or more came due. A start column was filled anew, or a period shortened by mistake.
    """
    plan = age_plan.age_plan(workspace, today, beat)
    before = _seen_last(workspace, arming)
    if more := beyond(_less_gone(workspace, before), before.at.date(), age_plan.document(plan), today):
        said = "; ".join(
            f"{place}: {due} due, {'not planned' if expected is None else f'at most {expected} foreseen'}"
            for place, due, expected in more
        )
        raise RunawayError(
            f"More came due than the last plan foresaw: {said}. Nothing was deleted.",
            remedy="See whether starts were changed or a period was shortened; then plan and arm anew.",
        )
    if plan.goes > arming.at_most:
        raise RunawayError(
            f"{plan.goes} records would go, and leave was given for {arming.at_most}. Nothing was deleted.",
            remedy="Look at `expunge retention plan`, then: expunge retention arm PLAN --at-most NUMBER",
        )
    return plan


def _seen_last(workspace: Workspace, arming: Arming) -> AgePlanRow:
    """The plan of the sweep before, or that which was armed."""
    with reading(workspace.ledger) as connection:
        last = sweeps.last(connection)
        if last is None or last.arming_id != arming.id:
            return arming.plan
        return sweeps.plan_of(connection, last.age_plan_id)


def _less_gone(workspace: Workspace, plan: AgePlanRow) -> list[Mapping[str, Any]]:
    """The places of a plan, with what is due of them less what went since."""
    with reading(workspace.ledger) as connection:
        last = sweeps.last(connection)
        places = [] if last is None or last.age_plan_id != plan.id else sweeps.places(connection, last.id)
    gone = {(one.store, one.collection): one.swept for one in places}
    return [
        {**one, "due": max(0, one["due"] - gone.get((one["store"], one["collection"]), 0))} if "due" in one else one
        for one in plan.places
    ]
