"""A hold keeps a row whole, whichever collection of its table asks, and the rows that it needs (law 3, ADR 6)."""

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
from tests.support.holds import due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import make_caller, make_holder
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.states import BatchState

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


def test_a_held_data_type_is_retained_with_what_it_needs(installation: Installation, inspector: StoreInspector) -> None:
    """Calls are held: they and the caller whom they refer to stay, the leads go."""
    caller = make_caller(inspector)
    placed = place(installation, data_type="calls")
    batch = installation.plan(caller.csv, caller.controller)
    assert installation.erase(batch).state is BatchState.ON_HOLD, installation.failures(batch)
    left = due(caller, inspector)
    assert "main.leads" not in left
    assert {"main.calls", "main.callers", "main.recordings", "recordings.recordings"} <= left.keys()
    (said,) = statements_of(installation, batch, "on-hold")
    lines = lines_of(said.body)
    assert lines["main.leads"][0] == "erased"
    assert lines["main.calls"][0] == lines["main.callers"][0] == "retained"
    lift(installation, placed)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert due(caller, inspector) == {}
    assert installation.events(batch) == [["accepted", "on-hold", "erased"]]


def test_a_parent_under_a_held_child_stays(installation: Installation, inspector: StoreInspector) -> None:
    """Leads are held; they refer to the caller, whose table is another data type and would be deleted."""
    caller = make_caller(inspector)
    placed = place(installation, data_type="leads")
    batch = installation.plan(caller.csv, caller.controller)
    assert installation.erase(batch).state is BatchState.ON_HOLD, installation.failures(batch)
    left = due(caller, inspector)
    assert {"main.leads", "main.lead_answers", "main.callers"} == {name for name in left if name.startswith("main.")}
    lift(installation, placed)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert due(caller, inspector) == {}


def test_a_shared_row_that_is_held_for_one_of_two_stays_with_what_makes_it_theirs(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Its own type is held for Bob. His row that points to it went, then it was Ann's alone, and went with her."""
    text = Path(installation.settings.data_map).read_text("utf-8")
    kept = "table: public.addresses\n        data_type: messages"
    other = installation.home / "datamap.yaml"
    other.write_text(text.replace("table: public.addresses\n        data_type: account", kept, 1), "utf-8")
    installation.close()
    installation.settings = installation.settings.model_copy(update={"data_map": other})
    ann, bob = make_holder(inspector), make_holder(inspector)
    home = inspector.one("SELECT address_id FROM user_addresses WHERE user_id = %s", bob.id)
    inspector.sql("INSERT INTO user_addresses VALUES (%s, %s)", ann.id, home)
    placed = place(installation, [key("user_id", bob.id)], data_type="messages")
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    installation.erase(batch)
    assert inspector.one("SELECT count(*) FROM addresses WHERE id = %s", home) == 1
    assert inspector.one("SELECT count(*) FROM user_addresses WHERE user_id = %s", bob.id) == 1
    lift(installation, placed)
    installation.erase(batch)
    assert inspector.one("SELECT count(*) FROM user_addresses WHERE user_id = %s", bob.id) == 0
