"""Whom a hold by an address follows: whoever asked while they had it; also after an upgrade."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from tests.support.faulty_connector import before
from tests.support.holds import due, key, lift, place
from tests.support.installation import Office
from tests.support.people import Made, make_holder
from tests.support.store_inspector import Probe

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import BatchState
from expunge_orchestrator.ledger.suppression_tags import Tagger


def move(probe: Probe, address: str, holder: Made) -> None:
    """Let an account have another address."""
    probe.sql("UPDATE users SET email = %s WHERE id = %s", address, holder.id)


def test_who_was_held_by_an_address_stays_held_until_the_hold_is_lifted(office: Office, probe: Probe) -> None:
    """Their statement says that it is kept: a second request, under another key, does not make that untrue."""
    ann, bob = make_holder(probe), make_holder(probe)
    placed = place(office, [key("email", ann.email)], data_type="messages")
    address = ann.email
    for one in (ann, bob):  # one after the other: they share it, or it is given again
        move(probe, address, one)
        assert office.erase(office.plan(f"user_id\n{one.id}\n")).state is BatchState.ON_HOLD
        move(probe, f"{secrets.token_hex(4)}@new.example", one)
        again = office.plan(f"user_id\n{one.id}\n")
        assert again.plan["onHold"] == 1
        assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
        assert due(one, probe)["main.messages"] == 1
    lift(office, placed)
    office.erase(office.plan(f"user_id\n{bob.id}\n"))
    assert "main.messages" not in due(bob, probe)


def test_who_never_asked_is_held_while_they_have_the_address(office: Office, probe: Probe) -> None:
    ann, bob = make_holder(probe), make_holder(probe)
    place(office, [key("email", ann.email)], data_type="messages")
    assert office.erase(office.plan(ann.csv)).state is BatchState.ON_HOLD
    move(probe, ann.email, bob)
    assert office.plan(f"user_id\n{bob.id}\n").plan["onHold"] == 1
    move(probe, f"{secrets.token_hex(4)}@new.example", bob)
    later = office.plan(f"user_id\n{bob.id}\n")
    assert later.plan["onHold"] == 0
    office.erase(later)
    assert "main.messages" not in due(bob, probe)


def test_two_who_share_the_address_at_first_are_both_followed(office: Office, probe: Probe) -> None:
    ann, abe = make_holder(probe), make_holder(probe)
    ids, shared = f"user_id\n{ann.id}\n{abe.id}\n", SubjectKey("email", "both@x.example")
    batch = office.plan(ids)

    def hold() -> None:
        tag, entry = Tagger(office.workspace.keys.suppression).tag(shared), tables.suppression.c
        theirs = sa.select(sa.literal(tag), entry.item_id, sa.literal("email"), entry.entered_at)
        with office.workspace.ledger.begin() as connection:
            connection.execute(
                sa.insert(tables.suppression).from_select(
                    ["tag", "item_id", "namespace", "entered_at"], theirs.where(entry.namespace == "user_id").distinct()
                )
            )
        place(office, [frozenset([shared])])

    main = before(office.workspace.stores["main"], "erase", hold)
    assert office.erase(batch, office.with_stores({"main": main})).state is BatchState.ON_HOLD  # type: ignore[dict-item]
    assert office.plan(ids).plan["onHold"] == 2
