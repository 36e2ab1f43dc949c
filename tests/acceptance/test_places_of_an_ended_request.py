"""What an ended request left, for a later one that does not know every identifier of it (ADR 8)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, statements_of

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email, phone: phone}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}, {column: phone, identity: phone}]}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
callbacks: {table: public.callbacks, created: created_at, found_by: [{column: phone, identity: phone}]}
parcels: {table: public.parcels, created: created_at, found_by: [{column: email, identity: email}]}
mails: {table: public.mails, created: created_at, found_by: [{column: user_id, of: users.id}], yields: {email: address}}
labels: {table: public.labels, created: created_at, found_by: [{column: parcel_id, of: parcels.id}]}
"""
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, phone text, {DAY});
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE callbacks (id int PRIMARY KEY, phone text, {DAY});
CREATE TABLE mails (id int PRIMARY KEY, user_id int, address text, {DAY});
CREATE TABLE parcels (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE labels (id int PRIMARY KEY, parcel_id int, {DAY});
INSERT INTO users VALUES (1, 'ann@x.example', '+4930111111'), (2, 'bob@x.example', '+4930222222');
INSERT INTO news VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER no BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION no();
"""


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Two accounts with an address and a number, a letter each, and a trigger that keeps the accounts."""
    execute(database, SCHEMA)
    document = small_document(_COLLECTIONS, email="email/3")
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1", "recycled": False}
    return installed(tmp_path, fork_server, document, {"main": database})


def asked(cli: CliRunner, listed: bytes) -> dict[str, int]:
    """Plan, erase and settle; the outcomes."""
    outcomes: dict[str, int] = json.loads(cli.run("status", settled(cli, listed), "--json").out)["outcomes"]
    return outcomes


def settled(cli: CliRunner, listed: bytes) -> str:
    """Plan, erase and settle; the batch."""
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed).out)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    return str(plan["id"])


def stated(cli: CliRunner, batch: str) -> dict[str, tuple[object, ...]]:
    """Collection -> found, due and outcome, as the receipt of the batch's one person says of what was erased."""
    [receipt] = json.loads(cli.run("receipts", "list", "--batch", batch, "--json").out)["receipts"]
    _, told, _ = statements_of(cli, receipt["id"])
    body: Any = told.body
    return {
        one["collection"]: (one["found"], one["due"], one["outcome"])
        for store in body["stores"]
        for one in store["collections"]
    }


def ended(cli: CliRunner, database: str) -> None:
    """A request of Ann's that was refused and ended; then the application itself deletes her account."""
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n").out)
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    assert cli.run("end", plan["id"], "--confirm", plan["digest"]).code == 0
    execute(database, "DROP TRIGGER no ON users; DELETE FROM users WHERE id = 1")


ANN = b"user_id,email\n1,ann@x.example\n"


def test_an_identifier_that_leads_to_none_of_the_places_need_not_be_known(cli: CliRunner, database: str) -> None:
    """Her number was learnt from the account and nobody remembers it; of what was left the address leads to all."""
    ended(cli, database)
    assert asked(cli, ANN) == {"erased": 1}
    assert left(database, "news") == [2]
    assert asked(cli, b"user_id\n1\n") == {"not-found": 1}, "the kept keys are gone"


def test_so_it_is_where_somebody_else_emptied_them(cli: CliRunner, database: str) -> None:
    ended(cli, database)
    execute(database, "DELETE FROM news WHERE id = 1")
    assert asked(cli, b"user_id\n1\n") == {"partially-erased": 1}, "what led to the letter is not known here"
    assert asked(cli, ANN) == {"not-found": 1}


def test_one_that_leads_to_a_place_is_needed(cli: CliRunner, database: str) -> None:
    execute(database, "INSERT INTO callbacks VALUES (1, '+4930111111')")
    ended(cli, database)
    assert asked(cli, ANN) == {"partially-erased": 1}
    assert left(database, "callbacks") == [1]
    assert asked(cli, b"user_id,email,phone\n1,ann@x.example,+4930111111\n") == {"erased": 1}
    assert left(database, "callbacks") == []


def test_rows_below_one_that_a_value_led_to_are_led_to_by_their_own_key(cli: CliRunner, database: str) -> None:
    """Her address found a parcel, and that a label; the parcel is gone, and the request has the number alone."""
    execute(database, "INSERT INTO parcels VALUES (5, 'ann@x.example'); INSERT INTO labels VALUES (7, 5)")
    ended(cli, database)
    execute(database, "DELETE FROM parcels")
    asked(cli, b"user_id,phone\n1,+4930111111\n")
    assert left(database, "labels") == []


def test_a_place_that_a_request_by_the_address_alone_emptied_is_not_told_as_left(cli: CliRunner, database: str) -> None:
    """Nothing says that it is the same person; of the letters the address leads to all, of the calls the number."""
    execute(database, "INSERT INTO callbacks VALUES (1, '+4930111111')")
    ended(cli, database)
    told = stated(cli, settled(cli, b"email\nann@x.example\n"))
    assert left(database, "news") == [2]
    assert (told["news"], told["callbacks"]) == ((1, 0, "erased"), (0, 0, "left"))


def test_so_it_is_where_nothing_of_it_was_there_any_more(cli: CliRunner, database: str) -> None:
    execute(database, "INSERT INTO callbacks VALUES (1, '+4930111111')")
    ended(cli, database)
    execute(database, "DELETE FROM news WHERE id = 1")
    told = stated(cli, settled(cli, b"email\nann@x.example\n"))
    assert (told["news"], told["callbacks"]) == ((0, 0, "not-found"), (0, 0, "left"))


def test_who_had_two_addresses_is_asked_for_with_both_in_one_line(cli: CliRunner, database: str) -> None:
    """The second one stands in the profile: it is one of what the ended request had."""
    execute(database, "INSERT INTO mails VALUES (1, 1, 'old@x.example'); INSERT INTO news VALUES (3, 'old@x.example')")
    ended(cli, database)
    execute(database, "DELETE FROM mails")
    assert asked(cli, ANN) == {"partially-erased": 1}
    assert asked(cli, b"user_id,email,email\n1,ann@x.example,old@x.example\n") == {"erased": 1}
    assert left(database, "news") == [2]
    assert asked(cli, b"user_id\n1\n") == {"not-found": 1}, "the kept keys are gone"
