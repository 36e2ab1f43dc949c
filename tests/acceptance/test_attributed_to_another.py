"""What two people said is one person's goes with nobody else, and a contrary attribution is refused while it stands."""

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

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
"""
PROFILE = {"key": "m:{email}", "type": "string", "undated": "erase", "data_type": "gone"}
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
INSERT INTO users VALUES (1, 'home@x.example'), (2, 'home@x.example'), (3, 'cleo@x.example');
INSERT INTO news VALUES (1, 'home@x.example');
"""
MOVED = "UPDATE users SET email = 'ann@x.example' WHERE id = 1"
"""Ann's account has another address by now: nobody but Bob holds the one that they shared."""
ANN, BOB = b"user_id,email\n1,home@x.example\n", b"user_id,email\n2,home@x.example\n"
SOMEBODY_ELSE = {"EXPUNGE_ACTOR": "somebody else"}


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Ann and Bob have one address; a letter goes to it, and a cache has a profile under it."""
    execute(database, SCHEMA)
    keyspace.client.set("m:home@x.example", "x")
    document = small_document(_COLLECTIONS, email="email/3")
    profile = PROFILE | {"owner": {"controller": "acme"}}
    document["stores"]["cache"] = {"connector": "redis", "collections": {"profile": profile}}
    made = installed(tmp_path, fork_server, document, {"main": database, "cache": keyspace.url})
    succeeded(made.run("adopt", "cache"))
    return made


def propose(cli: CliRunner, said: bytes, whose: str) -> str:
    reason = ("--reason", "A letter", "-c", "acme", "--json")
    return str(json.loads(succeeded(cli.run("attribute", "propose", "-", "--as", whose, *reason, stdin=said)))["id"])


def say(cli: CliRunner, said: bytes = ANN, whose: str = "theirs") -> str:
    """Two people say whose it is."""
    made = propose(cli, said, whose)
    succeeded(cli.run("attribute", "approve", made, "-", stdin=said, settings=SOMEBODY_ELSE))
    return made


def planned(cli: CliRunner, listed: bytes = b"user_id\n2\n") -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed)))
    return plan


def erased(cli: CliRunner, plan: dict[str, Any]) -> dict[str, Any]:
    """Carry the plan out, settle it, and give its status."""
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status: dict[str, Any] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    return status


def counted(plan: dict[str, Any], store: str, collection: str) -> tuple[int, int]:
    """How many are due, and how many ambiguous."""
    one = plan["stores"][store]["collections"][collection]
    return one["due"], one["ambiguous"]


def assert_kept(cli: CliRunner, database: str, keyspace: Keyspace, plan: dict[str, Any], users: list[int]) -> None:
    """Everything under the address alone stays and is told as ambiguous; these accounts are left."""
    status = erased(cli, plan)
    assert left(database, "users") == users
    assert left(database, "news") == [1]
    assert keyspace.client.exists("m:home@x.example")
    told = status["collections"]
    assert told["main.news"]["ambiguous"] >= 1
    assert told["cache.profile"]["ambiguous"] >= 1
    assert set(status["outcomes"]) == {"partially-erased"}
    assert status["state"] == "settled"


def test_it_goes_with_nobody_else_when_the_account_gets_another_address(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    say(cli)
    execute(database, MOVED)
    plan = planned(cli)
    assert (counted(plan, "main", "news"), counted(plan, "cache", "profile")) == ((0, 1), (0, 1))
    assert_kept(cli, database, keyspace, plan, [1, 3])


def test_it_goes_with_nobody_else_when_it_is_said_after_the_plan(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    execute(database, MOVED)
    plan = planned(cli)
    assert (counted(plan, "main", "news"), counted(plan, "cache", "profile")) == ((1, 0), (1, 0))
    say(cli)
    assert_kept(cli, database, keyspace, plan, [1, 3])


def test_said_after_the_erasure_it_holds_at_the_settling_check(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """What is there was erased by then; what comes after is Ann's."""
    execute(database, MOVED)
    plan = planned(cli)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert left(database, "news") == []
    execute(database, "INSERT INTO news VALUES (2, 'home@x.example')")
    say(cli)
    cli.run("run-due")
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert left(database, "news") == [2]
    assert status["collections"]["main.news"]["ambiguous"] == 1


