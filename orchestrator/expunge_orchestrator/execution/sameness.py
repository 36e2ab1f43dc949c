"""Sameness: the store that answers is the one that the plan was made for."""

from __future__ import annotations

from expunge_connectors.errors import IdentityChangedError
from expunge_orchestrator.execution.step_context import StepContext


def require_planned_store(context: StepContext) -> None:
    """Make sure that a store is the one that was planned for (law 4).

    Raises:
        IdentityChangedError: It is another one.
    """
    planned = context.batch.plan["stores"][context.store]["identity"]
    if context.workspace.stores[context.store].identity().digest != planned:
        raise IdentityChangedError(
            f"The store {context.store} is not the one that the plan was made for.",
            remedy="Find out which store answers at its address; then make a new plan.",
        )
