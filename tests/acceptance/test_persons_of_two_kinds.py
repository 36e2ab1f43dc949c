"""Persons of two kinds whom one address finds are one human only where the map says so, and as the plan saw them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed

_KIND = """
{0}s: {{table: public.{0}s, person: {0}_id, yields: {{{0}_id: id, email: email}}, created: created_at,
  found_by: [{{column: id, identity: {0}_id}}, {{column: email, identity: email}}]}}
"""
SCHEMA = "".join(
    f"CREATE TABLE {kind}s (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
    f"INSERT INTO {kind}s SELECT n, '{kind}' || n || '@x.example' FROM generate_series(1, 3) n;"
    for kind in ("candidate", "recruiter")
)
TAKES = "UPDATE recruiters SET email = 'candidate1@x.example' WHERE id = 2"
CANDIDATE = b"candidate_id\n1\n"


def document() -> dict[str, Any]:
    """A job board: candidates and recruiters, each known by a number and an address."""
    made: dict[str, Any] = small_document(_KIND.format("candidate") + _KIND.format("recruiter"))
    del made["identities"]["user_id"]
    for kind in ("candidate", "recruiter"):
        made["identities"][f"{kind}_id"] = {"kind": "person", "normaliser": "integer/2"}
    return made


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """The job board, where a recruiter of one's own address is said to be oneself."""
    execute(database, SCHEMA)
    declared = document()
    declared["identities"]["email"]["same_person"] = {"reason": "One sign-in", "approved_by": "A. Officer"}
    return installed(tmp_path, fork_server, declared, {"main": database})


def erased_after(cli: CliRunner, database: str, listed: bytes, meanwhile: str) -> dict[str, int]:
    """What a request ends as, if this happens between its plan and its erasure."""
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed).out)
    execute(database, meanwhile)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    outcomes: dict[str, int] = json.loads(cli.run("status", plan["id"], "--json").out)["outcomes"]
    return outcomes


def test_the_map_is_refused_until_it_says_that_they_are_one_human(cli: CliRunner, tmp_path: Path) -> None:
    assert cli.run("check").code == 0
    write_document(tmp_path / "datamap.yaml", document())
    refused = cli.run("check")
    assert refused.code == 3
    assert "identities.email: main.candidates and main.recruiters are persons of different" in refused.output


def test_who_has_one_address_in_both_goes_in_both(cli: CliRunner, database: str) -> None:
    execute(database, TAKES)
    assert erased_after(cli, database, CANDIDATE, "SELECT 1") == {"erased": 1}
    assert (left(database, "candidates"), left(database, "recruiters")) == ([2, 3], [1, 3])


def test_who_takes_the_address_after_the_plan_is_nobody_whom_it_saw(cli: CliRunner, database: str) -> None:
    """The recruiter was there before, and the plan did not lead to her: nothing of either goes until it is planned."""
    assert erased_after(cli, database, CANDIDATE, TAKES) == {"ambiguous": 1}
    assert (left(database, "candidates"), left(database, "recruiters")) == ([1, 2, 3], [1, 2, 3])
    assert erased_after(cli, database, CANDIDATE, "SELECT 1") == {"erased": 1}
    assert (left(database, "candidates"), left(database, "recruiters")) == ([2, 3], [1, 3])


@pytest.mark.parametrize("listed", [CANDIDATE, b"email\ncandidate1@x.example\n"], ids=["by number", "by address"])
@pytest.mark.parametrize(
    ("now", "is_left"),
    [
        ("UPDATE recruiters SET email = 'recruiter3@x.example' WHERE id = 2", True),
        ("UPDATE recruiters SET email = 'new@x.example' WHERE id = 2", True),
        ("UPDATE recruiters SET email = NULL WHERE id = 2", False),
        ("DELETE FROM recruiters WHERE id = 2", False),
    ],
    ids=["another recruiter's", "a new one", "emptied", "deleted"],
)
def test_who_has_another_address_by_then_is_not_taken_along(
    cli: CliRunner, database: str, listed: bytes, now: str, *, is_left: bool
) -> None:
    """The address alone made the recruiter the candidate: her record was corrected, or is somebody else's."""
    execute(database, TAKES)
    assert erased_after(cli, database, listed, now) == {"partially-erased" if is_left else "erased": 1}
    assert (left(database, "candidates"), left(database, "recruiters")) == ([2, 3], [1, 2, 3] if is_left else [1, 3])
