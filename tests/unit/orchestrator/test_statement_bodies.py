"""Statement bodies say no more than was looked at."""

from __future__ import annotations

import pytest

from expunge_connectors.contract import Scope
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.receipts import statement_bodies
from expunge_orchestrator.receipts.request_facts import Continuation

BATCH = Batch(
    id=1,
    uid="b",
    scope=Scope("client", "42"),
    state=BatchState.EXECUTING,
    created_at="",
    map_digest="ab" * 32,
    plan={"stores": {}},
    plan_digest="",
    pipeline=(),
    settle_at=None,
    requested_by=None,
    cancelled=True,
    undisclosed=False,
)


def test_a_cancel_does_not_say_that_copies_of_the_ledger_have_no_day() -> None:
    """No place is listed then: that none of them has a day is not known."""
    said = statement_bodies.cancelled(BATCH, "sha256:" + "1" * 64, contact_kept=False, continuation=None)["identifiers"]
    assert isinstance(said, dict)
    assert said["until"] is None
    assert "No day is known" not in said["means"]
    assert "as long as such a copy and the wrapping key exist" in said["means"]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_cancel_names_where_the_request_goes_on_also_if_it_is_over_there(*, sealed: bool) -> None:
    """The keys are carried over while the other series has them; afterwards they are destroyed here and there."""
    following = Continuation("er_" + "ab" * 16, sealed)
    said = statement_bodies.cancelled(BATCH, "sha256:" + "1" * 64, contact_kept=False, continuation=following)
    assert said["continuedIn"] == following.series
    identifiers = said["identifiers"]
    assert isinstance(identifiers, dict)
    assert ("carriedOver" in identifiers, identifiers["destroyedInLedger"]) == (sealed, not sealed)
