"""`expunge erase` ends 0 only if nothing due was left of anybody (law 4)."""

from __future__ import annotations

from typing import Any

import pytest

from expunge_config.errors import ExpungeError
from expunge_orchestrator.cli.erase import refuse_unfinished
from expunge_orchestrator.errors import BatchBlockedError, NotErasedError
from expunge_orchestrator.ledger.states import RUNNING, BatchState, ChunkState
from expunge_orchestrator.receipts.standard_sentences import ENDED_BY_OPERATOR, LEFT_BEFORE
from expunge_orchestrator.rules.outcomes import Result

DONE = {BatchState.ERASED, BatchState.SETTLED}
BLOCKED = {BatchState.PAUSED, BatchState.ON_HOLD}


def view(state: BatchState, outcome: str = "erased", reason: str | None = None) -> dict[str, Any]:
    """A batch of one person as machines are told of it."""
    return {
        "id": "bt_1",
        "state": state,
        "people": 1,
        "outcomes": {outcome: 1},
        "reasons": {} if reason is None else {reason: 1},
        "chunks": [{"state": ChunkState.FAILED}],
    }


def refused(of: dict[str, Any]) -> type[ExpungeError] | None:
    """How it ends: as no error, or as one whose exit code is not 0."""
    try:
        refuse_unfinished(of)
    except ExpungeError as error:
        return type(error) if error.exit_code else None
    return None


@pytest.mark.parametrize("state", sorted(DONE))
def test_whose_people_are_all_erased(state: BatchState) -> None:
    assert refused(view(state)) is None


@pytest.mark.parametrize("state", [BatchState.FAILED, *sorted(RUNNING)])
def test_what_failed_or_is_not_finished(state: BatchState) -> None:
    assert refused(view(state)) is NotErasedError


@pytest.mark.parametrize("state", sorted(BLOCKED))
def test_what_waits_for_somebody(state: BatchState) -> None:
    assert refused(view(state)) is BatchBlockedError


@pytest.mark.parametrize("state", sorted(DONE))
@pytest.mark.parametrize("outcome", [Result.CANCELLED, Result.AMBIGUOUS])
def test_a_person_of_whom_nothing_was_erased(state: BatchState, outcome: Result) -> None:
    assert refused(view(state, outcome.value)) is NotErasedError


@pytest.mark.parametrize("reason", [*ENDED_BY_OPERATOR, LEFT_BEFORE])
def test_a_person_of_whom_something_is_left(reason: str) -> None:
    assert refused(view(BatchState.SETTLED, Result.PARTIALLY_ERASED.value, reason)) is NotErasedError
