"""An error of rows says whose rows they are: by the owner's column, or that of the rows that lead to them (ADR 28)."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import checked, execute, opened
from tests.support.postgres.small_schemas import small_document

from expunge_connectors.contract import Finding, Scope, Severity

OWN = "owner: {controller: client, column: client_id}"
PEOPLE = f"""
people: {{table: public.people, person: user_id, {OWN}, yields: {{user_id: id, email: email}}, created: created_at,
  found_by: [{{column: id, identity: user_id}}, {{column: email, identity: email}}]}}
threads: {{table: public.threads, {OWN}, found_by: [{{column: user_id, of: people.id}}]}}
posts: {{table: public.posts, OWNER, found_by: [LINKS]}}
"""
SCHEMA = """
CREATE TABLE people (id text PRIMARY KEY, client_id int NOT NULL, email text,
                     created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE threads (id int PRIMARY KEY, client_id int NOT NULL, user_id text);
CREATE TABLE posts (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, client_id int, thread int, said text, token text,
                    doc jsonb);
INSERT INTO people VALUES ('ann', 7, 'ann@x.example'), ('bob', 7, 'bob@x.example'),
                          ('cleo', 8, 'cleo@x.example'), ('dora', 8, 'dora@x.example');
INSERT INTO threads VALUES (1, 7, 'ann'), (2, 8, 'cleo');
INSERT INTO posts (client_id, thread, said) VALUES (7, 1, 'ann@x.example'), (8, 2, 'hello');
"""
BY_THREAD, BY_TOKEN = "{column: thread, of: threads.id}", "{column: token, identity: token}"
BOBS = "INSERT INTO posts (client_id, thread, said) VALUES (7, 1, 'Bob <bob@x.example>')"
DORAS = "INSERT INTO posts (client_id, thread, said) VALUES (8, 2, 'dora@x.example')"
INHERITED = "owner: {controller: client, inherited: true}"
SEVEN, EIGHT, ALL = Scope("client", "7"), Scope("client", "8"), Scope("client")


def errors(database: str, owner: str, *links: str) -> list[Finding]:
    """What `check` says of posts that are found so, of rows that stand there."""
    document = small_document(PEOPLE.replace("OWNER", owner).replace("LINKS", ", ".join(links)))
    with opened(database, checked(document)) as store:
        return [one for one in store.inspect() if one.severity is Severity.ERROR and one.of_rows]


@pytest.mark.parametrize("owner", [OWN, INHERITED], ids=["owner-column", "inherited"])
@pytest.mark.parametrize(
    ("rows", "concerned"), [(BOBS, (SEVEN,)), (DORAS, (EIGHT,)), (f"{BOBS}; {DORAS}", (SEVEN, EIGHT))]
)
def test_rows_of_members_are_these_members_matter(
    database: str, owner: str, rows: str, concerned: tuple[Scope, ...]
) -> None:
    execute(database, SCHEMA)
    assert errors(database, owner, BY_THREAD) == []
    execute(database, rows)
    [found] = errors(database, owner, BY_THREAD)
    assert (found.code, found.collection, found.scopes) == ("several-people", "posts", concerned)
    assert [found.stops(one) for one in (SEVEN, EIGHT, Scope("acme"))] == [
        SEVEN in concerned,
        EIGHT in concerned,
        False,
    ]
    assert found.stops(None)


@pytest.mark.parametrize(
    ("owner", "concerned"), [("owner: {controller: acme}", Scope("acme")), (INHERITED, ALL)], ids=["one", "unknown"]
)
def test_rows_of_nobody_in_particular_are_the_whole_controllers_matter(
    database: str, owner: str, concerned: Scope
) -> None:
    """A controller without members; and rows that other rows than those of the map's links lead to."""
    execute(database, SCHEMA + BOBS)
    [found] = errors(database, owner, BY_THREAD, *([BY_TOKEN] if owner is INHERITED else []))
    assert found.scopes == (concerned,)
    assert found.stops(SEVEN) == (concerned == ALL)


@pytest.mark.parametrize("owner", [OWN, INHERITED], ids=["owner-column", "inherited"])
def test_a_member_makes_no_row_of_another_member_an_error(database: str, owner: str) -> None:
    """What one client records of its people says nothing of whose another client's row is."""
    execute(database, f"{SCHEMA} INSERT INTO posts (client_id, thread, said) VALUES (7, 1, 'eve@x.example')")
    execute(database, "INSERT INTO people VALUES ('eve', 8, 'eve@x.example')")
    assert errors(database, owner, BY_THREAD) == []
    execute(database, "UPDATE people SET client_id = 7 WHERE id = 'eve'")
    assert [one.scopes for one in errors(database, owner, BY_THREAD)] == [(SEVEN,)]


def test_rows_of_many_members_are_everybodys_matter(database: str) -> None:
    """So many objections are the map's mistake, and not some member's."""
    execute(
        database,
        f"{SCHEMA} INSERT INTO people SELECT p || n, n, p || n || '@x.example'"
        " FROM generate_series(100, 200) AS n, unnest(ARRAY['p', 'q']) AS p;"
        "INSERT INTO threads SELECT n, n, 'p' || n FROM generate_series(100, 200) AS n;"
        "INSERT INTO posts (client_id, thread, said)"
        " SELECT n, n, 'q' || n || '@x.example' FROM generate_series(100, 200) AS n",
    )
    [found] = errors(database, OWN, BY_THREAD)
    assert found.scopes == (ALL,)


def test_a_document_that_names_two_people_is_its_members_matter(database: str) -> None:
    """Whether a path leads to several values the rows say, and not the map."""
    execute(database, f"""{SCHEMA} INSERT INTO posts (client_id, doc) VALUES (7, '{{"to": ["ann", "bob"]}}')""")
    [found] = errors(database, OWN, "{column: doc, path: [to], identity: user_id}")
    assert (found.code, found.scopes) == ("several-people", (SEVEN,))
