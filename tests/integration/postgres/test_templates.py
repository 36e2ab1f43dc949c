"""Columns whose texts hold a key: user-17, gid://app/User/17 (ADR 23)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import codes, findings
from tests.support.postgres.small_schemas import ACME, erased, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import PostgresSpec

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
"""
_USERS = "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (7, 'ann'), (8, 'bob');"
_TASKS = (
    _USERS
    + """
CREATE TABLE tasks (id int PRIMARY KEY, about text);
INSERT INTO tasks VALUES
  (1, 'gid://app/User/7'), (2, 'gid://app/User/77'), (3, 'gid://app/Post/7'), (4, '7'), (5, NULL),
  (6, 'GID://app/User/7'), (7, 'gid://app/User/8'), (8, 'gid://app/User/7/'), (9, 'gid://app/User/07');
"""
)
LINK = '{column: about, identity: user_id, template: "gid://app/User/{user_id}"}'
TASKS = f"{USERS}tasks: {{table: public.tasks, found_by: [{LINK}]}}"


def test_a_text_with_the_key_in_it_is_compared_whole(database: str) -> None:
    execute(database, _TASKS)
    erased(database, shape(TASKS), user_id="7", expected={"users": 1, "tasks": 1})
    assert left(database, "tasks") == [2, 3, 4, 5, 6, 7, 8, 9]


def test_many_people_at_once(database: str) -> None:
    execute(
        database,
        _TASKS + "INSERT INTO users SELECT n, 'x' FROM generate_series(100, 299) n;"
        "INSERT INTO tasks SELECT n, 'gid://app/' || CASE WHEN n % 2 = 0 THEN 'User' ELSE 'Post' END || '/' || n"
        " FROM generate_series(100, 299) n",
    )
    with opened(database, loaded := shape(TASKS)) as store:
        people = resolved(store, [subject(n, user_id=str(n)) for n in (7, *range(100, 300))], ACME)
        counted = due(store.count(people, ACME, CUTOFF))
        assert counted == due(store.verify(people, ACME, CUTOFF)) == {"users": 201, "tasks": 101}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert execute(database, "SELECT count(*) FROM tasks WHERE about LIKE 'gid://app/Post/%'") == [(101,)]


@pytest.mark.parametrize(
    ("type_", "value"),
    [("text", "u-{}%"), ("varchar(30)", "u-{}%"), ("citext", "u-{}%"), ("char(12)", "u-{}%"), ("name", "u-{}%")],
)
def test_of_texts_of_every_type(database: str, type_: str, value: str) -> None:
    execute(
        database,
        f"CREATE EXTENSION citext; {_USERS} CREATE TABLE tasks (id int PRIMARY KEY, about {type_});"
        f"INSERT INTO tasks VALUES (1, '{value.format(7)}'), (2, '{value.format(8)}'),"
        f" (3, '{value.format(7).upper()}')",
    )
    link = "{column: about, identity: user_id, template: 'u-{user_id}%'}"
    erased(
        database,
        shape(f"{USERS}tasks: {{table: public.tasks, found_by: [{link}]}}"),
        user_id="7",
        expected={"users": 1, "tasks": 1},
    )
    assert left(database, "tasks") == [2, 3]


def test_inside_documents_and_arrays_and_of_a_kind(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE tasks (id int PRIMARY KEY, doc jsonb, refs text[], kind text);"
        """INSERT INTO tasks VALUES (1, '{"by": "user-7"}', NULL, 'a'), (2, '{"by": 7}', '{user-8}', 'a'),
        (3, NULL, '{user-8,user-7}', 'a'), (4, NULL, '{user-7}', 'b')""",
    )
    tasks = """
tasks:
  table: public.tasks
  found_by:
    - {column: doc, path: [by], identity: user_id, template: "user-{user_id}"}
    - {column: refs, each: true, identity: user_id, template: "user-{user_id}", where: {kind: a}}
  goes_with_any: {reason: of a team, approved_by: A. Officer}
"""
    erased(database, shape(USERS + tasks), user_id="7", expected={"users": 1, "tasks": 2})
    assert left(database, "tasks") == [2, 4]


def test_hstore_through_a_generated_column(database: str) -> None:
    """As docs/data-map.md says."""
    execute(
        database,
        f"CREATE EXTENSION hstore; {_USERS} CREATE TABLE tasks (id int PRIMARY KEY, attributes hstore,"
        " owner text GENERATED ALWAYS AS (attributes -> 'owner') STORED,"
        " names text[] GENERATED ALWAYS AS (akeys(attributes)) STORED);"
        "INSERT INTO tasks VALUES (1, 'owner=>user-7'), (2, 'owner=>user-8'), (3, 'user-7=>x'), (4, 'x=>user-7')",
    )
    tasks = """
tasks:
  table: public.tasks
  found_by:
    - {column: owner, identity: user_id, template: "user-{user_id}"}
    - {column: names, each: true, identity: user_id, template: "user-{user_id}"}
  goes_with_any: {reason: of a team, approved_by: A. Officer}
"""
    erased(database, shape(USERS + tasks), user_id="7", expected={"users": 1, "tasks": 2})
    assert left(database, "tasks") == [2, 4]


