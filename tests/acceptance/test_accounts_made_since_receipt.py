"""A request by an address means nobody whose account was made since it came, whatever leads there (ADR 3, DBA 33)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace, fresh_database
from tests.support.small_company import installed, succeeded

from expunge_demo.dev_servers import Endpoints

USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, created: created_at,
  found_by: [{column: id, identity: user_id}]}
posts: {table: public.posts, found_by: [{column: author, of: users.id}]}
"""
_ADDRESSES = """
addresses: {{table: public.addresses, MORE yields: {{user_id: user_id, email: email}},
  found_by: [{{column: user_id, {user}}}, {{column: email, identity: email}}]}}
"""
ADDRESSES, ELSEWHERE = (_ADDRESSES.format(user=of) for of in ("of: users.id", "identity: user_id"))
OF_PERSONS = ELSEWHERE.replace("MORE", "MORE person: user_id,")
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, created_at timestamptz NOT NULL);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users);
INSERT INTO users VALUES (1, now() - interval '1 year'), (2, now() - interval '2 days');
INSERT INTO posts VALUES (1, 1), (2, 2);
"""
ADDRESS_ROWS = """
CREATE TABLE addresses (user_id int, email text, created_at timestamptz NOT NULL DEFAULT now() - interval '1 day');
INSERT INTO addresses VALUES (2, 'ann@x.example');
"""
REASON = "an identifier leads to a person who has it only since the request was received"
DATED, UNDATED = "created: created_at,", "undated: erase,"
WAYS = {
    "rows of orders": USERS + ADDRESSES.replace("MORE", DATED),
    "rows without a date": USERS + ADDRESSES.replace("MORE", UNDATED),
    "rows of persons without a date": USERS + OF_PERSONS.replace("MORE", UNDATED),
    "an index in a cache": USERS,
    "a second database": USERS,
}


@dataclass(frozen=True, slots=True)
class Installed:
    """An account of a year and one of two days, to which an address leads that no account holds."""

    cli: CliRunner
    database: str

    def asked(self, identifiers: str, days_ago: int) -> dict[str, Any]:
        received = (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
        names, values = identifiers.split("=")
        people = f"{names},received_at\n{values},{received}\n".encode()
        plan = json.loads(succeeded(self.cli.run("plan", "-", "-c", "acme", "--json", stdin=people)))
        self.cli.run("erase", plan["id"], "--confirm", plan["digest"])
        self.cli.run("run-due")
        return dict(json.loads(succeeded(self.cli.run("status", plan["id"], "--json"))))

    @property
    def accounts(self) -> list[Any]:
        return left(self.database, "users")


@pytest.fixture
def here(  # noqa: PLR0917 - the places of the company
    request: pytest.FixtureRequest,
    database: str,
    servers: Endpoints,
    keyspace: Keyspace,
    tmp_path: Path,
    fork_server: ForkServer,
) -> Iterator[Installed]:
    way = request.param
    made, urls = small_document(WAYS[way]), {"main": database}
    execute(database, SCHEMA)
    if way == "rows of persons without a date":
        made["identities"]["user_id"]["same_person"] = {"reason": "One login", "approved_by": "Ann Boss"}
    if way == "an index in a cache":
        index = {"type": "string", "key": "login:{email}", "yields": "user_id", "undated": "erase"}
        index |= {"data_type": "gone", "owner": {"controller": "acme"}}
        made["stores"]["cache"] = {"connector": "redis", "collections": {"logins": index}}
        urls["cache"] = keyspace.url
        keyspace.client.set("login:ann@x.example", 2)
    with ExitStack() as stack:
        holding = database
        if way == "a second database":
            made["stores"]["crm"] = small_document(ELSEWHERE.replace("MORE", DATED))["stores"]["main"]
            urls["crm"] = holding = stack.enter_context(fresh_database(servers.postgres_url))
        if way != "an index in a cache":
            execute(holding, ADDRESS_ROWS)
        cli = installed(tmp_path, fork_server, made, urls)
        if "cache" in urls:
            succeeded(cli.run("adopt", "cache"))
        yield Installed(cli, database)


@pytest.mark.parametrize("here", WAYS, indirect=True)
def test_who_was_not_there_is_not_meant(here: Installed) -> None:
    status = here.asked("email=ann@x.example", 10)
    assert status["outcomes"] == {"ambiguous": 1}
    assert REASON in json.dumps(status)
    assert (here.accounts, left(here.database, "posts")) == ([1, 2], [1, 2])
    assert here.asked("email=ann@x.example", 1)["outcomes"] == {"erased": 1}
    assert here.accounts == [1]


@pytest.mark.parametrize("here", ["rows of orders"], indirect=True)
def test_who_was_there_is_whatever_came_since(here: Installed) -> None:
    execute(here.database, "UPDATE addresses SET user_id = 1")
    assert here.asked("email=ann@x.example", 10)["outcomes"] == {"erased": 1}
    assert here.accounts == [2]


@pytest.mark.parametrize("here", ["rows of orders"], indirect=True)
def test_a_persons_key_names_a_person_whenever_it_was_received(here: Installed) -> None:
    assert here.asked("user_id,email=2,ann@x.example", 10)["outcomes"] == {"erased": 1}
    assert here.accounts == [1]
