"""Public status of a request, from its own state and its batch's (DESIGN, A request's life). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from expunge_orchestrator.ledger.batch_status import public_state
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Request


def public_status(request: Request, batch: Batch | None, results: Mapping[str, int]) -> str:
    """One word.

    Args:
        request: The request.
        batch: Its batch, if it has one.
        results: Outcome -> number of people, of that batch.
    """
    if request.state is not RequestState.STARTED or batch is None:
        return "planning" if request.state is RequestState.STARTING else request.state.value
    return public_state(batch.state, results, undisclosed=batch.undisclosed)


def cancellable(request: Request) -> bool:
    """Whether it can still be taken back without a trace in any store."""
    return request.state is RequestState.SCHEDULED
