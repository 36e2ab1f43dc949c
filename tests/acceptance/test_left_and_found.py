"""What an ended request left and a later one found and erased: no receipt says that it was not looked for."""

from __future__ import annotations

from tests.support.cancellation import end, refused
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.receipts.standard_sentences import LEFT_BEFORE


def test_a_row_that_was_left_is_found_by_the_same_address(
    installation: Installation, inspector: StoreInspector
) -> None:
    """A late lead was refused at the settling check, and the request ended; the next one by the address erases it."""
    ann = make_caller(inspector)
    listed = f"email\n{ann.email}\n"
    first = installation.plan(listed, ann.controller)
    installation.erase(first)
    inspector.sql(
        "INSERT INTO leads (client_id, name, postal_address, email, created_at)"
        " VALUES (42, 'X', 'Y', %s, now() - interval '1 hour')",
        ann.email,
    )
    refusing = installation.with_stores({"main": FaultyConnector(installation.workspace.stores["main"], erase=refused)})
    installation.settle(refusing)
    end(installation, first, refusing)
    again = installation.plan(listed, ann.controller)
    installation.erase(again)
    installation.settle()
    assert inspector.sql("SELECT id FROM leads WHERE email = %s", ann.email) == []
    (answer,), (settled,) = (statements_of(installation, again, event) for event in ("partially-erased", "settled"))
    assert lines_of(answer.body)["main.leads"] == ("left", 1, 0)
    assert answer.body["reason"] == settled.body["leftMeans"] == LEFT_BEFORE
    for said in (answer.body["reason"], answer.body["claim"]):
        assert "is not known" in str(said)
        assert "did not lead" not in str(said)
        assert "left by an earlier request was not looked for" not in str(said)
    assert_chain_intact(installation, again)
