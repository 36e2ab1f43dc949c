"""`expunge end` while an older transaction is open: nobody is ended yet, and that is no success."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.support.fork_server import ForkServer
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import wait_until
from tests.support.small_company import Company

_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, undated: erase,
  found_by: [{column: id, identity: user_id}]}
notes: {table: public.notes, found_by: [{column: user_id, of: users.id}]}
"""
TABLES = """
CREATE TABLE notes (id int PRIMARY KEY, user_id int REFERENCES users); CREATE INDEX ON notes (user_id);
INSERT INTO notes VALUES (1, 1), (2, 2);
"""


@pytest.fixture
def company(database: str, tmp_path: Path, fork_server: ForkServer) -> Company:
    made = Company(database, tmp_path, fork_server, small_document(_COLLECTIONS), TABLES)
    main = {"LOCK_TIMEOUT": "200ms", "VERIFICATION_WAIT_SECONDS": "0.2"}
    settings = {"EXPUNGE_RETRY_PAUSE": "PT0.1S", "EXPUNGE_MAX_ATTEMPTS": "1"}
    settings |= {f"EXPUNGE_STORES__MAIN__{name}": value for name, value in main.items()}
    made.cli = replace(made.cli, environment={**made.cli.environment, **settings})
    return made


@pytest.mark.parametrize("by", ["end", "run-due"])
def test_it_is_told_as_not_done_until_somebody_was_ended(company: Company, database: str, by: str) -> None:
    plan = company.plan(b"user_id\n1\n")
    with psycopg.connect(database) as older:
        older.execute("SELECT FROM notes WHERE id = 1 FOR KEY SHARE")
        assert company.erase(plan).code == 1
        for arguments in ((), ("--json",)):  # the first one decides, the second asks how far it is
            said = company.cli.run("end", plan["id"], "--confirm", plan["digest"], *arguments)
            assert said.code == 1, said.output
            assert "1 person" in said.output
            assert "not ended yet" in said.output
            assert "expunge run-due" in said.output
        assert json.loads(said.out)["state"] == "executing"
        assert company.status(plan)["outcomes"] == {"open": 1}
    command = ("end", plan["id"], "--confirm", plan["digest"]) if by == "end" else ("run-due",)
    wait_until(lambda: company.cli.run(*command).code == 0 and "open" not in company.status(plan)["outcomes"])
    assert company.status(plan)["outcomes"] == {"partially-erased": 1}
    assert left(database, "notes") == [1, 2]
