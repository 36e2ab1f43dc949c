"""A value in a row says whose it is, whatever led there (ADR 18): Bob's post in Ann's thread, by his account's.

Nothing else says so: no person's key stands in the row. It is found by Ann's thread, by a number that her index in
Redis names, or because her deal points to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.data_map_text import parsed
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed, succeeded

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, username text UNIQUE, email text UNIQUE, phone text, mails text[],
  profile jsonb, {DAY});
CREATE TABLE agents (id int PRIMARY KEY, mail text UNIQUE, {DAY});
INSERT INTO users (id, username, email, phone) VALUES (1, 'ann', 'ann@x.example', '+4930123451'),
  (2, 'bob', 'bob@x.example', '+4930123452'), (3, 'cleo', 'cleo@x.example', NULL);
UPDATE users SET mails = ARRAY[email], profile = jsonb_build_object('mail', email);
INSERT INTO agents VALUES (51, 'gus@x.example');
"""
FORUM = f"""
CREATE TABLE threads (id int PRIMARY KEY, u int, {DAY});
CREATE TABLE posts (id int PRIMARY KEY, th int REFERENCES threads, author text, doc jsonb, {DAY});
CREATE TABLE files (id int PRIMARY KEY, post int REFERENCES posts, {DAY});
INSERT INTO threads VALUES (1, 1);
"""
IDENTITIES = {
    "email": {"kind": "reusable", "normaliser": "email/3"},
    "username": {"kind": "reusable", "normaliser": "exact/1"},
    "phone": {"kind": "reusable", "normaliser": "phone/1", "recycled": False},
    "agent": {"kind": "person", "normaliser": "integer/2"},
    "agent_mail": {"kind": "reusable", "normaliser": "email/3"},
}
AGENTS = """
agents: {table: public.agents, person: agent, yields: {agent: id, agent_mail: mail}, created: created_at,
  found_by: [{column: id, identity: agent}, {column: mail, identity: agent_mail}]}
"""


def users(*values: str) -> str:
    """The accounts, found by these values as well; each is a place (YAML) with its identity."""
    found = ", ".join(f"{{{one}}}" for one in ("column: id, identity: user_id", *values))
    places = (parsed(f"{{{one}}}") for one in values)
    told = json.dumps({"user_id": "id"} | {one.pop("identity"): one for one in places})
    return f"""
users: {{table: public.users, person: user_id, created: created_at, found_by: [{found}], yields: {told}}}
"""


def posts(*found_by: str, more: str = "") -> str:
    """Threads, posts in them that are found by these places too, and files of posts."""
    found = ", ".join(f"{{{one}}}" for one in ("column: th, of: threads.id", *found_by))
    return f"""
threads: {{table: public.threads, created: created_at, found_by: [{{column: u, identity: user_id}}]}}
posts: {{table: public.posts, created: created_at, found_by: [{found}]{more}}}
files: {{table: public.files, created: created_at, found_by: [{{column: post, of: posts.id}}]}}
"""


USERNAME, EMAIL = "column: username, identity: username", "column: email, identity: email"
BY_EMAIL = "column: author, identity: email"


class Company:
    """Installed with a map; one database, or more, and Redis where the map has it."""

    def __init__(self, home: Path, fork_server: ForkServer, keyspace: Keyspace, **urls: str) -> None:
        self.home, self.fork_server, self.keyspace, self.urls = home, fork_server, keyspace, urls

    def with_map(self, collections: str, further: dict[str, dict[str, Any]] | None = None) -> CliRunner:
        made = small_document(collections)
        made["identities"] |= IDENTITIES | {"user_id": {"kind": "person", "normaliser": "integer/2"}}
        used = json.dumps([made["stores"], further])
        made["identities"] = {
            name: one for name, one in made["identities"].items() if f'"{name}"' in used or f"{{{name}}}" in used
        }
        made["stores"] |= further or {}
        urls = {name: self.keyspace.url if name == "cache" else self.urls[name] for name in made["stores"]}
        self.cli = installed(self.home, self.fork_server, made, urls)
        if "cache" in urls:
            succeeded(self.cli.run("adopt", "cache"))
        return self.cli

    def errors(self) -> list[str]:
        findings = json.loads(self.cli.run("check", "--json").out)["findings"]
        return [one["code"] for one in findings if one["severity"] == "error"]

    def plan(self, people: str) -> dict[str, Any]:
        asked = ("plan", "-", "-c", "acme", "--json")
        return dict(json.loads(succeeded(self.cli.run(*asked, stdin=people.encode()))))

    def erase(self, plan: dict[str, Any]) -> dict[str, Any]:
        self.cli.run("erase", plan["id"], "--confirm", plan["digest"])
        self.cli.run("run-due")
        return dict(json.loads(succeeded(self.cli.run("status", plan["id"], "--json"))))


