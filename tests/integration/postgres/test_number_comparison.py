"""Numbers: the same one in every spelling, and another person's is never taken for nobody's (ADR 16)."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, subject
from tests.support.postgres.small_schemas import ACME, erased, left, shape

from expunge_connectors.contract import Severity, no_beat

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  created: created
  yields: {user_id: id, email: email}
"""
NOTES = """
notes:
  table: public.notes
  created: created
  found_by: [{column: email, identity: email}]
  yields: {user_id: %s}
"""
CREATED = "created timestamptz NOT NULL DEFAULT '2020-01-01'"


def users(url, kind, *ids):
    execute(url, f"CREATE TABLE users (id {kind} PRIMARY KEY, email text NOT NULL, {CREATED})")
    for at, one in enumerate(ids):
        execute(url, f"INSERT INTO users VALUES ({one}, '{'ab'[at]}@x.example')")


def complaints(url, loaded):
    with opened(url, loaded) as store:
        return {(one.code, one.collection) for one in store.inspect() if one.severity is Severity.ERROR}


@pytest.mark.parametrize("normaliser", ["integer/1", "integer/2"])
@pytest.mark.parametrize(
    ("kind", "there", "author"),
    [
        ("int", "-2", "author"),
        ("numeric(20)", "18446744073709551615", "author"),
        ("numeric(10, 2)", "2", "author"),
        ("jsonb", "'{\"by\": 2.0}'", "{column: author, path: [by]}"),
        ("text", "'2.0'", "author"),
        ("text", "'+2'", "author"),
    ],
)
def test_a_row_that_names_another_person_by_any_number_stays(database, normaliser, kind, there, author):
    users(database, "int", 1, 2)
    mine = "'{\"by\": 1.0}'" if kind == "jsonb" else "'1'"
    execute(
        database,
        f"CREATE TABLE notes (id int PRIMARY KEY, email text, author {kind}, {CREATED}); INSERT INTO notes VALUES"
        f" (1, 'a@x.example', {mine}), (2, 'a@x.example', {there}), (3, 'a@x.example', NULL)",
    )
    loaded = shape(USERS + NOTES % author, user_id=normaliser)
    with opened(database, loaded) as store:
        # Whom the resolution saw is Ann alone; the note came a moment later.
        ann = subject(1, user_id="1", email="a@x.example")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == due(store.count([ann], ACME, CUTOFF)) == {"notes": 1}
    assert left(database, "notes") == [2]


@pytest.mark.parametrize(("kind", "there"), [("int", "-2"), ("numeric(20)", "18446744073709551615")])
def test_whoever_has_such_a_number_is_found(database, kind, there):
    users(database, kind, 1, there)
    loaded = shape(USERS, user_id="integer/2")
    with opened(database, loaded) as store:
        told = store.resolve([subject(1, email="b@x.example")], ACME, CUTOFF)
        assert {one.key.value for one in told if one.key.namespace == "user_id"} == {there}
    erased(database, loaded, user_id=there, expected={"users": 1})
    assert left(database, "users") == [1]


def test_a_number_is_the_same_with_zeros_behind_its_point(database):
    users(database, "numeric(10, 2)", 1, 10)
    execute(
        database,
        "CREATE TABLE orders (id int PRIMARY KEY, user_id numeric, n numeric(8, 2) UNIQUE);"
        "INSERT INTO orders VALUES (1, 1.000, 7), (2, 10, 70);"
        "CREATE TABLE lines (id int PRIMARY KEY, n int); INSERT INTO lines VALUES (1, 7), (2, 70);"
        "CREATE TABLE events (id int PRIMARY KEY, doc jsonb)",
    )
    for at, doc in enumerate(("1", "1.0", "[1.00]", '" 1"', "10.0", "1.01"), start=1):
        execute(database, f"INSERT INTO events VALUES ({at}, '{{\"u\": {doc}}}')")
    loaded = shape(
        USERS
        + """
orders: {table: public.orders, found_by: [{column: user_id, identity: user_id}], yields: {number: n, user_id: user_id}}
lines: {table: public.lines, found_by: [{column: n, identity: number}]}
events: {table: public.events, found_by: [{column: doc, path: [u], identity: user_id}]}
""",
        user_id="integer/2",
    )
    with opened(database, loaded) as store:
        told = store.resolve([subject(1, email="a@x.example")], ACME, CUTOFF)
        assert {one.key.value for one in told if one.key.namespace == "user_id"} == {"1"}
    erased(database, loaded, user_id="1", expected={"users": 1, "orders": 1, "lines": 1, "events": 4})
    assert (left(database, "lines"), left(database, "events")) == ([2], [5, 6])


