"""Replay plans: one plan for each reach of the requests that are to be done again. Stores are only read (ADR 35).

A plan of these is a batch like any other: counted again, limited, approved, held up by holds, erased, verified, with
receipts of its own. Nothing is erased under the old approval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.planning import planner
from expunge_orchestrator.restores.returned_people import ReturnedPeople
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What was found, and the plan that takes it away again; None: nobody is back."""

    found: ReturnedPeople
    batch: Batch | None


def make(workspace: Workspace, found: Sequence[ReturnedPeople], planned: Callable[[int], None]) -> list[ReplayPlan]:
    """Plan what was found, as far as the requests went that it was erased by.

    Args:
        workspace: Stores, map and ledger.
        found: Of one look.
        planned: Told how many people were planned so far.

    Raises:
        UsageError: The controller has no such data type any more.
        ConnectorError: A store cannot be asked.
    """
    made, before = [], 0
    for one in found:
        batch = None
        if one.back:
            counted = _counted_from(before, planned)
            batch = planner.create_plan(workspace, one.back, one.reach.scope, counted, one.reach.data_types)
            before += len(one.back)
        made.append(ReplayPlan(one, batch))
    return made


def _counted_from(before: int, planned: Callable[[int], None]) -> Callable[[int], None]:
    """Count on, where the plan before this one ended."""
    return lambda number: planned(before + number)
