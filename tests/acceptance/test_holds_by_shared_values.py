"""A hold by a value that people share holds each of them: their own record has it, whether it is followed or not."""

from __future__ import annotations

import pytest
from tests.support.faulty_connector import before_call
from tests.support.holds import due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import fresh_phone, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.states import BatchState


@pytest.mark.parametrize("placed", ["before-the-plan", "after-the-plan", "once-resolved"])
def test_a_hold_by_a_shared_number_holds_who_is_asked_for_by_id(
    installation: Installation, inspector: StoreInspector, placed: str
) -> None:
    phone = fresh_phone()
    ann, bob, cleo = make_holder(inspector, phone), make_holder(inspector, phone), make_holder(inspector)
    had = due(ann, inspector), due(bob, inspector)
    holds = []

    def hold() -> None:
        holds.append(place(installation, [key("phone", phone)]))

    if placed == "before-the-plan":
        hold()
    batch = installation.plan(f"user_id\n{ann.id}\n{cleo.id}\n")
    assert batch.plan["on_hold"] == len(holds)
    if placed == "after-the-plan":
        hold()
    workspace = installation.workspace
    if placed == "once-resolved":
        main = before_call(workspace.stores["main"], "count", hold)
        workspace = installation.with_stores({"main": main})  # type: ignore[dict-item]
    assert installation.erase(batch, workspace).state is BatchState.ON_HOLD, installation.failures(batch)
    assert (due(ann, inspector), due(bob, inspector)) == had
    assert due(cleo, inspector) == {}
    assert installation.outcomes(batch) == {"erased": 1, "on-hold": 1}
    lift(installation, holds[0])
    installation.erase(batch)
    assert not due(ann, inspector).keys() & {"main.users", "main.messages"}
    assert due(bob, inspector)["main.users"] == had[1]["main.users"]


def test_who_shared_the_number_when_planned_is_held_though_theirs_is_another_by_now(
    installation: Installation, inspector: StoreInspector
) -> None:
    phone = fresh_phone()
    ann, _ = make_holder(inspector, phone), make_holder(inspector, phone)
    place(installation, [key("phone", phone)])
    batch = installation.plan(f"user_id\n{ann.id}\n")
    inspector.sql("UPDATE users SET phone = %s WHERE id = %s", fresh_phone(), ann.id)
    assert installation.erase(batch).state is BatchState.ON_HOLD, installation.failures(batch)
    assert due(ann, inspector)["main.users"] == 1


def test_a_hold_by_an_id_does_not_spread_over_a_number_that_two_share(
    installation: Installation, inspector: StoreInspector
) -> None:
    phone = fresh_phone()
    ann, bob = make_holder(inspector, phone), make_holder(inspector, phone)
    place(installation, [key("user_id", ann.id)])
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    assert batch.plan["on_hold"] == 1
    installation.erase(batch)
    assert installation.outcomes(batch)["on-hold"] == 1
    assert "main.users" not in due(bob, inspector)
