"""The sweep: what looks like an identifier in tables and columns that the map does not name, and no value of it."""

from __future__ import annotations

import logging
import secrets

import psycopg
import pytest
from tests.support.postgres.company import data_map, execute, opened
from tests.support.postgres.inspection import ENOUGH, free
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import shape

from expunge_connectors.contract import Severity
from expunge_connectors.postgres.inspection import table_sampling


def swept(url, loaded=None, rows=1000):
    with opened(url, loaded) as store:
        return store.sweep(rows)


def places(found):
    return {one.message.partition(" ")[0]: one.message for one in found if one.code == "unmapped-identifiers"}


def test_nothing_is_found_where_the_map_covers_everything(company):
    assert swept(company, data_map(free("public.clients"))) == []


FOUND = [
    ("CREATE TABLE n (body text); INSERT INTO n VALUES ('ask ann@mail.example'), ('x')", "n.body", "e-mail"),
    ("CREATE TABLE n (body varchar(50)); INSERT INTO n VALUES ('tel. +49 (30) 1234567')", "n.body", "phone"),
    ("CREATE TABLE n (body text[]); INSERT INTO n VALUES ('{x,ann@mail.example}')", "n.body", "e-mail"),
    ('CREATE TABLE n (body jsonb); INSERT INTO n VALUES (\'{"a": [{"b": "ann@mail.example"}]}\')', "n.body", "e-mail"),
    ('CREATE TABLE n (body json); INSERT INTO n VALUES (\'{"ip": "10.0.0.1"}\')', "n.body", "IP"),
    ("CREATE TABLE n (seen inet); INSERT INTO n VALUES ('::1')", "n.seen", "IP"),
    ("CREATE TABLE n (made_by int); INSERT INTO n VALUES (1), (2), (NULL)", "n.made_by", "ids of `users`"),
    ("CREATE TABLE n (user_ref text, owner text); INSERT INTO n VALUES ('x', '1')", "n.owner", "ids of `users`"),
    (
        (
            "CREATE TABLE n (body text) PARTITION BY LIST (body); CREATE TABLE n_1 PARTITION OF n DEFAULT;"
            "INSERT INTO n VALUES ('ann@mail.example')"
        ),
        "n.body",
        "e-mail",
    ),
    (
        "CREATE EXTENSION citext; CREATE TABLE n (body citext); INSERT INTO n VALUES ('ann@mail.example')",
        "n.body",
        "e-mail",
    ),
    (
        (
            "CREATE DOMAIN a AS text; CREATE DOMAIN b AS a; CREATE DOMAIN c AS b[]; CREATE TABLE n (body c);"
            "INSERT INTO n VALUES ('{ann@mail.example}')"
        ),
        "n.body",
        "e-mail",
    ),
    ("CREATE TABLE n (body name); INSERT INTO n VALUES ('ann@mail.example')", "n.body", "e-mail"),
    (
        "CREATE TYPE t AS (a int, b text); CREATE TABLE n (body t); INSERT INTO n VALUES ((1, 'ann@mail.example'))",
        "n.body",
        "e-mail",
    ),
    ("CREATE TABLE n (body bytea); INSERT INTO n VALUES ('\\x00ff' || 'ann@mail.example'::bytea)", "n.body", "e-mail"),
    ("CREATE MATERIALIZED VIEW n AS SELECT email FROM users", "n.email", "e-mail"),
    ("ALTER TABLE users ADD note text; UPDATE users SET note = 'mail ann@mail.example'", "users.note", "e-mail"),
]


@pytest.mark.parametrize(("statements", "place", "kind"), FOUND)
def test_what_is_found_and_what_silences_it(company, statements, place, kind):
    execute(company, statements)
    place = f"public.{place}"
    loaded = data_map(free("public.clients"))
    found = swept(company, loaded)
    assert places(found).keys() == {place}
    assert kind in places(found)[place]
    assert {one.severity for one in found} == {Severity.WARNING}
    assert "unmapped_ok" in found[0].remedy
    assert swept(company, data_map(free("public.clients", place))) == []
    assert places(swept(company, data_map(free("public.clients", f"{place}x")))).keys() == {place}


