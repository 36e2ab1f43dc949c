"""Who it is was decided, and the process was killed before anything was erased: records that changed since answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed, succeeded

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
guests: {table: public.guests, person: guest_id, yields: {guest_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: guest_id}, {column: email, identity: email}]}
bookings: {table: public.bookings, created: created_at, found_by: [{column: guest_id, of: guests.id}]}
newsletter: {table: public.newsletter, undated: erase, found_by: [{column: email, identity: email}]}
households: {table: public.households, sharing: last_owner, created: created_at, yields: {token: door},
  found_by: [{column: id, of: users.household_id}]}
entries: {table: public.entries, data_type: kept, start: created_at, created: created_at,
  found_by: [{column: door, identity: token}]}
"""
CACHE = {"carts": "cart:{guest_id}", "doors": "door:{token}"}
_MADE = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
SCHEMA = f"""
CREATE TABLE households (id int PRIMARY KEY, door text UNIQUE, {_MADE}); INSERT INTO households VALUES (5, 'd5');
CREATE TABLE users (id int PRIMARY KEY, email text, household_id int REFERENCES households, {_MADE});
CREATE INDEX ON users (household_id);
CREATE TABLE guests (id int PRIMARY KEY, email text, {_MADE});
CREATE TABLE bookings (id int PRIMARY KEY, guest_id int REFERENCES guests, {_MADE});
CREATE INDEX ON bookings (guest_id);
CREATE TABLE newsletter (id int PRIMARY KEY, email text);
CREATE TABLE entries (id int PRIMARY KEY, door text, {_MADE}); INSERT INTO entries VALUES (1, 'd5');
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO guests SELECT 10 + n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO bookings SELECT n, 10 + n FROM generate_series(1, 3) n;
INSERT INTO newsletter SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
"""
SHARED = "UPDATE users SET household_id = 5 WHERE id < 3"
DISSOLVED = "UPDATE users SET household_id = NULL; DELETE FROM households"
CORRECTED = "UPDATE guests SET email = 'dora@x.example' WHERE id = 11"
REPLACED = "UPDATE users SET email = 'new@x.example' WHERE id = 1"
FIRST, SECOND, BOTH = b"user_id\n1\n", b"user_id\n2\n", b"user_id\n1\n2\n"
ADDRESS, GUEST = b"email\n1@x.example\n", b"guest_id\n11\n"
REMOVED = "DELETE FROM bookings WHERE guest_id = 11; DELETE FROM guests WHERE id = 11"
MOVED = f"{REPLACED}; UPDATE guests SET email = 'new@x.example' WHERE id = 11"
TAKEN = "INSERT INTO users VALUES (9, '1@x.example')"
SWAPPED = "UPDATE users SET email = CASE id WHEN 1 THEN '2@x.example' ELSE '1@x.example' END WHERE id < 3"
GUESTS = {"main.guests", "main.bookings", "cache.carts"}
CHANGES: dict[str, tuple[bytes, str, set[str]]] = {
    "guest has the first one": (FIRST, REPLACED, {"main.newsletter"}),
    "account has the first one": (GUEST, CORRECTED, {"main.newsletter"}),
    "nobody has the one given": (ADDRESS, f"{REMOVED}; {REPLACED}", {"main.users"}),
    "neither has the one given": (ADDRESS, MOVED, {"main.users"} | GUESTS),
    "no longer said": (ADDRESS, f"{REMOVED}; UPDATE users SET email = NULL WHERE id = 1", set()),
}
"""How a request, and a change, ends: what stays and is told."""
FIRST_ROWS = {"users": 1, "guests": 11, "bookings": 1, "newsletter": 1}
KILLED = """
import os
from expunge_connectors.{0} import connector
connector.{1}.erase = lambda *_, os=os: os.kill(os.getpid(), 9)
"""
REFUSED = """
from expunge_connectors.errors import TerminalError
from expunge_connectors.redis import connector
def erase(*_, error=TerminalError):
    raise error("Not now.")
connector.RedisStore.erase = erase
"""
BEFORE_POSTGRES, BEFORE_REDIS = KILLED.format("postgres", "PostgresStore"), KILLED.format("redis", "RedisStore")


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    keyspace.client.mset(dict.fromkeys(("cart:11", "cart:12", "door:d5"), "x"))
    document = small_document(COLLECTIONS)
    document["identities"]["guest_id"] = {"kind": "person", "normaliser": "integer/2"}
    document["identities"]["email"]["same_person"] = {"reason": "One sign-in", "approved_by": "A. Officer"}
    document["stores"]["cache"] = {
        "connector": "redis",
        "collections": {
            name: {"key": key, "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
            for name, key in CACHE.items()
        },
    }
    found = installed(tmp_path, fork_server, document, {"main": database, "cache": keyspace.url})
    succeeded(found.run("adopt", "cache"))
    return found


def planned(cli: CliRunner, listed: bytes) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed)))
    return plan


def begun(cli: CliRunner, plan: dict[str, Any], code: str = "") -> int:
    return cli.run("erase", plan["id"], "--confirm", plan["digest"], code=code).code


def finished(cli: CliRunner, plan: dict[str, Any]) -> dict[str, Any]:
    """The status, after what was begun was taken up again and has settled."""
    cli.run("run-due")
    cli.run("run-due")
    status: dict[str, Any] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    return status


