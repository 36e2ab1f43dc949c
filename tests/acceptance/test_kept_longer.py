"""A retained row that outlasts what it points to: told by check and plan, and named in the outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed

_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, found_by: [{column: id, identity: user_id}]}
invoices: {table: public.invoices, data_type: kept, start: issued, found_by: [{column: user_id, of: users.id}]}
lines: {table: public.lines, data_type: kept, start: issued, found_by: [{column: invoice_id, of: invoices.id}]}
"""
_SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE invoices (id int PRIMARY KEY, user_id int, issued date);
CREATE TABLE lines (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices, issued date);
INSERT INTO users VALUES (1), (2);
INSERT INTO invoices VALUES (1, 1, '2010-01-01'), (2, 2, '2010-01-01'), (3, 2, '2026-01-01');
INSERT INTO lines VALUES (1, 1, '2010-01-01'), (2, 2, '2010-01-01'), (3, 3, '2026-01-01'), (4, 3, '2010-01-01');
"""


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Invoices with lines, each with a date of its own; those of 2010 are due."""
    execute(database, _SCHEMA)
    document = small_document(_COLLECTIONS, user_id="integer/2")
    return installed(tmp_path, fork_server, document, {"main": database})


def test_a_line_that_outlasts_its_invoice_is_told_and_named(cli: CliRunner, database: str) -> None:
    assert "kept-longer" not in cli.run("check").output
    execute(database, "UPDATE lines SET issued = NULL WHERE id = 1")
    told = cli.run("check").output
    assert "A row of public.lines (1) will be kept longer than what it points to in public.invoices" in told
    asked = b"user_id\n1\n2\n"
    planned = cli.run("plan", "-", "-c", "acme", stdin=asked).output
    assert "in the way main.invoices: 1 row of public.lines that stays points to rows that would be deleted" in planned
    assert "retained longer, give both tables one `start`" in planned
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=asked).out)
    failed = cli.run("erase", plan["id"], "--confirm", plan["digest"]).output
    assert "collection invoices" in failed
    assert "public.lines" in failed
    assert "retained longer (give both tables one `start`)" in failed
    assert left(database, "invoices") == [1, 3], "hers is there; of the other one what is due went"
    execute(database, "UPDATE lines SET issued = '2010-01-01' WHERE id = 1")
    assert cli.run("retry", plan["id"]).code == 0
    assert left(database, "users") == []
    assert left(database, "lines") == [3]