def test_one_column_is_silenced_and_not_its_neighbour(company):
    execute(company, "CREATE TABLE n (a text, b text); INSERT INTO n VALUES ('a@mail.example', 'b@mail.example')")
    assert places(swept(company)).keys() == {"public.n.a", "public.n.b"}
    assert places(swept(company, data_map(free("public.n.a")))).keys() == {"public.n.b"}
    assert places(swept(company, data_map(free("public.n")))) == {}


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE n (body text); INSERT INTO n VALUES ('version 1.2.3 at 10:00, 50 % of 4711')",
        # Numbers: 9 is nobody; and who calls a column `size` does not mean a person.
        "CREATE TABLE n (made_by int); INSERT INTO n VALUES (1), (9)",
        "CREATE TABLE n (size int); INSERT INTO n VALUES (1)",
        "CREATE TABLE n (id int PRIMARY KEY); INSERT INTO n VALUES (1)",
        "CREATE TABLE n (client_id bigint REFERENCES clients); INSERT INTO n VALUES (1)",
        # A declared log, and rows that go whole.
        "UPDATE access_log SET url = '/?mail=ann@mail.example'",
        "UPDATE messages SET body = 'ann@mail.example'",
    ],
)
def test_what_is_not_taken_for_an_identifier(company, statements):
    execute(company, statements)
    assert places(swept(company)) == {}


def test_uuids_are_compared_with_the_mapped_persons_inside_the_database(company):
    execute(
        company,
        "CREATE TABLE members (id uuid PRIMARY KEY, email text, created_at timestamptz NOT NULL);"
        "INSERT INTO members VALUES ('aaaaaaaa-0000-0000-0000-000000000001', 'a@mail.example', now());"
        "CREATE TABLE mentions (body jsonb); INSERT INTO mentions VALUES"
        " ('{\"who\": \"AAAAAAAA-0000-0000-0000-000000000001\"}'), ('{}');"
        "CREATE TABLE builds (body text); INSERT INTO builds VALUES ('aaaaaaaa-0000-0000-0000-000000000002');",
    )

    def change(document):
        document["identities"]["member_id"] = {"kind": "person", "normaliser": "uuid/1"}
        document["stores"]["main"]["collections"]["members"] = {
            "table": "public.members",
            "data_type": "account",
            "owner": {"controller": "calltrack"},
            "person": "member_id",
            "found_by": [{"column": "id", "identity": "member_id"}],
            "yields": {"member_id": "id"},
        }

    assert places(swept(company, data_map(change))) == {
        "public.mentions.body": (
            "public.mentions.body seems to hold ids of `members` in 50 % of 2 rows looked at, and no part of the map"
            " covers it."
        )
    }


def test_a_large_table_is_sampled_and_not_only_its_beginning(company):
    execute(
        company,
        "CREATE TABLE n (body text); INSERT INTO n SELECT CASE WHEN i BETWEEN 50001 AND 150000"
        " THEN 'a' || i || '@mail.example' ELSE 'x' END FROM generate_series(1, 200000) AS i; ANALYZE n;",
    )
    message = places(swept(company, rows=10_000))["public.n.body"]
    share, size = int(message.split(" in ")[1].split()[0]), int(message.split(" of ")[1].split()[0])
    assert 10 < share < 90
    assert 1000 < size <= 10_000


def test_what_may_not_be_read_is_unknown_and_the_remedy_works(company):
    execute(
        company,
        'CREATE TABLE "Odd one" (body text); CREATE TABLE n (body text); ALTER TABLE n ENABLE ROW LEVEL SECURITY',
    )
    with role(company, *ENOUGH, "GRANT SELECT ON n TO {role}") as url:
        [found] = [one for one in swept(url) if one.code == "sweep-unread"]
        assert found.severity is Severity.INFO
        assert all(name in found.message for name in ("public.Odd one", "public.n", "public.clients"))
        execute(company, found.remedy.partition(";")[0])
        [found] = [one for one in swept(url) if one.code == "sweep-unread"]
        assert "Odd one" not in found.message
        execute(company, "ALTER TABLE n DISABLE ROW LEVEL SECURITY")
        assert "sweep-unread" not in {one.code for one in swept(url)}


