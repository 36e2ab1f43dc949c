"""Rows that become another's while our statement waits for them: they keep what hangs below them."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.locks import erasing_that_waits, wait_until_blocked
from tests.support.postgres.small_schemas import ACME, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import SubjectKey, no_beat

TABLES = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, note text);
CREATE TABLE lines (id int PRIMARY KEY, order_id int REFERENCES orders);
CREATE TABLE parts (id int PRIMARY KEY, line_id int REFERENCES lines);
INSERT INTO users VALUES (1), (2);
INSERT INTO orders VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
INSERT INTO lines VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO parts VALUES (1, 1), (2, 2), (3, 3);
"""
MAP = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
orders:
  table: public.orders
  found_by: [{column: user_id, of: users.id}]
lines: {table: public.lines, found_by: [{column: order_id, of: orders.id}]}
parts: {table: public.parts, found_by: [{column: line_id, of: lines.id}]}
"""
TO_BOB = "UPDATE orders SET user_id = 2 WHERE id = 1"
TO_BOBS_ORDER = "UPDATE lines SET order_id = 3 WHERE id = 1"


@pytest.mark.parametrize("people", [1, 300])
@pytest.mark.parametrize(("moved", "orders"), [(TO_BOB, [1, 3]), (TO_BOBS_ORDER, [3])], ids=["order", "line"])
def test_what_hangs_below_a_row_stays_with_it(database: str, moved: str, orders: list[int], people: int) -> None:
    execute(database, TABLES)
    execute(database, "INSERT INTO users SELECT generate_series(10, 310)")
    loaded = shape(MAP)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        asked = [subject(1, user_id="1"), *(subject(n, user_id=str(n)) for n in range(10, 9 + people))]
        chunk = resolved(store, asked, ACME)
        bob.execute(moved)
        with erasing_that_waits(database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            bob.commit()
    assert left(database, "orders") == orders
    assert left(database, "lines") == left(database, "parts") == [1, 3]
    assert 1 not in left(database, "users")


@pytest.mark.parametrize("part", [False, True])
def test_what_hangs_below_a_row_that_stays_is_its_new_owners(database: str, *, part: bool) -> None:
    """A DBA's order was retained, or not asked for, and became Bob's while a lock elsewhere was awaited."""
    execute(database, TABLES)
    kept = "orders:\n  data_type: kept\n  start: d\n"
    execute(database, "ALTER TABLE orders ADD d date NOT NULL DEFAULT '2026-01-01'")
    loaded = shape(
        MAP if part else MAP.replace("orders:\n", kept).replace("users: {", "users: {data_type: kept, start: d, ")
    )
    execute(database, "ALTER TABLE users ADD d date NOT NULL DEFAULT '2026-01-01'")
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute("SELECT FROM lines WHERE id = 2 FOR UPDATE")
        below = {one: actions(loaded, "acme")[one] for one in ("lines", "parts")}
        with erasing_that_waits(database, lambda: store.erase([ann], below, ACME, CUTOFF, no_beat)):
            execute(database, TO_BOB)
            bob.commit()
    assert left(database, "lines") == left(database, "parts") == [1, 3]


@pytest.mark.parametrize("rows", [4, 5])
@pytest.mark.parametrize("tombstoned", [False, True])
def test_what_hangs_below_a_row_that_has_its_turn_later_is_its_new_owners(
    database: str, rows: int, *, tombstoned: bool
) -> None:
    """The transaction is full before it gets at Ann's orders, or at all of them: one of them is Bob's by then."""
    execute(database, TABLES)
    loaded = shape(MAP.replace("orders:\n", TOMBSTONED) if tombstoned else MAP)
    with (
        opened(database, loaded, lock_timeout="30s", rows_per_transaction=rows) as store,
        psycopg.connect(database) as bob,
    ):
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute("SELECT FROM lines WHERE id = 2 FOR UPDATE")
        with erasing_that_waits(database, lambda: store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            execute(database, TO_BOB)
            bob.commit()
    assert left(database, "orders WHERE user_id IS NOT NULL") == left(database, "lines") == [1, 3]
    assert left(database, "parts") == [1, 3]
    assert left(database, "users") == [2]


TOMBSTONED = """orders:
  data_type: anchor
  tombstone: {user_id: "NULL", note: "NULL"}
