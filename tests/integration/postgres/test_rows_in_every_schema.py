"""Rows that name two people are looked for in every member's schema, and stop that member's requests (ADR 25, 28)."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.postgres.company import execute, opened
from tests.support.postgres.small_schemas import shape

from expunge_connectors.contract import Finding, Scope, Severity
from expunge_connectors.postgres.inspection import member_schemas

OWNER = "owner: {controller: client}"
MAP = shape(f"""
users: {{table: "tenant_*.users", {OWNER}, person: user_id, undated: erase, yields: {{user_id: id, email: email}},
  found_by: [{{column: id, identity: user_id}}, {{column: email, identity: email}}]}}
threads: {{table: "tenant_*.threads", {OWNER}, found_by: [{{column: u, of: users.id}}]}}
posts: {{table: "tenant_*.posts", {OWNER}, found_by: [{{column: thread, of: threads.id}}]}}
letters: {{table: "tenant_*.letters", {OWNER}, undated: erase,
  found_by: [{{column: doc, path: [to], identity: email}}]}}
""")
SCHEMA = """
CREATE SCHEMA tenant_{0};
CREATE TABLE tenant_{0}.users (id text PRIMARY KEY, email text);
CREATE TABLE tenant_{0}.threads (id int PRIMARY KEY, u text);
CREATE TABLE tenant_{0}.posts (id int PRIMARY KEY, thread int, said text);
CREATE TABLE tenant_{0}.letters (id int PRIMARY KEY, doc jsonb);
INSERT INTO tenant_{0}.users VALUES ('ann', 'ann@x.example'), ('bob', 'bob@x.example');
INSERT INTO tenant_{0}.threads VALUES (1, 'ann');
INSERT INTO tenant_{0}.posts VALUES (1, 1, 'hello');
"""
ROWS = {
    "letters": """INSERT INTO tenant_{}.letters VALUES (1, '{{"to": ["ann@x.example", "bob@x.example"]}}')""",
    "posts": "INSERT INTO tenant_{}.posts VALUES (2, 1, 'bob@x.example')",
}


@pytest.fixture
def clients(database: str) -> str:
    """Three clients' schemas with the same people."""
    execute(database, "".join(SCHEMA.format(name) for name in "abc"))
    return database


def told(database: str, *severities: Severity) -> list[Finding]:
    with opened(database, MAP) as store:
        return [one for one in store.inspect() if one.severity in severities]


@pytest.mark.parametrize("collection", ROWS)
@pytest.mark.parametrize("members", ["a", "b", "bc"])
def test_they_are_the_matter_of_the_members_in_whose_schemas_they_stand(
    clients: str, collection: str, members: str
) -> None:
    """A document; and an address in a column that no link names, and that says nothing in the first schema."""
    assert told(clients, Severity.ERROR) == []
    for name in members:
        execute(clients, ROWS[collection].format(name))
    [found] = told(clients, Severity.ERROR)
    assert (found.code, found.collection, found.of_rows) == ("several-people", collection, True)
    assert found.scopes == tuple(Scope("client", name) for name in members)
    assert f"tenant_*.{collection}" in found.message


def test_what_was_not_looked_at_is_told(clients: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, and by time. The first schema is always asked."""
    for name in "ac":
        execute(clients, ROWS["letters"].format(name))
    [whole] = [one for one in told(clients, Severity.INFO) if one.code == "tenants"]
    assert "rows were looked at in each" in whole.message
    monkeypatch.setattr(member_schemas, "_MOST", 2)
    [found] = told(clients, Severity.ERROR)
    assert found.scopes == (Scope("client", "a"),)
    [part] = [one for one in told(clients, Severity.WARNING) if one.code == "tenants"]
    assert "rows were looked at in 2 of 3" in part.message
    monkeypatch.undo()
    monkeypatch.setattr(member_schemas, "_AT_ONCE", 1)
    monkeypatch.setattr(member_schemas, "SECONDS", -1)
    [found] = told(clients, Severity.ERROR)
    assert found.scopes == (Scope("client"),)
    execute(clients, "DELETE FROM tenant_a.letters")
    assert told(clients, Severity.ERROR) == []
    unknown = {one.collection for one in told(clients, Severity.WARNING) if one.code == "several-people-unknown"}
    assert unknown == {"letters", "posts"}


def test_a_schema_that_cannot_be_asked_keeps_no_other_one_from_it(clients: str) -> None:
    """A column that the map does not name may be otherwise in one schema."""
    execute(clients, "ALTER TABLE tenant_b.posts DROP said")
    assert told(clients, Severity.ERROR) == []
    [unknown] = [one for one in told(clients, Severity.WARNING) if one.code == "several-people-unknown"]
    assert unknown.collection == "posts"
    execute(clients, ROWS["posts"].format("c"))
    [found] = told(clients, Severity.ERROR)
    assert (found.collection, found.scopes) == ("posts", (Scope("client"),))


def test_many_schemas_take_no_more_statements(clients: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    execute_ = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor, "execute", lambda self, *args, **kwargs: asked.append(1) or execute_(self, *args, **kwargs)
    )

    def statements() -> int:
        asked.clear()
        told(clients)
        return len(asked)

    few = statements()
    execute(clients, "".join(SCHEMA.format(f"t{number}") for number in range(20)))
    assert statements() == few