@pytest.fixture
def company(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> Company:
    execute(database, SCHEMA)
    return Company(tmp_path, fork_server, keyspace, main=database, forum=database)


ONE_DATABASE: dict[str, tuple[str, str]] = {
    "user name": (users(USERNAME) + posts("column: author, identity: username"), "author = 'bob'"),
    "address": (users(EMAIL) + posts(BY_EMAIL), "author = 'Bob <BOB@x.example>'"),
    "phone": (
        users("column: phone, identity: phone") + posts("column: author, identity: phone, region: DE"),
        "author = '030 123452'",
    ),
    "document": (
        users(EMAIL) + posts("column: doc, path: [mail], identity: email"),
        """doc = '{"mail": "Bob <bob@x.example>"}'""",
    ),
    "addresses in a list": (
        users("column: mails, each: true, identity: email") + posts(BY_EMAIL),
        "author = 'bob@x.example'",
    ),
    "address in a profile": (
        users("column: profile, path: [mail], identity: email") + posts(BY_EMAIL),
        "author = 'bob@x.example'",
    ),
    "of another kind of person": (
        users(EMAIL) + AGENTS + posts(BY_EMAIL, "column: author, identity: agent_mail"),
        "author = 'gus@x.example'",
    ),
}


@pytest.mark.parametrize("case", ONE_DATABASE)
def test_a_row_that_says_by_another_persons_value_whose_it_is_stays_and_is_told(company: Company, case: str) -> None:
    """So do the rows below it, and the thread that holds it goes on holding it."""
    collections, bobs = ONE_DATABASE[case]
    database = company.urls["main"]
    execute(database, FORUM + "INSERT INTO posts VALUES (1, 1), (2, 1); INSERT INTO files VALUES (1, 1), (2, 2)")
    execute(database, f"UPDATE posts SET {bobs} WHERE id = 1; ALTER TABLE posts DROP CONSTRAINT posts_th_fkey")
    company.with_map(collections)
    assert company.errors() == []
    plan = company.plan("user_id\n1\n")
    assert plan["stores"]["main"]["collections"]["posts"]["ambiguous"] == 1
    status = company.erase(plan)
    assert status["outcomes"] == {"partially-erased": 1}
    assert (left(database, "threads"), left(database, "posts"), left(database, "files")) == ([], [1], [1])
    assert status["collections"]["main.posts"]["ambiguous"] == 1


def test_it_goes_with_both_and_with_its_thread_where_nobody_else_has_the_value(company: Company) -> None:
    """A guest's post, one by Ann's own name, and Bob's where Bob is erased too; what a key says is asked no further."""
    database = company.urls["main"]
    execute(
        database,
        FORUM
        + "INSERT INTO posts (id, th, author) VALUES (1, 1, 'bob'), (2, 1, 'ann'), (3, 1, 'guest'), (4, 1, 'cleo')",
    )
    company.with_map(users(USERNAME) + posts("column: author, identity: username"))
    plan = company.plan("user_id\n1\n2\n")
    counted = plan["stores"]["main"]["collections"]["posts"]
    assert (counted["due"], counted["ambiguous"]) == (3, 2), "Cleo's; and Bob's, to Bob, is in a thread of Ann's"
    assert plan["obstacles"], "the thread holds Cleo's post"
    execute(database, "DELETE FROM posts WHERE id = 4")
    assert company.erase(company.plan("user_id\n1\n2\n"))["outcomes"] == {"erased": 2}
    assert (left(database, "threads"), left(database, "posts")) == ([], [])


@pytest.mark.parametrize(
    ("more", "by"),
    [
        (", goes_with_any: {reason: r, approved_by: D}", "column: author, identity: username"),
        ("", "column: author, identity: username}, {column: writer, identity: user_id"),
    ],
    ids=["goes with any", "named by a key"],
)
def test_it_goes_where_the_map_or_a_key_in_it_says_so(company: Company, more: str, by: str) -> None:
    database = company.urls["main"]
    execute(database, FORUM + "INSERT INTO posts (id, th, author) VALUES (1, 1, 'bob')")
    execute(database, "ALTER TABLE posts ADD writer int; UPDATE posts SET writer = 1")
    company.with_map(users(USERNAME) + posts(by, more=more))
    assert company.erase(company.plan("user_id\n1\n"))["outcomes"] == {"erased": 1}
    assert left(database, "posts") == []


@pytest.mark.parametrize(
    ("author", "stays"),
    [
        ("bob@x.example", True),
        ("ann@x.example", False),
        ("guest@x.example", True),
        (None, False),
        (" ", False),
    ],
)
def test_so_it_is_where_the_accounts_are_in_another_database(
    company: Company, author: str | None, *, stays: bool
) -> None:
    """There no statement can ask whose a value is: one that is not known to be Ann's is somebody's."""
    database = company.urls["main"]
    name = "NULL" if author is None else f"'{author}'"
    execute(database, FORUM + f"INSERT INTO posts (id, th, author) VALUES (1, 1, {name})")
    execute(database, "ALTER TABLE posts DROP CONSTRAINT posts_th_fkey")
    forum = small_document(posts(BY_EMAIL))["stores"]["main"]
    company.with_map(users(EMAIL), {"forum": forum})
    status = company.erase(company.plan("user_id\n1\n"))
    assert left(database, "posts") == ([1] if stays else [])
    assert status["outcomes"] == {"partially-erased" if stays else "erased": 1}


CLIENTS = """
users: {table: "tenant_*.users", owner: {controller: client}, person: user_id, created: created_at,
  yields: {user_id: id, email: email}, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
letters: {table: "tenant_*.letters", owner: {controller: client}, created: created_at,
  found_by: [{column: doc, path: [to], identity: email}]}
"""


@pytest.mark.usefixtures("remembered_inspections")
def test_so_does_a_letter_to_two_people_in_whichever_clients_schema(company: Company) -> None:
    """Written since `check` looked, it stays with both. `check` tells of it, and stops that client's requests alone."""
    database = company.urls["main"]
    for schema in ("tenant_a", "tenant_b"):
        execute(
            database,
            f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.users (id int PRIMARY KEY, email text UNIQUE, {DAY});"
            f"CREATE TABLE {schema}.letters (id int PRIMARY KEY, doc jsonb, {DAY});"
            f"INSERT INTO {schema}.users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');"
            f"""INSERT INTO {schema}.letters VALUES (1, '{{"to": "ann@x.example"}}')""",
        )
    cli = company.with_map(CLIENTS)
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "client:b", "--json", stdin=b"user_id\n1\n")))
    both = """'{"to": ["Ann <ann@x.example>", "bob@x.example"]}'"""
    execute(database, f"INSERT INTO tenant_b.letters VALUES (2, {both})")
    status = company.erase(plan)
    assert status["outcomes"] == {"partially-erased": 1}
    assert status["collections"]["main.letters"]["ambiguous"] == 1
    assert (left(database, "tenant_b.letters"), left(database, "tenant_b.users")) == ([2], [2])
    execute(database, "INSERT INTO tenant_b.users VALUES (1, 'ann@x.example')")
    found = json.loads(cli.run("check", "--json").out)["findings"]
    [told] = [one for one in found if one["severity"] == "error"]
    assert (told["code"], told["collection"]) == ("several-people", "letters")
    assert told["scopes"] == ["client:b"]