"""


def test_a_row_that_looks_like_a_tombstone_is_its_new_owners(database: str) -> None:
    """Ann's order has no note, as a tombstone has none: it is Bob's all the same, and so are its lines."""
    execute(database, TABLES.replace("REFERENCES orders", "").replace("REFERENCES lines", ""))
    execute(database, "UPDATE orders SET note = NULL WHERE id = 1")
    loaded = shape(MAP.replace("orders:\n", 'orders:\n  data_type: anchor\n  tombstone: {note: "NULL"}\n'))
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, TO_BOB)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "lines") == left(database, "parts") == [1, 3]
        again = store.given_again([ann], ACME, CUTOFF)[1]
        assert {(key.namespace, key.value) for key in again} == {("main.orders.id", "1"), ("main.lines.id", "1")}
        execute(database, "DELETE FROM users WHERE id = 2")  # nobody is left whose it could be
        assert SubjectKey("main.orders.id", "1") not in store.given_again([ann], ACME, CUTOFF).get(1, ())


@pytest.mark.parametrize("tombstoned", [False, True])
def test_what_is_known_by_the_id_of_a_row_stays_with_whoever_has_the_row(database: str, *, tombstoned: bool) -> None:
    """No foreign key leads to the orders: their ids are known from the resolution on, and one is Bob's by now."""
    execute(database, TABLES.replace("REFERENCES orders", "").replace("REFERENCES lines", ""))
    loaded = shape(MAP.replace("orders:\n", TOMBSTONED) if tombstoned else MAP)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, TO_BOB)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "orders WHERE user_id IS NOT NULL") == left(database, "lines") == [1, 3]
        assert left(database, "parts") == [1, 3]
        again = store.given_again([ann], ACME, CUTOFF)[1]
        assert {(key.namespace, key.value) for key in again} == {("main.orders.id", "1"), ("main.lines.id", "1")}
        execute(database, "DELETE FROM orders WHERE id = 2; INSERT INTO orders VALUES (2, 1, 'late')")
        execute(database, "INSERT INTO lines VALUES (2, 2)")
        assert store.given_again([ann], ACME, CUTOFF)[1] == again  # the late ones are Ann's
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "orders WHERE user_id IS NOT NULL") == left(database, "lines") == [1, 3]


PERSONS = """
CREATE TABLE accounts (id int PRIMARY KEY, token text UNIQUE);
CREATE TABLE customers (id int PRIMARY KEY, account_id int, token text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note text);
INSERT INTO accounts VALUES (1, 't1');
INSERT INTO customers VALUES (5, 1, 't1'), (9, NULL, NULL);
INSERT INTO orders VALUES (1, 5), (2, 9);
"""
ACCOUNTS = """
accounts: {table: public.accounts, person: user_id, yields: {user_id: id, token: token},
  found_by: [{column: id, identity: user_id}]}
orders: {table: public.orders, found_by: [{column: customer_id, of: customers.id}]}
customers: {table: public.customers, person: cid, """
CUSTOMERS = {
    "through the account": "goes_with_any: {reason: one human, approved_by: x}, yields: {cid: id},"
    " found_by: [{column: id, identity: cid}, {column: account_id, of: accounts.id}]}",
    "by the account's id": "yields: {cid: id, user_id: account_id},"
    " found_by: [{column: id, identity: cid}, {column: account_id, identity: user_id}]}",
    "by a token": "yields: {cid: id}, found_by: [{column: id, identity: cid}, {column: token, identity: token}]}",
}
TO_NEW_ACCOUNT = "INSERT INTO accounts VALUES (2, 't2'); UPDATE customers SET account_id = 2, token = 't2' WHERE id = 5"


def customers(how: str) -> DataMap:
    document = small_document(ACCOUNTS + CUSTOMERS[how])
    document["identities"]["cid"] = {"kind": "person", "normaliser": "exact/1"}
    return checked(document)


