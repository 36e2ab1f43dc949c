"""A row that names a person by a key is that person's, whatever kind of person it is and whatever value stands in it.

Ann is a user with an address, Dora a guest without one. Ann travels on a booking of Dora's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed, succeeded

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
USERS = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY});
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
INSERT INTO news VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
"""
GUESTS = f"""
CREATE TABLE guests (id int PRIMARY KEY, {DAY});
INSERT INTO guests VALUES (51), (53);
CREATE TABLE bookings (id int PRIMARY KEY, guest int REFERENCES guests, mail text, {DAY});
INSERT INTO bookings VALUES (1, 51, 'gus@x.example'), (2, 53, 'ann@x.example'), (3, 53, 'dora@x.example');
"""
_USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
"""
_GUESTS = """
guests: {table: public.guests, person: guest_id, yields: {guest_id: id}, created: created_at,
  found_by: [{column: id, identity: guest_id}]}
"""
_BOOKINGS = """
bookings: {table: public.bookings, created: created_at,
  found_by: [{column: guest, of: guests.id}, {column: mail, identity: email}]}
"""
ANN, BY_ADDRESS, DORA = b"user_id\n1\n", b"email\nann@x.example\n", b"guest_id\n53\n"

Install = Callable[..., CliRunner]


def document(collections: str, **identities: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = small_document(collections, email="email/3")
    made["identities"] |= {"guest_id": {"kind": "person", "normaliser": "integer/2"}, **identities}
    return made


@pytest.fixture
def install(database: str, tmp_path: Path, fork_server: ForkServer) -> Install:
    """Commands for a map of this database, which `check` accepts."""

    def install(declared: dict[str, Any], schema: str = USERS + GUESTS, **further: str) -> CliRunner:
        execute(database, schema)
        urls = {name: database for name, store in declared["stores"].items() if store["connector"] == "postgres"}
        cli = installed(tmp_path, fork_server, declared, urls | further)
        for name in further:
            succeeded(cli.run("adopt", name))
        succeeded(cli.run("check"))
        return cli

    return install


def erased(cli: CliRunner, listed: bytes) -> dict[str, Any]:
    """Plan, erase, settle, and what the status says then; the plan said the same of what stays."""
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed)))
    foreseen = {
        f"{store}.{name}": one["ambiguous"]
        for store, told in plan["stores"].items()
        for name, one in told["collections"].items()
        if one["ambiguous"]
    }
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status: dict[str, Any] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    status["told"] = {name: one["ambiguous"] for name, one in status["collections"].items() if one.get("ambiguous")}
    assert foreseen == status["told"]
    assert status["state"] == "settled"
    return status


YIELDS = _BOOKINGS.replace("found_by:", "yields: {guest_id: guest}, found_by:")
BY_KEY = YIELDS.replace("of: guests.id", "identity: guest_id")


@pytest.mark.parametrize("listed", [ANN, BY_ADDRESS], ids=["by number", "by address"])
@pytest.mark.parametrize("bookings", [_BOOKINGS, YIELDS, BY_KEY], ids=["not yielded", "yielded", "by identity"])
def test_a_guests_booking_with_the_address_of_a_user_stays_with_the_guest(
    install: Install, database: str, bookings: str, listed: bytes
) -> None:
    cli = install(document(_USERS + _GUESTS + bookings))
    status = erased(cli, listed)
    assert (left(database, "guests"), left(database, "bookings")) == ([51, 53], [1, 2, 3])
    assert (left(database, "users"), left(database, "news")) == ([2], [2])
    assert status["outcomes"] == {"partially-erased": 1}
    assert status["told"] == {"main.bookings": 1}


def test_of_two_guests_bookings_under_the_address_both_are_told(install: Install, database: str) -> None:
    cli = install(document(_USERS + _GUESTS + YIELDS))
    execute(database, "UPDATE bookings SET mail = 'ann@x.example' WHERE id = 1")
    [one] = json.loads(succeeded(cli.run("locate", "-", "-c", "acme", "--json", stdin=ANN)))["people"]
    held = {place["collection"]: (place["records"], place["unsure"]) for place in one["held"]}
    assert held == {"users": (1, 0), "news": (1, 0), "guests": (0, 0), "bookings": (0, 2)}
    status = erased(cli, ANN)
    assert (left(database, "guests"), left(database, "bookings")) == ([51, 53], [1, 2, 3])
    assert (status["outcomes"], status["told"]) == ({"partially-erased": 1}, {"main.bookings": 2})


def test_what_names_nobody_goes_and_the_guest_goes_by_her_own_key(install: Install, database: str) -> None:
    cli = install(document(_USERS + _GUESTS + YIELDS))
    execute(database, "INSERT INTO bookings VALUES (4, NULL, 'ann@x.example')")
    assert erased(cli, ANN)["told"] == {"main.bookings": 1}
    assert left(database, "bookings") == [1, 2, 3]
    assert erased(cli, DORA)["outcomes"] == {"erased": 1}
    assert (left(database, "guests"), left(database, "bookings")) == ([51], [1])


def test_a_request_that_gives_both_keys_takes_both(install: Install, database: str) -> None:
    cli = install(document(_USERS + _GUESTS + YIELDS))
    assert erased(cli, b"user_id,guest_id\n1,53\n")["outcomes"] == {"erased": 1}
    assert (left(database, "users"), left(database, "guests"), left(database, "bookings")) == ([2], [51], [1])


def test_guests_whose_own_record_holds_the_address_go_with_all_that_is_theirs(install: Install, database: str) -> None:
    """The map says that one address is one human. Dora's booking with Ann's address stays all the same."""
    own = _GUESTS.replace("guest_id: id", "guest_id: id, email: email").replace(
        "identity: guest_id}", "identity: guest_id}, {column: email, identity: email}"
    )
    declared = document(_USERS + own + YIELDS)
    declared["identities"]["email"]["same_person"] = {"reason": "One sign-in", "approved_by": "A. Officer"}
    schema = GUESTS.replace(
        f"CREATE TABLE guests (id int PRIMARY KEY, {DAY});",
        f"""
        CREATE TABLE guests (id int PRIMARY KEY, email text, {DAY});""",
    ).replace("(51), (53)", "(51, 'ann@x.example'), (53, 'dora@x.example')")
    cli = install(declared, USERS + schema)
    assert erased(cli, ANN)["told"] == {"main.bookings": 1}
    assert (left(database, "guests"), left(database, "bookings")) == ([53], [2, 3])


def test_so_it_is_by_a_row_two_links_away(install: Install, database: str) -> None:
    legs = (
        "legs: {table: public.legs, created: created_at,"
        " found_by: [{column: booking, of: bookings.id}, {column: contact, identity: email}]}"
    )
    of_guest = YIELDS.replace(", {column: mail, identity: email}", "")
    schema = f"CREATE TABLE legs (id int PRIMARY KEY, booking int REFERENCES bookings, contact text, {DAY});"
    rows = "INSERT INTO legs VALUES (1, 1, 'gus@x.example'), (2, 2, 'ann@x.example'), (3, 3, 'dora@x.example');"
    cli = install(document(_USERS + _GUESTS + of_guest + legs), USERS + GUESTS + schema + rows)
    assert erased(cli, ANN)["told"] == {"main.legs": 1}
    assert (left(database, "guests"), left(database, "legs")) == ([51, 53], [1, 2, 3])


def test_so_it_is_by_an_internal_key_of_the_guests_row(install: Install, database: str) -> None:
    """A guest's row tells the number of a card, and the booking names the card."""
    guests = _GUESTS.replace("guest_id: id", "guest_id: id, card: card")
    bookings = _BOOKINGS.replace("{column: guest, of: guests.id}", "{column: guest, identity: card}")
    schema = USERS + GUESTS + "ALTER TABLE guests ADD card int UNIQUE; UPDATE guests SET card = id;"
    card = {"kind": "internal", "normaliser": "integer/2"}
    cli = install(document(_USERS + guests + bookings, card=card), schema)
    assert erased(cli, ANN)["told"] == {"main.bookings": 1}
    assert (left(database, "guests"), left(database, "bookings")) == ([51, 53], [1, 2, 3])


