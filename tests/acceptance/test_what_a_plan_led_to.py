"""Between plan and erasure an application deletes the account: what the plan led to is the person's (ADR 18)."""

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
from tests.support.servers import Keyspace
from tests.support.small_company import installed, succeeded

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
avatars: {table: public.avatars, found_by: [{column: user_id, of: users.id}], yields: {token: path}}
orders: {table: public.orders, created: created_at, found_by: [{column: user_id, of: users.id}]}
lines: {table: public.lines, created: created_at, found_by: [{column: order_nr, of: orders.nr}]}
newsletter: {table: public.newsletter, created: created_at, found_by: [{column: email, identity: email}]}
"""
IMAGES = {"key": "image:{token}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE INDEX ON users (email);
CREATE TABLE avatars (path text PRIMARY KEY, user_id int);
CREATE TABLE newsletter (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (nr int PRIMARY KEY, user_id int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE lines (id int PRIMARY KEY, order_nr int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO orders SELECT 10 + n, n FROM generate_series(1, 3) n;
INSERT INTO lines SELECT n, 10 + n FROM generate_series(1, 3) n;
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO avatars SELECT 'a' || n, n FROM generate_series(1, 3) n;
INSERT INTO newsletter SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
"""


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, SCHEMA)
    keyspace.client.mset({"image:a1": "x", "image:a2": "x", "image:a3": "x"})
    document = small_document(COLLECTIONS)
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES}}
    found = installed(tmp_path, fork_server, document, {"main": database, "cache": keyspace.url})
    succeeded(found.run("adopt", "cache"))
    return found


FIRST, BOTH = b"user_id\n1\n", b"user_id\n1\n2\n"
WITH_ADDRESS = b"user_id,email\n1,1@x.example\n"


def erased_after(cli: CliRunner, database: str, meanwhile: str, listed: bytes = FIRST) -> dict[str, int]:
    """What a request for the first person, or both, ends as, if this happens between its plan and its erasure."""
    plan = planned(cli, listed)
    execute(database, meanwhile)
    outcomes: dict[str, int] = carried_out(cli, plan)["outcomes"]
    return outcomes


def planned(cli: CliRunner, listed: bytes) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed)))
    return plan


def carried_out(cli: CliRunner, plan: dict[str, Any]) -> dict[str, Any]:
    """The status after erasure and settling check."""
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status: dict[str, Any] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    return status


@pytest.mark.parametrize(
    "meanwhile",
    [
        "DELETE FROM users WHERE id = 1",
        "DELETE FROM avatars WHERE user_id = 1; DELETE FROM users WHERE id = 1",
        "UPDATE users SET email = NULL WHERE id = 1",
    ],
    ids=["account deleted", "deleted with what hangs below", "address emptied"],
)
def test_what_it_led_to_is_erased(cli: CliRunner, database: str, keyspace: Keyspace, meanwhile: str) -> None:
    assert erased_after(cli, database, meanwhile) == {"erased": 1}
    assert left(database, "users") == left(database, "newsletter") == [2, 3]
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a2", b"image:a3"]


@pytest.mark.parametrize("meanwhile", ["DELETE FROM users WHERE id = 1", "UPDATE users SET email = NULL WHERE id = 1"])
def test_an_address_beside_the_id_contradicts_it_no_more_than_when_it_was_planned(
    cli: CliRunner, database: str, meanwhile: str
) -> None:
    assert erased_after(cli, database, meanwhile, WITH_ADDRESS) == {"erased": 1}
    assert left(database, "users") == left(database, "newsletter") == [2, 3]


def test_nor_where_another_one_has_taken_its_place(cli: CliRunner, database: str) -> None:
    """The request says that the first one is hers, as the plan saw it."""
    changed = "UPDATE users SET email = 'moved@x.example' WHERE id = 1"
    assert erased_after(cli, database, changed, WITH_ADDRESS) == {"erased": 1}
    assert left(database, "users") == left(database, "newsletter") == [2, 3]


