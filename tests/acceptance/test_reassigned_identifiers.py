"""Law 7: identifiers are passed on. Whoever has one now is not the person who was meant by it then."""

from __future__ import annotations

import pytest
from tests.support.faulty_connector import before_call
from tests.support.installation import Installation
from tests.support.people import CLIENT, fresh_phone, make_caller, make_holder
from tests.support.reassigned_identifiers import alive, lead, lost
from tests.support.store_inspector import StoreInspector, changed


@pytest.mark.parametrize("column", ["phone", "email"])
def test_an_older_account_that_takes_over_an_identifier_before_settling_loses_nothing(
    column: str, installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    installation.erase(installation.plan(ann.csv))
    inspector.sql(f"UPDATE users SET {column} = %s WHERE id = %s", getattr(ann, column), bob.id)
    had = bob.left(inspector)
    installation.settle()
    assert lost(bob, had, inspector) == {}


def test_nor_one_that_takes_it_over_while_the_erasure_runs(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    had = bob.left(inspector)

    def move() -> None:
        inspector.sql("UPDATE users SET phone = %s WHERE id = %s", ann.phone, bob.id)

    main = installation.workspace.stores["main"]
    installation.erase(installation.plan(ann.csv), installation.with_stores({"main": before_call(main, "erase", move)}))
    assert lost(bob, had, inspector) == {}
    assert not any(ann.left(inspector).values())


@pytest.mark.parametrize("column", ["phone", "email"])
def test_nor_one_that_takes_over_an_identifier_that_nobody_had(
    column: str, installation: Installation, inspector: StoreInspector
) -> None:
    bob = make_holder(inspector)
    value = f"nobody{bob.id}@people.example" if column == "email" else fresh_phone()
    installation.erase(installation.plan(f"{column}\n{value}\n"))
    inspector.sql(f"UPDATE users SET {column} = %s WHERE id = %s", value, bob.id)
    had = bob.left(inspector)
    installation.settle()
    assert lost(bob, had, inspector) == {}


@pytest.mark.parametrize("column", ["phone", "email"])
def test_nor_one_that_does_so_between_the_first_look_and_verification(
    column: str, installation: Installation, inspector: StoreInspector
) -> None:
    bob = make_holder(inspector)
    value = f"nobody{bob.id}@people.example" if column == "email" else fresh_phone()
    had = bob.left(inspector)

    def move() -> None:
        inspector.sql(f"UPDATE users SET {column} = %s WHERE id = %s", value, bob.id)

    main = installation.workspace.stores["main"]
    batch = installation.plan(f"{column}\n{value}\n")
    installation.erase(batch, installation.with_stores({"main": before_call(main, "verify", move)}))
    assert lost(bob, had, inspector) == {}
    assert installation.outcomes(batch) == {"ambiguous": 1}
    assert installation.events(batch) == [["accepted", "denied"]]


def test_nor_a_caller(installation: Installation, inspector: StoreInspector) -> None:
    dora, phone = make_caller(inspector), fresh_phone()
    installation.erase(installation.plan(f"phone\n{phone}\n", dora.controller))
    inspector.sql("UPDATE callers SET phone = %s WHERE id = %s", phone, dora.id)
    had = dora.left(inspector)
    installation.settle()
    assert lost(dora, had, inspector) == {}


def test_two_identifiers_of_two_strangers_without_accounts_erase_neither(
    installation: Installation, inspector: StoreInspector
) -> None:
    mine, other = fresh_phone(), fresh_phone()
    ann, bob = lead(inspector, f"ann{mine[1:]}@x.example", mine), lead(inspector, f"bob{other[1:]}@x.example", other)
    batch = installation.plan(f"email,phone\nann{mine[1:]}@x.example,{other}\n", f"client:{CLIENT}")
    installation.erase(batch)
    assert installation.outcomes(batch) == {"ambiguous": 1}
    assert alive(inspector, ann)
    assert alive(inspector, bob)


def test_a_stranger_on_the_same_phone_is_not_followed_by_e_mail(
    installation: Installation, inspector: StoreInspector
) -> None:
    dora = make_caller(inspector)
    email = f"gus{dora.phone[1:]}@x.example"
    lead(inspector, email, dora.phone)
    elsewhere = lead(inspector, email, fresh_phone())
    installation.erase(installation.plan(dora.csv, dora.controller))
    assert alive(inspector, elsewhere)


def test_a_lead_that_names_another_clients_caller_does_not_reach_that_caller(
    installation: Installation, inspector: StoreInspector
) -> None:
    theirs = make_caller(inspector, client_id=43)
    email = f"mix{theirs.phone[1:]}@x.example"
    mixed = lead(inspector, email, None, caller=theirs.id)
    had = theirs.left(inspector)
    installation.erase(installation.plan(f"email\n{email}\n", f"client:{CLIENT}"))
    assert not alive(inspector, mixed)
    assert set(lost(theirs, had, inspector)) <= {"main.leads"}


def test_a_caller_known_to_the_cache_alone_belongs_to_nobody_who_asks(
    installation: Installation, inspector: StoreInspector
) -> None:
    with inspector.redis() as client:
        client.hset("cache:caller:987654321", "seen", "1")
    was = inspector.contents()
    batch = installation.plan("caller_id\n987654321\n", f"client:{CLIENT}")
    installation.erase(batch)
    assert installation.outcomes(batch) == {"not-found": 1}
    assert changed(was, inspector.contents()) == {}
