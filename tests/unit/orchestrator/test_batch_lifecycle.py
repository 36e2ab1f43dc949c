"""One function derives a batch's state from its chunks."""

from __future__ import annotations

import pytest

from expunge_orchestrator.execution.batch_lifecycle import derived
from expunge_orchestrator.ledger.states import BatchState, ChunkState

READY, RUNNING, WAITING, HELD, DONE, FAILED, CANCELLED = (
    ChunkState.READY,
    ChunkState.RUNNING,
    ChunkState.WAITING,
    ChunkState.HELD,
    ChunkState.DONE,
    ChunkState.FAILED,
    ChunkState.CANCELLED,
)


@pytest.mark.parametrize(
    ("erasing", "settling", "state"),
    [
        ([READY], [], BatchState.EXECUTING),
        ([RUNNING], [DONE], BatchState.EXECUTING),
        ([], [READY], BatchState.SETTLING),
        ([RUNNING], [READY], BatchState.EXECUTING),
        ([FAILED, HELD], [RUNNING], BatchState.SETTLING),
        ([FAILED, HELD], [WAITING], BatchState.FAILED),
        ([HELD], [WAITING, DONE], BatchState.ON_HOLD),
        ([], [HELD, DONE], BatchState.ON_HOLD),
        ([], [WAITING, DONE], BatchState.ERASED),
        ([CANCELLED], [WAITING], BatchState.ERASED),
        ([], [DONE], BatchState.SETTLED),
        ([CANCELLED], [DONE], BatchState.SETTLED),
        ([CANCELLED], [], BatchState.CANCELLED),
    ],
)
def test_the_state_of_a_batch(erasing: list[ChunkState], settling: list[ChunkState], state: BatchState) -> None:
    groups = {*((one, True) for one in erasing), *((one, False) for one in settling)}
    assert derived(groups, withdrawing=False) is state
    assert derived(groups, withdrawing=True) is BatchState.CANCELLING, "who is to be withdrawn comes first"
