"""An index in Redis by an address leads to no person whose own record holds another address (ADR 18, claims).

`login:{email}` says who signs in with an address, `number:{email}` which customer of another database has it. Both may
be stale: Bob gave the address up, and his own record says which one is his by now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.support.data_map_text import write_document
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace

from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading

OWN: dict[str, Any] = {"data_type": "gone", "owner": {"controller": "acme"}}
COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
customers: {table: public.customers, person: number, yields: {number: num, email: email}, created: created_at,
  found_by: [{column: num, identity: number}, {column: email, identity: email}]}
calls: {table: public.calls, found_by: [{column: num, of: customers.num}]}
news: {table: public.news, undated: erase, found_by: [{column: email, identity: email}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE customers (num int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE calls (id serial PRIMARY KEY, num int NOT NULL);
CREATE TABLE news (email text PRIMARY KEY);
INSERT INTO users VALUES (2, 'bob@x.example'), (3, 'cleo@x.example');
INSERT INTO customers VALUES (77, 'bob@x.example'), (78, 'cleo@x.example');
INSERT INTO calls (num) VALUES (77), (78);
INSERT INTO news VALUES ('ann@x.example'), ('bob@x.example');
"""
ANN_SIGNS_UP = "INSERT INTO users VALUES (1, 'ann@x.example')"
CACHE: dict[str, Any] = {
    "logins": {"key": "login:{email}", "type": "string", "yields": "user_id", "undated": "erase", **OWN},
    "accounts": {
        "key": "account:{email}",
        "type": "hash",
        "named_by": {"field": "uid"},
        "yields": "user_id",
        "undated": "erase",
        **OWN,
    },
    "numbers": {"key": "number:{email}", "type": "string", "yields": "number", "undated": "erase", **OWN},
    "tickets": {"key": "ticket:{email}", "type": "string", "yields": "ticket", "undated": "erase", **OWN},
    "holders": {"key": "holder:{ticket}", "type": "string", "yields": "user_id", **OWN},
    "sessions": {"key": "session:{user_id}", "type": "string", **OWN},
    "cards": {"key": "card:{number}", "type": "string", **OWN},
}
BOBS = ["session:2", "card:77"]


