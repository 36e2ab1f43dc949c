"""Whom a hold by an address follows: who had it when first met, not who gets it next; also after an upgrade."""

from __future__ import annotations

import secrets
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from tests.acceptance.people import Made, make_holder
from tests.acceptance.probe import Probe
from tests.acceptance.test_holds import due, key, place
from tests.acceptance.wrapped import before
from tests.fixtures.calltrack import Office

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.ledger.records import BatchState
from expunge_orchestrator.tags import Tagger


def move(probe: Probe, address: str, holder: Made) -> None:
    """Let an account have another address."""
    probe.sql("UPDATE users SET email = %s WHERE id = %s", address, holder.id)


def held_and_moved(office: Office, probe: Probe, bob: Made, address: str) -> None:
    """He asks while he has a held address, and again when he has one of his own."""
    move(probe, address, bob)
    while_he_has_it = office.plan(f"user_id\n{bob.id}\n")
    assert while_he_has_it.plan["onHold"] == 1
    assert office.erase(while_he_has_it).state is BatchState.ON_HOLD
    move(probe, f"{secrets.token_hex(4)}@new.example", bob)
    later = office.plan(f"user_id\n{bob.id}\n")
    assert later.plan["onHold"] == 0
    office.erase(later)
    assert "on-hold" not in {event for events in office.events(later) for event in events}
    assert "main.messages" not in due(bob, probe)


def test_a_hold_by_mail_does_not_follow_whoever_has_the_address_next(office: Office, probe: Probe) -> None:
    ann, bob, cid = make_holder(probe), make_holder(probe), make_holder(probe)
    place(office, [key("email", ann.email), key("email", cid.email)], data_type="messages")
    assert office.erase(office.plan(ann.csv)).state is BatchState.ON_HOLD
    held_and_moved(office, probe, bob, ann.email)
    for one in (ann, cid):  # each as anew: what was learnt of one says nothing of the other
        office.erase(office.plan(one.csv))
        again = office.plan(f"user_id\n{one.id}\n")
        assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
        assert due(one, probe) == {"main.messages": 1}


def test_an_address_given_beside_an_id_leads_to_nobody_else(office: Office, probe: Probe) -> None:
    ann, bob = make_holder(probe), make_holder(probe)
    place(office, [key("email", ann.email) | key("user_id", ann.id)], data_type="messages")
    probe.sql("UPDATE users SET email = %s WHERE id = %s", f"{secrets.token_hex(4)}@new.example", ann.id)
    held_and_moved(office, probe, bob, ann.email)


def test_two_who_share_the_address_at_first_are_both_followed(office: Office, probe: Probe) -> None:
    ann, abe = make_holder(probe), make_holder(probe)
    ids, shared = f"user_id\n{ann.id}\n{abe.id}\n", SubjectKey("email", "both@x.example")
    batch = office.plan(ids)

    def hold() -> None:
        tag, entry = Tagger(office.workspace.keys.suppression).tag(shared), schema.suppression.c
        theirs = sa.select(sa.literal(tag), entry.item_id, sa.literal("email"), entry.entered_at)
        with office.workspace.ledger.begin() as connection:
            connection.execute(
                sa.insert(schema.suppression).from_select(
                    ["tag", "item_id", "namespace", "entered_at"], theirs.where(entry.namespace == "user_id").distinct()
                )
            )
        place(office, [frozenset([shared])])

    main = before(office.workspace.stores["main"], "erase", hold)
    assert office.erase(batch, office.with_stores({"main": main})).state is BatchState.ON_HOLD  # type: ignore[dict-item]
    assert office.plan(ids).plan["onHold"] == 2


def test_a_hold_of_an_older_build_learns_whom_it_holds(office: Office, probe: Probe) -> None:
    """The account is tombstoned, and the hold knows the address alone: as a ledger of revision 0007 has it."""
    ann = make_holder(probe)
    placed = place(office, [key("email", ann.email)], data_type="messages")
    assert office.erase(office.plan(ann.csv)).state is BatchState.ON_HOLD
    as_of_revision_0007(office, SubjectKey("email", ann.email))
    again = office.plan(f"user_id\n{ann.id}\n")
    assert again.plan["onHold"] == 1
    assert office.erase(again).state is BatchState.ON_HOLD, office.failures(again)
    assert due(ann, probe) == {"main.messages": 1}
    assert placed.hold.people == 1


def as_of_revision_0007(office: Office, given: SubjectKey) -> None:
    """Let the holds forget what they learnt, and the ledger the columns for it; then open it as a new build does."""
    ledger, tag = office.workspace.ledger, Tagger(office.workspace.keys.suppression).tag(given)
    config = Config()
    config.set_main_option("script_location", str(files("expunge_orchestrator.ledger") / "migrations"))
    with ledger.begin() as connection:
        connection.execute(sa.delete(schema.hold_tag).where(schema.hold_tag.c.tag != tag))
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
    open_ledger(office.workspace.settings.ledger).dispose()