def test_an_address_that_is_somebody_elses_by_now_is_not_followed(cli: CliRunner, database: str) -> None:
    passed_on = "UPDATE users SET email = NULL WHERE id = 1; UPDATE users SET email = '1@x.example' WHERE id = 2"
    assert erased_after(cli, database, passed_on, WITH_ADDRESS) == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "newsletter")) == ([2, 3], [1, 2, 3])


def test_what_the_first_of_two_addresses_led_to_stays_and_is_told(
    cli: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """Somebody may have the first one since: nobody can say whose the newsletter under it is."""
    changed = (
        "UPDATE users SET email = 'moved@x.example' WHERE id = 1; INSERT INTO newsletter VALUES (8, 'moved@x.example')"
    )
    assert erased_after(cli, database, changed) == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "newsletter")) == ([2, 3], [1, 2, 3])
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a2", b"image:a3"]


def test_what_a_key_led_to_that_was_given_again_since_stays_and_is_told(cli: CliRunner, database: str) -> None:
    """Bob's order has the number of Ann's, which is gone: nobody can say whose the line is.

    Later than in the second of the plan: so long nobody asks, and the erasure sees it by itself.
    """
    again = "SELECT pg_sleep(1.1); DELETE FROM orders WHERE nr = 11; INSERT INTO orders VALUES (11, 2, now())"
    assert erased_after(cli, database, again) == {"partially-erased": 1}
    assert left(database, "lines") == [1, 2, 3]
    assert left(database, "orders", "nr") == [11, 12, 13]


def test_what_a_key_led_to_whose_row_is_gone_is_erased(cli: CliRunner, database: str) -> None:
    assert erased_after(cli, database, "DELETE FROM orders WHERE nr = 11") == {"erased": 1}
    assert left(database, "lines") == [2, 3]


@pytest.mark.parametrize(
    "passed_on",
    [
        "UPDATE users SET email = NULL WHERE id = 1; UPDATE users SET email = '1@x.example' WHERE id = 2",
        "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (4, '1@x.example', now())",
        "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (4, '1@x.example', '2025-06-01')",
    ],
    ids=["to another account", "to a new account", "to an older account"],
)
def test_an_address_that_passed_on_leads_nowhere(cli: CliRunner, database: str, passed_on: str) -> None:
    erased_after(cli, database, passed_on + "; INSERT INTO newsletter VALUES (9, '1@x.example', now())")
    assert left(database, "newsletter") in ([1, 2, 3, 9], [2, 3, 9])
    assert 4 in left(database, "users") or "1@x.example" in left(database, "users", "email")


def test_an_id_that_was_given_again_leads_nowhere(cli: CliRunner, database: str) -> None:
    again = (
        "SELECT pg_sleep(1.1); DELETE FROM users WHERE id = 1;"
        " INSERT INTO users VALUES (1, 'new@x.example', clock_timestamp())"
    )
    assert erased_after(cli, database, again) == {"ambiguous": 1}
    assert left(database, "users") == left(database, "newsletter") == [1, 2, 3]


BY_DAY = "ALTER TABLE users ALTER created_at TYPE date"
NEWBORN = "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (1, 'new@x.example', CURRENT_DATE)"


@pytest.mark.parametrize("listed", [FIRST, WITH_ADDRESS], ids=["by the id", "by the id and an address"])
def test_so_it_does_where_the_day_alone_is_known_and_no_value_is_what_the_plan_saw(
    cli: CliRunner, database: str, listed: bytes
) -> None:
    execute(database, BY_DAY)
    assert erased_after(cli, database, NEWBORN, listed) == {"ambiguous": 1}
    assert left(database, "users") == left(database, "newsletter") == left(database, "orders", "user_id") == [1, 2, 3]


def test_an_account_of_the_day_of_its_plan_goes(cli: CliRunner, database: str) -> None:
    execute(database, f"{BY_DAY}; UPDATE users SET created_at = CURRENT_DATE WHERE id = 1")
    assert erased_after(cli, database, "SELECT") == {"erased": 1}
    assert left(database, "users") == [2, 3]


def test_whoever_gets_the_id_on_the_day_of_the_erasure_loses_nothing_at_settling(cli: CliRunner, database: str) -> None:
    execute(database, BY_DAY)
    plan = planned(cli, FIRST)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    execute(database, f"{NEWBORN}; INSERT INTO orders VALUES (19, 1, now())")
    succeeded(cli.run("run-due"))
    assert (left(database, "users"), left(database, "orders", "nr")) == ([1, 2, 3], [12, 13, 19])