def test_what_takes_too_long_is_given_up_and_said(company, monkeypatch):
    execute(company, "CREATE TABLE n (body text); INSERT INTO n VALUES ('ann@mail.example')")
    monkeypatch.setattr(table_sampling, "SECONDS_IN_ALL", -1)
    found, mapped = [one for one in swept(company) if one.code == "sweep-unfinished"]
    assert "public.users" in mapped.message
    assert "public.n" in found.message


def test_a_locked_table_is_given_up_and_the_others_are_read(company, monkeypatch):
    monkeypatch.setattr(table_sampling, "SECONDS_A_TABLE", 1)
    execute(company, "CREATE TABLE n (body text); CREATE TABLE o (body text); INSERT INTO o VALUES ('a@mail.example')")
    with psycopg.connect(company) as other:
        other.execute("LOCK TABLE n")
        found = swept(company)
    assert [one.message for one in found if one.code == "sweep-unfinished"] == [
        "A sample of public.n could not be read in time: what stands there is unknown, not fine."
    ]
    assert places(found).keys() == {"public.o.body"}


def test_no_value_is_told_not_even_in_debug_and_nothing_is_written(company, caplog):
    canaries = [f"{secrets.token_hex(8)}@mail.example", f"+49{secrets.randbelow(10**9):09d}", "10.9.8.7"]
    execute(company, "CREATE TABLE n (body text, more jsonb)")
    for one in canaries:
        execute(company, f"INSERT INTO n VALUES ('{one}', '{{\"{one}\": \"{one}\"}}')")
    with caplog.at_level(logging.DEBUG):
        found = swept(company)
    assert places(found).keys() == {"public.n.body", "public.n.more"}
    told = repr(found) + caplog.text
    assert not [one for one in canaries if one in told]
    with role(
        company, "GRANT SELECT ON n TO {role}", "ALTER ROLE {role} SET default_transaction_read_only = on"
    ) as url:
        assert places(swept(url)).keys() == {"public.n.body", "public.n.more"}


def test_what_a_tombstone_leaves_of_a_document(company):
    execute(
        company,
        "ALTER TABLE users ADD profile jsonb;"
        'UPDATE users SET profile = \'{"mail": "a@mail.example", "seen": ["10.0.0.1"]}\'',
    )

    def removed(*paths):
        def change(document):
            document["stores"]["main"]["collections"]["users"]["tombstone"]["profile"] = {"remove": list(paths)}

        return change

    message = places(swept(company, data_map(removed(["mail"]))))["public.users.profile"]
    assert "IP addresses" in message
    assert "e-mail" not in message
    assert places(swept(company, data_map(removed(["mail"], ["seen"])))) == {}


def test_children_are_looked_at_through_their_roots_but_for_their_own_columns(company):
    execute(
        company,
        "CREATE TABLE more (extra text) INHERITS (messages); CREATE TABLE users_2 (extra text) INHERITS (users);"
        "CREATE TABLE n (body text); CREATE TABLE n_2 (extra text) INHERITS (n);"
        "INSERT INTO more (id, user_id, body, extra) VALUES (99, 1, 'x@mail.example', 'x@mail.example');"
        "INSERT INTO users_2 (id, client_id, email, full_name, extra) VALUES (9, 1, 'x@y.example', 'x', 'x@y.example');"
        "INSERT INTO n_2 VALUES ('x@mail.example', 'x@mail.example')",
    )
    # Rows of messages go whole, children's too; of a tombstoned user's row the child's own column stays.
    assert places(swept(company)).keys() == {"public.users_2.extra", "public.n.body", "public.n_2.extra"}


def test_the_column_that_leads_to_a_tombstone_is_meant_to_stay(database):
    """As in Discourse, where no foreign key says so: posts stay, and their author no longer says who it was."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text);"
        "CREATE TABLE posts (id int PRIMARY KEY, user_id int, editor_id int, body text);"
        "INSERT INTO users VALUES (7, 'ann@mail.example'); INSERT INTO posts VALUES (1, 7, 7, 'x')",
    )
    loaded = shape(
        """
users:
  table: public.users
  person: user_id
  data_type: anchor
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {email: "NULL"}
posts:
  table: public.posts
  data_type: anchor
  found_by: [{column: user_id, of: users.id}]
  tombstone: {body: "''"}