def changed(cli: CliRunner, database: str, meanwhile: str, listed: bytes, *, decided: bool) -> dict[str, Any]:
    """The status of a request, if this happens before or after it was decided who it is."""
    plan = planned(cli, listed)
    if decided:
        assert begun(cli, plan, BEFORE_POSTGRES) == -9
    execute(database, meanwhile)
    if not decided:
        begun(cli, plan)
    return finished(cli, plan)


def unclear(status: dict[str, Any]) -> dict[str, int]:
    return {name: one["ambiguous"] for name, one in status["collections"].items() if one["ambiguous"]}


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("listed", [FIRST, ADDRESS], ids=["by number", "by address"])
def test_whose_record_was_corrected_is_not_taken_along(
    cli: CliRunner, database: str, keyspace: Keyspace, listed: bytes, *, decided: bool
) -> None:
    """The address alone made the guest the account's holder."""
    status = changed(cli, database, CORRECTED, listed, decided=decided)
    assert status["outcomes"] == {"partially-erased": 1}
    assert unclear(status) == {"main.guests": 1, "main.bookings": 1, "cache.carts": 1}
    assert (left(database, "users"), left(database, "guests")) == ([2, 3], [11, 12, 13])
    assert (left(database, "bookings"), keyspace.client.exists("cart:11")) == ([1, 2, 3], 1)


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize(("listed", "meanwhile", "told"), CHANGES.values(), ids=list(CHANGES))
def test_what_changed_since_the_plan_ends_the_same_whenever_it_changed(
    cli: CliRunner, database: str, keyspace: Keyspace, listed: bytes, meanwhile: str, *, told: set[str], decided: bool
) -> None:
    """An address that was let go may be somebody's since, who is written to; whoever let it go is told."""
    status = changed(cli, database, meanwhile, listed, decided=decided)
    assert status["outcomes"] == {"partially-erased" if told else "erased": 1}
    assert unclear(status) == dict.fromkeys(told, 1)
    stayed = {f"main.{name}" for name, first in FIRST_ROWS.items() if first in left(database, name)}
    assert (stayed, bool(keyspace.client.exists("cart:11"))) == (told - {"cache.carts"}, "cache.carts" in told)


@pytest.mark.parametrize(("decided", "outcome"), [(False, "ambiguous"), (True, "failed")])
@pytest.mark.parametrize(
    ("listed", "meanwhile"), [(ADDRESS, f"{REPLACED}; {TAKEN}"), (FIRST, SWAPPED)], ids=["taken", "swapped"]
)
def test_nothing_goes_where_records_lead_to_somebody_else(
    cli: CliRunner, database: str, listed: bytes, meanwhile: str, outcome: str, *, decided: bool
) -> None:
    """Once it was decided who it is, something may be gone: nobody says by then that nothing was touched."""
    status = changed(cli, database, meanwhile, listed, decided=decided)
    assert status["outcomes"] == {outcome: 1}
    assert {name: left(database, name)[0] for name in FIRST_ROWS} == FIRST_ROWS


def test_what_records_still_say_goes(cli: CliRunner, database: str, keyspace: Keyspace) -> None:
    status = changed(cli, database, "SELECT 1", FIRST, decided=True)
    assert (status["outcomes"], unclear(status)) == ({"erased": 1}, {})
    assert (left(database, "users"), left(database, "guests")) == ([2, 3], [12, 13])
    assert (left(database, "newsletter"), keyspace.client.exists("cart:11")) == ([2, 3], 0)


def test_a_record_that_was_erased_answers_nothing(cli: CliRunner, database: str, keyspace: Keyspace) -> None:
    plan = planned(cli, FIRST)
    assert begun(cli, plan, BEFORE_REDIS) == -9
    assert left(database, "guests") == [12, 13]
    status = finished(cli, plan)
    assert (status["outcomes"], unclear(status)) == ({"erased": 1}, {})
    assert keyspace.client.exists("cart:11") == 0


@pytest.mark.parametrize("listed", [BOTH, SECOND], ids=["both", "one"])
def test_what_a_shared_row_told_that_is_gone_since_is_told(
    cli: CliRunner, database: str, keyspace: Keyspace, listed: bytes
) -> None:
    execute(database, SHARED)
    status = changed(cli, database, DISSOLVED, listed, decided=True)
    people = listed.count(b"\n") - 1
    assert status["outcomes"] == {"partially-erased": people}
    assert unclear(status) == {"cache.doors": people}
    assert keyspace.client.exists("door:d5") == 1


def test_a_shared_row_that_was_erased_by_then_makes_nothing_unclear(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """The last of its owners was asked for by another request, which the cache keeps from its end."""
    execute(database, SHARED)
    first, second = planned(cli, FIRST), planned(cli, SECOND)
    assert [begun(cli, one, REFUSED) for one in (first, second)] == [1, 1]
    assert (left(database, "users"), left(database, "households"), left(database, "entries")) == ([3], [], [1])
    succeeded(cli.run("retry", first["id"]))
    status = finished(cli, first)
    assert (status["outcomes"], unclear(status)) == ({"erased": 1}, {})
    assert keyspace.client.exists("door:d5") == 1, "it is the second one's to erase"
    succeeded(cli.run("retry", second["id"]))
    assert finished(cli, second)["outcomes"] == {"partially-erased": 1}, "its entries are retained"
    assert keyspace.client.exists("door:d5", "cart:12") == 0