NAMED = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: name}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: name, identity: email}]}
posts: {table: public.posts, created: created_at, found_by: [{column: author, of: users.name}]}
"""


def test_a_record_that_two_keys_of_somebody_else_lead_to_is_counted_once(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """The name is the next account's: by the identity, and as that column of a row to which the post points."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, name text UNIQUE, created_at timestamptz NOT NULL DEFAULT '2025-1-1');"
        "CREATE TABLE posts (id int PRIMARY KEY, author text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "INSERT INTO users VALUES (1, 'ann'), (2, 'bob'); INSERT INTO posts VALUES (1, 'ann')",
    )
    cli = installed(tmp_path, fork_server, small_document(NAMED, email="exact/1"), {"main": database})
    plan = planned(cli, FIRST)
    execute(
        database,
        "SELECT pg_sleep(1.1); UPDATE users SET name = 'ann2' WHERE id = 1; UPDATE users SET name = 'ann' WHERE id = 2",
    )
    counted = carried_out(cli, plan)["collections"]
    assert (counted["main.posts"]["ambiguous"], left(database, "posts")) == (1, [1])


PATIENTS = """
patients: {table: public.patients, person: user_id, yields: {user_id: mrn}, created: created_at,
  found_by: [{column: mrn, identity: user_id}]}
labs: {table: public.labs, created: created_at, found_by: [{column: mrn, of: patients.mrn}]}
"""


def test_so_it_is_where_the_id_is_all_that_leads_to_the_person(cli: CliRunner, database: str, tmp_path: Path) -> None:
    """A newborn gets the number of a patient who was deleted: the records say no less than the plan did."""
    execute(
        database,
        "CREATE TABLE patients (mrn int PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "CREATE TABLE labs (id int PRIMARY KEY, mrn int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "INSERT INTO patients VALUES (1), (2); INSERT INTO labs VALUES (1, 1), (2, 2)",
    )
    document = small_document(PATIENTS)
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES | {"key": "seen:{user_id}"}}}
    write_document(tmp_path / "datamap.yaml", document)
    again = (
        "SELECT pg_sleep(1.1); DELETE FROM labs WHERE mrn = 1; DELETE FROM patients WHERE mrn = 1;"
        "INSERT INTO patients VALUES (1, clock_timestamp()); INSERT INTO labs VALUES (3, 1, clock_timestamp())"
    )
    assert erased_after(cli, database, again) == {"ambiguous": 1}
    assert (left(database, "patients", "mrn"), left(database, "labs")) == ([1, 2], [2, 3])


HOUSEHOLD = """
households: {table: public.households, sharing: last_owner, created: created_at, yields: {token: door},
  found_by: [{column: id, of: users.household_id}]}
entries: {table: public.entries, created: created_at, found_by: [{column: door, identity: token}]}
"""
DISSOLVED = "UPDATE users SET household_id = NULL; DELETE FROM households"
RENEWED = "UPDATE households SET door = 'd9' WHERE id = 5"


@pytest.fixture
def shared_door(cli: CliRunner, database: str, keyspace: Keyspace, tmp_path: Path) -> CliRunner:
    """The first two people live in one household, whose door opens by a token."""
    execute(
        database,
        "CREATE TABLE households (id int PRIMARY KEY, door text UNIQUE,"
        " created_at timestamptz NOT NULL DEFAULT '2025-01-01'); INSERT INTO households VALUES (5, 'd5'), (6, 'd6');"
        "CREATE TABLE entries (id int PRIMARY KEY, door text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "INSERT INTO entries VALUES (1, 'd5'), (2, 'd6');"
        "ALTER TABLE users ADD household_id int REFERENCES households; CREATE INDEX ON users (household_id);"
        "UPDATE users SET household_id = 5 WHERE id < 3",
    )
    keyspace.client.mset({"image:d5": "x", "image:d6": "x"})
    written(tmp_path, COLLECTIONS + HOUSEHOLD)
    return cli


