"""The table of OpenDSR's words over everything that a request and its batch can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from expunge_connectors.contract import Scope
from expunge_orchestrator.api.opendsr.statuses import more_of, status_of
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.notifications import events
from expunge_orchestrator.notifications.events import Event
from expunge_orchestrator.requests import public_status

AT = "2026-11-25T12:00:00Z"
WAITING = requests.new(
    1,
    {
        "uid": "rq_1",
        "origin": "controller",
        "controller": "client",
        "member": "42",
        "state": "scheduled",
        "state_at": AT,
        "asked_by": "key",
        "received_at": AT,
        "due_at": AT,
        "grace_waived": False,
    },
)
STARTED = replace(WAITING, state=RequestState.STARTED, batch_id=1, batch_uid="ba_1")
BATCH = Batch(
    1,
    "ba_1",
    Scope("client", "42"),
    BatchState.PLANNED,
    AT,
    "",
    {},
    "",
    (),
    None,
    None,
    cancelled=False,
    undisclosed=False,
)

OF_THEIR_OWN = {
    RequestState.SCHEDULED: "pending",
    RequestState.STARTING: "in_progress",
    RequestState.STARTED: "in_progress",  # its batch was not read
    RequestState.CANCELLED: "cancelled",
    RequestState.DENIED: "cancelled",
}
OPEN, ERASED = {"open": 1}, {"erased": 1}
OF_BATCHES: tuple[tuple[BatchState, Mapping[str, int], str], ...] = (
    (BatchState.BUILDING, OPEN, "in_progress"),
    (BatchState.PLANNED, OPEN, "in_progress"),
    (BatchState.AWAITING_APPROVAL, OPEN, "in_progress"),
    (BatchState.EXECUTING, OPEN, "in_progress"),
    (BatchState.PAUSED, OPEN, "in_progress"),
    (BatchState.ON_HOLD, {"on-hold": 1}, "in_progress"),
    (BatchState.ON_HOLD, ERASED, "in_progress"),  # on what came back to somebody who is erased
    (BatchState.FAILED, {"failed": 1}, "in_progress"),
    (BatchState.CANCELLING, OPEN, "in_progress"),
    (BatchState.CANCELLED, {"cancelled": 1}, "cancelled"),
    (BatchState.ERASED, ERASED, "completed"),
    (BatchState.SETTLING, ERASED, "completed"),
    (BatchState.SETTLED, ERASED, "completed"),
)
ENDS: tuple[Mapping[str, int], ...] = ({"erased": 1}, {"partially-erased": 1}, {"not-found": 1}, {"ambiguous": 1})


@pytest.mark.parametrize("state", RequestState)
def test_before_there_is_a_batch(state: RequestState) -> None:
    one = replace(WAITING, state=state)
    status = status_of(public_status.public_status(one, None, {}))
    assert status == OF_THEIR_OWN[state]
    assert (status == "pending") is public_status.cancellable(one), "pending is what can be withdrawn"


@pytest.mark.parametrize(("state", "results", "wanted"), OF_BATCHES)
def test_once_there_is_a_batch(state: BatchState, results: Mapping[str, int], wanted: str) -> None:
    """Never pending: it cannot be withdrawn any more."""
    assert told(STARTED, state, results)[0] == wanted


def test_every_state_of_a_batch_is_looked_at() -> None:
    assert {state for state, _, _ in OF_BATCHES} == {*BatchState}


@pytest.mark.parametrize("state", [BatchState.ERASED, BatchState.SETTLING, BatchState.SETTLED])
@pytest.mark.parametrize("results", ENDS, ids=str)
def test_the_end_is_the_one_that_webhooks_tell(state: BatchState, results: Mapping[str, int]) -> None:
    status, more = told(STARTED, state, results)
    news = {one.event for one in events.due(STARTED, replace(BATCH, state=state), results)}
    assert (status == "cancelled") is (Event.DENIED in news)
    assert (status == "completed") is (Event.ERASED in news)
    if Event.DENIED in news:
        assert more == {"state": "denied", "reason": "ambiguous"}


def test_what_was_denied_by_somebody_keeps_its_reason() -> None:
    one = replace(WAITING, state=RequestState.DENIED, reason="excessive")
    assert more_of(public_status.public_status(one, None, {}), one.reason) == {"state": "denied", "reason": "excessive"}


def test_a_word_that_is_not_known_is_no_end() -> None:
    assert status_of("something new") == "in_progress"


def told(request: Request, state: BatchState, results: Mapping[str, int]) -> tuple[str, dict[str, str | None]]:
    word = public_status.public_status(request, replace(BATCH, state=state), results)
    return status_of(word), more_of(word, request.reason)
