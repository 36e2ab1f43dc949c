"""What was counted, and then said to be others', stays, and no receipt says that it was erased."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.newsletter_company import COLLECTIONS, REFUSED, SCHEMA
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed, only_receipt, succeeded

from expunge_reports.statement import Statement

SAID = b"user_id,email\n1,home@x.example\n"
NOTHING = (0, 0, "not-found")


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Ann has an account and a post; a cache has a profile under her address."""
    execute(database, f"{SCHEMA}INSERT INTO posts VALUES (1, 1)")
    keyspace.client.set("m:home@x.example", "x")
    document = small_document(COLLECTIONS, email="email/3")
    profile = {"key": "m:{email}", "type": "string", "undated": "erase", "data_type": "gone"}
    collections = {"profile": profile | {"owner": {"controller": "acme"}}}
    document["stores"]["cache"] = {"connector": "redis", "collections": collections}
    made = installed(tmp_path, fork_server, document, {"main": database, "cache": keyspace.url})
    succeeded(made.run("adopt", "cache"))
    return made


def planned(cli: CliRunner) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    return plan


def say_others(cli: CliRunner) -> None:
    """Two people say that what is under Ann's address is not hers."""
    reason = ("--reason", "A letter", "-c", "acme", "--json")
    made = json.loads(succeeded(cli.run("attribute", "propose", "-", "--as", "others", *reason, stdin=SAID)))["id"]
    somebody_else = {"EXPUNGE_ACTOR": "somebody else"}
    succeeded(cli.run("attribute", "approve", made, "-", stdin=SAID, settings=somebody_else))


def stated(said: Statement) -> dict[str, tuple[object, ...]]:
    """Collection -> found, due and outcome."""
    body: Any = said.body
    lines = [line for store in body["stores"] for line in store["collections"]]
    return {line["collection"]: (line["found"], line["due"], line["outcome"]) for line in lines}


def test_between_the_count_and_the_erasure(cli: CliRunner, database: str, keyspace: Keyspace) -> None:
    """A database refuses to erase one of the letters; then the address is said to be others', and it is retried."""
    execute(database, f"INSERT INTO news VALUES (1, 1, NULL), (2, NULL, 'home@x.example'); {REFUSED}")
    plan = planned(cli)
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    say_others(cli)
    execute(database, "DROP TRIGGER no ON news")
    succeeded(cli.run("retry", plan["id"]))
    assert (left(database, "news"), keyspace.client.exists("m:home@x.example")) == ([2], 1)
    _, answer = only_receipt(cli)
    assert answer.event == "erased"
    expected = {"users": (1, 0, "erased"), "posts": (1, 0, "erased"), "news": (1, 0, "erased"), "profile": NOTHING}
    assert stated(answer) == expected


def test_where_nothing_else_was_found_there(cli: CliRunner, database: str) -> None:
    execute(database, f"INSERT INTO news VALUES (1, NULL, 'home@x.example'); {REFUSED}")
    plan = planned(cli)
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    say_others(cli)
    succeeded(cli.run("retry", plan["id"]))
    assert left(database, "news") == [1]
    _, answer = only_receipt(cli)
    assert (answer.event, stated(answer)["news"]) == ("erased", NOTHING)


def test_before_the_settling_check_nothing_is_erased_again(cli: CliRunner, database: str) -> None:
    execute(database, "INSERT INTO news VALUES (1, NULL, 'home@x.example')")
    plan = planned(cli)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    execute(database, "INSERT INTO news VALUES (2, NULL, 'home@x.example')")
    say_others(cli)
    succeeded(cli.run("run-due"))
    assert left(database, "news") == [2]
    _, answer, settled = only_receipt(cli)
    assert (answer.event, stated(answer)["news"]) == ("erased", (1, 0, "erased"))
    assert (settled.event, settled.body["due"]) == ("settled", 0)


def test_beside_what_is_erased_again(cli: CliRunner, database: str) -> None:
    """A post of the account came late as well: that alone is erased again."""
    plan = planned(cli)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    execute(database, "INSERT INTO news VALUES (1, NULL, 'home@x.example'); INSERT INTO posts VALUES (2, 1)")
    say_others(cli)
    succeeded(cli.run("run-due"))
    assert (left(database, "news"), left(database, "posts")) == ([1], [])
    _, _, again, settled = only_receipt(cli)
    assert (again.event, settled.event) == ("re-erased", "settled")
    assert stated(again) == {
        "users": (1, 0, "erased"),
        "posts": (2, 0, "erased"),
        "news": NOTHING,
        "profile": (1, 0, "erased"),
    }


def test_what_was_told_as_ambiguous_is_not_taken_off_twice(cli: CliRunner, database: str) -> None:
    """A letter to the address names Bob by his id: it was never counted as Ann's."""
    execute(database, f"INSERT INTO news VALUES (1, 1, NULL), (2, 2, 'home@x.example'); {REFUSED}")
    plan = planned(cli)
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    say_others(cli)
    execute(database, "DROP TRIGGER no ON news")
    succeeded(cli.run("retry", plan["id"]))
    assert left(database, "news") == [2]
    _, answer = only_receipt(cli)
    assert (answer.event, stated(answer)["news"]) == ("erased", (1, 0, "erased"))
