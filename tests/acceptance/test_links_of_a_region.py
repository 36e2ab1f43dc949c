"""A number without the country's code is whose it is by each link that reads it, of its region (ADR 18, DBA 33)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, succeeded

GERMAN, AUSTRIAN = (f"{{column: number, identity: phone, region: {one}}}" for one in ("DE", "AT"))
LINE = "{column: number, identity: line}"
USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id, phone: phone, line: line}, created: at,
  found_by: [{column: id, identity: user_id}, {column: phone, identity: phone}, {column: line, identity: line}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, phone text, line text, at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE calls (id int PRIMARY KEY, number text, at timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES (1, '+4930123451', '030 123452'), (2, '+4330777777', NULL);
INSERT INTO calls VALUES (1, '030 123452'), (2, '030 123451');
"""
BOB_TAKES_IT = "UPDATE users SET phone = '+4930123452' WHERE id = 2"
TWO_REGIONS = "UPDATE users SET phone = '+4330123452', line = NULL WHERE id = 1"


class Installed:
    """Two people; `030 123452` is Ann's line, or her number in Austria, and Bob's number in Germany."""

    def __init__(self, cli: CliRunner, database: str) -> None:
        self.cli, self.database = cli, database

    def plan(self, person: int) -> dict[str, Any]:
        asked = ("plan", "-", "-c", "acme", "--json")
        return dict(json.loads(succeeded(self.cli.run(*asked, stdin=f"user_id\n{person}\n".encode()))))

    def erase(self, plan: dict[str, Any]) -> None:
        self.cli.run("erase", plan["id"], "--confirm", plan["digest"])

    def settled(self, plan: dict[str, Any]) -> dict[str, Any]:
        self.cli.run("run-due")
        return dict(json.loads(succeeded(self.cli.run("status", plan["id"], "--json"))))


def made(database: str, home: Path, fork_server: ForkServer, *links: str) -> Installed:
    execute(database, SCHEMA)
    calls = f"calls: {{table: public.calls, created: at, found_by: [{', '.join(links)}]}}\n"
    document = small_document(USERS + calls)
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1", "recycled": False}
    document["identities"]["line"] = {"kind": "reusable", "normaliser": "exact/1"}
    return Installed(installed(home, fork_server, document, {"main": database}), database)


@pytest.mark.parametrize("when", ["before", "between", "settling"])
def test_a_lines_name_is_a_number_where_the_link_says_the_country(
    database: str, tmp_path: Path, fork_server: ForkServer, when: str
) -> None:
    here = made(database, tmp_path, fork_server, GERMAN, LINE)
    if when == "before":
        execute(database, BOB_TAKES_IT)
    plan = here.plan(1)
    if when == "between":
        execute(database, BOB_TAKES_IT)
    if when == "settling":
        execute(database, "DELETE FROM calls WHERE id = 1")
    here.erase(plan)
    if when == "settling":
        execute(database, f"{BOB_TAKES_IT}; INSERT INTO calls VALUES (1, '030 123452')")
    assert here.settled(plan)["collections"]["main.calls"]["ambiguous"] == 1
    assert left(database, "calls") == [1]


@pytest.mark.parametrize("asks", [1, 2])
def test_one_column_of_two_regions(database: str, tmp_path: Path, fork_server: ForkServer, asks: int) -> None:
    here = made(database, tmp_path, fork_server, GERMAN, AUSTRIAN)
    execute(database, f"{BOB_TAKES_IT}; {TWO_REGIONS}")
    plan = here.plan(asks)
    here.erase(plan)
    assert here.settled(plan)["outcomes"] == {"partially-erased": 1}
    assert left(database, "calls") == [1, 2]


def test_both_in_one_batch(database: str, tmp_path: Path, fork_server: ForkServer) -> None:
    here = made(database, tmp_path, fork_server, GERMAN, AUSTRIAN)
    execute(database, f"{BOB_TAKES_IT}; {TWO_REGIONS}")
    asked = here.cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n2\n")
    plan = json.loads(succeeded(asked))
    here.erase(plan)
    assert here.settled(plan)["outcomes"] == {"erased": 2}
    assert left(database, "calls") == [2]
