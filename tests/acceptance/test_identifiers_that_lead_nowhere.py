"""Identifiers by which no record of a controller can be found: ambiguous, for `not-found` says that none is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed

from expunge_orchestrator.rules.resolution_answers import Ambiguity

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, {DAY});
CREATE TABLE orders (id int PRIMARY KEY, user_id int, {DAY});
INSERT INTO users VALUES (1, 'ann@x.example'); INSERT INTO orders VALUES (1, 1);
"""
COLLECTIONS = """
users: {table: public.users, owner: {controller: login}, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, created: created_at, found_by: [{column: user_id, identity: user_id}]}
"""


@pytest.mark.parametrize(
    ("asked", "outcome"), [("email\nann@x.example\n", {"ambiguous": 1}), ("user_id\n2\n", {"not-found": 1})]
)
def test_by_an_address_that_another_controller_knows_nobody_is_said_not_to_be_found(
    database: str, tmp_path: Path, fork_server: ForkServer, asked: str, outcome: dict[str, int]
) -> None:
    execute(database, SCHEMA)
    document = small_document(COLLECTIONS)
    document["controllers"]["login"] = {"name": "Login"}
    cli = installed(tmp_path, fork_server, document, {"main": database})
    planned = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=asked.encode()).out)
    done = cli.run("erase", planned["id"], "--confirm", planned["digest"], "--json")
    told = json.loads(done.out)
    assert told["outcomes"] == outcome
    assert (Ambiguity.LEADS_NOWHERE in told["reasons"]) == ("ambiguous" in outcome)
    assert ("identity-unyielded" in done.output) == ("ambiguous" in outcome)
    assert left(database, "orders") == [1]