@pytest.mark.parametrize("waits_for", ["the row", "an order"])
@pytest.mark.parametrize("how", CUSTOMERS)
def test_a_persons_row_is_whose_other_key_it_has_by_then(database: str, how: str, waits_for: str) -> None:
    """Ann's customer number stays on the row, which becomes that of an account that is made with the change."""
    execute(database, PERSONS)
    loaded = customers(how)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert SubjectKey("cid", "5") in ann.keys
        bob.execute(TO_NEW_ACCOUNT if waits_for == "the row" else "UPDATE orders SET note = 'x' WHERE id = 1")
        with erasing_that_waits(database, lambda: store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            if waits_for != "the row":
                execute(database, TO_NEW_ACCOUNT)
            bob.commit()
        assert left(database, "accounts") == [2]
        assert left(database, "customers") == [5, 9]
        assert left(database, "orders") == [1, 2]
        again = store.given_again([ann], ACME, CUTOFF)[1]
        assert {("cid", "5"), ("main.customers.id", "5")} == {(one.namespace, one.value) for one in again}
        assert due(store.count([ann], ACME, CUTOFF)) == due(store.verify([ann], ACME, CUTOFF)) == {"orders": 1}
        rest = replace(ann, keys=ann.keys - again)
        assert due(store.count([rest], ACME, CUTOFF)) == due(store.verify([rest], ACME, CUTOFF)) == {}


@pytest.mark.parametrize("how", CUSTOMERS)
def test_a_persons_row_is_theirs_by_any_key_of_which_nothing_else_is_known(database: str, how: str) -> None:
    """Who is known as a customer alone gets an account; another one's account is gone."""
    execute(database, PERSONS)
    loaded = customers(how)
    with opened(database, loaded) as store:
        carl, ann = (resolved(store, [subject(1, **one)], ACME) for one in ({"cid": "9"}, {"user_id": "1"}))
        execute(database, "INSERT INTO accounts VALUES (3, 't3'); UPDATE customers SET account_id = 3 WHERE id = 9")
        execute(database, "DELETE FROM accounts WHERE id = 1")
        for one in (carl, ann):
            assert due(store.count(one, ACME, CUTOFF)) == due(store.verify(one, ACME, CUTOFF))
            assert due(store.count(one, ACME, CUTOFF)) == {"customers": 1, "orders": 1}
            assert store.given_again(one, ACME, CUTOFF) == {}
        both = [*ann, replace(carl[0], number=2)]
        execute(database, "UPDATE customers SET account_id = NULL, token = NULL WHERE id = 5")
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "customers") == left(database, "orders WHERE id = 2", "customer_id") == [9]
        assert due(store.verify(both, ACME, CUTOFF)) == {"customers": 1, "orders": 1}


BY_NUMBER = """
CREATE TABLE accounts (id int PRIMARY KEY);
CREATE TABLE customers (id int PRIMARY KEY, account_id int);
CREATE TABLE tickets (id int PRIMARY KEY, customer int);
INSERT INTO accounts VALUES (1), (2);
INSERT INTO customers VALUES (5, 1);
INSERT INTO tickets VALUES (1, 5);
"""
TICKETS = """
accounts: {table: public.accounts, person: user_id, yields: {user_id: id}, found_by: [{column: id, identity: user_id}]}
tickets: {table: public.tickets, found_by: [{column: customer, identity: IDENTITY}]}
"""
NUMBERED = {
    "number": "customers: {table: public.customers, yields: {number: id},"
    " found_by: [{column: account_id, identity: user_id}]}",
    "cid": "customers: {table: public.customers, person: cid, yields: {cid: id, user_id: account_id},"
    " found_by: [{column: id, identity: cid}, {column: account_id, identity: user_id}]}",
}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("identity", NUMBERED)
def test_what_is_known_by_the_number_of_a_row_stays_with_it(database: str, identity: str, *, kept: bool) -> None:
    """No link `of` leads from the row to what is known by its number, an internal key or a person's."""
    execute(database, BY_NUMBER + "ALTER TABLE customers ADD d date NOT NULL DEFAULT '2026-01-01'")
    collection = NUMBERED[identity]
    if kept:
        collection = collection.replace("customers, ", "customers, data_type: kept, start: d, ")
    document = small_document(TICKETS.replace("IDENTITY", identity) + collection)
    document["identities"]["cid"] = {"kind": "person", "normaliser": "exact/1"}
    loaded = checked(document)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute("UPDATE customers SET account_id = 2")
        if kept:
            bob.rollback()
            bob.execute("SELECT FROM accounts WHERE id = 1 FOR UPDATE")
        with erasing_that_waits(database, lambda: store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            if kept:
                execute(database, "UPDATE customers SET account_id = 2")
            bob.commit()
    assert left(database, "accounts") == [2]
    assert left(database, "customers") == [5]
    assert left(database, "tickets") == [1]


def test_what_a_row_holds_its_new_owner_claims(database: str) -> None:
    """Ann's address is left in the row that is Bob's: found out in one transaction, not over and over again."""
    execute(database, PERSONS + "CREATE TABLE notes (id int PRIMARY KEY, email text)")
    execute(database, "INSERT INTO notes VALUES (1, 'ann@x.example'); INSERT INTO accounts VALUES (2)")
    execute(database, "ALTER TABLE customers ADD email text; UPDATE customers SET email = 'ann@x.example' WHERE id = 5")
    by_address = CUSTOMERS["by the account's id"].replace("user_id: account_id", "user_id: account_id, email: email")
    by_address = by_address.replace("found_by: [", "undated: erase, found_by: [{column: email, identity: email}, ")
    notes = "notes: {table: public.notes, undated: erase, found_by: [{column: email, identity: email}]}"
    document = small_document(f"{ACCOUNTS}{by_address}\n{notes}")
    document["identities"]["cid"] = {"kind": "person", "normaliser": "exact/1"}
    loaded = checked(document)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, "UPDATE customers SET account_id = 2")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "accounts") == [2]
        assert (left(database, "orders"), left(database, "notes")) == ([1, 2], [1])