def test_so_it_is_in_a_second_database(install: Install, database: str) -> None:
    declared = document(_USERS)
    declared["stores"]["crm"] = document(_GUESTS + YIELDS)["stores"]["main"]
    cli = install(declared)
    assert erased(cli, ANN)["told"] == {"crm.bookings": 1}
    assert (left(database, "guests"), left(database, "bookings")) == ([51, 53], [1, 2, 3])


def test_so_it_is_with_two_kinds_of_one_table(install: Install, database: str) -> None:
    staff, customer = ({"type": one} for one in ("staff", "customer"))
    collections = f"""
staff: {{table: public.people, person: staff_id, created: created_at,
  found_by: [{{column: id, identity: staff_id, where: {staff}}}, {{column: email, identity: email, where: {staff}}}],
  yields: {{staff_id: {{column: id, where: {staff}}}, email: {{column: email, where: {staff}}}}}}}
customers: {{table: public.people, person: customer_id, created: created_at,
  found_by: [{{column: id, identity: customer_id, where: {customer}}}],
  yields: {{customer_id: {{column: id, where: {customer}}}}}}}
tickets: {{table: public.tickets, created: created_at, yields: {{customer_id: customer}},
  found_by: [{{column: customer, of: customers.id}}, {{column: cc, identity: email}}]}}
"""
    kinds = {one: {"kind": "person", "normaliser": "integer/2"} for one in ("staff_id", "customer_id")}
    schema = f"""
CREATE TABLE people (id int PRIMARY KEY, type text NOT NULL, email text, {DAY});
INSERT INTO people VALUES (1, 'staff', 'ann@x.example'), (2, 'staff', 'bob@x.example'), (53, 'customer', NULL);
CREATE TABLE tickets (id int PRIMARY KEY, customer int REFERENCES people, cc text, {DAY});
INSERT INTO tickets VALUES (1, 53, 'ann@x.example'), (2, 53, NULL);
"""
    cli = install(document(collections, **kinds), schema)
    assert erased(cli, b"staff_id\n1\n")["told"] == {"main.tickets": 1}
    assert (left(database, "people"), left(database, "tickets")) == ([2, 53], [1, 2])