def test_elements_with_the_key_in_them_go_one_by_one(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE lists (id int PRIMARY KEY, refs text[]);"
        "INSERT INTO lists VALUES (1, '{user-7,7,user-8}')",
    )
    lists = """
lists:
  {table: public.lists, data_type: anchor, tombstone: {refs: {elements: true}},
   found_by: [{column: refs, each: true, identity: user_id, template: "user-{user_id}"}]}
"""
    erased(database, shape(USERS + lists), user_id="7", expected={"users": 1, "lists": 1})
    assert left(database, "lists", "refs") == [["7", "user-8"]]


_ORDERS = """
CREATE TABLE tasks (id int PRIMARY KEY, owner int, about text);
INSERT INTO tasks VALUES (1, 7, 'order/5'), (2, 7, 'post/6'), (3, 7, NULL), (4, 7, 'order/');
CREATE TABLE orders (n int PRIMARY KEY, owner int); INSERT INTO orders VALUES (5, NULL), (6, 8), (9, 7);
"""
ORDERS = """
tasks:
  table: public.tasks
  found_by: [{column: owner, of: users.id}]
  yields:
    number:
      {column: about, template: "order/{number}", never_shared: {reason: one order a task, approved_by: A. Officer}}
orders: {table: public.orders, found_by: [{column: n, identity: number}]}
"""


def test_a_yield_takes_the_key_out_of_the_text(database: str) -> None:
    execute(database, _USERS + _ORDERS)
    erased(database, shape(USERS + ORDERS), user_id="7", expected={"users": 1, "tasks": 4, "orders": 1})
    assert left(database, "orders", "n") == [6, 9]


@pytest.mark.parametrize(("template", "hers", "other"), [("v.{}", "v.5", "vx6"), ("[v]+{}", "[v]+5", "vv6")])
def test_the_words_around_it_are_no_pattern(database: str, template: str, hers: str, other: str) -> None:
    """Both tasks are hers; the text of the second one names no order."""
    tasks = f"DELETE FROM tasks; INSERT INTO tasks VALUES (1, 7, '{hers}'), (2, 7, '{other}')"
    execute(database, f"{_USERS}{_ORDERS}; {tasks}")
    orders = ORDERS.replace("order/{number}", template.format("{number}"))
    erased(database, shape(USERS + orders), user_id="7", expected={"users": 1, "tasks": 2, "orders": 1})
    assert left(database, "orders", "n") == [6, 9]


def test_a_value_that_two_tables_hold_is_one_value_also_with_a_text_around_it(database: str) -> None:
    execute(database, _USERS + _ORDERS + "UPDATE orders SET owner = 8 WHERE n = 5")
    orders = ORDERS.replace("found_by: [{column: n, identity: number}]", "found_by: [{column: owner, of: users.id}]")
    loaded = shape(USERS + orders.replace("users.id}]}", "users.id}], yields: {number: n}}"))
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        with pytest.raises(TerminalError, match="stands in a row of"):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(database, "UPDATE orders SET owner = 7 WHERE n = 5")
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert (left(database, "tasks"), left(database, "orders", "n")) == ([], [6])


def test_a_text_of_another_template_names_nobody(database: str) -> None:
    """A note about a post is known by its address alone: where Bob takes that, whose it is cannot be told."""
    users = """
users:
  table: public.users
  person: user_id
  created: at
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
notes:
  table: public.notes
  created: at
  found_by: [{column: about, identity: user_id, template: "%_{user_id}_%"}, {column: email, identity: email}]
"""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, at date NOT NULL DEFAULT '2025-01-01');"
        "INSERT INTO users VALUES (7, 'ann@x.example'), (8, 'bob@x.example');"
        "CREATE TABLE notes (id int PRIMARY KEY, about text, email text, at date NOT NULL DEFAULT '2025-01-01');"
        "INSERT INTO notes VALUES (1, '%_7_%', 'x@x.example'), (2, '%_8_%', 'ann@x.example'),"
        " (3, 'x_8_x', 'ann@x.example'), (4, '%_8_x', 'ann@x.example'), (5, '%__%', 'ann@x.example')",
    )
    with opened(database, loaded := shape(users)) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        execute(database, "UPDATE users SET email = 'ann@x.example' WHERE id = 8")
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts) == {"users": 1, "notes": 1}
            assert counts[1]["notes"].ambiguous == 3
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "notes") == [2, 3, 4, 5]


