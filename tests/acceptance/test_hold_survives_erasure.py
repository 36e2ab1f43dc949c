"""What a hold keeps stays kept, whoever asks again by whatever identifier: our own erasing cut the link to it."""

from __future__ import annotations

import pytest
from tests.support.cancellation import cancel
from tests.support.faulty_connector import before
from tests.support.holds import due, key, lift, place
from tests.support.installation import Office
from tests.support.people import Made, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import Probe

from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.holds.legal_holds import PlacementResult
from expunge_orchestrator.ledger.batches import Batch, BatchState


def half_way(office: Office, holder: Made, *, undisclosed: bool = False) -> tuple[Batch, PlacementResult]:
    """A request during whose first erasing step a hold by e-mail is placed."""
    batch, placed = office.plan(holder.csv), list[PlacementResult]()
    hold = lambda: placed.append(place(office, [key("email", holder.email)], undisclosed=undisclosed))  # noqa: E731
    main = before(office.workspace.stores["main"], "erase", hold)
    assert office.erase(batch, office.with_stores({"main": main})).state is BatchState.ON_HOLD  # type: ignore[dict-item]
    return batch, placed[0]


@pytest.mark.parametrize("undisclosed", [False, True])
@pytest.mark.parametrize("data_type", ["messages", "exports"])
def test_held_by_mail_and_asked_again_by_id(office: Office, probe: Probe, data_type: str, undisclosed: bool) -> None:  # noqa: FBT001
    """The first request tombstones the account, and with it the way from the id to the e-mail."""
    ann = make_holder(probe)
    placed = place(office, [key("email", ann.email)], data_type=data_type, undisclosed=undisclosed)
    first = office.plan(ann.csv)
    assert office.erase(first).state is BatchState.ON_HOLD
    kept = due(ann, probe)
    assert len(kept) == 1
    again = office.plan(ann.csv)
    assert again.plan["onHold"] == (0 if undisclosed else 1)
    assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
    assert due(ann, probe) == kept
    assert office.events(again) == [["accepted"] if undisclosed else ["accepted", "on-hold"]]
    lift(office, placed)
    for batch in (first, again):
        office.erase(batch)
    assert due(ann, probe) == {}


@pytest.mark.parametrize("undisclosed", [False, True])
def test_held_by_id_and_asked_again_by_mail(office: Office, probe: Probe, undisclosed: bool) -> None:  # noqa: FBT001
    """Nobody's person key is found by the e-mail any more; a held person had it."""
    ann = make_holder(probe)
    place(office, [key("user_id", ann.id)], data_type="optouts", undisclosed=undisclosed)
    first = office.plan(ann.csv)
    assert office.erase(first).state is BatchState.ON_HOLD
    kept = due(ann, probe)
    assert kept == {"main.marketing_optouts": 1}
    again = office.plan(f"email\n{ann.email}\n")
    assert again.plan["onHold"] == (0 if undisclosed else 1)
    assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
    assert due(ann, probe) == kept
    if not undisclosed:
        (said,) = statements_of(office, first, "on-hold")
        assert lines_of(said.body)["main.marketing_optouts"] == ("retained", 1, 0)


def test_a_hold_that_came_half_way_holds_the_next_request_too(office: Office, probe: Probe) -> None:
    ann = make_holder(probe)
    half_way(office, ann)
    kept = due(ann, probe)
    assert kept
    again = office.plan(ann.csv)
    assert again.plan["onHold"] == 1
    assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
    assert due(ann, probe) == kept


@pytest.mark.parametrize("undisclosed", [False, True])
def test_a_cancel_does_not_end_a_hold(office: Office, probe: Probe, undisclosed: bool) -> None:  # noqa: FBT001
    """Of a cancelled request the suppression entries are deleted: the hold itself knows by then who it holds."""
    ann = make_holder(probe)
    batch, _ = half_way(office, ann, undisclosed=undisclosed)
    assert cancel(office, batch).state is BatchState.CANCELLED
    kept = due(ann, probe)
    assert kept
    again = office.plan(ann.csv)
    assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
    assert due(ann, probe) == kept
    by_mail = office.plan(f"email\n{ann.email}\n")
    office.erase(by_mail)
    assert due(ann, probe) == kept


def test_a_hold_that_is_placed_after_the_account_went_holds_the_next_request(office: Office, probe: Probe) -> None:
    """No request leads from the id to this e-mail any more; one that is still open did."""
    ann = make_holder(probe)
    place(office, [key("user_id", ann.id)], data_type="messages")
    assert office.erase(office.plan(ann.csv)).state is BatchState.ON_HOLD
    first = place(office, [key("email", ann.email)], data_type="messages")
    kept = due(ann, probe)
    with office.workspace.ledger.begin() as connection:
        for one in legal_holds.in_force(connection):
            if one.uid != first.hold.uid:
                legal_holds.lift(connection, one.uid, "counsel")
    again = office.plan(ann.csv)
    assert again.plan["onHold"] == 1
    assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
    assert due(ann, probe) == kept


def test_a_hold_does_not_spread_to_who_has_the_address_now(office: Office, probe: Probe) -> None:
    """What a held person had and can pass on holds those alone of whom nobody knows who they are."""
    ann, bob = make_holder(probe), make_holder(probe)
    place(office, [key("user_id", ann.id)], data_type="messages")
    assert office.erase(office.plan(ann.csv)).state is BatchState.ON_HOLD
    probe.sql("UPDATE users SET email = %s WHERE id = %s", ann.email, bob.id)
    other = office.plan(bob.csv)
    assert other.plan["onHold"] == 0
    assert office.erase(other).state is BatchState.ERASED, office.failures(other)
    assert due(ann, probe) == {"main.messages": 1}
