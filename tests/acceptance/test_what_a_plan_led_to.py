"""Between plan and erasure an application deletes the account: what the plan led to is the person's (ADR 18)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.support.cli import CliResult, CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
avatars: {table: public.avatars, found_by: [{column: user_id, of: users.id}], yields: {token: path}}
orders: {table: public.orders, created: created_at, found_by: [{column: user_id, of: users.id}]}
lines: {table: public.lines, created: created_at, found_by: [{column: order_nr, of: orders.nr}]}
newsletter: {table: public.newsletter, created: created_at, found_by: [{column: email, identity: email}]}
"""
IMAGES = {"key": "image:{token}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE INDEX ON users (email);
CREATE TABLE avatars (path text PRIMARY KEY, user_id int);
CREATE TABLE newsletter (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (nr int PRIMARY KEY, user_id int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE lines (id int PRIMARY KEY, order_nr int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO orders SELECT 10 + n, n FROM generate_series(1, 3) n;
INSERT INTO lines SELECT n, 10 + n FROM generate_series(1, 3) n;
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO avatars SELECT 'a' || n, n FROM generate_series(1, 3) n;
INSERT INTO newsletter SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
"""


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    keyspace.client.mset({"image:a1": "x", "image:a2": "x", "image:a3": "x"})
    document = small_document(COLLECTIONS)
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES}}
    write_document(tmp_path / "datamap.yaml", document)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    ours = {"PYTHONPATH": ":".join(sys.path), "EXPUNGE_STORES__MAIN__URL": database, "EXPUNGE_SETTLING": "PT0S"}
    ours["EXPUNGE_STORES__CACHE__URL"] = keyspace.url
    found = CliRunner(tmp_path, plain | ours, fork_server)
    succeeded(found.run("keys", "init"))
    succeeded(found.run("adopt", "cache"))
    return found


def erased_after(cli: CliRunner, database: str, meanwhile: str) -> dict[str, int]:
    """What a request for the first person ends as, if this happens between its plan and its erasure."""
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    execute(database, meanwhile)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    outcomes: dict[str, int] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))["outcomes"]
    return outcomes


@pytest.mark.parametrize(
    "meanwhile",
    [
        "DELETE FROM users WHERE id = 1",
        "DELETE FROM avatars WHERE user_id = 1; DELETE FROM users WHERE id = 1",
        "UPDATE users SET email = NULL WHERE id = 1",
    ],
    ids=["account deleted", "deleted with what hangs below", "address emptied"],
)
def test_what_it_led_to_is_erased(cli: CliRunner, database: str, keyspace: Keyspace, meanwhile: str) -> None:
    assert erased_after(cli, database, meanwhile) == {"erased": 1}
    assert left(database, "users") == left(database, "newsletter") == [2, 3]
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a2", b"image:a3"]


def test_what_the_first_of_two_addresses_led_to_stays_and_is_told(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """Somebody may have the first one since: nobody can say whose the newsletter under it is."""
    changed = (
        "UPDATE users SET email = 'moved@x.example' WHERE id = 1; INSERT INTO newsletter VALUES (8, 'moved@x.example')"
    )
    assert erased_after(cli, database, changed) == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "newsletter")) == ([2, 3], [1, 2, 3])
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a2", b"image:a3"]


def test_what_a_key_led_to_that_was_given_again_since_stays_and_is_told(cli: CliRunner, database: str) -> None:
    """Bob's order has the number of Ann's, which is gone: nobody can say whose the line is."""
    again = "DELETE FROM orders WHERE nr = 11; INSERT INTO orders VALUES (11, 2, now())"
    assert erased_after(cli, database, again) == {"partially-erased": 1}
    assert left(database, "lines") == [1, 2, 3]
    assert left(database, "orders", "nr") == [11, 12, 13]


def test_what_a_key_led_to_whose_row_is_gone_is_erased(cli: CliRunner, database: str) -> None:
    assert erased_after(cli, database, "DELETE FROM orders WHERE nr = 11") == {"erased": 1}
    assert left(database, "lines") == [2, 3]


@pytest.mark.parametrize(
    "passed_on",
    [
        "UPDATE users SET email = NULL WHERE id = 1; UPDATE users SET email = '1@x.example' WHERE id = 2",
        "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (4, '1@x.example', now())",
        "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (4, '1@x.example', '2025-06-01')",
    ],
    ids=["to another account", "to a new account", "to an older account"],
)
def test_an_address_that_passed_on_leads_nowhere(cli: CliRunner, database: str, passed_on: str) -> None:
    erased_after(cli, database, passed_on + "; INSERT INTO newsletter VALUES (9, '1@x.example', now())")
    assert left(database, "newsletter") in ([1, 2, 3, 9], [2, 3, 9])
    assert 4 in left(database, "users") or "1@x.example" in left(database, "users", "email")


def test_an_id_that_was_given_again_leads_nowhere(cli: CliRunner, database: str) -> None:
    again = (
        "SELECT pg_sleep(1.1); DELETE FROM users WHERE id = 1;"
        " INSERT INTO users VALUES (1, 'new@x.example', clock_timestamp())"
    )
    assert erased_after(cli, database, again) == {"ambiguous": 1}
    assert left(database, "users") == left(database, "newsletter") == [1, 2, 3]