_SPELT = ("11111111-aaaa-4aaa-8aaa-AAAAAAAAAAAA", "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
PLACES = [
    ("text", "'{}'", ""),
    ("jsonb", """'{{"a": ["{}", "x"]}}'""", ", path: [a]"),
    ("text[]", "ARRAY['{}', 'x']", ", each: true"),
]


@pytest.mark.parametrize(("type_", "value", "place"), PLACES)
def test_the_value_in_the_text_is_compared_in_every_spelling(database: str, type_: str, value: str, place: str) -> None:
    """As it is where nothing stands beside it: a UUID in capitals is the same one."""
    rows = [f"user-{one}" for spelt in _SPELT for one in (spelt.upper(), spelt, spelt.lower())]
    execute(
        database,
        f"CREATE TABLE users (id uuid PRIMARY KEY); INSERT INTO users VALUES ('{_SPELT[0]}'), ('{_SPELT[1]}');"
        f"CREATE TABLE tasks (id int PRIMARY KEY, about {type_}); INSERT INTO tasks VALUES "
        + ", ".join(f"({at}, {value.format(one)})" for at, one in enumerate([*rows, f"User-{_SPELT[0]}"])),
    )
    link = f'{{column: about, identity: user_id, template: "user-{{user_id}}"{place}}}'
    goes = "goes_with_any: {reason: x, approved_by: x}"
    loaded = shape(f"{USERS}tasks: {{table: public.tasks, {goes}, found_by: [{link}]}}", user_id="uuid/1")
    erased(database, loaded, user_id=_SPELT[0].lower(), expected={"users": 1, "tasks": 3})
    assert left(database, "tasks") == [3, 4, 5, 6]
    if type_ == "text":
        [missing] = [one for one in findings(database, loaded) if one.code == "tie-index"]
        execute(database, missing.remedy.replace(" CONCURRENTLY", ""))
        assert ("tie-index", "tasks") not in codes(findings(database, loaded))


@pytest.mark.parametrize("type_", ["text", "varchar(30)", "citext"])
def test_an_index_of_the_column_serves(database: str, type_: str) -> None:
    execute(database, f"CREATE EXTENSION citext; {_TASKS} ALTER TABLE tasks ALTER about TYPE {type_}")
    [missing] = [one for one in findings(database, shape(TASKS)) if one.code == "tie-index"]
    execute(database, missing.remedy.replace(" CONCURRENTLY", ""))
    assert ("tie-index", "tasks") not in codes(findings(database, shape(TASKS)))


def test_a_column_of_numbers_holds_no_such_text(database: str) -> None:
    execute(database, f"{_USERS} CREATE TABLE tasks (id int PRIMARY KEY, about int)")
    with opened(database, shape(TASKS)) as store:
        assert ("value-type", "tasks") in codes(store.inspect())
        with pytest.raises(TerminalError, match="holds no texts"):
            store.count([subject(1, user_id="7")], ACME, CUTOFF)


def test_other_texts_are_not_counted_as_unread(database: str) -> None:
    execute(database, _TASKS)
    with opened(database, shape(TASKS, user_id="integer/2")) as store:
        [told] = [one for one in store.readings(100) if one.collection == "tasks"]
    assert (told.seen, told.unread) == (5, 2), "7/ and 07 are no numbers"


@pytest.mark.parametrize(
    "template",
    ["user-", "{user_id}", "{user_id}-{user_id}", "{email}-x", "{*}-{user_id}", "{controller}-{user_id}", "a{user_id"],
)
def test_what_is_no_template_of_a_column_is_refused(template: str) -> None:
    with pytest.raises(ValidationError):
        shape(TASKS.replace("gid://app/User/{user_id}", template))


@pytest.mark.parametrize(
    "collections",
    [
        "{found_by: [{column: about, identity: email, template: 'mailto:{email}'}], undated: erase}",
        "{person: user_id, found_by: [{column: id, identity: user_id, template: 'u{user_id}'}], yields: {user_id: id}}",
        "{found_by: [{column: id, identity: user_id}], yields: {number: {column: about, template: 'x{user_id}'}}}",
    ],
)
def test_a_template_where_it_says_nothing_sure_is_refused(collections: str) -> None:
    loaded = small_document(f"tasks: {collections.replace('{', '{table: public.tasks, ', 1)}")
    loaded["stores"] = {"main": PostgresSpec.model_validate(loaded["stores"]["main"])}
    data_map = DataMap.model_validate(loaded)
    told = list(data_map.stores["main"].complaints(data_map))
    assert any("template" in where for where, _ in told), told
