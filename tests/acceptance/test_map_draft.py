"""`expunge map draft` as it is typed: to a file that is never overwritten, refused by every command until answered."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import populate
from tests.support.servers import Keyspace


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Settings for a database and a keyspace with people in them; there is no map."""
    populate(database)
    for user in (1, 2):
        keyspace.client.set(f"cache:user:{user}", "x")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    environment |= {
        "PYTHONPATH": ":".join(sys.path),
        "EXPUNGE_STORES__MAIN__URL": database,
        "EXPUNGE_STORES__CACHE__URL": keyspace.url,
    }
    return CliRunner(tmp_path, environment, fork_server)


def test_a_draft_is_written_once_and_refused_until_it_is_decided(cli: CliRunner) -> None:
    made = cli.run("map", "draft", "-o", "datamap.yaml")
    assert (made.code, made.out) == (0, "")
    assert "questions to be answered; then: expunge check" in made.output
    text = (cli.directory / "datamap.yaml").read_text()
    assert text.index("  main:") < text.index("  cache:"), "databases first: caches use their identities"
    assert "key: cache:user:{user_id}" in text
    again = cli.run("map", "draft", "-o", "datamap.yaml")
    assert again.code == 2
    assert "not overwritten" in again.output
    assert (cli.directory / "datamap.yaml").read_text() == text
    for command in (("check",), ("plan", "-", "-c", "our_company")):
        refused = cli.run(*command, stdin=b"email\nada@mail.example\n")
        assert refused.code == 3
        assert "not decided yet" in refused.output


def test_to_standard_output_one_store_and_json(cli: CliRunner) -> None:
    one = cli.run("map", "draft", "--store", "main=postgres")
    assert one.code == 0
    assert one.out.startswith("# A DRAFT")
    assert "cache:" not in one.out
    both = json.loads(cli.run("map", "draft", "--json").out)
    assert [store["store"] for store in both["stores"]] == ["main", "cache"]
    assert both["questions"] > 20


def test_two_databases_count_their_people_apart(cli: CliRunner, database: str) -> None:
    drafted = cli.run("map", "draft", settings={"EXPUNGE_STORES__CRM__URL": database})
    assert drafted.code == 0, drafted.output
    assert {"person: main_public_user_id", "person: crm_public_user_id"} <= {
        line.strip() for line in drafted.out.splitlines()
    }
    asked = [line for line in drafted.out.splitlines() if "same_person" in line]
    assert len(asked) == 4, "of users, and of callers; and of one e-mail or number in two of them"
    assert "public.users in main (main_public_user_id) and public.users in crm (crm_public_user_id)" in drafted.out
    (key,) = [line for line in drafted.out.splitlines() if "nothing yields user_id" in line]
    assert "{main_public_user_id}" in key, "whose keys the cache holds is asked"


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "told"),
    [
        (("--store", "other"), {}, 3, "EXPUNGE_STORES__OTHER__"),
        (("--store", "main=memory"), {}, 2, "cannot draft"),
        (("--store", "main=nothing"), {}, 2, "Installed are"),
        ((), {"EXPUNGE_STORES__MAIN__URL": "mysql://x"}, 2, "--store main="),
        ((), {"EXPUNGE_STORES__MAIN__URL": "postgresql://127.0.0.1:1/x"}, 8, "no connection"),
        (("--store", "main=s3"), {}, 3, "EXPUNGE_STORES__MAIN__URL"),
    ],
)
def test_what_cannot_be_drafted_is_said(
    cli: CliRunner, arguments: tuple[str, ...], settings: dict[str, str], code: int, told: str
) -> None:
    answer = cli.run("map", "draft", *arguments, settings=settings)
    assert answer.code == code, answer.output
    assert told in answer.output
    assert not (cli.directory / "datamap.yaml").exists()
