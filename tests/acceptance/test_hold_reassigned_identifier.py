"""Whom a hold by an address follows: whoever asked while they had it; also after an upgrade."""

from __future__ import annotations

import secrets

import pytest
import sqlalchemy as sa
from tests.support.faulty_connector import before_call
from tests.support.holds import due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.suppression_list import Tagger


def move(inspector: StoreInspector, address: str, holder: SeededPerson) -> None:
    """Let an account have another address."""
    inspector.sql("UPDATE users SET email = %s WHERE id = %s", address, holder.id)


def test_who_was_held_by_an_address_stays_held_until_the_hold_is_lifted(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Their statement says that it is kept: a second request, under another key, does not make that untrue."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    placed = place(installation, [key("email", ann.email)], data_type="messages")
    address = ann.email
    for one in (ann, bob):  # one after the other: they share it, or it is given again
        move(inspector, address, one)
        assert installation.erase(installation.plan(f"user_id\n{one.id}\n")).state is BatchState.ON_HOLD
        move(inspector, f"{secrets.token_hex(4)}@new.example", one)
        again = installation.plan(f"user_id\n{one.id}\n")
        assert again.plan["on_hold"] == 1
        assert installation.erase(again).state is BatchState.ON_HOLD, installation.failures(again)
        assert due(one, inspector)["main.messages"] == 1
    lift(installation, placed)
    installation.erase(installation.plan(f"user_id\n{bob.id}\n"))
    assert "main.messages" not in due(bob, inspector)


@pytest.mark.parametrize("placed_first", [True, False], ids=["before-the-plan", "after-the-plan"])
def test_who_had_the_address_when_planned_is_held_though_it_changes_before_the_erasure(
    installation: Installation, inspector: StoreInspector, *, placed_first: bool
) -> None:
    """What the plan led to is asked as well: the records lead from the address to nobody by then."""
    ann = make_holder(inspector)
    by_address = [key("email", ann.email)]
    before = [place(installation, by_address)] if placed_first else []
    batch = installation.plan(f"user_id\n{ann.id}\n")
    assert batch.plan["on_hold"] == int(placed_first)
    [placed] = before or [place(installation, by_address)]
    move(inspector, f"{secrets.token_hex(4)}@new.example", ann)
    left = due(ann, inspector)
    assert installation.erase(batch).state is BatchState.ON_HOLD, installation.failures(batch)
    assert due(ann, inspector) == left
    lift(installation, placed)
    installation.erase(batch)
    assert not due(ann, inspector).keys() & {"main.users", "main.messages"}


def test_of_a_plan_that_nobody_carries_out_a_hold_learns_nothing(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    place(installation, [key("email", ann.email)])
    assert installation.plan(ann.csv).plan["on_hold"] == 1
    move(inspector, f"{secrets.token_hex(4)}@new.example", ann)
    assert installation.plan(f"user_id\n{ann.id}\n").plan["on_hold"] == 0


def test_who_never_asked_is_held_while_they_have_the_address(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    place(installation, [key("email", ann.email)], data_type="messages")
    assert installation.erase(installation.plan(ann.csv)).state is BatchState.ON_HOLD
    move(inspector, ann.email, bob)
    assert installation.plan(f"user_id\n{bob.id}\n").plan["on_hold"] == 1
    move(inspector, f"{secrets.token_hex(4)}@new.example", bob)
    later = installation.plan(f"user_id\n{bob.id}\n")
    assert later.plan["on_hold"] == 0
    installation.erase(later)
    assert "main.messages" not in due(bob, inspector)


def test_two_who_share_the_address_at_first_are_both_followed(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, abe = make_holder(inspector), make_holder(inspector)
    ids, shared = f"user_id\n{ann.id}\n{abe.id}\n", SubjectKey("email", "both@x.example")
    batch = installation.plan(ids)

    def hold() -> None:
        tag, entry = Tagger(installation.workspace.keys.suppression).tag(shared), tables.suppression.c
        theirs = sa.select(sa.literal(tag), entry.item_id, sa.literal("email"), entry.entered_at)
        with installation.workspace.ledger.begin() as connection:
            connection.execute(
                sa.insert(tables.suppression).from_select(
                    ["tag", "item_id", "namespace", "entered_at"], theirs.where(entry.namespace == "user_id").distinct()
                )
            )
        place(installation, [frozenset([shared])])

    main = before_call(installation.workspace.stores["main"], "erase", hold)
    assert installation.erase(batch, installation.with_stores({"main": main})).state is BatchState.ON_HOLD  # type: ignore[dict-item]
    assert installation.plan(ids).plan["on_hold"] == 2
