"""Between the resolution and the erasure, and after it, somebody writes an address that an order of Ann's told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace

from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.database import reading

COLLECTIONS = """
users: {table: public.users, person: user_id, created: created_at, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}], yields: {email: contact}}
news: {table: public.news, created: at, found_by: [{column: email, identity: email}], yields: {token: image}}
images: {table: public.images, found_by: [{column: name, identity: token}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (id int PRIMARY KEY, user_id int, contact text);
CREATE TABLE news (id int PRIMARY KEY, email text, image text UNIQUE, at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE images (name text);
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
INSERT INTO orders VALUES (1, 1, 'gift@x.example');
INSERT INTO news VALUES (1, 'gift@x.example', 'n1'), (2, 'bob@x.example', 'n2');
INSERT INTO images VALUES ('n1'), ('n2');
"""
BOBS = "INSERT INTO orders VALUES (2, 2, 'gift@x.example')"


@pytest.fixture
def company(
    database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path
) -> Iterator[tuple[Installation, Keyspace, str]]:
    execute(database, SCHEMA)
    keyspace.client.set("letters:gift@x.example", "x")
    document = small_document(COLLECTIONS)
    letters = {"key": "letters:{email}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
    document["stores"]["cache"] = {"connector": "redis", "collections": {"letters": {**letters, "undated": "erase"}}}
    write_document(tmp_path / "datamap.yaml", document)
    places = {"data_map": tmp_path / "datamap.yaml"}
    stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
    with fresh_installation(calltrack, tmp_path / "expunge", **places, stores=stores) as installation:
        yield installation, keyspace, database


@pytest.mark.parametrize("before", ["erase", "given_again"])
def test_before_a_store_erases(company: tuple[Installation, Keyspace, str], before: str) -> None:
    """Bob's order is there before the database erases, or after that and before the cache does."""
    installation, keyspace, database = company
    batch = installation.plan("user_id\n1\n", "acme")
    main = before_call(
        installation.workspace.stores["main"],
        before,
        lambda: execute(database, BOBS),
        when=lambda: before == "erase" or left(database, "users") == [2],
    )
    installation.erase(batch, installation.with_stores({"main": main}))
    assert left(database, "news") == ([1, 2] if before == "erase" else [2])
    assert left(database, "images", "name") == (["n1", "n2"] if before == "erase" else ["n2"])
    assert left(database, "orders") == [2]
    assert keyspace.client.get("letters:gift@x.example") == b"x"
    assert installation.outcomes(batch) == {"partially-erased": 1}


def test_after_the_erasure(company: tuple[Installation, Keyspace, str]) -> None:
    """Bob changes an older subscription of his, whose image is no one's but his, and gets a letter."""
    installation, keyspace, database = company
    batch = installation.plan("user_id\n1\n", "acme")
    installation.erase(batch)
    assert installation.outcomes(batch) == {"erased": 1}
    assert (left(database, "news"), left(database, "images", "name")) == ([2], ["n2"])
    assert keyspace.client.get("letters:gift@x.example") is None
    execute(database, f"{BOBS}; UPDATE news SET email = 'gift@x.example'")
    keyspace.client.set("letters:gift@x.example", "for Bob")
    installation.settle()
    assert (left(database, "news"), left(database, "images", "name")) == ([2], ["n2"])
    assert keyspace.client.get("letters:gift@x.example") == b"for Bob"
    assert installation.outcomes(batch) == {"erased": 1}
    with reading(installation.workspace.ledger) as connection:
        remaining = BatchSums().records(connection, batch).remaining()
    ambiguous = {name: one["ambiguous"] for name, one in remaining.items() if one["ambiguous"]}
    assert ambiguous == {"main.news": 1, "cache.letters": 1}


def test_what_came_late_of_the_person_goes_at_settling(company: tuple[Installation, Keyspace, str]) -> None:
    installation, keyspace, database = company
    batch = installation.plan("user_id\n1\n", "acme")
    installation.erase(batch)
    execute(
        database,
        "INSERT INTO orders VALUES (3, 1, 'gift@x.example'); INSERT INTO news VALUES (3, 'gift@x.example', 'n3');"
        "INSERT INTO images VALUES ('n3')",
    )
    keyspace.client.set("letters:gift@x.example", "late")
    installation.settle()
    assert (left(database, "orders"), left(database, "news")) == ([], [2])
    assert left(database, "images", "name") == ["n2"]
    assert keyspace.client.get("letters:gift@x.example") is None