ORDERS = f"""
CREATE TABLE orders (num text PRIMARY KEY, user_id int, email text, doc jsonb, {DAY});
INSERT INTO orders (num, user_id, email) VALUES ('o1', 1, 'ann@x.example'), ('o2', NULL, NULL);
"""


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("column: email", "email = 'Cleo <cleo@x.example>'"),
        ("column: doc, path: [email]", """doc = '{"email": "cleo@x.example"}'"""),
    ],
)
def test_a_guests_order_does_not_go_by_a_number_that_an_index_in_redis_names(
    company: Company, place: str, says: str
) -> None:
    database = company.urls["main"]
    execute(database, f"{ORDERS}; UPDATE orders SET {says} WHERE num = 'o2'")
    company.keyspace.client.sadd("recent:1", "o1", "o2")
    orders = f"""
orders: {{table: public.orders, created: created_at, found_by: [{{column: user_id, of: users.id}},
  {{{place}, identity: email}}, {{column: num, identity: order_no}}]}}
"""
    recent: dict[str, Any] = {"key": "recent:{user_id}", "type": "set", "yields": "order_no", "data_type": "gone"}
    recent["owner"] = {"controller": "acme"}
    company.with_map(users(EMAIL) + orders, {"cache": {"connector": "redis", "collections": {"recent": recent}}})
    assert company.errors() == []
    status = company.erase(company.plan("user_id\n1\n"))
    assert (status["outcomes"], left(database, "orders", "num")) == ({"partially-erased": 1}, ["o2"])


