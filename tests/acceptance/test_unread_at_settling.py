"""The settling check counts what records name that came late and nobody can read, as the plan does (ADR 22)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, only_receipt, succeeded

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, created: created_at, found_by: [{column: user_id, of: users.id}],
  yields: {email: contact}}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
"""
DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE orders (id int PRIMARY KEY, user_id int, contact text, {DAY});
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
INSERT INTO orders VALUES (1, 1, 'ann@x.example'), (2, 2, 'bob@x.example');
INSERT INTO news VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
"""
IN_NEWS = "INSERT INTO news VALUES (3, 'write to ann@x.example')"
IN_AN_ORDER = "INSERT INTO orders VALUES (3, 1, 'the secret one')"


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    return installed(tmp_path, fork_server, small_document(COLLECTIONS, email="email/3"), {"main": database})


def settled(cli: CliRunner, database: str, late: str) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """The status, and the body of each statement, of a request after whose erasure this happens."""
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    execute(database, late)
    succeeded(cli.run("run-due"))
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert status["state"] == "settled"
    return status, {one.event: one.body for one in only_receipt(cli)}


def unread(body: Mapping[str, Any]) -> dict[str, int]:
    """Collection -> what a statement says that nobody could read there."""
    lines = [line for store in body["stores"] for line in store["collections"]]
    return {line["collection"]: line["unread"] for line in lines if "unread" in line}


def counted(status: Mapping[str, Any]) -> dict[str, int]:
    return {name: one["unread"] for name, one in status["collections"].items() if one["unread"]}


def test_a_text_that_came_late_is_told(cli: CliRunner, database: str) -> None:
    status, bodies = settled(cli, database, IN_NEWS)
    assert left(database, "news") == [2, 3]
    assert (unread(bodies["erased"]), bodies["settled"]["unread"], counted(status)) == ({}, 1, {"main.news": 1})
    assert "ann@" not in str(bodies)


def test_so_is_what_a_record_named_that_came_late_and_goes(cli: CliRunner, database: str) -> None:
    status, bodies = settled(cli, database, IN_AN_ORDER)
    assert left(database, "orders") == [2]
    assert (unread(bodies["re-erased"]), bodies["settled"]["unread"]) == ({"orders": 1}, 1)
    assert counted(status) == {"main.orders": 1}


def test_what_was_told_before_counts_once(cli: CliRunner, database: str) -> None:
    execute(database, f"{IN_NEWS}; {IN_AN_ORDER}")
    late = "INSERT INTO news VALUES (4, 'write to ann@x.example'), (5, 'or to ann@x.example')"
    status, bodies = settled(cli, database, late)
    assert (unread(bodies["erased"]), bodies["settled"]["unread"]) == ({"news": 1, "orders": 1}, 3)
    assert counted(status) == {"main.news": 2, "main.orders": 1}


def test_of_whom_all_could_be_read_nothing_is_said(cli: CliRunner, database: str) -> None:
    _, bodies = settled(cli, database, "INSERT INTO news VALUES (3, 'mailto:bob@x.example')")
    assert "unread" not in str(bodies)
