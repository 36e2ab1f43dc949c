"""A member's settling check waits while the role's rights in that member's schema are not those of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.fork_server import ForkServer
from tests.support.inspections import SHARED_IN
from tests.support.postgres.company import execute
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import small_document
from tests.support.small_company import installed, succeeded

CLIENTS = """
users: {table: "tenant_*.users", owner: {controller: client}, person: user_id, created: created_at,
  yields: {user_id: id, email: email}, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
"""


def test_a_settling_check_waits_for_rights_and_is_made_then(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """A right that somebody took away, or gave, for a day is no reason to end it as failed."""
    for name in "abc":
        execute(
            database,
            f"CREATE SCHEMA tenant_{name}; CREATE TABLE tenant_{name}.users (id int PRIMARY KEY, email text UNIQUE,"
            " created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
            f" INSERT INTO tenant_{name}.users VALUES (1, 'ann@x.example'), (2, 'bob@x.example')",
        )
    granted = [
        f"GRANT {what} TO {{role}}"
        for name in "abc"
        for what in (f"USAGE ON SCHEMA tenant_{name}", f"SELECT, DELETE ON tenant_{name}.users")
    ]
    with role(database, *granted) as url:
        cli = installed(tmp_path, fork_server, small_document(CLIENTS), {"main": url})

        def erased(member: str) -> str:
            plan = json.loads(
                succeeded(cli.run("plan", "-", "-c", f"client:{member}", "--json", stdin=b"user_id\n1\n"))
            )
            succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
            return str(plan["id"])

        def state(batch: str) -> str:
            return str(json.loads(succeeded(cli.run("status", batch, "--json")))["state"])

        waiting = erased("b")
        later = replace(cli, environment={key: told for key, told in cli.environment.items() if key != SHARED_IN})
        name = urlsplit(url).username
        for other, change, back in (
            ("a", "REVOKE DELETE ON {} FROM", "GRANT DELETE ON {} TO"),
            ("c", "GRANT TRUNCATE ON {} TO", "REVOKE TRUNCATE ON {} FROM"),
        ):
            elsewhere = erased(other)
            execute(database, f'{change.format("tenant_b.users")} "{name}"')
            ran = later.run("run-due")
            assert ran.code == 5, ran.err
            assert "tenant_b" in ran.err
            assert (state(waiting), state(elsewhere)) == ("erased", "settled")
            execute(database, f'{back.format("tenant_b.users")} "{name}"')
        succeeded(later.run("run-due"))
        assert state(waiting) == "settled"
