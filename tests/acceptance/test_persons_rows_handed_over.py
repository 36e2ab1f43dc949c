"""A customer's row that names another account by now is that account's, and so is what hangs on it (ADR 18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.cancellation import ended_half_way, refused, residual
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.statements import lines_of, statements_of

from expunge_orchestrator.execution import operator_retry

SCHEMA = """
CREATE TABLE accounts (id int PRIMARY KEY, email text, token text UNIQUE,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE customers (id int PRIMARY KEY, account_id int, account_token text, name text, email text,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (id int PRIMARY KEY, customer_id int);
CREATE TABLE lines (id int PRIMARY KEY, order_id int REFERENCES orders);
CREATE TABLE contracts (id int PRIMARY KEY, account_id int);
CREATE TABLE notes (id int PRIMARY KEY, email text);
CREATE TABLE avatars (image int PRIMARY KEY, account_id int);
INSERT INTO accounts SELECT n, n || '@x.example', 't' || n FROM generate_series(1, 3) n;
INSERT INTO contracts SELECT n, n FROM generate_series(1, 3) n;
INSERT INTO customers VALUES (5, 1, 't1', 'Ann', '1@x.example'), (9, 3, 't3', 'Carl', '3@x.example');
INSERT INTO orders VALUES (1, 5), (3, 9);
INSERT INTO lines VALUES (1, 1), (3, 3);
"""
ACCOUNTS = """
accounts: {table: public.accounts, person: user_id, yields: {user_id: id, email: email, token: token},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
avatars: {table: public.avatars, found_by: [{column: account_id, identity: user_id}], yields: {number: image}}
contracts: {table: public.contracts, found_by: [{column: account_id, identity: user_id}]}
customers: {table: public.customers, person: cid, created: created_at, """
BELOW = """
orders: {table: public.orders, found_by: [{column: customer_id, of: customers.id}]}
lines: {table: public.lines, found_by: [{column: order_id, of: orders.id}]}
"""
CUSTOMERS = {
    "through the account's row": "goes_with_any: {reason: one human, approved_by: x}, yields: {cid: id},"
    " found_by: [{column: id, identity: cid}, {column: account_id, of: accounts.id}]}",
    "through a contract": "yields: {cid: id},"
    " found_by: [{column: id, identity: cid}, {column: account_id, of: contracts.id}]}",
    "by the account's id": "yields: {cid: id, user_id: account_id},"
    " found_by: [{column: id, identity: cid}, {column: account_id, identity: user_id}]}",
    "by both": "yields: {cid: id, user_id: account_id}, found_by: [{column: id, identity: cid},"
    " {column: account_id, identity: user_id}, {column: account_id, of: accounts.id}]}",
    "by a key of the account's row": "yields: {cid: id},"
    " found_by: [{column: id, identity: cid}, {column: account_token, identity: token}]}",
}
WITH_ADDRESS = {
    "by an address as well": "yields: {cid: id, user_id: account_id, email: email}, found_by: [{column: id,"
    " identity: cid}, {column: account_id, identity: user_id}, {column: email, identity: email}]}\n"
    "notes: {table: public.notes, undated: erase, found_by: [{column: email, identity: email}]}"
}
VISITS = {"key": "visits:{cid}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
IMAGES = {**VISITS, "key": "image:{number}", "owner": {"controller": "acme"}}
HANDED_OVER = "UPDATE customers SET account_id = 2, account_token = 't2', name = 'Bob' WHERE id = 5"
MADE_ANEW = f"""
DELETE FROM customers WHERE id = 5; DELETE FROM lines WHERE id = 1; DELETE FROM orders WHERE id = 1;
INSERT INTO customers VALUES (5); INSERT INTO orders VALUES (1, 5); INSERT INTO lines VALUES (1, 1); {HANDED_OVER}
"""
ANN = "user_id\n1\n"


@dataclass(frozen=True, slots=True)
class Asker:
    csv: str
    controller: str = "acme"


@dataclass(frozen=True, slots=True)
class Customers:
    """People with an account and a number as customers; Ann is account 1 and customer 5."""

    installation: Installation
    database: str
    keyspace: Keyspace

    def rows(self) -> tuple[list[int], ...]:
        return tuple(left(self.database, name) for name in ("accounts", "customers", "orders", "lines"))

    def visits(self) -> list[bytes]:
        return sorted(self.keyspace.client.keys("visits:*"))


Made = Callable[..., Customers]


@pytest.fixture
def made(database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Made]:
    execute(database, SCHEMA)
    keyspace.client.mset({"visits:5": "x", "visits:9": "x"})
    opened = ExitStack()

    def make(how: str, *, apart: bool = False) -> Customers:
        """With the customers, and what is below, in a second store if they are to be apart."""
        document = small_document(f"{ACCOUNTS}{(CUSTOMERS | WITH_ADDRESS)[how]}{BELOW}")
        collections = document["stores"]["main"]["collections"]
        document["identities"]["cid"] = {"kind": "person", "normaliser": "exact/1"}
        if how in WITH_ADDRESS:
            document["identities"]["email"]["same_person"] = {"reason": "r", "approved_by": "A. Officer"}
        document["stores"]["cache"] = {"connector": "redis", "collections": {"visits": VISITS, "images": IMAGES}}
        stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
        if apart:
            there = {name: collections.pop(name) for name in ("customers", "orders", "lines")}
            document["stores"]["crm"] = {"connector": "postgres", "collections": there}
            stores["crm"] = stores["main"]
        write_document(tmp_path / "datamap.yaml", document)
        places = {"data_map": tmp_path / "datamap.yaml", "stores": stores}
        return Customers(
            opened.enter_context(fresh_installation(calltrack, tmp_path / "expunge", **places)), database, keyspace
        )

    with opened:
        yield make


BOBS = ([2, 3], [5, 9], [1, 3], [1, 3])


@pytest.mark.parametrize("how", CUSTOMERS)
def test_a_retry_leaves_the_row_that_was_handed_over(made: Made, how: str) -> None:
    """Ann's account went, and what follows failed; her customer's row is Bob's before it is tried again."""
    people = made(how)
    installation = people.installation
    batch = installation.plan(ANN, "acme")
    main = installation.workspace.stores["main"]

    def only_accounts(subjects, actions, *rest):
        main.erase(subjects, {name: one for name, one in actions.items() if name == "accounts"}, *rest)
        refused()

    installation.erase(batch, installation.with_stores({"main": FaultyConnector(main, erase=only_accounts)}))
    assert people.rows() == ([2, 3], [5, 9], [1, 3], [1, 3])
    execute(people.database, HANDED_OVER + "; INSERT INTO avatars VALUES (7, 1)")
    people.keyspace.client.set("image:7", "late")
    operator_retry.retry(installation.workspace, installation.again(batch))
    installation.erase(batch)
    assert people.rows() == BOBS
    assert people.visits() == [b"visits:5", b"visits:9"]
    assert installation.outcomes(batch) == {"partially-erased": 1}
    assert left(people.database, "avatars", "image") == people.keyspace.client.keys("image:*") == []
    (said,) = statements_of(installation, batch, "partially-erased")
    assert {name for name, (outcome, *_) in lines_of(said.body).items() if outcome == "ambiguous"} == {
        *("main.customers", "main.orders", "main.lines", "cache.visits")
    }
    installation.settle()
    assert people.rows() == BOBS
    assert people.visits() == [b"visits:5", b"visits:9"]
    bob = installation.plan("user_id\n2\n", "acme")
    installation.erase(bob)
    assert installation.outcomes(bob) == {"erased": 1}
    assert (people.rows(), people.visits()) == (([3], [9], [3], [3]), [b"visits:9"])


def test_what_the_row_holds_is_whose_it_is_by_then(made: Made) -> None:
    """Her address, which Bob has left there: what is known by it alone is not hers for certain any more."""
    people = made("by an address as well")
    installation = people.installation
    execute(people.database, "INSERT INTO notes VALUES (1, '1@x.example'), (2, '3@x.example')")
    batch = installation.plan(ANN, "acme")
    main = before_call(installation.workspace.stores["main"], "erase", lambda: execute(people.database, HANDED_OVER))
    installation.erase(batch, installation.with_stores({"main": main}))
    assert installation.outcomes(batch) == {"partially-erased": 1}, installation.failures(batch)
    assert people.rows() == BOBS
    assert left(people.database, "notes") == [1, 2]
    (said,) = statements_of(installation, batch, "partially-erased")
    assert lines_of(said.body)["main.notes"][0] == "ambiguous"
    installation.settle()
    assert left(people.database, "notes") == [1, 2]


@pytest.mark.parametrize("how", ["by the account's id", "by a key of the account's row"])
def test_so_does_one_of_a_database_that_does_not_know_the_accounts(made: Made, how: str) -> None:
    people = made(how, apart=True)
    installation = people.installation
    batch = installation.plan(ANN, "acme")
    stuck = FaultyConnector(installation.workspace.stores["crm"], erase=refused)
    installation.erase(batch, installation.with_stores({"crm": stuck}))
    assert people.rows() == ([2, 3], [5, 9], [1, 3], [1, 3])
    execute(people.database, HANDED_OVER)
    operator_retry.retry(installation.workspace, installation.again(batch))
    installation.erase(batch)
    assert installation.outcomes(batch) == {"partially-erased": 1}
    assert people.rows() == BOBS
    assert people.visits() == [b"visits:5", b"visits:9"]


@pytest.mark.parametrize("how", CUSTOMERS)
def test_the_settling_check_leaves_the_row_that_is_somebody_elses(made: Made, how: str) -> None:
    people = made(how)
    installation = people.installation
    batch = installation.plan(ANN, "acme")
    installation.erase(batch)
    assert installation.outcomes(batch) == {"erased": 1}, installation.failures(batch)
    assert people.rows() == ([2, 3], [9], [3], [3])
    assert people.visits() == [b"visits:9"]
    execute(people.database, MADE_ANEW)
    people.keyspace.client.set("visits:5", "Bob's")
    installation.settle()
    assert people.rows() == BOBS
    assert people.visits() == [b"visits:5", b"visits:9"]


@pytest.mark.parametrize("how", CUSTOMERS)
def test_what_is_handed_over_before_the_erasing_transaction_stays(made: Made, how: str) -> None:
    people = made(how)
    installation = people.installation
    batch = installation.plan(ANN, "acme")
    main = before_call(installation.workspace.stores["main"], "erase", lambda: execute(people.database, HANDED_OVER))
    installation.erase(batch, installation.with_stores({"main": main}))
    assert people.rows() == BOBS
    assert people.visits() == [b"visits:5", b"visits:9"]
    assert installation.outcomes(batch) == {"partially-erased": 1}


@pytest.mark.parametrize("how", CUSTOMERS)
def test_what_an_ended_request_kept_leads_to_nobody_elses_row(made: Made, how: str) -> None:
    """Ann asks again: her customer's number, kept from the request that was ended, is Bob's by now."""
    people = made(how)
    installation = people.installation
    ended_half_way(installation, Asker(ANN), "main")
    execute(people.database, HANDED_OVER)
    second = installation.plan(ANN, "acme")
    told = {
        name: (one["due"], one["ambiguous"])
        for store in second.plan["stores"].values()
        for name, one in store["collections"].items()
    }
    hers, his = dict.fromkeys(["accounts", "contracts"], (1, 0)), ["customers", "orders", "lines", "visits"]
    assert told == {**hers, **dict.fromkeys(his, (0, 1)), "avatars": (0, 0), "images": (0, 0)}
    installation.erase(second)
    assert installation.outcomes(second) == {"partially-erased": 1}
    (said,) = statements_of(installation, second, "partially-erased")
    ambiguous = {name for name, (outcome, *_) in lines_of(said.body).items() if outcome == "ambiguous"}
    assert {name.partition(".")[2] for name in ambiguous} == {*his}
    assert residual(installation) == []
    installation.settle()
    third = installation.plan(ANN, "acme")
    installation.erase(third)
    assert installation.outcomes(third) == {"not-found": 1}
    assert people.rows() == BOBS
    assert people.visits() == [b"visits:5", b"visits:9"]
