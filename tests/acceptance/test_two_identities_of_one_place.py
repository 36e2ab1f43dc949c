"""One column, path, list or key that two identities read: a value there is whose it is by any of them (ADR 18, W1)."""

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

from expunge_orchestrator.errors import FindingsError

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email, recovery: recovery},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email},
  {column: recovery, identity: recovery}]}
"""
NEWS = """
news: {table: public.news, created: created_at,
  found_by: [{column: email, identity: email}, {column: email, identity: recovery}]}
"""
ORDERS = """
orders: {table: public.orders, created: created_at, yields: {order_no: id},
  found_by: [{column: email, identity: email}, {column: email, identity: recovery}]}
"""
LEADS = """
leads: {table: public.leads, created: created_at, found_by: [{column: doc, path: [mail], identity: email},
  {column: doc, path: [mail], identity: recovery}]}
lists: {table: public.lists, created: created_at, data_type: anchor, tombstone: {members: {elements: true}},
  found_by: [{column: members, each: true, identity: email}, {column: members, each: true, identity: recovery}]}
"""
LINKED = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
news: {table: public.news, created: created_at,
  found_by: [{column: email, identity: email}, {column: email, of: users.recovery}]}
"""
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, recovery text UNIQUE, {DAY});
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE orders (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE leads (id int PRIMARY KEY, doc jsonb, {DAY});
CREATE TABLE lists (id int PRIMARY KEY, members text[], {DAY});
INSERT INTO users VALUES (1, 'ann@x.example', 'bob@x.example'), (2, 'bob@x.example', NULL),
  (3, 'cleo@x.example', 'cleo2@x.example');
INSERT INTO news VALUES (1, 'ann@x.example'), (2, 'bob@x.example'), (3, 'cleo2@x.example');
INSERT INTO orders SELECT id, email FROM news;
INSERT INTO leads SELECT id, jsonb_build_object('mail', email) FROM news;
INSERT INTO lists SELECT id, ARRAY[email, 'dora@x.example'] FROM news;
"""
NOT_BOBS = "UPDATE users SET email = 'old@x.example' WHERE id = 2"
BOBS = "UPDATE users SET email = 'bob@x.example' WHERE id = 2"
SOMEBODY_ELSE = {"EXPUNGE_ACTOR": "somebody else"}


def document(collections: str, email: str = "email/3", recovery: str = "email/3", **cached: str) -> dict[str, Any]:
    made = small_document(collections)
    made["identities"]["email"] = {"kind": "reusable", "normaliser": email}
    made["identities"]["recovery"] = {"kind": "reusable", "normaliser": recovery}
    if cached:
        made["stores"]["cache"] = {
            "connector": "redis",
            "collections": {
                name: {"key": key, "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
                | ({} if "order_no" in key else {"undated": "erase"})
                for name, key in cached.items()
            },
        }
    return made


class Installed:
    """Three people; what stands under `bob@x.example` may be Ann's, by her recovery address, or Bob's."""

    def __init__(self, database: str, keyspace: Keyspace, home: Path, fork_server: ForkServer) -> None:
        self.database, self.keyspace, self.home, self.fork_server = database, keyspace, home, fork_server
        execute(database, SCHEMA)

    def with_map(self, made: dict[str, Any], **settings: str) -> CliRunner:
        urls = {"main": self.database} | ({"cache": self.keyspace.url} if "cache" in made["stores"] else {})
        self.cli = installed(self.home, self.fork_server, made, urls, **settings)
        if "cache" in urls:
            succeeded(self.cli.run("adopt", "cache"))
        return self.cli

    def plan(self, people: str) -> dict[str, Any]:
        asked = ("plan", "-", "-c", "acme", "--json")
        return dict(json.loads(succeeded(self.cli.run(*asked, stdin=people.encode()))))

    def erase(self, plan: dict[str, Any]) -> dict[str, Any]:
        self.cli.run("erase", plan["id"], "--confirm", plan["digest"])
        return self.status(plan)

    def status(self, plan: dict[str, Any]) -> dict[str, Any]:
        self.cli.run("run-due")
        return dict(json.loads(succeeded(self.cli.run("status", plan["id"], "--json"))))

    def asked(self, people: str) -> dict[str, Any]:
        return self.erase(self.plan(people))


@pytest.fixture
def here(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> Installed:
    return Installed(database, keyspace, tmp_path, fork_server)


@pytest.mark.parametrize("normaliser", ["email/3", "email/2"])
@pytest.mark.parametrize(
    ("people", "gone"),
    [
        ("user_id\n1\n", [1]),
        ("user_id\n2\n", []),
        ("email\nann@x.example\n", [1]),
        ("email\nbob@x.example\n", []),
        ("recovery\nbob@x.example\n", [1]),
        ("user_id,email\n2,bob@x.example\n", []),
    ],
)
def test_what_another_person_has_under_the_other_identity_stays_and_is_told(
    here: Installed, normaliser: str, people: str, gone: list[int]
) -> None:
    here.with_map(document(USERS + NEWS + LEADS, normaliser, normaliser))
    plan = here.plan(people)
    assert plan["stores"]["main"]["collections"]["news"]["ambiguous"] == 1
    status = here.erase(plan)
    assert status["outcomes"] == {"partially-erased": 1}
    assert (
        left(here.database, "users") == [2, 3] if "1" in people or "ann" in people or "recovery" in people else [1, 3]
    )
    for table in ("news", "leads"):
        assert left(here.database, table) == [one for one in (1, 2, 3) if one not in gone]
        assert status["collections"][f"main.{table}"]["ambiguous"] == 1


def test_elements_of_lists_stay_as_well(here: Installed) -> None:
    here.with_map(document(USERS + LEADS))
    assert here.asked("user_id\n1\n")["outcomes"] == {"partially-erased": 1}
    assert left(here.database, "lists", "members") == [
        ["bob@x.example", "dora@x.example"],
        ["cleo2@x.example", "dora@x.example"],
        ["dora@x.example"],
    ]


def test_it_leads_nowhere_and_no_other_store_follows_it(here: Installed) -> None:
    """A guest's order under Bob's address names a cart; and keys are called by either identity."""
    here.with_map(document(USERS + ORDERS, carts="cart:{order_no}", resets="reset:{email}", others="reset:{recovery}"))
    names = ["cart:1", "cart:2", "reset:ann@x.example", "reset:bob@x.example"]
    for one in names:
        here.keyspace.client.set(one, "x")
    assert here.asked("user_id\n1\n")["outcomes"] == {"partially-erased": 1}
    assert left(here.database, "orders") == [2, 3]
    assert [one for one in names if here.keyspace.client.exists(one)] == ["cart:2", "reset:bob@x.example"]


def test_a_place_of_a_cache_alone(here: Installed) -> None:
    here.with_map(document(USERS, resets="reset:{email}", others="reset:{recovery}"))
    for one in ("ann", "bob"):
        here.keyspace.client.set(f"reset:{one}@x.example", "x")
    assert here.asked("user_id\n1\n")["outcomes"] == {"partially-erased": 1}
    assert here.keyspace.client.exists("reset:bob@x.example") == 1
    assert here.keyspace.client.exists("reset:ann@x.example") == 0


@pytest.mark.parametrize("asks", ["1", "2"])
def test_identities_that_are_normalised_otherwise(here: Installed, asks: str) -> None:
    """A user name that is somebody's address, in their spelling."""
    execute(here.database, "UPDATE users SET email = 'BOB@x.example' WHERE id = 2")
    here.with_map(document(USERS + NEWS, "email/3", "exact/1"))
    status = here.asked(f"user_id\n{asks}\n")
    assert status["outcomes"] == {"partially-erased": 1}
    assert 2 in left(here.database, "news")


@pytest.mark.parametrize("when", ["before", "between", "settling"])
def test_it_is_asked_whenever_a_value_is_followed(here: Installed, when: str) -> None:
    if when != "before":
        execute(here.database, NOT_BOBS)
    here.with_map(document(USERS + NEWS))
    plan = here.plan("user_id\n1\n")
    if when == "settling":
        execute(here.database, "DELETE FROM news WHERE id = 2")
        here.cli.run("erase", plan["id"], "--confirm", plan["digest"])
        execute(here.database, "INSERT INTO news VALUES (2, 'bob@x.example')")
    if when != "before":
        execute(here.database, BOBS)
    status = here.status(plan) if when == "settling" else here.erase(plan)
    assert left(here.database, "news") == [2, 3]
    assert status["collections"]["main.news"]["ambiguous"] == 1


def test_a_link_to_such_a_column_beside_an_identity_is_refused(here: Installed) -> None:
    """What `check` says to do, the other tests do."""
    execute(here.database, NOT_BOBS)
    here.with_map(document(LINKED))
    found = json.loads(here.cli.run("check", "--json").out)["findings"]
    assert {one["code"] for one in found if one["severity"] == "error"} == {"link-beside-identity"}


@pytest.mark.parametrize("held", [False, True])
def test_both_people_in_one_batch(here: Installed, *, held: bool) -> None:
    here.with_map(document(USERS + NEWS), CHUNK_SIZE="1")
    if held:
        succeeded(here.cli.run("holds", "place", "-", "--ground", "Court order", stdin=b"user_id\n2\n"))
    status = here.asked("user_id\n1\n3\n2\n")
    assert left(here.database, "news") == ([2] if held else [])
    assert status["outcomes"] == ({"erased": 1, "on-hold": 1, "partially-erased": 1} if held else {"erased": 3})


def test_what_a_record_merely_tells_is_whose_account_says_it(here: Installed) -> None:
    gifts = """
gifts: {table: public.gifts, created: created_at, yields: {recovery: mail}, found_by: [{column: owner, of: users.id}]}
"""
    execute(here.database, f"CREATE TABLE gifts (id int PRIMARY KEY, owner int REFERENCES users, mail text, {DAY})")
    execute(here.database, "UPDATE users SET recovery = NULL; INSERT INTO gifts VALUES (1, 1, 'bob@x.example')")
    here.with_map(document(USERS + NEWS + gifts))
    assert here.asked("user_id\n1\n")["outcomes"] == {"partially-erased": 1}
    assert left(here.database, "news") == [2, 3]


@pytest.mark.parametrize("whose", [1, 2])
def test_an_attribution_speaks_of_the_value_by_every_identity(here: Installed, whose: int) -> None:
    """That it is Bob's, says Ann's request nothing else of it; said of Ann, her letter goes."""
    here.with_map(document(USERS + NEWS))
    said = {1: b"user_id,recovery\n1,bob@x.example\n", 2: b"user_id,email\n2,bob@x.example\n"}[whose]
    reason = ("--as", "theirs", "--reason", "A letter", "-c", "acme", "--json")
    made = json.loads(succeeded(here.cli.run("attribute", "propose", "-", *reason, stdin=said)))["id"]
    succeeded(here.cli.run("attribute", "approve", made, "-", stdin=said, settings=SOMEBODY_ELSE))
    assert here.asked("user_id\n1\n")["outcomes"] == {"erased" if whose == 1 else "partially-erased": 1}
    assert left(here.database, "news") == ([3] if whose == 1 else [2, 3])


def test_a_hold_by_one_identity_is_one_by_the_other(here: Installed) -> None:
    """A guest is known by an address alone, and a request may name it by either."""
    execute(here.database, "INSERT INTO news VALUES (9, 'guest@x.example')")
    guest = b"email\nguest@x.example\n"
    cli = here.with_map(document(USERS + NEWS.replace(", {column: email, identity: recovery}", "")))
    hold = ("holds", "place", "-", "--ground", "court order", "--json")
    old = json.loads(succeeded(cli.run(*hold, stdin=guest)))
    write_document(here.home / "datamap.yaml", document(USERS + NEWS))
    assert "hold-read-alike" in cli.run("check").output
    assert cli.run("plan", "-", "-c", "acme", stdin=guest).code == FindingsError.exit_code
    (listed,) = json.loads(succeeded(cli.run("holds", "list", "--json")))["legal_holds"]
    assert (listed["not_in_map"], listed["read_alike"]) == ([], ["recovery"])
    succeeded(cli.run(*hold, stdin=guest))
    succeeded(cli.run("holds", "lift", old["id"]))
    assert here.asked("recovery\nguest@x.example\n")["state"] == "on-hold"
    assert left(here.database, "news") == [1, 2, 3, 9]
