"""Who fails because a row waits for a key that another's record holds as well is told which (ADR 3)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.support.cli import CliResult, CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document

COLLECTIONS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
files: {table: public.files, found_by: [{column: user_id, of: users.id}],
  yields: {user_id: user_id, token: {column: name, never_shared: {reason: made up, approved_by: nobody}}}}
"""


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


def test_the_reason_names_the_collection_and_what_it_waits_for(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE files (id int PRIMARY KEY, user_id int, name text);"
        "INSERT INTO users VALUES (1), (2);"
        "INSERT INTO files VALUES (1, 1, 'photo'), (2, 2, 'photo'), (3, 1, 'letter')",
    )
    write_document(tmp_path / "datamap.yaml", small_document(COLLECTIONS))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    cli = CliRunner(
        tmp_path, plain | {"PYTHONPATH": ":".join(sys.path), "EXPUNGE_STORES__MAIN__URL": database}, fork_server
    )
    succeeded(cli.run("keys", "init"))
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert status["reasons"] == {"not done: main.files (1 due: token there is not known to be this person's alone)": 1}
    assert left(database, "files") == [1, 2]