def test_so_it_is_with_guests_who_say_a_phone_of_their_own(install: Install, database: str) -> None:
    guests = _GUESTS.replace("guest_id: id", "guest_id: id, phone: phone").replace(
        "identity: guest_id}", "identity: guest_id}, {column: phone, identity: phone}"
    )
    phone = {"kind": "reusable", "normaliser": "phone/1", "recycled": False}
    schema = "ALTER TABLE guests ADD phone text; UPDATE guests SET phone = '+4930999' || id || '1';"
    cli = install(document(_USERS + guests + YIELDS, phone=phone), USERS + GUESTS + schema)
    assert erased(cli, ANN)["told"] == {"main.bookings": 1}
    assert (left(database, "guests"), left(database, "bookings")) == ([51, 53], [1, 2, 3])


@pytest.mark.parametrize("listed", [ANN, BY_ADDRESS], ids=["by number", "by address"])
def test_so_it_is_by_an_index_of_guests_by_address(
    install: Install, database: str, keyspace: Keyspace, listed: bytes
) -> None:
    """Which address is a guest's says the index; that the guest is Ann, nobody says."""
    declared, own = document(_USERS + _GUESTS + YIELDS), {"data_type": "gone", "owner": {"controller": "acme"}}
    index = {"key": "guest:{email}", "type": "string", "yields": "guest_id", "undated": "erase", **own}
    declared["stores"]["cache"] = {"connector": "redis", "collections": {"index": index}}
    keyspace.client.set("guest:ann@x.example", "53")
    cli = install(declared, cache=keyspace.url)
    execute(database, "UPDATE bookings SET mail = 'dora@x.example' WHERE id = 2")
    status = erased(cli, listed)
    assert (left(database, "guests"), left(database, "users")) == ([51, 53], [2])
    assert (status["outcomes"], status["told"]) == ({"partially-erased": 1}, {"main.guests": 1, "main.bookings": 2})


def test_so_it_is_where_a_users_record_is_found_by_the_address_and_does_not_yield_it(
    install: Install, database: str
) -> None:
    """The record holds the address all the same: what is found by it and names a guest is the guest's."""
    users = _USERS.replace("yields: {user_id: id, email: email}", "yields: {user_id: id}")
    cli = install(document(users + _GUESTS + YIELDS))
    status = erased(cli, BY_ADDRESS)
    assert (left(database, "guests"), left(database, "bookings")) == ([51, 53], [1, 2, 3])
    assert (left(database, "users"), left(database, "news")) == ([2], [2])
    assert status["told"] == {"main.bookings": 1}


def test_a_guests_number_beside_a_users_address_names_no_single_person(install: Install, database: str) -> None:
    cli = install(document(_USERS + _GUESTS + YIELDS))
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"guest_id,email\n53,ann@x.example\n").out)
    assert plan["ambiguous"] == 1
    assert (left(database, "guests"), left(database, "users")) == ([51, 53], [1, 2])


def test_an_address_attributed_to_the_guest_goes_with_nobody_else(install: Install, database: str) -> None:
    cli = install(document(_USERS + _GUESTS + YIELDS.replace("guest_id: guest", "guest_id: guest, email: mail")))
    said, words = b"guest_id,email\n53,ann@x.example\n", ("--as", "theirs", "--reason", "A letter", "-c", "acme")
    made = json.loads(succeeded(cli.run("attribute", "propose", "-", *words, "--json", stdin=said)))["id"]
    approver = {"EXPUNGE_ACTOR": "somebody else"}
    succeeded(cli.run("attribute", "approve", made, "-", stdin=said, settings=approver))
    status = erased(cli, ANN)
    assert (left(database, "guests"), left(database, "bookings"), left(database, "news")) == (
        [51, 53],
        [1, 2, 3],
        [1, 2],
    )
    assert status["told"] == {"main.news": 1}  # the booking names the guest, whose the address was said to be
    execute(database, "INSERT INTO bookings VALUES (4, NULL, 'ann@x.example')")
    assert erased(cli, DORA)["outcomes"] == {"erased": 1}
    assert (left(database, "guests"), left(database, "bookings"), left(database, "news")) == ([51], [1], [2])
