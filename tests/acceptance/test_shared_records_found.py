"""A record that people share is found, and gone, of each of them, whoever is the last and whenever that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.fork_server import ForkServer
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import Company, statements_of, succeeded
from tests.support.statements import lines_of

COLLECTIONS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
members: {table: public.members, found_by: [{column: user_id, of: users.id}]}
homes: {table: public.homes, sharing: last_owner, found_by: [{column: id, of: members.home_id}]}
rooms: {table: public.rooms, found_by: [{column: home_id, of: homes.id}]}
"""
TABLES = """
CREATE TABLE homes (id int PRIMARY KEY);
CREATE TABLE rooms (id int PRIMARY KEY, home_id int REFERENCES homes); CREATE INDEX ON rooms (home_id);
CREATE TABLE members (user_id int REFERENCES users, home_id int REFERENCES homes, PRIMARY KEY (user_id, home_id));
CREATE INDEX ON members (home_id);
INSERT INTO homes VALUES (1); INSERT INTO members VALUES (1, 1), (2, 1); INSERT INTO rooms VALUES (1, 1), (2, 1);
"""
THE_SECOND_COMES_LAST = """
import threading
from expunge_connectors.errors import TransientError
from expunge_connectors.postgres.connector import PostgresStore
asked = threading.Event()
def verify(self, subjects, *given, verify=PostgresStore.verify, asked=asked, error=TransientError):
    if any(one.number == 1 for one in subjects):
        asked.set()
        raise error("store main: a conflict.")
    return verify(self, subjects, *given)
def erase(self, subjects, *given, erase=PostgresStore.erase, asked=asked):
    assert all(one.number == 1 for one in subjects) or asked.wait(60)
    return erase(self, subjects, *given)
PostgresStore.verify, PostgresStore.erase = verify, erase
"""


def test_it_goes_with_the_second_before_the_first_is_verified(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """What hangs on it goes with it. The first is taken up again when both are gone, and counted anew."""
    company = Company(database, tmp_path, fork_server, small_document(COLLECTIONS), TABLES)
    one_each = {"EXPUNGE_CHUNK_SIZE": "1", "EXPUNGE_MAX_ATTEMPTS": "1", "EXPUNGE_RETRY_PAUSE": "PT0.02S"}
    planned = company.cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n2\n", settings=one_each)
    plan: dict[str, Any] = json.loads(succeeded(planned))
    counts = {name: seen["due"] for name, seen in plan["stores"]["main"]["collections"].items()}
    assert counts == {"users": 2, "members": 2, "homes": 2, "rooms": 4}
    given = ("erase", plan["id"], "--confirm", plan["digest"])
    company.cli.run(*given, settings=one_each, code=THE_SECOND_COMES_LAST)
    assert (left(database, "rooms"), company.status(plan)["outcomes"]) == ([], {"erased": 1, "open": 1})
    succeeded(company.cli.run("retry", plan["id"]))
    succeeded(company.cli.run("run-due"))
    status = company.status(plan)
    assert status["outcomes"] == {"erased": 2}
    assert {name.removeprefix("main."): seen["found"] for name, seen in status["collections"].items()} == counts
    listed = json.loads(succeeded(company.cli.run("receipts", "list", "--json")))["receipts"]
    answers = [statements_of(company.cli, one["id"])[1] for one in listed]
    assert [lines_of(one.body)["main.rooms"] for one in answers] == [("erased", 2, 0)] * 2