PATIENTS = """
CREATE TABLE patients (id int PRIMARY KEY, mrn text UNIQUE);
CREATE TABLE visits (id int PRIMARY KEY, patient_id int REFERENCES patients, note text);
CREATE TABLE labs (id int PRIMARY KEY, mrn text);
CREATE TABLE cards (mrn text PRIMARY KEY);
CREATE TABLE stamps (id int PRIMARY KEY, card text);
INSERT INTO patients SELECT n, 'M' || n FROM generate_series(1, 3) n;
INSERT INTO visits SELECT n, n FROM generate_series(1, 3) n;
INSERT INTO labs SELECT n, 'M' || n FROM generate_series(1, 3) n;
INSERT INTO cards SELECT mrn FROM labs; INSERT INTO stamps SELECT * FROM labs;
"""
BY_MRN = """
patients: {table: public.patients, person: cid, yields: {cid: id, mrn: mrn},
  found_by: [{column: id, identity: cid}, {column: mrn, identity: mrn}]}
visits: {table: public.visits, found_by: [{column: patient_id, of: patients.id}]}
labs: {table: public.labs, found_by: [{column: mrn, identity: mrn}]}
cards: {table: public.cards, person: mrn, yields: {mrn: mrn}, found_by: [{column: mrn, identity: mrn}]}
stamps: {table: public.stamps, found_by: [{column: card, of: cards.mrn}]}
"""
MOVED = {
    "swapped": "UPDATE patients SET mrn = 'T' WHERE id = 1; UPDATE patients SET mrn = 'M1' WHERE id = 2;"
    "UPDATE patients SET mrn = 'M2' WHERE id = 1; UPDATE labs SET id = -id, mrn = 'M' || 3 - id WHERE id < 3",
    "handed over": "UPDATE patients SET mrn = NULL WHERE id = 1; UPDATE patients SET mrn = 'M1' WHERE id = 2",
}


@pytest.mark.parametrize("people", [1, 300])
@pytest.mark.parametrize("waited", [False, True])
@pytest.mark.parametrize("how", MOVED)
def test_a_persons_other_number_is_whose_row_holds_it(database: str, how: str, people: int, *, waited: bool) -> None:
    """Which of two numbers is looked at first makes no difference: each is asked of by both, as they were known."""
    execute(database, PATIENTS)
    document = small_document(BY_MRN)
    for identity in ("cid", "mrn"):
        document["identities"][identity] = {"kind": "person", "normaliser": "exact/1"}
    loaded = checked(document)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        asked = [subject(1, cid="1"), *(subject(n, cid=str(n)) for n in range(10, 9 + people))]
        ann, *others = resolved(store, asked, ACME)
        if waited:
            bob.execute("UPDATE visits SET note = 'x' WHERE id = 1; " + MOVED[how])
        else:
            execute(database, MOVED[how])
        erasing = threading.Thread(
            target=lambda: store.erase([ann, *others], actions(loaded, "acme"), ACME, CUTOFF, no_beat), daemon=True
        )
        erasing.start()
        if waited:
            wait_until_blocked(database)
        bob.commit()
        erasing.join(60)
        assert not erasing.is_alive()
        gone = set() if how == "swapped" else {1}
        assert set(left(database, "patients")) == set(left(database, "visits")) == {1, 2, 3} - gone
        assert sorted(map(abs, left(database, "labs"))) == [1, 2, 3]
        assert left(database, "cards", "mrn") == ["M1", "M2", "M3"]
        assert left(database, "stamps") == [1, 2, 3]
        again = store.given_again([ann, *others], ACME, CUTOFF)[1]
        assert SubjectKey("mrn", "M1") in again
        assert (SubjectKey("cid", "1") in again) is (how == "swapped")
        rest = [replace(ann, keys=ann.keys - again), *others]
        assert due(store.count(rest, ACME, CUTOFF)) == due(store.verify(rest, ACME, CUTOFF)) == {}
        execute(database, "DELETE FROM visits WHERE id = 2; DELETE FROM patients WHERE id = 2")
        assert SubjectKey("mrn", "M1") not in store.given_again([ann, *others], ACME, CUTOFF).get(1, ())
