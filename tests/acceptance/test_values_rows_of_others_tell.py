"""Whose a value is that a record tells: whose the record is, by the same questions as whose a row is (ADR 18).

Each way in which a record says that it is Bob's has an address of its own here, and a letter in the newsletter under
it. Nobody's own record holds any of them.
"""

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

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
PEOPLE = f"""
CREATE TABLE users (id int PRIMARY KEY, username text UNIQUE, email text UNIQUE, {DAY});
CREATE TABLE news (email text PRIMARY KEY, {DAY});
INSERT INTO users VALUES (1, 'ann', 'ann@x.example'), (2, 'bob', 'bob@x.example');
"""
_PEOPLE = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email, username: username},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email},
    {column: username, identity: username}]}
"""
NEWS = "news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}\n"
IDENTITIES: dict[str, dict[str, Any]] = {
    "user_id": {"kind": "person", "normaliser": "integer/2"},
    "guest": {"kind": "person", "normaliser": "integer/2"},
    "agent": {"kind": "person", "normaliser": "integer/2"},
    "email": {"kind": "reusable", "normaliser": "email/3"},
    "recovery": {"kind": "reusable", "normaliser": "email/3"},
    "username": {"kind": "reusable", "normaliser": "exact/1"},
    "device": {"kind": "internal"},
    "comment": {"kind": "internal", "normaliser": "integer/2"},
}


class Company:
    """Installed with a map; what is asked of it ends settled."""

    def __init__(self, home: Path, fork_server: ForkServer, keyspace: Keyspace, **urls: str) -> None:
        self.home, self.fork_server, self.keyspace, self.urls = home, fork_server, keyspace, urls
        self.cli: CliRunner

    def with_map(self, collections: str, **further: dict[str, Any]) -> None:
        made = small_document(_PEOPLE + collections)
        stores = made["stores"] | further
        used = json.dumps(stores)
        made["identities"] = {
            name: one for name, one in IDENTITIES.items() if f'"{name}"' in used or f"{{{name}}}" in used
        }
        made["stores"] = stores
        self.cli = installed(self.home, self.fork_server, made, {name: self.urls[name] for name in stores})
        if "cache" in stores:
            succeeded(self.cli.run("adopt", "cache"))
        found = json.loads(self.cli.run("check", "--json").out)["findings"]
        assert [(one["code"], one["message"]) for one in found if one["severity"] == "error"] == []

    def plan(self, *people: int) -> dict[str, Any]:
        listed = "user_id\n" + "".join(f"{one}\n" for one in people)
        asked = ("plan", "-", "-c", "acme", "--json")
        return dict(json.loads(succeeded(self.cli.run(*asked, stdin=listed.encode()))))

    def erase(self, plan: dict[str, Any]) -> dict[str, int]:
        self.cli.run("erase", plan["id"], "--confirm", plan["digest"])
        self.cli.run("run-due")
        return dict(json.loads(succeeded(self.cli.run("status", plan["id"], "--json")))["outcomes"])

    def hold(self, listed: str) -> None:
        placed = ("holds", "place", "-", "-c", "acme", "--ground", "a court asks", "--json")
        succeeded(self.cli.run(*placed, stdin=listed.encode()))


@pytest.fixture
def company(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer) -> Company:
    execute(database, PEOPLE)
    return Company(tmp_path, fork_server, keyspace, main=database, crm=database, cache=keyspace.url)


THREAD = f"""
CREATE TABLE posts (id int PRIMARY KEY, author int, {DAY});
CREATE TABLE guests (id int PRIMARY KEY, {DAY});
CREATE TABLE agents (id int PRIMARY KEY, {DAY});
CREATE TABLE comments (id int PRIMARY KEY, post int, user_id int, doc jsonb, guest int, agent int, name text,
  mail text, device text, {DAY});
