"""The same request once more: an address of a person who was erased is theirs, though no record holds it any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.acceptance.test_kept_gone import WRONG
from tests.support.cli import CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, succeeded

USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}], %s}
"""
REST = """
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}]}
letters: {table: public.letters, created: created_at, found_by: [{column: email, identity: email}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (id int PRIMARY KEY, user_id int);
CREATE TABLE letters (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-02-01');
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO letters SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO orders SELECT n, n FROM generate_series(1, 3) n;
"""
GOES = "data_type: gone"
STAYS = "data_type: anchor, tombstone: {email: \"'erased-' || id || '@erased.invalid'\"}"
TWO_DAYS_ON = WRONG.replace("days=3", "days=2")
LATE = "INSERT INTO orders VALUES (4, 1); INSERT INTO letters VALUES (4, '1@x.example')"


def erased(cli: CliRunner, line: str, columns: str = "user_id,email") -> dict[str, int]:
    planned = cli.run("plan", "-", "-c", "acme", "--json", stdin=f"{columns}\n{line}\n".encode())
    plan = json.loads(succeeded(planned))
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    outcomes: dict[str, int] = json.loads(cli.run("status", plan["id"], "--json").out)["outcomes"]
    return outcomes


def made(
    database: str, directory: Path, fork_server: ForkServer, what: str, *, recycled: bool = False, rest: str = REST
) -> CliRunner:
    execute(database, SCHEMA)
    document = small_document(USERS % what + rest)
    document["identities"]["email"]["recycled"] = recycled
    return installed(directory, fork_server, document, {"main": database})


@pytest.mark.parametrize("what", [GOES, STAYS])
def test_an_address_of_the_erased_person_does_not_contradict_the_id(
    database: str, tmp_path: Path, fork_server: ForkServer, what: str
) -> None:
    cli = made(database, tmp_path, fork_server, what)
    assert erased(cli, "1,1@x.example") == {"erased": 1}
    assert erased(cli, "1,1@x.example") == {"not-found": 1}
    execute(database, LATE)
    assert erased(cli, "1,1@x.example") == {"erased": 1}
    assert left(database, "orders") == left(database, "letters") == [2, 3]
    # An address that was never theirs contradicts the id as before.
    assert erased(cli, "1,nobody@x.example") == {"ambiguous": 1}
    # Somebody else has it by now: it leads to nothing, and that does not contradict the id either.
    execute(
        database, "UPDATE users SET email = '1@x.example' WHERE id = 2; INSERT INTO letters VALUES (5, '1@x.example')"
    )
    execute(database, "INSERT INTO orders VALUES (5, 1)")
    # The letters under it are ambiguous by now.
    assert erased(cli, "1,1@x.example") == {"partially-erased": 1}
    assert left(database, "users", "id, email")[-2:] == [(2, "1@x.example"), (3, "3@x.example")]
    assert left(database, "orders") == [2, 3]
    assert left(database, "letters") == [2, 3, 5]


@pytest.mark.parametrize("what", [GOES, STAYS])
@pytest.mark.parametrize(("columns", "line"), [("user_id,email", "1,1@x.example"), ("email", "1@x.example")])
def test_what_was_there_before_the_person_had_the_address_stays_however_often_they_ask(  # noqa: PLR0917
    database: str, tmp_path: Path, fork_server: ForkServer, what: str, columns: str, line: str
) -> None:
    """The row that said since when the address is theirs is gone with the first request."""
    cli = made(database, tmp_path, fork_server, what, recycled=True)
    execute(database, "INSERT INTO letters VALUES (9, '1@x.example', '2024-06-01')")
    assert erased(cli, "1", "user_id") == {"partially-erased": 1}
    assert left(database, "letters") == [2, 3, 9]
    execute(database, "INSERT INTO letters VALUES (4, '1@x.example')")
    assert erased(cli, line, columns) == {"partially-erased": 1}
    assert left(database, "letters") == [2, 3, 9]
    # Whoever has it by now has it since then.
    execute(
        database,
        "INSERT INTO users VALUES (8, '1@x.example', '2025-03-01');"
        "INSERT INTO letters VALUES (5, '1@x.example', '2025-02-15'), (6, '1@x.example', '2025-04-01')",
    )
    assert erased(cli, "8", "user_id") == {"partially-erased": 1}
    assert left(database, "letters") == [2, 3, 5, 9]
    assert erased(cli, "1@x.example", "email") == {"partially-erased": 1}
    assert left(database, "letters") == [2, 3, 5, 9]


