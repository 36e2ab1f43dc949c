"""Two batches that share people, at work at once: nothing is stated twice, nothing is lost, both receipts are true."""

from __future__ import annotations

import pytest
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger.states import BatchState


@pytest.mark.heavy
@pytest.mark.parametrize("chunk_size", [7, 1000])
def test_both_end_and_what_both_say_is_true(
    installation: Installation, inspector: StoreInspector, chunk_size: int
) -> None:
    crowd = make_crowd(inspector, 40)
    object.__setattr__(installation.settings, "chunk_size", chunk_size)
    first = installation.plan(crowd.csv)
    backwards = "user_id\n" + "".join(f"{one}\n" for one in reversed(crowd.ids[10:]))
    second = installation.plan(backwards)
    for batch in (first, second):
        batch_lifecycle.start(installation.workspace, batch)
    attach(installation.workspace, first)
    assert installation.again(first).state is installation.again(second).state is BatchState.ERASED
    assert crowd.messages(inspector) == []
    assert crowd.named(inspector) == 0
    for batch, number in ((first, 40), (second, 30)):
        events = installation.events(batch)
        assert len(events) == number
        assert all(len(one) == 2 and one[0] == "accepted" and one[1] in {"erased", "not-found"} for one in events)
    assert not {"failed", "open"} & (installation.outcomes(first).keys() | installation.outcomes(second).keys())
    ours, theirs = (
        [lines_of(one.body).get("main.messages") for one in statements_of(installation, batch, "erased")]
        for batch in (first, second)
    )
    assert {due for line in [*ours, *theirs] if line is not None for due in [line[2]]} == {0}
    assert (
        len([line for line in [*ours, *theirs] if line and line[1]]) >= 40
    )  # everybody's message was found by somebody
    installation.settle()
    assert installation.again(first).state is installation.again(second).state is BatchState.SETTLED


def test_a_plan_says_who_is_at_work_on_the_same_people(installation: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 4)
    first = installation.plan(crowd.csv)
    assert first.plan["concurrent_batches"] == {}
    with poisoned(inspector, [crowd.ids[1]]):
        assert installation.erase(first).state is BatchState.FAILED
        assert installation.plan(crowd.csv).plan["concurrent_batches"] == {first.uid: 1}
    assert installation.erase(first).state is BatchState.ERASED
    assert installation.plan(crowd.csv).plan["concurrent_batches"] == {}


def refused(*_: object) -> int:
    raise TerminalError("store recordings: refused.")


@pytest.mark.parametrize("asked_by", ["csv", "phone"])
def test_what_another_request_left_behind_is_not_called_not_found(
    installation: Installation, inspector: StoreInspector, asked_by: str
) -> None:
    """The rows that lead to the recordings are gone, the recordings are not: whoever asks again is not told so."""
    caller = make_caller(inspector)
    first = installation.plan(caller.csv, caller.controller)
    stuck = FaultyConnector(installation.workspace.stores["recordings"], erase=refused)
    assert installation.erase(first, installation.with_stores({"recordings": stuck})).state is BatchState.FAILED
    left = {name for name, number in caller.left(inspector).items() if number}
    assert "recordings.recordings" in left
    again = caller.csv if asked_by == "csv" else f"phone\n{caller.phone}\n"
    second = installation.plan(again, caller.controller)
    assert installation.erase(second).state is BatchState.FAILED
    assert installation.events(second) == [["accepted"]]
    assert first.uid in installation.failures(second)
    # The first one is finished: now there is nothing left, and it may be said.
    assert installation.erase(first).state is BatchState.ERASED
    assert not any(caller.left(inspector).values())
    assert installation.erase(second).state is BatchState.ERASED
    assert installation.events(second)[0][-1] in {"not-found", "erased"}