""",
        user_id="integer/2",
    )
    assert set(places(swept(database, loaded))) == {"public.posts.editor_id"}


def test_what_another_part_of_the_row_replaces_is_covered(database):
    execute(
        database,
        "CREATE TABLE l (id int PRIMARY KEY, ids int[], mails text[], note text);"
        "INSERT INTO l VALUES (1, '{1}', '{a@x.example}', 'a@x.example')",
    )
    loaded = shape(
        """
people: {table: public.l, data_type: anchor, found_by: [{column: ids, each: true, identity: user_id}],
  tombstone: {ids: {elements: true}}}
written_to: {table: public.l, data_type: anchor, undated: erase,
  found_by: [{column: mails, each: true, identity: email}], tombstone: {mails: {elements: true}}}
""",
        user_id="integer/2",
    )
    assert set(places(swept(database, loaded))) == {"public.l.note"}


def test_what_the_server_computes_follows_the_columns_that_a_tombstone_replaces(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, note text,"
        " lower_email text GENERATED ALWAYS AS (lower(email)) STORED,"
        " lower_note text GENERATED ALWAYS AS (lower(note)) STORED);"
        "INSERT INTO users VALUES (1, 'A@x.example', 'a@x.example')",
    )
    loaded = shape(
        """
users: {table: public.users, person: user_id, data_type: anchor, found_by: [{column: id, identity: user_id}],
  yields: {user_id: id}, tombstone: {email: "NULL"}}
"""
    )
    told = [one for one in swept(database, loaded) if one.code == "unmapped-identifiers"]
    found = {one.message.partition(" ")[0]: one.remedy for one in told}
    assert set(found) == {"public.users.note", "public.users.lower_note"}
    assert "a column that it is computed from" in found["public.users.lower_note"]


def test_rows_that_say_they_were_made_in_the_future(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, made timestamptz);"
        "CREATE TABLE sheets (id int, user_id int, day date);"
        "INSERT INTO users VALUES (1, now() + '2 days'), (2, 'infinity'), (3, now() + '1 hour'), (4, NULL);"
        "INSERT INTO sheets VALUES (1, 1, current_date + 1)",
    )
    loaded = shape(
        """
users: {table: public.users, person: user_id, created: made, found_by: [{column: id, identity: user_id}],
  yields: {user_id: id}}
sheets: {table: public.sheets, created: day, found_by: [{column: user_id, of: users.id}]}
"""
    )
    [found] = [one for one in swept(database, loaded) if one.code == "made-ahead"]
    assert found.severity is Severity.WARNING
    assert "2 of 4 rows looked at in public.users.made say" in found.message


MAILS = """
CREATE TABLE mails (id int PRIMARY KEY, from_email text, {column}, made timestamptz NOT NULL DEFAULT now());
INSERT INTO mails (id, from_email) SELECT i, 'a' || i || '@mail.example' FROM generate_series(1, 5) id (i);
UPDATE mails m SET {name} = {value} FROM generate_series(1, 5) AS every (i) WHERE id = i;
"""


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("to_email text", "'b' || i || '@mail.example'", True),
        ("seen_by text[]", "ARRAY['b' || i || '@mail.example', 'c@mail.example']", True),
        ("doc jsonb", "jsonb_build_object('to', 'b' || i || '@mail.example')", True),
        ("lower text GENERATED ALWAYS AS (lower(from_email)) STORED", "DEFAULT", False),
        ("body text", "'ask b' || i || '@mail.example'", False),
        ("rarely text", "CASE i WHEN 1 THEN 'b@mail.example' ELSE 'nobody' END", False),
    ],
)
def test_an_address_by_which_no_row_is_found_is_told(company, column, value, found):
    name = column.partition(" ")[0]
    execute(company, MAILS.format(name=name, column=column, value=value))

    def mapped(*places):
        def change(document):
            document["stores"]["main"]["collections"]["mails"] = {
                "table": "public.mails",
                "data_type": "account",
                "owner": {"controller": "calltrack"},
                "created": "made",
                "found_by": [{"column": "from_email", "identity": "email"}],
            }
            free("public.clients", *places)(document)

        return [one for one in swept(company, data_map(change)) if one.code == "unlinked-addresses"]

    told = [one.message for one in mapped()]
    assert [one.partition(" ")[0] for one in told] == ([f"public.mails.{name}"] if found else [])
    assert "@" not in "".join(told)
    assert mapped(f"public.mails.{name}") == []