def test_who_gives_the_address_beside_their_id_gets_nothing_by_it(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    say(cli)
    execute(database, MOVED)
    assert_kept(cli, database, keyspace, planned(cli, BOB), [1, 3])


def test_who_gives_the_address_alone_is_nobody(cli: CliRunner, database: str, keyspace: Keyspace) -> None:
    """By the stores it is Bob's, by the attribution Ann's: it names no single person."""
    say(cli)
    execute(database, MOVED)
    status = erased(cli, planned(cli, b"email\nhome@x.example\n"))
    assert status["outcomes"] == {"ambiguous": 1}
    assert (left(database, "users"), left(database, "news")) == ([1, 2, 3], [1])
    assert keyspace.client.exists("m:home@x.example")


def test_two_others_who_share_the_address_do_not_take_it_together(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    execute(database, "INSERT INTO users VALUES (5, 'home@x.example')")
    say(cli)
    execute(database, MOVED)
    assert_kept(cli, database, keyspace, planned(cli, b"user_id\n2\n5\n"), [1, 3])


def test_once_it_is_withdrawn_the_stores_say_whose_it_is(cli: CliRunner, database: str, keyspace: Keyspace) -> None:
    made = say(cli)
    execute(database, MOVED)
    assert counted(planned(cli), "main", "news") == (0, 1)
    succeeded(cli.run("attribute", "withdraw", made))
    status = erased(cli, planned(cli))
    assert status["outcomes"] == {"erased": 1}
    assert (left(database, "users"), left(database, "news")) == ([1, 3], [])
    assert not keyspace.client.exists("m:home@x.example")


@pytest.mark.parametrize(
    ("first", "second"),
    [((ANN, "theirs"), (BOB, "theirs")), ((ANN, "theirs"), (ANN, "others")), ((ANN, "others"), (ANN, "theirs"))],
    ids=["of-another", "not-theirs", "theirs"],
)
def test_what_contradicts_it_is_not_approved_before_it_is_withdrawn(
    cli: CliRunner, first: tuple[bytes, str], second: tuple[bytes, str]
) -> None:
    stands = say(cli, *first)
    contrary = propose(cli, *second)
    refused = cli.run("attribute", "approve", contrary, "-", stdin=second[0], settings=SOMEBODY_ELSE)
    assert refused.code == 7, refused.output
    assert "Nothing was approved" in refused.err
    assert f"expunge attribute withdraw {stands}" in " ".join(refused.err.split())
    listed = json.loads(succeeded(cli.run("attribute", "list", "--json")))["attributions"]
    assert {one["id"]: one["state"] for one in listed} == {stands: "in-force", contrary: "awaiting-approval"}
    succeeded(cli.run("attribute", "withdraw", stands))
    succeeded(cli.run("attribute", "approve", contrary, "-", stdin=second[0], settings=SOMEBODY_ELSE))


def test_what_agrees_with_it_is_approved(cli: CliRunner, database: str) -> None:
    """It is not Bob's; it is Ann's; and it is Ann's once more, with those who have it by then."""
    say(cli, BOB, "others")
    say(cli, ANN)
    say(cli, ANN)
    assert counted(planned(cli, b"user_id\n1\n"), "main", "news") == (1, 0)
    assert counted(planned(cli), "main", "news") == (0, 0)


def test_one_list_does_not_say_a_value_of_two_people(cli: CliRunner) -> None:
    both = b"user_id,email\n1,home@x.example\n2,home@x.example\n"
    proposal = ("attribute", "propose", "-", "--reason", "A letter", "-c", "acme", "--as")
    refused = cli.run(*proposal, "theirs", stdin=both)
    assert refused.code == 4, refused.output
    assert "two people" in refused.err
    assert json.loads(cli.run("attribute", "list", "--json").out) == {"attributions": []}
    succeeded(cli.run(*proposal, "others", stdin=both))
