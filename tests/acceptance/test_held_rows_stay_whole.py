"""A hold on the data type of any collection of a table keeps the row whole, whichever collection asks (ADR 6)."""

from __future__ import annotations

import json
import os
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.support.cli import CliResult, CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
docs: {table: public.docs, data_type: content, found_by: [{column: owner, of: users.id}]}
readers: {table: public.docs, data_type: anchor, created: created_at, tombstone: {readers: {elements: true}},
  found_by: [{column: readers, each: true, identity: email}]}
approvals: {table: public.docs, data_type: signature, tombstone: {approved_by: "NULL"},
  found_by: [{column: approved_by, of: users.id}]}
sent: {table: public.letters, data_type: signature, tombstone: {sender: "NULL"},
  found_by: [{column: sender, of: users.id}]}
received: {table: public.letters, data_type: anchor, tombstone: {recipient: "NULL"},
  found_by: [{column: recipient, of: users.id}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE docs (id int PRIMARY KEY, owner int, readers text[], approved_by int,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE letters (id int PRIMARY KEY, sender int, recipient int);
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 4) n;
INSERT INTO docs SELECT n, n, ARRAY[n || '@x.example', 'else@x.example'], n FROM generate_series(1, 4) n WHERE n <> 2;
INSERT INTO letters VALUES (1, 2, 2);
"""
DOCS = "SELECT id, owner, readers::text, approved_by FROM docs ORDER BY id"


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


def test_a_hold_on_a_row_keeps_its_parts(database: str, tmp_path: Path, fork_server: ForkServer) -> None:
    """Of Ann (1) and Cleo (3) the documents are held, of Ben (2) the letters that he sent; Dan (4) is not on hold."""
    execute(database, SCHEMA)
    document = small_document(COLLECTIONS)
    types = document["data_types"]
    types |= {"content": deepcopy(types["gone"]), "signature": deepcopy(types["anchor"])}
    write_document(tmp_path / "datamap.yaml", document)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    ours = {"PYTHONPATH": ":".join(sys.path), "EXPUNGE_STORES__MAIN__URL": database, "EXPUNGE_SETTLING": "PT0S"}
    cli = CliRunner(tmp_path, plain | ours, fork_server)

    def hold(people: str, data_type: str) -> None:
        wish = ("holds", "place", "-", "--ground", "court", "--data-type", data_type)
        succeeded(cli.run(*wish, stdin=f"user_id\n{people}\n".encode()))

    def erased(people: str, *only: str) -> tuple[Any, Any]:
        plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", *only, stdin=people.encode())))
        cli.run("erase", plan["id"], "--confirm", plan["digest"])
        return plan, json.loads(succeeded(cli.run("status", plan["id"], "--json")))

    succeeded(cli.run("keys", "init"))
    hold("1\n3", "content")
    hold("2", "signature")
    before = execute(database, DOCS)
    plan, status = erased("user_id\n3\n", "--data-type", "signature")  # the documents themselves are not asked for
    assert (plan["on_hold"], status["state"]) == (1, "on-hold")
    plan, status = erased("user_id\n1\n2\n4\n")
    assert (plan["on_hold"], status["outcomes"]) == (2, {"on-hold": 2, "erased": 1})
    assert execute(database, DOCS) == before[:2]
    assert left(database, "letters", "id, sender, recipient") == [(1, 2, 2)]
    assert left(database, "users") == [3]
