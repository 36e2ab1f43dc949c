"""What the database's planner remembers of a record that went, though no look of the request had seen it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.support.fork_server import ForkServer
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import Company

COLLECTIONS = """
users: {table: public.users, data_type: anchor, person: user_id, tombstone: {email: "'u' || id"},
  yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
newsletter: {table: public.newsletter, created: created_at, found_by: [{column: email, identity: email}]}
"""
_MADE = "created_at timestamptz NOT NULL DEFAULT '2026-01-01'"
TABLES = f"""
ALTER TABLE users ADD email text, ADD {_MADE}; UPDATE users SET email = id || '@x.example';
CREATE TABLE newsletter (id int PRIMARY KEY, email text, {_MADE}); CREATE INDEX ON newsletter (email);
INSERT INTO newsletter VALUES (2, '2@x.example');
"""
REMEMBERED = """
SELECT count(*) FROM pg_stats WHERE tablename = 'newsletter'
AND concat(most_common_vals, histogram_bounds) LIKE '%1@x.example%'
"""


@pytest.fixture
def company(database: str, tmp_path: Path, fork_server: ForkServer) -> Company:
    return Company(database, tmp_path, fork_server, small_document(COLLECTIONS), TABLES)


def test_a_record_that_came_after_the_count_is_not_remembered(company: Company, database: str) -> None:
    plan = company.plan(b"user_id\n1\n")
    came = f"""
import psycopg
from expunge_connectors.postgres.erase.eraser import Eraser
def step(*given, step=Eraser.step, connect=psycopg.connect, came=[]):
    if not came:
        with connect({database!r}, autocommit=True) as other:
            came.append(other.execute("INSERT INTO newsletter VALUES (7, '1@x.example')"))
            other.execute("ANALYZE newsletter")
    return step(*given)
Eraser.step = step
"""
    command = company.cli.run("erase", plan["id"], "--confirm", plan["digest"], code=came)
    assert command.code == 0, command.output
    assert left(database, "newsletter") == [2]
    assert company.cli.run("run-due").code == 0
    with psycopg.connect(database) as connection:
        assert connection.execute(REMEMBERED).fetchone() == (0,)