@pytest.fixture
def acme(database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    execute(database, SCHEMA)
    for name in (*BOBS, "session:3", "card:78"):
        keyspace.client.set(name, "x")
    document = small_document(COLLECTIONS)
    document["identities"]["number"] = dict(document["identities"]["user_id"])
    document["identities"]["ticket"] = {"kind": "internal"}
    document["identities"]["email"]["same_person"] = {
        "reason": "A customer is who has the address.",
        "approved_by": "D",
    }
    document["stores"]["cache"] = {"connector": "redis", "collections": json.loads(json.dumps(CACHE))}
    write_document(tmp_path / "datamap.yaml", document)
    stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
    home = tmp_path / "expunge"
    with fresh_installation(calltrack, home, data_map=tmp_path / "datamap.yaml", stores=stores) as made:
        yield made


def ambiguous(installation: Installation, batch: Batch) -> set[str]:
    """The collections of which something is left as ambiguous."""
    with reading(installation.workspace.ledger) as connection:
        found = BatchSums().records(connection, batch).remaining()
    return {name for name, counts in found.items() if counts["ambiguous"]}


def rows(database: str) -> list[list[Any]]:
    """What is left of persons and of what hangs on customers."""
    return [left(database, "users", "id"), left(database, "customers", "num"), left(database, "calls", "num")]


@pytest.mark.parametrize(
    "index",
    [
        ["SET", "login:ann@x.example", "2"],
        ["HSET", "account:ann@x.example", "uid", "2"],
        ["SET", "ticket:ann@x.example", "t1"],
    ],
    ids=["string", "hash", "through-a-thing"],
)
def test_an_account_of_another_address_is_not_who_asks(
    acme: Installation, database: str, keyspace: Keyspace, index: list[str]
) -> None:
    keyspace.client.set("holder:t1", "2")
    keyspace.client.execute_command(*index)
    batch = acme.plan("email\nann@x.example\n", "acme")
    acme.erase(batch)
    acme.settle()
    assert rows(database) == [[2, 3], [77, 78], [77, 78]]
    assert [keyspace.client.exists(name) for name in BOBS] == [1, 1]
    assert (left(database, "news", "email"), acme.outcomes(batch)) == (["bob@x.example"], {"partially-erased": 1})
    assert ambiguous(acme, batch)


@pytest.mark.parametrize("asked", ["user_id\n1\n", "email\nann@x.example\n"], ids=["by-id", "by-address"])
def test_a_customer_of_another_address_is_not_the_account_holder(
    acme: Installation, database: str, keyspace: Keyspace, asked: str
) -> None:
    execute(database, ANN_SIGNS_UP)
    keyspace.client.set("number:ann@x.example", "77")
    batch = acme.plan(asked, "acme")
    acme.erase(batch)
    acme.settle()
    assert rows(database) == [[2, 3], [77, 78], [77, 78]]
    assert [keyspace.client.exists(name) for name in BOBS] == [1, 1]
    assert (left(database, "news", "email"), acme.outcomes(batch)) == (["bob@x.example"], {"partially-erased": 1})
    assert "cache.cards" in ambiguous(acme, batch)


def test_a_plan_counts_nothing_of_the_person_of_another_address(acme: Installation, keyspace: Keyspace) -> None:
    keyspace.client.set("login:ann@x.example", "2")
    batch = acme.plan("email\nann@x.example\n", "acme")
    main = batch.plan["stores"]["main"]["collections"]
    assert (main["users"]["due"], main["news"]["due"]) == (0, 1)


@pytest.mark.parametrize(
    "own",
    ["DELETE FROM users WHERE id = 2", "UPDATE users SET email = NULL WHERE id = 2"],
    ids=["no-record", "no-address"],
)
def test_a_person_whose_record_says_no_address_is_who_the_index_names(
    acme: Installation, database: str, keyspace: Keyspace, own: str
) -> None:
    execute(database, own)
    keyspace.client.set("login:ann@x.example", "2")
    batch = acme.plan("email\nann@x.example\n", "acme")
    acme.erase(batch)
    assert (acme.outcomes(batch), keyspace.client.exists("session:2")) == ({"erased": 1}, 0)
    assert left(database, "users", "id") == [3]


def test_the_person_of_the_address_goes_with_what_the_index_names(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    execute(database, ANN_SIGNS_UP + "; INSERT INTO customers VALUES (79, 'ann@x.example')")
    keyspace.client.mset({"login:ann@x.example": "1", "number:ann@x.example": "79", "card:79": "x", "session:1": "x"})
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch)
    assert (acme.outcomes(batch), rows(database)[:2]) == ({"erased": 1}, [[2, 3], [77, 78]])
    assert [keyspace.client.exists(name) for name in ("card:79", "session:1", *BOBS)] == [0, 0, 1, 1]


def test_a_person_asked_for_by_key_goes_whatever_address_an_index_has(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    keyspace.client.set("login:ann@x.example", "2")
    batch = acme.plan("user_id,email\n2,ann@x.example\n", "acme")
    acme.erase(batch)
    assert (left(database, "users", "id"), keyspace.client.exists("session:2")) == ([3], 0)


@pytest.mark.parametrize("moment", ["erasure", "settling"])
def test_an_index_that_comes_late_takes_nobody_along(
    acme: Installation, database: str, keyspace: Keyspace, moment: str
) -> None:
    execute(database, ANN_SIGNS_UP)
    batch = acme.plan("user_id\n1\n", "acme")
    if moment == "settling":
        acme.erase(batch)
    keyspace.client.set("number:ann@x.example", "77")
    acme.erase(batch)
    acme.settle()
    assert rows(database) == [[2, 3], [77, 78], [77, 78]]
    assert keyspace.client.mget(*BOBS) == [b"x", b"x"]
    assert left(database, "news", "email") == ["bob@x.example"]