CREATE TABLE pictures (id int PRIMARY KEY, comment int, mail text, {DAY});
CREATE TABLE trades (id int PRIMARY KEY, buyer int, seller int, mail text, {DAY});
CREATE TABLE remarks (id int PRIMARY KEY, post int, guest int, mail text, {DAY});
CREATE TABLE entries (id int PRIMARY KEY, post int, writer int, mail text, {DAY});
INSERT INTO posts VALUES (1, 1), (2, 2);
INSERT INTO guests VALUES (5);
INSERT INTO agents VALUES (9);
INSERT INTO comments (id, post, user_id, doc, guest, agent, name, mail, device) VALUES
  (1, 1, 2, NULL, NULL, NULL, NULL, 'by-key@x.example', 'd2'),
  (2, 1, NULL, '{{"uid": 2}}', NULL, NULL, NULL, 'by-document@x.example', NULL),
  (3, 1, NULL, NULL, 5, NULL, NULL, 'by-guest@x.example', NULL),
  (4, 1, NULL, NULL, NULL, NULL, 'bob', 'by-name@x.example', NULL),
  (5, 2, 1, NULL, NULL, NULL, NULL, 'ann-there@x.example', 'd1'),
  (6, 1, 1, NULL, NULL, 9, NULL, 'ann-to-agent@x.example', NULL),
  (7, 1, NULL, NULL, NULL, NULL, NULL, 'nobody@x.example', NULL),
  (8, 1, 2, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO pictures VALUES (1, 8, 'below@x.example');
INSERT INTO trades VALUES (1, 1, 2, 'seller@x.example');
INSERT INTO remarks VALUES (1, 1, 5, 'remark@x.example');
INSERT INTO entries VALUES (1, 1, 2, 'writer@x.example'), (2, 1, 1, 'ann-writes@x.example');
INSERT INTO news SELECT mail FROM comments WHERE mail IS NOT NULL UNION ALL SELECT mail FROM pictures
  UNION ALL SELECT mail FROM trades UNION ALL SELECT mail FROM remarks UNION ALL SELECT mail FROM entries;
"""
_ANY = "goes_with_any: {reason: threads go whole, approved_by: D}"
_THREAD = f"""
posts: {{table: public.posts, created: created_at, found_by: [{{column: author, of: users.id}}]}}
guests: {{table: public.guests, person: guest, yields: {{guest: id}}, created: created_at,
  found_by: [{{column: id, identity: guest}}]}}
agents: {{table: public.agents, person: agent, yields: {{agent: id}}, created: created_at,
  found_by: [{{column: id, identity: agent}}]}}
comments: {{table: public.comments, created: created_at, {_ANY},
  yields: {{email: mail, comment: id, device: {{column: device, never_shared: {{reason: random, approved_by: D}}}}}},
  found_by: [{{column: post, of: posts.id}}, {{column: user_id, of: users.id}}, {{column: guest, of: guests.id}},
    {{column: agent, identity: agent}}, {{column: doc, path: [uid], identity: user_id}},
    {{column: name, identity: username}}]}}
pictures: {{table: public.pictures, created: created_at, yields: {{email: mail}},
  found_by: [{{column: comment, of: comments.id}}]}}
trades: {{table: public.trades, created: created_at, {_ANY}, yields: {{email: mail}},
  found_by: [{{column: buyer, of: users.id}}, {{column: seller, of: users.id}}]}}
remarks: {{table: public.remarks, created: created_at, yields: {{email: mail}},
  found_by: [{{column: post, of: posts.id}}, {{column: guest, of: guests.id}}]}}
entries: {{table: public.entries, created: created_at, yields: {{email: mail}},
  found_by: [{{column: post, of: posts.id}}]}}
writers: {{table: public.entries, created: created_at, data_type: anchor, tombstone: {{mail: "NULL", writer: "NULL"}},
  keeps: {{id: a number, post: a number}}, found_by: [{{column: writer, of: users.id}}]}}
"""
CACHE: dict[str, Any] = {
    "connector": "redis",
    "collections": {
        name: {"key": f"{name}:{{{name}}}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
        for name in ("device", "comment")
    },
}
HERS = ["ann-writes", "ann-there", "ann-to-agent", "by-name", "nobody"]
HERS = [f"{one}@x.example" for one in HERS]
OTHERS = ["below", "by-document", "by-guest", "by-key", "remark", "seller", "writer"]
OTHERS = [f"{one}@x.example" for one in OTHERS]


def test_a_row_tells_nobody_what_it_says_of_somebody_else(company: Company) -> None:
    """Bob's comments go with Ann's post, as the map says: his newsletter and his device do not. What names a row does.

    Nor is Ann held by what is his.
    """
    database = company.urls["main"]
    execute(database, THREAD)
    company.keyspace.client.mset({f"device:d{at}": "" for at in (1, 2)} | {f"comment:{at}": "" for at in (1, 5)})
    company.with_map(_THREAD + NEWS, cache=CACHE)
    company.hold("user_id,email\n2,by-key@x.example\n")
    plan = company.plan(1)
    assert plan["stores"]["main"]["collections"]["news"]["due"] == len(HERS)
    assert company.erase(plan) == {"erased": 1}
    assert left(database, "comments") == left(database, "pictures") == left(database, "trades") == []
    assert left(database, "news", "email") == OTHERS
    assert company.keyspace.client.keys("[cd]*:*") == [b"device:d2"]


def test_so_it_is_of_what_was_written_since_the_plan_and_it_is_followed_where_both_go(company: Company) -> None:
    database = company.urls["main"]
    execute(database, f"{THREAD}; UPDATE comments SET post = 2 WHERE id = 1")
    company.with_map(_THREAD + NEWS)
    plan = company.plan(1)
    execute(database, "UPDATE comments SET post = 1 WHERE id = 1")
    company.erase(plan)
    assert "by-key@x.example" in left(database, "news", "email")
    execute(
        database,
        f"TRUNCATE users, news; DROP TABLE posts, guests, agents, comments, pictures, trades, remarks, entries;"
        f"{THREAD}; INSERT INTO users VALUES (1, 'ann', 'ann@x.example'), (2, 'bob', 'bob@x.example')",
    )
    company.erase(company.plan(1, 2))
    assert left(database, "news", "email") == ["by-guest@x.example", "remark@x.example"]


SHOP = f"""
CREATE TABLE orders (id int PRIMARY KEY, user_id int, mail text, {DAY});
CREATE TABLE by_values (id int PRIMARY KEY, mail_of text, name text, told text, {DAY});
CREATE TABLE by_document (id int PRIMARY KEY, doc jsonb, told text, {DAY});
CREATE TABLE by_reference (id int PRIMARY KEY, name text REFERENCES users (username), told text, {DAY});
CREATE TABLE by_key (id int PRIMARY KEY, user_id int, told text, other text, {DAY});
CREATE TABLE elsewhere (id int PRIMARY KEY, mail_of text, told text, {DAY});
INSERT INTO orders SELECT row_number() OVER (), 1, told || '@x.example' FROM unnest(ARRAY['address', 'name', 'document',
  'reference', 'elsewhere', 'key', 'unread', 'listed', 'recovery', 'guest', 'ann']) AS told;
INSERT INTO news SELECT mail FROM orders;
INSERT INTO by_values VALUES (6, 'guest@y.example', NULL, 'guest@x.example'),
  (7, 'Ann <ann@x.example>', 'ann', 'ann@x.example');
INSERT INTO by_reference VALUES (7, 'ann', 'ann@x.example');
"""
BOBS = """
INSERT INTO by_values VALUES (1, 'BOB@x.example', NULL, 'address@x.example'),
  (2, NULL, 'bob', 'Name <name@x.example>');
INSERT INTO by_document VALUES (3, '{"of": ["bob@x.example"]}', 'document@x.example');
INSERT INTO by_reference VALUES (1, 'bob', 'reference@x.example');
INSERT INTO elsewhere VALUES (1, 'bob@x.example', 'elsewhere@x.example');
INSERT INTO by_key VALUES (1, 2, 'key@x.example', NULL), (2, 2, 'unread@x.example - privat', NULL),
  (3, 2, 'x@y.example/listed@x.example', NULL), (4, 2, NULL, 'recovery@x.example');
"""
_SHOP = """
orders: {table: public.orders, created: created_at, yields: {email: mail}, found_by: [{column: user_id, of: users.id}]}
by_values: {table: public.by_values, created: created_at, yields: {email: told},
  found_by: [{column: mail_of, identity: email}, {column: name, identity: username}]}
by_document: {table: public.by_document, created: created_at, yields: {email: told},
  found_by: [{column: doc, path: [of], identity: email}]}
by_reference: {table: public.by_reference, created: created_at, yields: {email: told},
  found_by: [{column: name, of: users.username}]}
by_key: {table: public.by_key, created: created_at, yields: {email: told, recovery: other},
  found_by: [{column: user_id, of: users.id}]}
news: {table: public.news, created: created_at,
  found_by: [{column: email, identity: email}, {column: email, identity: recovery}]}
"""
_ELSEWHERE = """
elsewhere: {table: public.elsewhere, created: created_at, yields: {email: told},
  found_by: [{column: mail_of, identity: email}]}
"""


@pytest.mark.parametrize("when", ["before the plan", "after it"])
def test_a_value_is_hearsay_however_the_other_row_says_whose_it_is_and_tells_it(company: Company, when: str) -> None:
    """By a value of Bob's account, by a reference to one, in another database; in a text that nobody can read; and
    under another identity of the same place. A guest of no account, and Ann herself, say nothing against it."""
    database = company.urls["main"]
    execute(database, SHOP + (BOBS if when == "before the plan" else ""))
    company.with_map(_SHOP, crm=small_document(_ELSEWHERE)["stores"]["main"])
    plan = company.plan(1)
    if when == "after it":
        execute(database, BOBS)
    assert company.erase(plan) == {"partially-erased": 1}
    told = ["address", "document", "elsewhere", "key", "listed", "name", "recovery", "reference", "unread"]
    assert left(database, "news", "email") == [f"{one}@x.example" for one in told]
