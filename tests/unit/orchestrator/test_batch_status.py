"""The one function that says what people and machines see of a batch's state."""

from __future__ import annotations

import pytest

from expunge_orchestrator.ledger.batch_status import public_state
from expunge_orchestrator.ledger.states import BatchState

RESULTS = (
    {},
    {"open": 1},
    {"failed": 1, "open": 1},
    {"on-hold": 1},
    {"erased": 2},
    {"erased": 1, "partially-erased": 1},
)


@pytest.mark.parametrize("results", RESULTS)
@pytest.mark.parametrize("state", [state for state in BatchState if state is not BatchState.PAUSED])
def test_an_undisclosed_hold_shows_as_work_in_hand_whatever_else_became_of_the_batch(
    state: BatchState, results: dict[str, int]
) -> None:
    assert public_state(state, results, undisclosed=True) == "executing"


@pytest.mark.parametrize("undisclosed", [True, False])
def test_a_pause_is_an_operators_own_act(undisclosed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert public_state(BatchState.PAUSED, {"open": 1}, undisclosed=undisclosed) == "paused"


@pytest.mark.parametrize(
    ("state", "results", "seen"),
    [
        (BatchState.ERASED, {"erased": 2, "not-found": 1}, "erased"),
        (BatchState.ERASED, {"erased": 1, "partially-erased": 1}, "partially-erased"),
        (BatchState.ERASED, {"not-found": 1}, "not-found"),
        (BatchState.ERASED, {}, "erased"),
        (BatchState.SETTLING, {"erased": 1}, "settling"),
        (BatchState.SETTLED, {"ambiguous": 1}, "ambiguous"),
        (BatchState.ON_HOLD, {"on-hold": 1}, "on-hold"),
        (BatchState.ON_HOLD, {"erased": 1}, "on-hold"),
        (BatchState.FAILED, {"failed": 1}, "failed"),
    ],
)
def test_without_one(state: BatchState, results: dict[str, int], seen: str) -> None:
    assert public_state(state, results, undisclosed=False) == seen