SINCE = "data_type: gone, since: {email: taken}"
TAKEN = (
    "ALTER TABLE users ADD taken timestamptz; UPDATE users SET taken = '2025-01-15';"
    "INSERT INTO letters VALUES (4, '1@x.example', '2025-01-10')"
)


def test_a_row_that_does_not_say_since_when_says_nothing_against_what_is_known(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """The predecessor's letter stays, though she signs up anew, and nobody asks her since when she has the address."""
    cli = made(database, tmp_path, fork_server, SINCE, recycled=True)
    execute(database, TAKEN)
    assert erased(cli, "1,1@x.example") == {"partially-erased": 1}
    assert left(database, "letters") == [2, 3, 4]
    execute(database, "INSERT INTO users VALUES (9, '1@x.example', now() - interval '1 second', NULL)")
    assert erased(cli, "9,1@x.example") == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "letters")) == ([2, 3], [2, 3, 4])


def test_nor_does_one_that_says_it_no_more_when_the_plan_is_carried_out(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    cli = made(database, tmp_path, fork_server, SINCE, recycled=True)
    execute(database, TAKEN)
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    execute(database, "UPDATE users SET taken = NULL WHERE id = 1")
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    assert (left(database, "users"), left(database, "letters")) == ([2, 3], [2, 3, 4])


FILED = """
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}]}
letters: {table: public.letters, created: created_at, found_by: [{column: email, identity: email}],
  yields: {token: {column: file, never_shared: {reason: made for each, approved_by: A. Officer}}}}
scans: {table: public.scans, undated: erase, found_by: [{column: file, identity: token}]}
"""


def test_what_a_predecessors_record_led_to_is_not_planned_for_who_has_the_address_now(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """The ledger says since when; the application deletes the letter between plan and erasure, and its scan stays."""
    cli = made(database, tmp_path, fork_server, SINCE, recycled=True, rest=FILED)
    execute(
        database,
        f"ALTER TABLE letters ADD file text UNIQUE; {TAKEN}; UPDATE letters SET file = 'f' || id;"
        "CREATE TABLE scans (id int PRIMARY KEY, file text); INSERT INTO scans SELECT id, file FROM letters",
    )
    assert erased(cli, "1", "user_id") == {"partially-erased": 1}
    execute(database, "INSERT INTO users VALUES (9, '1@x.example', now() - interval '1 second', NULL)")
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n9\n")))
    assert plan["stores"]["main"]["collections"]["scans"]["due"] == 0
    execute(database, "DELETE FROM letters WHERE id = 4")
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    assert (left(database, "users"), left(database, "scans")) == ([2, 3], [2, 3, 4])


@pytest.mark.parametrize("close", [False, True])
def test_a_letter_of_whoever_had_the_address_before_stays_after_the_request_is_closed(
    database: str, tmp_path: Path, fork_server: ForkServer, *, close: bool
) -> None:
    """Its table is mapped later; since when the erased person had the address is known as long as that matters."""
    execute(database, f"{SCHEMA} UPDATE letters SET created_at = '2024-06-01' WHERE id = 1")
    orders = REST.strip().partition("\n")[0]
    first, second = (small_document(USERS % GOES + rest) for rest in (orders, REST))
    for one in (first, second):
        one["identities"]["email"]["recycled"] = True
    cli = installed(tmp_path, fork_server, first, {"main": database})
    assert erased(cli, "1", "user_id") == {"erased": 1}
    if close:
        assert json.loads(cli.run("run-due", "--json", code=TWO_DAYS_ON).out)["people_closed"] == 1
    write_document(tmp_path / "datamap.yaml", second)
    assert erased(cli, "1@x.example", "email") == {"partially-erased": 1}
    assert left(database, "letters") == [1, 2, 3]


def test_who_asks_again_after_the_request_is_closed_is_not_found(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    cli = made(database, tmp_path, fork_server, GOES)
    assert erased(cli, "1,1@x.example") == {"erased": 1}
    assert json.loads(cli.run("run-due", "--json", code=TWO_DAYS_ON).out)["people_closed"] == 1
    assert erased(cli, "1,1@x.example") == {"not-found": 1}
