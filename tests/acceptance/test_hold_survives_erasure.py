"""What a hold keeps stays kept, whoever asks again by whatever identifier: our own erasing cut the link to it."""

from __future__ import annotations

import pytest
from tests.support.cancellation import cancel
from tests.support.faulty_connector import before_call
from tests.support.holds import due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.holds import hold_placement, legal_holds
from expunge_orchestrator.holds.hold_placement import PlacementResult
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState


def half_way(
    installation: Installation, holder: SeededPerson, *, undisclosed: bool = False
) -> tuple[Batch, PlacementResult]:
    """A request during whose first erasing step a hold by e-mail is placed."""
    batch, placed = installation.plan(holder.csv), list[PlacementResult]()
    hold = lambda: placed.append(place(installation, [key("email", holder.email)], undisclosed=undisclosed))  # noqa: E731
    main = before_call(installation.workspace.stores["main"], "erase", hold)
    assert installation.erase(batch, installation.with_stores({"main": main})).state is BatchState.ON_HOLD  # type: ignore[dict-item]
    return batch, placed[0]


@pytest.mark.parametrize("undisclosed", [False, True])
@pytest.mark.parametrize("data_type", ["messages", "exports"])
def test_held_by_mail_and_asked_again_by_id(
    installation: Installation, inspector: StoreInspector, data_type: str, *, undisclosed: bool
) -> None:
    """The first request tombstones the account, and with it the way from the id to the e-mail."""
    ann = make_holder(inspector)
    placed = place(installation, [key("email", ann.email)], data_type=data_type, undisclosed=undisclosed)
    first = installation.plan(ann.csv)
    assert installation.erase(first).state is BatchState.ON_HOLD
    kept = due(ann, inspector)
    assert len(kept) == 1
    again = installation.plan(ann.csv)
    assert again.plan["on_hold"] == (0 if undisclosed else 1)
    assert installation.erase(again).state is BatchState.ON_HOLD, installation.failures(again)
    assert due(ann, inspector) == kept
    assert installation.events(again) == [["accepted"] if undisclosed else ["accepted", "on-hold"]]
    lift(installation, placed)
    for batch in (first, again):
        installation.erase(batch)
    assert due(ann, inspector) == {}


@pytest.mark.parametrize("undisclosed", [False, True])
def test_held_by_id_and_asked_again_by_mail(
    installation: Installation, inspector: StoreInspector, *, undisclosed: bool
) -> None:
    """Nobody's person key is found by the e-mail any more; a held person had it."""
    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)], data_type="optouts", undisclosed=undisclosed)
    first = installation.plan(ann.csv)
    assert installation.erase(first).state is BatchState.ON_HOLD
    kept = due(ann, inspector)
    assert kept == {"main.marketing_optouts": 1}
    again = installation.plan(f"email\n{ann.email}\n")
    assert again.plan["on_hold"] == (0 if undisclosed else 1)
    assert installation.erase(again).state is BatchState.ON_HOLD, installation.failures(again)
    assert due(ann, inspector) == kept
    if not undisclosed:
        (said,) = statements_of(installation, first, "on-hold")
        assert lines_of(said.body)["main.marketing_optouts"] == ("retained", 1, 0)


def test_a_hold_that_came_half_way_holds_the_next_request_too(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    half_way(installation, ann)
    kept = due(ann, inspector)
    assert kept
    again = installation.plan(ann.csv)
    assert again.plan["on_hold"] == 1
    assert installation.erase(again).state is BatchState.ON_HOLD, installation.failures(again)
    assert due(ann, inspector) == kept


@pytest.mark.parametrize("undisclosed", [False, True])
def test_a_cancel_does_not_end_a_hold(
    installation: Installation, inspector: StoreInspector, *, undisclosed: bool
) -> None:
    """Of a withdrawn request the suppression entries are deleted: the hold itself knows by then who it holds."""
    ann = make_holder(inspector)
    place(installation, [key("email", ann.email)], undisclosed=undisclosed)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert cancel(installation, batch).state is BatchState.CANCELLED
    kept = due(ann, inspector)
    assert kept
    again = installation.plan(ann.csv)
    assert installation.erase(again).state is BatchState.ON_HOLD, installation.failures(again)
    by_mail = installation.plan(f"email\n{ann.email}\n")
    installation.erase(by_mail)
    assert due(ann, inspector) == kept


def test_a_hold_that_is_placed_after_the_account_went_holds_the_next_request(
    installation: Installation, inspector: StoreInspector
) -> None:
    """No request leads from the id to this e-mail any more; one that is still open did."""
    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)], data_type="messages")
    assert installation.erase(installation.plan(ann.csv)).state is BatchState.ON_HOLD
    first = place(installation, [key("email", ann.email)], data_type="messages")
    kept = due(ann, inspector)
    with installation.workspace.ledger.begin() as connection:
        for one in legal_holds.in_force(connection):
            if one.uid != first.hold.uid:
                hold_placement.lift(connection, one.uid, "counsel")
    again = installation.plan(ann.csv)
    assert again.plan["on_hold"] == 1
    assert installation.erase(again).state is BatchState.ON_HOLD, installation.failures(again)
    assert due(ann, inspector) == kept


def test_a_hold_does_not_spread_to_who_has_the_address_now(
    installation: Installation, inspector: StoreInspector
) -> None:
    """What a held person had and can pass on holds those alone of whom nobody knows who they are."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    place(installation, [key("user_id", ann.id)], data_type="messages")
    assert installation.erase(installation.plan(ann.csv)).state is BatchState.ON_HOLD
    inspector.sql("UPDATE users SET email = %s WHERE id = %s", ann.email, bob.id)
    other = installation.plan(bob.csv)
    assert other.plan["on_hold"] == 0
    assert installation.erase(other).state is BatchState.ERASED, installation.failures(other)
    assert due(ann, inspector) == {"main.messages": 1}
