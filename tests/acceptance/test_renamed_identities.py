"""An identity that is called or read otherwise in the map: what the ledger keeps of people would not be found."""

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
from tests.support.small_company import installed, succeeded

_COLLECTIONS = """
users: {{table: public.users, person: user_id, yields: {{user_id: id, {0}: email}}, created: created_at,
  found_by: [{{column: id, identity: user_id}}, {{column: email, identity: {0}}}]}}
news: {{table: public.news, created: created_at, found_by: [{{column: email, identity: {0}}}]}}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE news (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
INSERT INTO news VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
"""


def document(email: str) -> dict[str, Any]:
    made = small_document(_COLLECTIONS.format(email))
    made["identities"][email] = made["identities"].pop("email")
    return made


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    return installed(tmp_path, fork_server, document("email"), {"main": database})


def test_a_map_that_calls_an_identity_otherwise_blocks(cli: CliRunner, database: str, tmp_path: Path) -> None:
    """A letter that is restored before the settling check stays until the map says the name again; then it goes."""
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    execute(database, "INSERT INTO news VALUES (3, 'ann@x.example')")
    write_document(tmp_path / "datamap.yaml", document("mail"))
    for refused in (
        cli.run("check"),
        cli.run("run-due"),
        cli.run("plan", "-", "-c", "acme", stdin=b"user_id\n2\n"),
    ):
        assert refused.code == 5, refused.output
        assert "knows people by email, which the data map does not have" in refused.output
    write_document(tmp_path / "datamap.yaml", document("email"))
    assert cli.run("check").code == 0
    succeeded(cli.run("run-due"))
    assert left(database, "news") == [2]


def test_it_may_be_called_otherwise_as_long_as_nobody_is_known_by_it(cli: CliRunner, tmp_path: Path) -> None:
    succeeded(cli.run("plan", "-", "-c", "acme", stdin=b"user_id\n1\n"))
    write_document(tmp_path / "datamap.yaml", document("mail"))
    assert cli.run("check").code == 0


def test_nobody_is_ended_by_it(cli: CliRunner, database: str, tmp_path: Path) -> None:
    """An end states what is left where it looks: under the other name it would see no letter, and say `erased`."""
    execute(
        database,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
        "CREATE TRIGGER no BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION no()",
    )
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    execute(database, "DROP TRIGGER no ON users; DELETE FROM users WHERE id = 1")
    write_document(tmp_path / "datamap.yaml", document("mail"))
    refused = cli.run("end", plan["id"], "--confirm", plan["digest"])
    assert refused.code == 5, refused.output
    assert "knows people by email" in refused.output
    write_document(tmp_path / "datamap.yaml", document("email"))
    succeeded(cli.run("end", plan["id"], "--confirm", plan["digest"]))
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert status["outcomes"] == {"partially-erased": 1}


def read_by(normaliser: str) -> dict[str, Any]:
    made = document("email")
    made["identities"]["email"]["normaliser"] = normaliser
    return made


def test_a_map_that_reads_an_identity_otherwise_blocks(cli: CliRunner, database: str, tmp_path: Path) -> None:
    """A letter that comes back in the same spelling would stay: its address is sealed as the first one read it."""
    execute(database, "UPDATE users SET email = 'jörg@münchen.example' WHERE id = 1; UPDATE news SET email = (SELECT"
            " email FROM users WHERE id = 1) WHERE id = 1")  # fmt: skip
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    execute(database, "INSERT INTO news VALUES (3, 'jörg@münchen.example')")
    write_document(tmp_path / "datamap.yaml", read_by("email/3"))
    for refused in (
        cli.run("check"),
        cli.run("run-due"),
        cli.run("plan", "-", "-c", "acme", stdin=b"user_id\n2\n"),
    ):
        assert refused.code == 5, refused.output
        assert "knows people by email as email/1 reads it" in refused.output
    write_document(tmp_path / "datamap.yaml", document("email"))
    succeeded(cli.run("run-due"))
    assert left(database, "news") == [2]


def test_a_hold_blocks_until_its_people_are_read_as_they_were(cli: CliRunner, tmp_path: Path) -> None:
    succeeded(cli.run("holds", "place", "-", "--ground", "4 C 17/26", stdin="email\njörg@münchen.example\n".encode()))
    write_document(tmp_path / "datamap.yaml", read_by("email/3"))
    refused = cli.run("plan", "-", "-c", "acme", stdin=b"user_id\n1\n")
    assert refused.code == 5, refused.output
    assert "names an identity that the data map does not have or reads by another normaliser" in refused.output
    (held,) = json.loads(succeeded(cli.run("holds", "list", "--json")))["legal_holds"]
    assert held["not_in_map"] == ["email"]
    write_document(tmp_path / "datamap.yaml", document("email"))
    succeeded(cli.run("plan", "-", "-c", "acme", stdin=b"user_id\n1\n"))