def written(home: Path, collections: str) -> None:
    document = small_document(collections)
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES}}
    write_document(home / "datamap.yaml", document)


@pytest.mark.parametrize("meanwhile", [DISSOLVED, RENEWED])
def test_what_a_shared_row_of_two_led_to_stays_and_is_told(
    shared_door: CliRunner, database: str, keyspace: Keyspace, meanwhile: str
) -> None:
    """Both are asked for, so the plan foresees the door. It is the household's, which may have gone on without them."""
    plan = planned(shared_door, BOTH)
    execute(database, meanwhile)
    status = carried_out(shared_door, plan)
    assert status["outcomes"] == {"partially-erased": 2}
    assert {name: status["collections"][name]["ambiguous"] for name in ("main.entries", "cache.images")} == {
        "main.entries": 2,
        "cache.images": 2,
    }
    assert (left(database, "users"), left(database, "entries")) == ([3], [1, 2])
    assert b"image:d5" in keyspace.client.keys("image:*")


@pytest.fixture
def with_leases(shared_door: CliRunner, database: str, tmp_path: Path) -> CliRunner:
    """The household has a lease, which no foreign key holds."""
    execute(
        database,
        "CREATE TABLE leases (id int PRIMARY KEY, household_id int,"
        " created_at timestamptz NOT NULL DEFAULT '2025-01-01'); INSERT INTO leases VALUES (1, 5), (2, 6)",
    )
    leases = (
        "leases: {table: public.leases, created: created_at, found_by: [{column: household_id, of: households.id}]}"
    )
    written(tmp_path, COLLECTIONS + HOUSEHOLD + leases)
    return shared_door


SECOND = b"user_id\n2\n"
LEFT_BEHIND = {"main.entries": 1, "main.leases": 1, "cache.images": 1}


@pytest.mark.parametrize(
    ("meanwhile", "unclear"),
    [
        (DISSOLVED, LEFT_BEHIND),
        (f"DELETE FROM users WHERE id = 1; {DISSOLVED}", LEFT_BEHIND),
        (RENEWED, LEFT_BEHIND | {"main.leases": 0}),
    ],
    ids=["dissolved", "the other one is gone", "renewed"],
)
def test_so_it_does_where_the_other_owner_is_not_asked_for(
    with_leases: CliRunner, database: str, keyspace: Keyspace, meanwhile: str, unclear: dict[str, int]
) -> None:
    """Planned, the household was retained. It tells its door, or its leases, no more."""
    plan = planned(with_leases, SECOND)
    execute(database, meanwhile)
    status = carried_out(with_leases, plan)
    assert status["outcomes"] == {"partially-erased": 1}
    assert {name: status["collections"][name]["ambiguous"] for name in unclear} == unclear
    assert (left(database, "entries"), left(database, "leases")) == ([1, 2], [1, 2])
    assert b"image:d5" in keyspace.client.keys("image:*")


def test_or_is_asked_for_by_another_request(with_leases: CliRunner, database: str, keyspace: Keyspace) -> None:
    first, second = planned(with_leases, FIRST), planned(with_leases, SECOND)
    assert carried_out(with_leases, first)["outcomes"] == {"partially-erased": 1}, "the household is retained"
    execute(database, DISSOLVED)
    status = carried_out(with_leases, second)
    assert status["outcomes"] == {"partially-erased": 1}
    assert {name: status["collections"][name]["ambiguous"] for name in LEFT_BEHIND} == LEFT_BEHIND
    assert b"image:d5" in keyspace.client.keys("image:*")


def test_what_a_shared_row_of_two_requests_leads_to_goes_with_the_last(
    with_leases: CliRunner, database: str, keyspace: Keyspace
) -> None:
    first, second = planned(with_leases, FIRST), planned(with_leases, SECOND)
    status = carried_out(with_leases, first)
    assert status["outcomes"] == {"partially-erased": 1}, "the household is retained"
    assert not any(one["ambiguous"] for one in status["collections"].values())
    assert carried_out(with_leases, second)["outcomes"] == {"erased": 1}
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a3", b"image:d6"]
    assert (left(database, "households"), left(database, "entries"), left(database, "leases")) == ([6], [2], [2])


