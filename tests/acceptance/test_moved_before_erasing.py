"""What was counted and left its collection before a store removed it: no receipt says that this request erased it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.locks import wait_until_blocked
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import Company, only_receipt, statements_of
from tests.support.statements import lines_of

COLLECTIONS = """
users: {table: public.users, data_type: anchor, person: user_id, tombstone: {email: "'u' || id"},
  yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
drafts: {table: public.letters, data_type: letters, created: created_at,
  found_by: [{column: user_id, of: users.id, where: {status: draft}}]}
booked: {table: public.letters, data_type: kept, start: created_at, created: created_at,
  found_by: [{column: user_id, of: users.id, where: {status: booked}}]}
sent: {table: public.letters, created: created_at,
  found_by: [{column: user_id, of: users.id, where: {status: sent}}]}
newsletter: {table: public.newsletter, created: created_at, found_by: [{column: email, identity: email}]}
"""
_MADE = "created_at timestamptz NOT NULL DEFAULT '2026-01-01'"
TABLES = f"""
ALTER TABLE users ADD email text, ADD {_MADE}; UPDATE users SET email = id || '@x.example';
CREATE TABLE letters (id int PRIMARY KEY, user_id int REFERENCES users, status text NOT NULL, {_MADE});
CREATE INDEX ON letters (user_id);
CREATE TABLE newsletter (id int PRIMARY KEY, email text, {_MADE}); CREATE INDEX ON newsletter (email);
INSERT INTO letters VALUES (1, 1, 'draft'), (2, 2, 'draft');
INSERT INTO newsletter VALUES (1, '1@x.example'), (2, '2@x.example');
"""
BOOKED = "UPDATE letters SET status = 'booked' WHERE id = 1"
MEANWHILE: dict[str, tuple[str, dict[str, tuple[str, int, int]]]] = {
    "to a collection that is kept": (BOOKED, {"drafts": ("not-found", 0, 0), "booked": ("retained", 1, 0)}),
    "to another person": ("UPDATE letters SET user_id = 2 WHERE id = 1", {"drafts": ("not-found", 0, 0)}),
    "to another address": (
        "UPDATE newsletter SET email = '9@x.example' WHERE id = 1",
        {"newsletter": ("not-found", 0, 0)},
    ),
    "behind the cutoff": (
        "UPDATE newsletter SET created_at = now() + '1 hour' WHERE id = 1",
        {"newsletter": ("not-found", 0, 0)},
    ),
    "nowhere": ("SELECT 1", {}),
}
NOTHING = ("not-found", 0, 0)
ALL_ERASED = {
    "users": ("tombstoned", 1, 0),
    "drafts": ("erased", 1, 0),
    "booked": ("not-found", 0, 0),
    "sent": ("not-found", 0, 0),
    "newsletter": ("erased", 1, 0),
}
SHARED_COLLECTIONS = """
users: {table: public.users, data_type: anchor, person: user_id, tombstone: {email: "'u' || id"},
  yields: {user_id: id}, created: created_at, found_by: [{column: id, identity: user_id}]}
letters: {table: public.letters, data_type: letters, created: created_at, found_by: [{column: user_id, of: users.id}]}
members: {table: public.members, created: created_at, found_by: [{column: user_id, of: users.id}]}
homes: {table: public.homes, data_type: homes, sharing: last_owner, created: created_at,
  found_by: [{column: id, of: members.home_id}]}
"""
SHARED_TABLES = f"""
ALTER TABLE users ADD email text, ADD {_MADE}; UPDATE users SET email = id || '@x.example';
CREATE TABLE homes (id int PRIMARY KEY, {_MADE});
CREATE TABLE members (user_id int PRIMARY KEY REFERENCES users, home_id int REFERENCES homes, {_MADE});
CREATE INDEX ON members (home_id);
CREATE TABLE letters (id int PRIMARY KEY, user_id int REFERENCES users, {_MADE}); CREATE INDEX ON letters (user_id);
INSERT INTO letters VALUES (1, 1);
INSERT INTO homes VALUES (1), (2); INSERT INTO members VALUES (1, 1), (2, 2);
"""
STOPPED = """
from expunge_connectors.errors import TransientError
from expunge_connectors.postgres.erase.eraser import Eraser
def step(*given, step=Eraser.step, error=TransientError):
    step(*given)
    raise error("store main: a conflict.")
Eraser.step = step
"""
BEFORE_THE_COMMIT = """
import os
from expunge_connectors.postgres.erase.eraser import Eraser
def step(*given, step=Eraser.step, os=os):
    step(*given)
    os.kill(os.getpid(), 9)
Eraser.step = step
"""
ONE_ATTEMPT = {"EXPUNGE_MAX_ATTEMPTS": "1", "EXPUNGE_RETRY_PAUSE": "PT0.02S"}
AFTER_THE_COMMIT = """
import os
from expunge_connectors.postgres.erase.chunk_erasure import ChunkErasure
def slice_(*given, slice_=ChunkErasure._slice, os=os):
    slice_(*given)
    os.kill(os.getpid(), 9)
ChunkErasure._slice = slice_
"""


@pytest.fixture
def company(database: str, tmp_path: Path, fork_server: ForkServer) -> Company:
    document = small_document(COLLECTIONS)
    document["data_types"]["letters"] = copy.deepcopy(document["data_types"]["gone"])
    return Company(database, tmp_path, fork_server, document, TABLES)


def homes_of(database: str, home: Path, fork_server: ForkServer) -> Company:
    """A company whose users share homes; holds may be placed on these and on letters."""
    document = small_document(SHARED_COLLECTIONS)
    for name in ("homes", "letters"):
        document["data_types"][name] = copy.deepcopy(document["data_types"]["gone"])
    return Company(database, home, fork_server, document, SHARED_TABLES)


def told(cli: CliRunner) -> dict[str, tuple[str, int, int]]:
    """Collection -> outcome, found, due, as the answer says."""
    [answer] = [one for one in only_receipt(cli) if one.body.get("stores")]
    return {place.removeprefix("main."): line for place, line in lines_of(answer.body).items()}


def counted(company: Company, plan: dict[str, Any]) -> dict[str, int]:
    """Collection -> how many were found, as the status says."""
    found = company.status(plan)["collections"]
    return {place.removeprefix("main."): one["found"] for place, one in found.items()}


def assert_told(company: Company, plan: dict[str, Any], expected: dict[str, tuple[str, int, int]]) -> None:
    company.cli.run("run-due")
    company.cli.run("run-due")
    lines = told(company.cli)
    assert lines == ALL_ERASED | expected
    assert counted(company, plan) == {name: found for name, (_, found, _) in lines.items()}


def held(company: Company, *on: str, people: bytes = b"") -> str:
    """The id of a hold that is placed on data types or on people."""
    which = ["-"] if people else [word for name in on for word in ("--data-type", name)]
    placed = company.cli.run("holds", "place", *which, "-c", "acme", "--ground", "law", "--json", stdin=people)
    return str(json.loads(placed.out)["id"])


@pytest.mark.parametrize(("meanwhile", "expected"), MEANWHILE.values(), ids=list(MEANWHILE))
def test_stopped_before_its_commit(
    company: Company, database: str, meanwhile: str, expected: dict[str, tuple[str, int, int]]
) -> None:
    plan = company.plan(b"user_id\n1\n")
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"], settings=ONE_ATTEMPT, code=STOPPED)
    assert left(database, "letters") == [1, 2]
    execute(database, meanwhile)
    company.cli.run("retry", plan["id"])
    assert_told(company, plan, expected)


@pytest.mark.parametrize("stays", ["to a collection that is kept", "nowhere"])
def test_of_an_erasing_that_was_killed_nobody_knows_what_it_removed(
    company: Company, database: str, stays: str
) -> None:
    """What is not there any more may have gone by it: it stays found, and is stated as erased."""
    meanwhile, expected = MEANWHILE[stays]
    plan = company.plan(b"user_id\n1\n")
    killed = company.cli.run("erase", plan["id"], "--confirm", plan["digest"], code=BEFORE_THE_COMMIT)
    assert (killed.code, left(database, "letters")) == (-9, [1, 2])
    execute(database, meanwhile)
    assert_told(company, plan, {**expected, "drafts": ("erased", 1, 0)})


@pytest.mark.parametrize("stays", ["to a collection that is kept", "nowhere"])
def test_stopped_by_a_lock(company: Company, database: str, stays: str) -> None:
    meanwhile, expected = MEANWHILE[stays]
    plan = company.plan(b"user_id\n1\n")
    settings = ONE_ATTEMPT | {"EXPUNGE_STORES__MAIN__LOCK_TIMEOUT": "300ms"}
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE letters IN SHARE MODE")
        company.cli.run("erase", plan["id"], "--confirm", plan["digest"], settings=settings)
        other.rollback()
    assert left(database, "letters") == [1, 2]
    execute(database, meanwhile)
    company.cli.run("retry", plan["id"])
    assert_told(company, plan, expected)


@pytest.mark.parametrize("lifted", [False, True], ids=["held", "lifted"])
def test_what_a_hold_keeps_went_by_no_erasing_that_was_killed(company: Company, database: str, *, lifted: bool) -> None:
    """The store was not asked for it then, and it goes by the application, also where the hold ended since."""
    plan = company.plan(b"user_id\n1\n")
    hold = held(company, "letters")
    killed = company.cli.run("erase", plan["id"], "--confirm", plan["digest"], code=BEFORE_THE_COMMIT)
    assert (killed.code, left(database, "letters")) == (-9, [1, 2])
    execute(database, "DELETE FROM letters WHERE id = 1")
    if lifted:
        company.cli.run("holds", "lift", hold)
    assert_told(company, plan, {"drafts": ("not-found", 0, 0)})


def test_it_moves_while_its_erasing_waits_for_its_lock(company: Company, database: str) -> None:
    plan = company.plan(b"user_id\n1\n")
    with psycopg.connect(database) as other:
        other.execute(BOOKED)
        command = company.cli.start("erase", plan["id"], "--confirm", plan["digest"])
        wait_until_blocked(database)
        other.commit()
    assert command.wait() == 0
    lines = told(company.cli)
    assert (lines["drafts"], lines["booked"][0]) == (("not-found", 0, 0), "retained")


def test_another_row_of_its_table_moves_while_its_erasing_waits_for_its_lock(company: Company, database: str) -> None:
    """A draft goes in the same transaction: no letter that was sent does."""
    execute(database, "INSERT INTO letters VALUES (3, 1, 'sent')")
    plan = company.plan(b"user_id\n1\n")
    with psycopg.connect(database) as other:
        other.execute("UPDATE letters SET user_id = 2 WHERE id = 3")
        command = company.cli.start("erase", plan["id"], "--confirm", plan["digest"])
        wait_until_blocked(database)
        other.commit()
    assert command.wait() == 0
    assert left(database, "letters") == [2, 3]
    lines = told(company.cli)
    assert (lines["drafts"], lines["sent"]) == (("erased", 1, 0), ("not-found", 0, 0))


@pytest.mark.parametrize("people", [b"user_id\n1\n", b"user_id\n1\n2\n"], ids=["one", "both"])
def test_what_was_committed_before_a_kill_is_stated_as_erased(company: Company, database: str, people: bytes) -> None:
    plan = company.plan(people)
    killed = company.cli.run("erase", plan["id"], "--confirm", plan["digest"], code=AFTER_THE_COMMIT)
    assert killed.code == -9
    assert 1 not in left(database, "letters")
    company.cli.run("run-due")
    assert company.status(plan)["outcomes"] == {"erased": len(people.split()) - 1}
    assert counted(company, plan) == {
        name: found * (len(people.split()) - 1) for name, (_, found, _) in ALL_ERASED.items()
    }


def test_it_moves_while_it_is_erased_again(company: Company, database: str) -> None:
    """What came back is counted by the settling check, and moves before it is erased again: nothing more is gone."""
    plan = company.plan(b"user_id\n1\n")
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"])
    execute(database, "INSERT INTO letters VALUES (3, 1, 'draft')")
    company.cli.run("run-due", settings=ONE_ATTEMPT, code=STOPPED)
    assert left(database, "letters") == [2, 3]
    execute(database, "UPDATE letters SET user_id = 2 WHERE id = 3")
    company.cli.run("retry", plan["id"])
    company.cli.run("run-due")
    assert [one.event for one in only_receipt(company.cli)] == ["accepted", "erased", "settled"]
    assert counted(company, plan) == {name: found for name, (_, found, _) in ALL_ERASED.items()}


def test_a_shared_row_that_a_hold_keeps_goes_by_itself(database: str, tmp_path: Path, fork_server: ForkServer) -> None:
    """The store was not asked for it: nothing says that it was erased with the last of its people."""
    company = homes_of(database, tmp_path, fork_server)
    plan = company.plan(b"user_id\n1\n")
    held(company, "homes")
    meanwhile = f"""
import psycopg
from expunge_connectors.postgres.connector import PostgresStore
def verify(*given, verify=PostgresStore.verify, connect=psycopg.connect):
    with connect({database!r}, autocommit=True) as other:
        other.execute("DELETE FROM members WHERE user_id = 1")
        other.execute("DELETE FROM homes WHERE id = 1")
    return verify(*given)
PostgresStore.verify = verify
"""
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"], code=meanwhile)
    company.cli.run("run-due")
    lines = told(company.cli)
    assert (lines["letters"], lines["members"], lines["homes"]) == (("erased", 1, 0), NOTHING, NOTHING)


def test_a_shared_row_is_found_of_each_in_a_further_round(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """It goes with the other one, in a chunk of its own, while a hold keeps a letter of the first."""
    company = homes_of(database, tmp_path, fork_server)
    execute(database, "UPDATE members SET home_id = 1")
    arguments = ("plan", "-", "-c", "acme", "--json")
    planned = company.cli.run(*arguments, stdin=b"user_id\n1\n2\n", settings={"EXPUNGE_CHUNK_SIZE": "1"})
    plan = json.loads(planned.out)
    letters, other = held(company, "letters"), held(company, people=b"user_id\n2\n")
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"])
    assert (left(database, "members", "user_id"), left(database, "homes")) == ([2], [1, 2])
    for hold in (other, letters):
        company.cli.run("holds", "lift", hold)
        company.cli.run("run-due")
        company.cli.run("run-due")
        assert left(database, "homes") == [2]
    receipts = json.loads(company.cli.run("receipts", "list", "--json").out)["receipts"]
    said = [[one for one in statements_of(company.cli, of["id"]) if one.body.get("stores")] for of in receipts]
    assert [lines_of(one[-1].body)["main.homes"] for one in said] == [("erased", 1, 0)] * 2
