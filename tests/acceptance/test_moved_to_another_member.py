"""A record that another member has by now: what hangs on it is not this member's any more (ADR 18)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed, succeeded

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, created: created_at,
  found_by: [{column: id, identity: user_id}]}
notes: {table: public.notes, created: created_at, found_by: [{column: author, of: users.id}]}
calls: {table: public.calls, created: created_at,
  found_by: [{column: caller, identity: user_id}, {column: number, identity: phone}]}
recordings: {table: public.recordings, created: created_at, found_by: [{column: call_id, of: calls.id}]}
"""
INHERITED = {"notes", "recordings"}
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, tenant int, phone text,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE notes (id int PRIMARY KEY, author int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE calls (id int PRIMARY KEY, tenant int, caller int REFERENCES users, number text,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE recordings (id int PRIMARY KEY, call_id int NOT NULL REFERENCES calls,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE INDEX ON calls (number); CREATE INDEX ON calls (caller); CREATE INDEX ON notes (author);
CREATE INDEX ON recordings (call_id);
INSERT INTO users VALUES (7, 1, '+4930123456'), (8, 2, '+4930654321');
INSERT INTO notes VALUES (7, 7), (8, 8);
INSERT INTO calls VALUES (1, 1, 7, '+4930123456'), (3, 1, NULL, '+4930123456');
INSERT INTO recordings VALUES (1, 1), (3, 3);
"""
MOVED = "SELECT pg_sleep(1.1); UPDATE users SET tenant = 2 WHERE id = 7; UPDATE calls SET tenant = 2 WHERE caller = 7"
LEFT = (
    "SELECT pg_sleep(1.1); UPDATE users SET tenant = NULL WHERE id = 7; UPDATE calls SET tenant = NULL WHERE caller = 7"
)


def document() -> dict[str, Any]:
    made = small_document(COLLECTIONS)
    made["controllers"]["client"] = {"name": "A client", "many": True}
    made["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1"}
    for name, one in made["stores"]["main"]["collections"].items():
        whose = {"inherited": True} if name in INHERITED else {"column": "tenant"}
        one["owner"] = {"controller": "client", **whose}
    made["stores"]["main"]["collections"]["users"]["yields"]["phone"] = "phone"
    made["stores"]["main"]["collections"]["users"]["found_by"].append({"column": "phone", "identity": "phone"})
    made["stores"]["cache"] = {
        "connector": "redis",
        "collections": {
            "prefs": {
                "key": "user:{user_id}:prefs",
                "type": "string",
                "data_type": "gone",
                "owner": {"controller": "client", "inherited": True},
            }
        },
    }
    return made


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    keyspace.client.mset({"user:7:prefs": "x", "user:8:prefs": "x"})
    found = installed(tmp_path, fork_server, document(), {"main": database, "cache": keyspace.url})
    succeeded(found.run("adopt", "cache"))
    return found


def planned(cli: CliRunner, member: str = "client:1") -> dict[str, Any]:
    listed = b"user_id\n7\n"
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", member, "--json", stdin=listed)))
    return plan


def status(cli: CliRunner, plan: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    return found


@pytest.mark.parametrize("meanwhile", [MOVED, LEFT], ids=["to another member", "to none"])
def test_a_person_who_moved_since_the_plan_keeps_what_is_theirs(
    cli: CliRunner, database: str, keyspace: Keyspace, meanwhile: str
) -> None:
    plan = planned(cli)
    execute(database, meanwhile)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    assert status(cli, plan)["outcomes"] == {"ambiguous": 1}
    assert (left(database, "users"), left(database, "notes"), left(database, "recordings")) == ([7, 8], [7, 8], [1, 3])
    assert keyspace.client.exists("user:7:prefs")


def test_one_who_moves_while_it_is_carried_out_keeps_what_is_theirs(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """In the second of the plan nobody asks before: the erasure sees it by itself, fails, and its retry leaves them."""
    plan = planned(cli)
    execute(database, MOVED.replace("SELECT pg_sleep(1.1); ", ""))
    refused = cli.run("erase", plan["id"], "--confirm", plan["digest"])
    if status(cli, plan)["outcomes"] == {"failed": 1}:
        assert "is another member's by now" in refused.output
        cli.run("retry", plan["id"])
    assert status(cli, plan)["outcomes"] in ({"ambiguous": 1}, {"partially-erased": 1})
    assert (left(database, "users"), left(database, "notes")) == ([7, 8], [7, 8])
    assert 1 in left(database, "recordings")
    assert keyspace.client.exists("user:7:prefs")


def test_an_id_that_another_member_gives_again_before_settling(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    plan = planned(cli)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert not keyspace.client.exists("user:7:prefs")
    execute(database, "INSERT INTO users VALUES (7, 2, NULL, now()); INSERT INTO notes VALUES (9, 7, now())")
    keyspace.client.set("user:7:prefs", "hers")
    cli.run("run-due")
    assert left(database, "notes") == [8, 9]
    assert keyspace.client.exists("user:7:prefs")
    counts = status(cli, plan)["collections"]
    assert {name for name, one in counts.items() if one["ambiguous"]} == {"cache.prefs", "main.notes"}


REFUSING = """
from expunge_connectors.errors import TerminalError
from expunge_connectors.{0} import connector
def erase(*_, error=TerminalError):
    raise error("Not now.")
connector.{1}.erase = erase
"""


@pytest.mark.parametrize(
    ("refusing", "meanwhile"),
    [
        (REFUSING.format("postgres", "PostgresStore"), MOVED),
        (REFUSING.format("redis", "RedisStore"), "INSERT INTO users VALUES (7, 2, NULL, now())"),
    ],
    ids=["moved", "given again"],
)
def test_what_an_end_left_is_inherited_by_nobody_once_another_member_has_it(
    cli: CliRunner, database: str, keyspace: Keyspace, refusing: str, meanwhile: str
) -> None:
    """The keys that an end kept are known from the first request; the record is the other member's by now."""
    first = planned(cli)
    assert cli.run("erase", first["id"], "--confirm", first["digest"], code=refusing).code != 0
    succeeded(cli.run("end", first["id"], "--confirm", first["digest"]))
    execute(database, meanwhile)
    keyspace.client.set("user:7:prefs", "hers")
    second = planned(cli)
    cli.run("erase", second["id"], "--confirm", second["digest"])
    cli.run("run-due")
    assert keyspace.client.exists("user:7:prefs")
    assert 7 in left(database, "users")


def test_a_call_that_another_member_has_by_now_keeps_its_recording(cli: CliRunner, database: str) -> None:
    """It was found by the number alone, which went with it."""
    plan = planned(cli)
    execute(database, "UPDATE calls SET tenant = 2, caller = 8 WHERE id = 3")
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    assert (left(database, "users"), left(database, "calls"), left(database, "recordings")) == ([8], [3], [3])
    assert status(cli, plan)["outcomes"] == {"partially-erased": 1}


def test_a_person_of_another_member_who_has_calls_here_is_no_move(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """The account is the other member's from the start: it stays, and the calls here go."""
    execute(database, "UPDATE users SET tenant = 2 WHERE id = 7")
    plan = planned(cli)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    succeeded(cli.run("run-due"))
    assert status(cli, plan)["outcomes"] == {"erased": 1}
    assert (left(database, "users"), left(database, "recordings")) == ([7, 8], [3])