LEADS = f"""
CREATE TABLE leads (id int PRIMARY KEY, email text, other text, doc jsonb, {DAY});
CREATE TABLE notes (id int PRIMARY KEY, lead int, {DAY});
INSERT INTO leads (id, email) VALUES (1, 'ann@x.example'), (2, 'Ann@x.example'), (3, 'bob@x.example');
INSERT INTO notes SELECT id, id FROM leads;
"""
PHONE = "column: phone, identity: phone"


def leads(*places: str) -> str:
    """Found by values alone, with notes below."""
    found = ", ".join(f"{{{one}}}" for one in ("column: email, identity: email", *places))
    return f"""
leads: {{table: public.leads, created: created_at, found_by: [{found}]}}
notes: {{table: public.notes, created: created_at, found_by: [{{column: lead, of: leads.id}}]}}
"""


TWO_VALUES: dict[str, tuple[str, str]] = {
    "phone": (
        users(EMAIL, PHONE) + leads("column: other, identity: phone, region: DE"),
        "other = '030 123452'",
    ),
    "user name": (users(EMAIL, USERNAME) + leads("column: other, identity: username"), "other = 'bob'"),
    "document": (
        users(EMAIL, PHONE) + leads("column: doc, path: [tel], identity: phone, region: DE"),
        """doc = '{"tel": "+49 (0)30 123452"}'""",
    ),
    "of another kind of person": (
        users(EMAIL) + AGENTS + leads("column: other, identity: agent_mail"),
        "other = 'gus@x.example'",
    ),
}


@pytest.mark.parametrize("asked", ["user_id\n1\n", "email\nann@x.example\n"])
@pytest.mark.parametrize("case", TWO_VALUES)
def test_a_row_that_one_value_finds_and_another_persons_value_names_goes_with_neither(
    company: Company, case: str, asked: str
) -> None:
    collections, bobs = TWO_VALUES[case]
    database = company.urls["main"]
    execute(database, f"{LEADS}; UPDATE leads SET {bobs} WHERE id = 1")
    company.with_map(collections)
    assert company.errors() == []
    plan = company.plan(asked)
    counted = plan["stores"]["main"]["collections"]["leads"]
    assert (counted["due"], counted["ambiguous"]) == (1, 1)
    status = company.erase(plan)
    assert status["outcomes"] == {"partially-erased": 1}
    assert (left(database, "leads"), left(database, "notes"), left(database, "users")) == ([1, 3], [1, 3], [2, 3])
    if case != "of another kind of person":
        assert company.erase(company.plan("user_id\n2\n"))["outcomes"] == {"erased": 1}, "nobody holds Ann's any more"
        assert (left(database, "leads"), left(database, "notes")) == ([], [])


def test_so_it_does_not_where_it_comes_to_stand_there_after_the_plan(company: Company) -> None:
    database = company.urls["main"]
    execute(database, LEADS)
    company.with_map(users(EMAIL, PHONE) + leads("column: other, identity: phone, region: DE"))
    plan = company.plan("user_id\n1\n")
    execute(database, "UPDATE leads SET other = 'Tel. 030 123452' WHERE id = 1")
    assert company.erase(plan)["outcomes"] == {"partially-erased": 1}
    assert (left(database, "leads"), left(database, "notes")) == ([1, 3], [1, 3])


