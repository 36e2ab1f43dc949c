"""A table without a primary key, as it is typed: check, plan, erase, status (ADR 24)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed

COLLECTIONS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
events: {table: public.events, found_by: [{column: user_id, of: users.id}]}
"""


def test_rows_without_a_key_are_planned_erased_and_verified(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    execute(
        database,
        "CREATE TABLE users (id text PRIMARY KEY); INSERT INTO users VALUES ('ann'), ('bob');"
        "CREATE TABLE events (user_id text, note text); CREATE INDEX ON events (user_id);"
        "INSERT INTO events VALUES ('ann', 'seen'), ('ann', 'seen'), ('bob', 'seen'), ('bob', 'seen')",
    )
    cli = installed(tmp_path, fork_server, small_document(COLLECTIONS), {"main": database})
    assert cli.run("check").code == 0
    planned = cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\nann\n")
    assert planned.code == 0, planned.output
    plan = json.loads(planned.out)
    assert plan["stores"]["main"]["collections"]["events"]["due"] == 2
    erased = cli.run("erase", plan["id"], "--confirm", plan["digest"])
    assert erased.code == 0, erased.output
    assert left(database, "events", "user_id") == ["bob", "bob"]
