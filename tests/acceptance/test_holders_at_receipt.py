"""A request by an address means who had it when it was received, and nobody who took it since (ADR 18, W3)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, succeeded

_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at, SINCE
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
posts: {table: public.posts, found_by: [{column: author, of: users.id}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL, taken_at timestamptz);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users);
INSERT INTO users VALUES (2, 'ann@x.example', now() - interval '1 year', NULL); INSERT INTO posts VALUES (1, 2);
"""
TWO_DAYS_AGO = "now() - interval '2 days'"
REASON = "an identifier leads to a person who has it only since the request was received"


@pytest.fixture
def cli(request: pytest.FixtureRequest, database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    since = "since: {email: taken_at}," if request.param == "taken_at" else ""
    made = small_document(_COLLECTIONS.replace("SINCE", since))
    made["identities"]["email"] = {"kind": "reusable", "normaliser": "email/3", "recycled": True}
    return installed(tmp_path, fork_server, made, {"main": database})


def asked(cli: CliRunner, identifiers: str, days_ago: int, *, time: bool = False) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    received = at.strftime("%Y-%m-%dT%H:%M:%SZ" if time else "%Y-%m-%d")
    names, values = identifiers.split("=")
    people = f"{names},received_at\n{values},{received}\n".encode()
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=people)))
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    return dict(json.loads(succeeded(cli.run("status", plan["id"], "--json"))))


@pytest.mark.parametrize("cli", ["created_at", "taken_at"], indirect=True)
@pytest.mark.parametrize("time", [False, True])
def test_who_took_it_since_is_not_meant(
    cli: CliRunner, database: str, request: pytest.FixtureRequest, *, time: bool
) -> None:
    column = request.node.callspec.params["cli"]
    execute(database, f"UPDATE users SET {column} = {TWO_DAYS_AGO}")
    status = asked(cli, "email=ann@x.example", 10, time=time)
    assert status["outcomes"] == {"ambiguous": 1}
    assert REASON in json.dumps(status)
    assert (left(database, "users"), left(database, "posts")) == ([2], [1])
    assert asked(cli, "email=ann@x.example", 1, time=time)["outcomes"] == {"erased": 1}


@pytest.mark.parametrize("cli", ["taken_at"], indirect=True)
@pytest.mark.parametrize("since", ["NULL", "now() - interval '10 days'"])
def test_who_had_it_on_that_day_or_does_not_say_is(cli: CliRunner, database: str, since: str) -> None:
    execute(database, f"UPDATE users SET taken_at = {since}")
    assert asked(cli, "email=ann@x.example", 10)["outcomes"] == {"erased": 1}


@pytest.mark.parametrize("cli", ["created_at"], indirect=True)
def test_a_persons_key_names_a_person_whenever_it_was_received(cli: CliRunner, database: str) -> None:
    execute(database, f"UPDATE users SET created_at = {TWO_DAYS_AGO}")
    assert asked(cli, "user_id,email=2,ann@x.example", 10)["outcomes"] == {"erased": 1}