def test_it_goes_where_both_do_and_where_both_values_are_the_persons(company: Company) -> None:
    """Asked by the address alone, too: the number becomes known by it."""
    database = company.urls["main"]
    execute(database, f"{LEADS}; UPDATE leads SET other = '030/123452' WHERE id IN (1, 3)")
    execute(
        database,
        "UPDATE leads SET other = '030/123451' WHERE id = 2; INSERT INTO leads (id, email, other)"
        " VALUES (4, 'ann@x.example', '030 999999')",
    )
    company.with_map(users(EMAIL, PHONE) + leads("column: other, identity: phone, region: DE"))
    assert company.erase(company.plan("email\nann@x.example\nbob@x.example\n"))["outcomes"] == {"erased": 2}
    assert (left(database, "leads"), left(database, "notes"), left(database, "users")) == ([], [], [3])


def test_what_a_row_names_by_a_key_goes_by_the_address_alone_where_its_number_is_the_persons_too(
    company: Company,
) -> None:
    """Until the person is known, their own row is nobody else's: a job that the lead names is found in the plan."""
    database = company.urls["main"]
    execute(
        database,
        f"{LEADS}; ALTER TABLE leads ADD job text UNIQUE; UPDATE leads SET job = 'j' || id, other = "
        "CASE id WHEN 1 THEN '030/123451' WHEN 2 THEN '030/123452' END",
    )
    company.keyspace.client.mset({"job:j1": "", "job:j2": "", "job:j3": ""})
    collections = users(EMAIL, PHONE) + leads("column: other, identity: phone, region: DE")
    collections = collections.replace("public.leads,", "public.leads, yields: {order_no: job},")
    job: dict[str, Any] = {"key": "job:{order_no}", "type": "string", "data_type": "gone"}
    job["owner"] = {"controller": "acme"}
    company.with_map(collections, {"cache": {"connector": "redis", "collections": {"jobs": job}}})
    plan = company.plan("email\nann@x.example\n")
    assert plan["stores"]["cache"]["collections"]["jobs"]["due"] == 1
    assert company.erase(plan)["outcomes"] == {"partially-erased": 1}
    assert sorted(company.keyspace.client.keys("job:*")) == [b"job:j2", b"job:j3"]


SOMEBODY_ELSE = {"EXPUNGE_ACTOR": "somebody else"}


@pytest.mark.parametrize(("whose", "stays"), [(None, True), (1, False), (2, True)])
def test_of_a_value_that_both_hold_an_attribution_decides(company: Company, whose: int | None, *, stays: bool) -> None:
    """A number of both their accounts, in Ann's thread."""
    database = company.urls["main"]
    execute(database, FORUM + "INSERT INTO posts (id, th, author) VALUES (1, 1, '+4930123452')")
    execute(
        database, "ALTER TABLE posts DROP CONSTRAINT posts_th_fkey; UPDATE users SET phone = '030/123452' WHERE id = 1"
    )
    phone = ", identity: phone, region: DE"
    cli = company.with_map(users(f"column: phone{phone}") + posts(f"column: author{phone}"))
    if whose is not None:
        said = f"user_id,phone\n{whose},+4930123452\n".encode()
        reason = ("--as", "theirs", "--reason", "A letter", "-c", "acme", "--json")
        made = json.loads(succeeded(cli.run("attribute", "propose", "-", *reason, stdin=said)))["id"]
        succeeded(cli.run("attribute", "approve", made, "-", stdin=said, settings=SOMEBODY_ELSE))
    company.erase(company.plan("user_id\n1\n"))
    assert left(database, "posts") == ([1] if stays else [])


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("link", ["column: ref, identity: order_no", "column: ref, of: cards.nr"])
def test_one_place_is_no_number_of_a_thing_and_a_value_of_persons(company: Company, link: str, *, apart: bool) -> None:
    """Ann's card has the number S2, and so has Bob's account; `where` on both links says which is meant."""
    execute(
        company.urls["main"],
        f"CREATE TABLE cards (nr text PRIMARY KEY, u int, {DAY}); CREATE TABLE loans (ref text, kind text, {DAY})",
    )
    cards = "cards: {table: public.cards, created: created_at, found_by: [{column: u, identity: user_id}]"
    cards += ", yields: {order_no: {column: nr}}}\n" if "order_no" in link else "}\n"
    loans = f"loans: {{table: public.loans, created: created_at, found_by: [{{{link}%s}}, {{{{column: ref,"
    where = (", where: {kind: card}", ", where: {kind: account}")
    loans = loans.replace("{{column", "{column") + " identity: username%s}]}\n"
    company.with_map(users(USERNAME) + cards + loans % (where if apart else ("", "")))
    assert company.errors() == ([] if apart else ["link-beside-identity"])
