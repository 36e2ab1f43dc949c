"""What the settling check erases again: it is stated where something was, and takes nothing of the answer back."""

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
from tests.support.small_company import installed, only_receipt, succeeded

from expunge_reports.statement import Statement

LATE_LETTER = "INSERT INTO news VALUES (2, NULL, 'home@x.example')"
ANOTHER_ACCOUNT = "INSERT INTO users VALUES (3, 'home@x.example')"


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Ann has an account."""
    execute(database, SCHEMA)
    return installed(tmp_path, fork_server, small_document(COLLECTIONS, email="email/3"), {"main": database})


def erase(cli: CliRunner) -> str:
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    return str(plan["id"])


def line(said: Statement, collection: str) -> dict[str, Any]:
    body: Any = said.body
    [found] = [one for store in body["stores"] for one in store["collections"] if one["collection"] == collection]
    return dict(found)


def test_what_became_ambiguous_was_not_erased_again(cli: CliRunner, database: str) -> None:
    """A database refuses to erase a late letter; its address gets another account, and the letter stays."""
    execute(database, "INSERT INTO news VALUES (1, NULL, 'home@x.example')")
    plan = erase(cli)
    execute(database, f"{LATE_LETTER}; {REFUSED}")
    cli.run("run-due")
    execute(database, f"{ANOTHER_ACCOUNT}; DROP TRIGGER no ON news")
    succeeded(cli.run("retry", plan))
    assert left(database, "news") == [2]
    _, answer, settled = only_receipt(cli)
    assert (answer.event, settled.event, settled.body["ambiguous"]) == ("erased", "settled", 1)


def test_what_is_gone_stays_gone_beside_what_became_ambiguous(cli: CliRunner, database: str) -> None:
    """A post came back; a letter came to the address, which another account has by now: nobody knows whose it is."""
    execute(database, "INSERT INTO news VALUES (1, NULL, 'home@x.example')")
    erase(cli)
    execute(database, f"{LATE_LETTER}; {ANOTHER_ACCOUNT}; INSERT INTO posts VALUES (1, 1)")
    succeeded(cli.run("run-due"))
    assert (left(database, "news"), left(database, "posts")) == ([2], [])
    _, answer, again, _ = only_receipt(cli)
    assert (line(answer, "news")["outcome"], line(answer, "news")["found"]) == ("erased", 1)
    news = line(again, "news")
    assert (news["outcome"], news["found"], news["ambiguous"], news["gone"]) == ("ambiguous", 1, 1, 1)


def test_samples_are_drawn_anew_of_what_was_erased_only_again(cli: CliRunner, database: str) -> None:
    execute(database, "INSERT INTO posts SELECT n, 2 FROM generate_series(2, 9) n; ANALYZE posts")
    erase(cli)
    execute(database, "INSERT INTO posts VALUES (1, 1)")
    succeeded(cli.run("run-due"))
    _, answer, again, settled = only_receipt(cli)
    assert (line(answer, "posts")["found"], line(again, "posts")["outcome"]) == (0, "erased")
    assert settled.body["plannerSamples"] == [{"store": "main", "drawnAnew": ["posts"], "older": []}]
