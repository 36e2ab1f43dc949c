"""The settling check counts what records name that came late and nobody can read, as the plan does (ADR 22)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.support.cancellation import end, refused
from tests.support.cli import CliRunner
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import FaultyConnector
from tests.support.fork_server import ForkServer
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, only_receipt, succeeded
from tests.support.statements import statements_of

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

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


@pytest.fixture
def acme(database: str, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    execute(database, SCHEMA)
    write_document(tmp_path / "datamap.yaml", small_document(COLLECTIONS, email="email/3"))
    stores = {"main": {"url": SecretStr(database)}}
    with fresh_installation(calltrack, tmp_path / "expunge", data_map=tmp_path / "datamap.yaml", stores=stores) as made:
        yield made


def erased(acme: Installation, database: str) -> Batch:
    """A request after whose erasure records came that name what nobody can read: one is due, one is a stranger's."""
    batch = acme.plan("user_id\n1\n", "acme")
    assert acme.erase(batch).state is BatchState.ERASED
    execute(database, f"{IN_NEWS}; {IN_AN_ORDER}")
    return batch


def test_whoever_is_on_hold_by_then_is_told_it(acme: Installation, database: str) -> None:
    batch = erased(acme, database)
    hold = place(acme, [key("user_id", "1")])
    acme.settle()
    (said,) = statements_of(acme, batch, "on-hold")
    assert (unread(said.body), left(database, "orders")) == ({"orders": 1, "news": 1}, [2, 3])
    lift(acme, hold)
    acme.settle()
    (said,) = statements_of(acme, batch, "settled")
    assert (said.body["unread"], left(database, "orders")) == (2, [2])


def test_an_operators_end_tells_it(acme: Installation, database: str) -> None:
    """The store refuses to let the order go."""
    batch = erased(acme, database)
    stuck = FaultyConnector(acme.workspace.stores["main"], erase=refused)
    acme.settle(acme.with_stores({"main": stuck}))  # type: ignore[dict-item]
    assert acme.again(batch).state is BatchState.FAILED
    assert end(acme, batch).state is BatchState.SETTLED, acme.failures(batch)
    (said,) = statements_of(acme, batch, "partially-erased")
    assert (unread(said.body), left(database, "orders")) == ({"orders": 1, "news": 1}, [2, 3])
