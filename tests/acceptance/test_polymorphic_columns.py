"""Comment 7 of user 7 and comment 7 of post 7, from the draft of a map to the settled request (ADR 23)."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from tests.support.cli import CliResult, CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.inspection import terse

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE products (id int PRIMARY KEY, title text);
CREATE TABLE comments (id int PRIMARY KEY, commentable_type text NOT NULL, commentable_id int NOT NULL, body text);
CREATE INDEX ON comments (commentable_type, commentable_id);
INSERT INTO users VALUES (7, 'ann@x.example'), (8, 'bob@x.example'), (9, 'cleo@x.example');
INSERT INTO comments VALUES
  (1, 'User', 7, 'about Ann'), (2, 'Product', 7, 'about a chair'), (3, 'User', 8, 'about Bob'), (4, 'Product', 8, '');
"""
ANSWERS = {
    "name": "Acme",
    "contact": "x@acme.example",
    "log_origin": "log.acme.example",
    "none": "A test makes none",
    "approved_by": "A. Officer",
}


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Settings for a database with two kinds of comments; there is no map."""
    execute(database, SCHEMA)
    terse(database)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    environment |= {
        "PYTHONPATH": ":".join(sys.path),
        "EXPUNGE_SETTLING": "PT0S",
        "EXPUNGE_STORES__MAIN__URL": database,
    }
    return CliRunner(tmp_path, environment, fork_server)


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


def answered(draft: str) -> str:
    """The questions answered: the links as they were drafted."""
    lines = [re.sub(r"\s*# DECIDE:.*", "", line) for line in draft.splitlines()]
    empty = {f"{key}:": f"{key}: {value}" for key, value in ANSWERS.items()}
    return "\n".join(line[: len(line) - len(line.lstrip())] + empty.get(line.strip(), line.lstrip()) for line in lines)


def test_from_the_draft_to_the_settled_request(cli: CliRunner, database: str) -> None:
    draft = answered(succeeded(cli.run("map", "draft")))
    link = "{column: commentable_id, of: users.id, where: {commentable_type: User}}"
    assert link in draft
    datamap = cli.directory / "datamap.yaml"
    datamap.write_text(draft.replace(", where: {commentable_type: User}", ""))
    succeeded(cli.run("keys", "init"))
    refused = cli.run("check")
    assert refused.code != 0
    assert "polymorphic-column" in refused.output
    datamap.write_text(draft)
    succeeded(cli.run("check"))
    people = b"user_id\n7\n"
    planned = json.loads(succeeded(cli.run("plan", "-", "-c", "our_company", "--json", stdin=people)))
    succeeded(cli.run("erase", planned["id"], "--confirm", planned["digest"]))
    # What comes after, and before it is settled: again one of either kind.
    execute(database, "INSERT INTO comments VALUES (11, 'User', 7, 'late'), (12, 'Product', 7, 'about the chair')")
    succeeded(cli.run("run-due"))
    status = json.loads(succeeded(cli.run("status", planned["id"], "--json")))
    assert (status["state"], set(status["outcomes"])) == ("settled", {"erased"})
    assert execute(database, "SELECT array_agg(id ORDER BY id) FROM comments") == [([2, 3, 4, 12],)]
    located = succeeded(cli.run("locate", "-", "-c", "our_company", "--json", stdin=b"user_id\n8\n"))
    assert "public.comments.commentable_id is users.id where commentable_type is User" in located