def test_white_space_around_a_number(database):
    users(database, "int", 1, 2)
    execute(
        database,
        f"CREATE TABLE notes (id int PRIMARY KEY, email text, author text, {CREATED}); INSERT INTO notes VALUES"
        " (1, 'a@x.example', '1 '), (2, 'b@x.example', E' 1\\n'), (3, 'b@x.example', '2'), (4, 'a@x.example', ' 2')",
    )
    links = NOTES.replace("[{", "[{column: author, identity: user_id}, {") % "author"
    assert complaints(database, shape(USERS + links, user_id="integer/1")) == {("spelling", "notes")}
    loaded = shape(USERS + links, user_id="integer/2")
    assert complaints(database, loaded) == set()
    with opened(database, loaded) as store:
        ann = subject(1, user_id="1", email="a@x.example")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        notes = store.verify([ann], ACME, CUTOFF)[1]["notes"]
        assert (notes.due, notes.ambiguous) == (0, 1)  # Ben's, in which her address stands
    assert left(database, "notes") == [3, 4]


def test_an_identifier_through_four_arrays_and_none_through_five(database):
    users(database, "int", 1, 2)
    execute(
        database,
        'CREATE TABLE events (id int PRIMARY KEY, doc jsonb); INSERT INTO events VALUES (1, \'{"a": [[["1"]]]}\'),'
        ' (2, \'{"a": [[[["1"]]]]}\'), (3, \'[[[[{"a": [[[[1]]]]}]]]]\'), (4, \'{"a": [[[[["1"]]]]]}\'),'
        " (5, '[[[[[{\"a\": 1}]]]]]')",
    )
    loaded = shape(USERS + "events: {table: public.events, found_by: [{column: doc, path: [a], identity: user_id}]}")
    erased(database, loaded, user_id="1", expected={"users": 1, "events": 3})
    assert left(database, "events") == [4, 5]


@pytest.mark.parametrize(
    ("kind", "link", "code"),
    [
        ("double precision", "column: v", "value-type"),
        ("real", "column: v", "value-type"),
        ("money", "column: v", "value-type"),
        ("interval", "column: v", "value-type"),
        ("jsonb", "column: v", "value-type"),
        ("jsonb[]", "column: v, each: true", "value-type"),
        ("float8[]", "column: v, each: true", "value-type"),
        ("numeric(8, 2)[]", "column: v, each: true", "value-type"),
        ("numeric(8, 0)[]", "column: v, each: true", None),
        ("numeric(8, 2)", "column: v", "spelling"),
        ("numeric(8, 0)", "column: v", None),
        ("bigint", "column: v", None),
    ],
)
def test_types_in_which_one_value_has_several_texts_are_refused(database, kind, link, code):
    users(database, "int", 1, 2)
    execute(database, f"CREATE TABLE things (id int PRIMARY KEY, v {kind})")
    with_any = "goes_with_any: {reason: drafts, approved_by: A. Officer}"
    loaded = shape(USERS + f"things: {{table: public.things, found_by: [{{{link}, identity: user_id}}], {with_any}}}")
    assert complaints(database, loaded) == ({(code, "things")} if code else set())


def test_rows_are_not_led_from_by_a_type_in_which_one_value_has_several_texts(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, n float8 UNIQUE); CREATE TABLE things (id int PRIMARY KEY, n float8)",
    )
    loaded = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
things: {table: public.things, found_by: [{column: n, of: users.n}]}
""")
    assert complaints(database, loaded) == {("tie-type", "things")}
