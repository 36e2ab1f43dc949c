"""Law 7: identifiers are passed on. Whoever has one now is not the person who was meant by it then."""

from __future__ import annotations

import pytest
from tests.support.faulty_connector import before
from tests.support.installation import Office
from tests.support.people import CLIENT, fresh_phone, make_caller, make_holder
from tests.support.reassigned_identifiers import alive, lead, lost
from tests.support.store_inspector import Probe, changed


@pytest.mark.parametrize("column", ["phone", "email"])
def test_an_older_account_that_takes_over_an_identifier_before_settling_loses_nothing(
    column: str, office: Office, probe: Probe
) -> None:
    ann, bob = make_holder(probe), make_holder(probe)
    office.erase(office.plan(ann.csv))
    probe.sql(f"UPDATE users SET {column} = %s WHERE id = %s", getattr(ann, column), bob.id)
    had = bob.left(probe)
    office.settle()
    assert lost(bob, had, probe) == {}


def test_nor_one_that_takes_it_over_while_the_erasure_runs(office: Office, probe: Probe) -> None:
    ann, bob = make_holder(probe), make_holder(probe)
    had = bob.left(probe)

    def move() -> None:
        probe.sql("UPDATE users SET phone = %s WHERE id = %s", ann.phone, bob.id)

    main = office.workspace.stores["main"]
    office.erase(office.plan(ann.csv), office.with_stores({"main": before(main, "erase", move)}))
    assert lost(bob, had, probe) == {}
    assert not any(ann.left(probe).values())


@pytest.mark.parametrize("column", ["phone", "email"])
def test_nor_one_that_takes_over_an_identifier_that_nobody_had(column: str, office: Office, probe: Probe) -> None:
    bob = make_holder(probe)
    value = f"nobody{bob.id}@people.example" if column == "email" else fresh_phone()
    office.erase(office.plan(f"{column}\n{value}\n"))
    probe.sql(f"UPDATE users SET {column} = %s WHERE id = %s", value, bob.id)
    had = bob.left(probe)
    office.settle()
    assert lost(bob, had, probe) == {}


@pytest.mark.parametrize("column", ["phone", "email"])
def test_nor_one_that_does_so_between_the_first_look_and_verification(
    column: str, office: Office, probe: Probe
) -> None:
    bob = make_holder(probe)
    value = f"nobody{bob.id}@people.example" if column == "email" else fresh_phone()
    had = bob.left(probe)

    def move() -> None:
        probe.sql(f"UPDATE users SET {column} = %s WHERE id = %s", value, bob.id)

    main = office.workspace.stores["main"]
    batch = office.plan(f"{column}\n{value}\n")
    office.erase(batch, office.with_stores({"main": before(main, "verify", move)}))
    assert lost(bob, had, probe) == {}
    assert office.outcomes(batch) == {"ambiguous": 1}
    assert office.events(batch) == [["accepted", "denied"]]


def test_nor_a_caller(office: Office, probe: Probe) -> None:
    dora, phone = make_caller(probe), fresh_phone()
    office.erase(office.plan(f"phone\n{phone}\n", dora.controller))
    probe.sql("UPDATE callers SET phone = %s WHERE id = %s", phone, dora.id)
    had = dora.left(probe)
    office.settle()
    assert lost(dora, had, probe) == {}


def test_two_identifiers_of_two_strangers_without_accounts_erase_neither(office: Office, probe: Probe) -> None:
    mine, other = fresh_phone(), fresh_phone()
    ann, bob = lead(probe, f"ann{mine[1:]}@x.example", mine), lead(probe, f"bob{other[1:]}@x.example", other)
    batch = office.plan(f"email,phone\nann{mine[1:]}@x.example,{other}\n", f"client:{CLIENT}")
    office.erase(batch)
    assert office.outcomes(batch) == {"ambiguous": 1}
    assert alive(probe, ann)
    assert alive(probe, bob)


def test_a_stranger_on_the_same_phone_is_not_followed_by_e_mail(office: Office, probe: Probe) -> None:
    dora = make_caller(probe)
    email = f"gus{dora.phone[1:]}@x.example"
    lead(probe, email, dora.phone)
    elsewhere = lead(probe, email, fresh_phone())
    office.erase(office.plan(dora.csv, dora.controller))
    assert alive(probe, elsewhere)


def test_a_lead_that_names_another_clients_caller_does_not_reach_that_caller(office: Office, probe: Probe) -> None:
    theirs = make_caller(probe, client_id=43)
    email = f"mix{theirs.phone[1:]}@x.example"
    mixed = lead(probe, email, None, caller=theirs.id)
    had = theirs.left(probe)
    office.erase(office.plan(f"email\n{email}\n", f"client:{CLIENT}"))
    assert not alive(probe, mixed)
    assert set(lost(theirs, had, probe)) <= {"main.leads"}


def test_a_caller_known_to_the_cache_alone_belongs_to_nobody_who_asks(office: Office, probe: Probe) -> None:
    with probe.redis() as client:
        client.hset("cache:caller:987654321", "seen", "1")
    was = probe.contents()
    batch = office.plan("caller_id\n987654321\n", f"client:{CLIENT}")
    office.erase(batch)
    assert office.outcomes(batch) == {"not-found": 1}
    assert changed(was, probe.contents()) == {}