def test_what_a_shared_row_of_two_leads_to_goes_with_both(
    shared_door: CliRunner, database: str, keyspace: Keyspace
) -> None:
    assert erased_after(shared_door, database, "SELECT 1", BOTH) == {"erased": 2}
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a3", b"image:d6"]
    assert (left(database, "households"), left(database, "entries")) == ([6], [2])


def test_one_of_two_owners_on_hold_makes_nothing_unclear(
    shared_door: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """The household stays theirs, and its door with it."""
    plan = planned(shared_door, BOTH)
    succeeded(shared_door.run("holds", "place", "-", "-c", "acme", "--ground", "Court", stdin=b"user_id\n2\n"))
    status = carried_out(shared_door, plan)
    assert status["outcomes"] == {"partially-erased": 1, "on-hold": 1}, "the household is retained"
    assert not any(one["ambiguous"] for one in status["collections"].values())
    assert (left(database, "users"), left(database, "households")) == ([2, 3], [5, 6])
    assert b"image:d5" in keyspace.client.keys("image:*")


def test_nor_does_one_of_two_owners_who_is_nobody_for_certain(
    shared_door: CliRunner, database: str, keyspace: Keyspace
) -> None:
    """Another person has the address since by which the first one was asked for."""
    plan = planned(shared_door, b"email\n1@x.example\n2@x.example\n")
    execute(database, "UPDATE users SET email = NULL WHERE id = 1; UPDATE users SET email = '1@x.example' WHERE id = 3")
    status = carried_out(shared_door, plan)
    assert status["outcomes"] == {"partially-erased": 1, "ambiguous": 1}
    assert not status["collections"]["cache.images"]["ambiguous"]
    assert (left(database, "users"), left(database, "households")) == ([1, 3], [5, 6])
    assert b"image:d5" in keyspace.client.keys("image:*")


MOVED_OUT = "UPDATE users SET household_id = NULL WHERE id = 1"
TAKEN_OVER = "UPDATE users SET email = '1@x.example' WHERE id = 2"


@pytest.mark.parametrize("meanwhile", [MOVED_OUT, f"{MOVED_OUT}; {TAKEN_OVER}"], ids=["moved out", "address taken"])
def test_a_shared_row_stays_told_whoever_else_of_its_owners_took_an_address(
    shared_door: CliRunner, database: str, meanwhile: str
) -> None:
    """The household hung on her own record when it was planned, and on no address."""
    plan = planned(shared_door, FIRST)
    execute(database, meanwhile)
    household = carried_out(shared_door, plan)["collections"]["main.households"]
    assert (household["retained"], household["ambiguous"], left(database, "households")) == (1, 0, [5, 6])


@pytest.mark.parametrize("meanwhile", ["SELECT 1", TAKEN_OVER], ids=["handed over", "address taken"])
def test_so_it_does_where_a_row_that_pointed_to_it_was_handed_over(
    shared_door: CliRunner, database: str, tmp_path: Path, meanwhile: str
) -> None:
    """To the one who took the address. Once nobody points to the household it goes with her, as it would have."""
    execute(
        database,
        "CREATE TABLE keys (id int PRIMARY KEY, user_id int, household_id int REFERENCES households);"
        "INSERT INTO keys VALUES (1, 1, 5); UPDATE users SET household_id = NULL",
    )
    keys = "keys: {table: public.keys, found_by: [{column: user_id, of: users.id}]}\n"
    written(tmp_path, COLLECTIONS + keys + HOUSEHOLD.replace("users.household_id", "keys.household_id"))
    plan = planned(shared_door, FIRST)
    execute(database, f"UPDATE keys SET user_id = 2; {meanwhile}")
    succeeded(shared_door.run("erase", plan["id"], "--confirm", plan["digest"]))
    household = json.loads(succeeded(shared_door.run("status", plan["id"], "--json")))["collections"]["main.households"]
    assert (household["retained"], household["ambiguous"], left(database, "households")) == (1, 0, [5, 6])
    execute(database, "DELETE FROM keys")
    succeeded(shared_door.run("run-due"))
    assert left(database, "households") == [6]
