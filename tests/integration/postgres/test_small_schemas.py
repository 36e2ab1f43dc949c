"""Shapes of tables, keys and documents: everything of Ada (1) goes, nothing of Ben (2) changes, and checks agree."""

from __future__ import annotations

import contextlib

import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, erased, left, shape

from expunge_connectors.contract import Subject, no_beat
from expunge_connectors.errors import TerminalError

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
"""


@pytest.mark.parametrize("direction", ["children", "parents"])
def test_links_of_several_columns(database, direction):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE orders (tenant text, nr int, user_id int NOT NULL REFERENCES users, PRIMARY KEY (tenant, nr));"
        "INSERT INTO orders VALUES ('a', 1, 1), ('b', 1, 2), ('a', 2, 2), ('\"x,\\', 7, 1);"
        "CREATE TABLE lines (id int PRIMARY KEY, tenant text, nr int, FOREIGN KEY (tenant, nr) REFERENCES orders);"
        "INSERT INTO lines VALUES (1, 'a', 1), (2, 'b', 1), (3, 'a', 2), (4, 'a', 1), (5, '\"x,\\', 7), (6, 'a', NULL)",
    )
    if direction == "children":
        links = """
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}]}
lines: {table: public.lines, found_by: [{columns: [nr, tenant], of: orders, of_columns: [nr, tenant]}]}
"""
    else:
        execute(database, "ALTER TABLE lines ADD user_id int REFERENCES users; UPDATE lines SET user_id = CASE"
                          " WHEN id IN (1, 4, 5) THEN 1 ELSE 2 END")  # fmt: skip
        links = """
lines: {table: public.lines, found_by: [{column: user_id, of: users.id}]}
orders:
  table: public.orders
  found_by: [{column: user_id, of: users.id}, {columns: [tenant, nr], of: lines, of_columns: [tenant, nr]}]
"""
    erased(database, shape(USERS + links), user_id="1", expected={"users": 1, "orders": 2, "lines": 3})
    assert left(database, "orders", "tenant, nr") == [("a", 2), ("b", 1)]
    assert left(database, "lines") == [2, 3, 6]


@pytest.mark.parametrize("foreign_key", ["REFERENCES comments", "REFERENCES comments ON DELETE CASCADE", ""])
@pytest.mark.parametrize("limit", [1, 3, 10_000])
def test_rows_below_to_any_depth(database, foreign_key, limit):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        f"CREATE TABLE comments (id int PRIMARY KEY, user_id int REFERENCES users, parent_id int {foreign_key});"
        # 1 <- 2 <- 3 <- 4 below Ada's, 5 <- 6 Ben's; 7 <-> 8 in a circle, Ada's; 9 its own parent.
        "INSERT INTO comments VALUES (1, 1, NULL), (2, NULL, 1), (3, NULL, 2), (4, 1, 3), (5, 2, NULL), (6, NULL, 5);"
        "INSERT INTO comments VALUES (7, 1, NULL), (8, NULL, 7), (9, NULL, NULL);"
        "UPDATE comments SET parent_id = 8 WHERE id = 7; UPDATE comments SET parent_id = id WHERE id = 9",
    )
    loaded = shape(
        USERS
        + """
comments: {table: public.comments, found_by: [{column: user_id, of: users.id}, {column: parent_id, of: comments.id}]}
"""
    )
    erased(database, loaded, limit=limit, user_id="1", expected={"users": 1, "comments": 6})
    assert left(database, "comments") == [5, 6, 9]


@pytest.mark.parametrize("kind", ["text", "varchar(90)", "varchar", "char(40)"])
def test_rows_below_one_that_only_a_text_names(database, kind):
    """Of one link to a text and one within the table a recursive search is made of two parts."""
    execute(
        database,
        f"CREATE TABLE comments (id int PRIMARY KEY, author {kind}, parent_id int REFERENCES comments);"
        "INSERT INTO comments VALUES (1, 'ada', NULL), (2, 'ben', 1), (3, NULL, 2), (4, 'ben', NULL), (5, NULL, 4)",
    )
    loaded = shape(
        """
comments:
  table: public.comments
  found_by: [{column: author, identity: user_id}, {column: parent_id, of: comments.id}]
  goes_with_any: {reason: answers go with what they answer, approved_by: A. Officer}
"""
    )
    erased(database, loaded, user_id="ada", expected={"comments": 3})
    assert left(database, "comments") == [4, 5]


@pytest.mark.parametrize("note", ["", "none", "a long note, " * 12, "ä" * 3_000])
def test_a_text_where_an_identifier_was_expected_stops_nobody(database, note):
    """Such a value is a person's own words: it is neither an error nor told to the server's log."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users, parcel text UNIQUE);"
        f"INSERT INTO orders VALUES (1, 1, '4711'), (2, 2, '4712'), (3, 1, '{note}'), (4, 2, '-')",
    )
    loaded = shape(
        USERS
        + """
orders:
  table: public.orders
  found_by: [{column: user_id, of: users.id}]
  yields: {number: {column: parcel, never_shared: {reason: r, approved_by: a}}}
"""
    )
    erased(database, loaded, user_id="1", expected={"users": 1, "orders": 2})
    assert left(database, "orders") == [2, 4]


@pytest.mark.parametrize("effect", ["", "ON DELETE RESTRICT", "ON DELETE CASCADE", "ON DELETE SET NULL", "DEFERRABLE"])
@pytest.mark.parametrize("null", ["", "NOT NULL"])
def test_foreign_keys_in_a_circle(database, effect, null):
    if null and "SET NULL" in effect:
        null = ""
    execute(
        database,
        f"CREATE TABLE users (id int PRIMARY KEY, main_address int {null});"
        "CREATE TABLE addresses (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users);"
        f"ALTER TABLE users ADD FOREIGN KEY (main_address) REFERENCES addresses {effect} DEFERRABLE;".replace(
            f"{effect} DEFERRABLE", effect
        )
        + "WITH u AS (INSERT INTO users VALUES (1, 1), (2, 3)) INSERT INTO addresses VALUES (1, 1), (2, 1), (3, 2)",
    )
    loaded = shape(USERS + "addresses: {table: public.addresses, found_by: [{column: user_id, of: users.id}]}")
    erased(database, loaded, limit=1, user_id="1", expected={"users": 1, "addresses": 2})
    assert left(database, "addresses") == [3]
    assert left(database, "users", "id, main_address") == [(2, 3)]


def test_a_stranger_in_the_circle_keeps_it(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, main_address int);"
        "CREATE TABLE addresses (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users);"
        "ALTER TABLE users ADD FOREIGN KEY (main_address) REFERENCES addresses ON DELETE SET NULL;"
        "WITH u AS (INSERT INTO users VALUES (1, 1), (2, 1)) INSERT INTO addresses VALUES (1, 1)",
    )
    loaded = shape(USERS + "addresses: {table: public.addresses, found_by: [{column: user_id, of: users.id}]}")
    with opened(database, loaded) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match="not part of the request"):
            store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "users", "id, main_address") == [(1, 1), (2, 1)]


def test_a_circle_around_a_shared_row_is_refused(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);"
        "CREATE TABLE addresses (id int PRIMARY KEY);"
        "CREATE TABLE links (id int PRIMARY KEY, user_id int REFERENCES users, address_id int REFERENCES addresses);"
        "ALTER TABLE addresses ADD first_link int REFERENCES links",
    )
    loaded = shape(
        USERS
        + """
links: {table: public.links, found_by: [{column: user_id, of: users.id}]}
addresses: {table: public.addresses, found_by: [{column: id, of: links.address_id}], sharing: last_owner}
"""
    )
    with opened(database, loaded) as store:
        assert "foreign-key-circle" in {one.code for one in store.inspect()}
        with pytest.raises(TerminalError, match="in a circle around a shared row"):
            store.erase([subject(1, user_id="1")], actions(loaded, "acme"), ACME, CUTOFF, no_beat)


@pytest.mark.parametrize("limit", [1, 10_000])
@pytest.mark.parametrize("action", ["gone", "anchor"])
def test_a_partitioned_table(database, limit, action):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE events (id int, day date, user_id int REFERENCES users, note text, PRIMARY KEY (id, day))"
        " PARTITION BY RANGE (day);"
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');"
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-02-01') TO ('2025-03-01')"
        " PARTITION BY RANGE (id);"
        "CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES FROM (0) TO (1000);"
        # One row address in every partition, of different people.
        "INSERT INTO events SELECT 1, day, 1 + (day = '2025-02-02')::int, 'n'"
        "  FROM (VALUES (date '2025-01-01'), ('2025-02-02'), ('2025-02-03')) AS d (day);"
        "CREATE TABLE remarks (id int PRIMARY KEY, event_id int, day date,"
        " FOREIGN KEY (event_id, day) REFERENCES events);"
        "INSERT INTO remarks VALUES (1, 1, '2025-01-01'), (2, 1, '2025-02-02'), (3, 1, '2025-02-03')",
    )
    if action == "anchor":
        execute(database, "DROP TABLE remarks; ALTER TABLE events DROP CONSTRAINT events_user_id_fkey")
        loaded = shape(
            USERS
            + """
events:
  {table: public.events, data_type: anchor, found_by: [{column: user_id, of: users.id}], tombstone: {note: "'x' || id"}}
"""
        )
        erased(database, loaded, limit=limit, user_id="1", expected={"users": 1, "events": 2})
        assert left(database, "events", "day::text, note") == [
            ("2025-01-01", "x1"),
            ("2025-02-02", "n"),
            ("2025-02-03", "x1"),
        ]
        return
    loaded = shape(
        USERS
        + """
events: {table: public.events, found_by: [{column: user_id, of: users.id}]}
remarks: {table: public.remarks, found_by: [{columns: [event_id, day], of: events, of_columns: [id, day]}]}
"""
    )
    erased(database, loaded, limit=limit, user_id="1", expected={"users": 1, "events": 2, "remarks": 2})
    assert left(database, "events", "day::text") == ["2025-02-02"]
    assert left(database, "remarks") == [2]


@pytest.mark.parametrize("limit", [1, 10_000])
def test_an_inheritance_tree(database, limit):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE notes (id int PRIMARY KEY, user_id int, note text);"
        "CREATE TABLE long_notes (more text) INHERITS (notes);"
        "CREATE TABLE longer_notes () INHERITS (long_notes);"
        "CREATE TABLE remarks (id int PRIMARY KEY, note_id int);"
        # The same key in three tables, of two people: the primary key does not hold for the whole tree.
        "INSERT INTO notes VALUES (1, 1, 'a'), (2, 2, 'b');"
        "INSERT INTO long_notes VALUES (1, 2, 'c', ''), (3, 1, 'd', '');"
        "INSERT INTO longer_notes VALUES (1, 1, 'e', ''), (4, 1, 'f', ''), (5, 2, 'g', '');"
        "INSERT INTO remarks VALUES (1, 3), (2, 5), (3, 4)",
    )
    loaded = shape(
        USERS
        + """
notes: {table: public.notes, found_by: [{column: user_id, of: users.id}]}
"""
    )
    erased(database, loaded, limit=limit, user_id="1", expected={"users": 1, "notes": 4})
    assert left(database, "notes", "note") == ["b", "c", "g"]


def test_what_hangs_on_an_inheritance_tree_is_found_after_a_crash(database):
    """No foreign key leads to the children of a tree, so their keys are sealed."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);"
        "CREATE TABLE notes (id int PRIMARY KEY, user_id int);"
        "CREATE TABLE long_notes (PRIMARY KEY (id)) INHERITS (notes); INSERT INTO long_notes VALUES (3, 1);"
        "CREATE TABLE remarks (id int PRIMARY KEY, note_id int REFERENCES long_notes);"
        "INSERT INTO remarks VALUES (1, 3)",
    )
    loaded = shape(
        USERS
        + """
notes: {table: public.notes, found_by: [{column: user_id, of: users.id}]}
remarks: {table: public.remarks, found_by: [{column: note_id, of: notes.id}]}
"""
    )
    with opened(database, loaded) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], ACME)
        assert ada.values("main.notes.id") == ["3"]
        execute(database, "ALTER TABLE remarks DROP CONSTRAINT remarks_note_id_fkey; DELETE FROM long_notes")
        assert due(store.verify([ada], ACME, CUTOFF)) == {"users": 1, "remarks": 1}
        store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ada], ACME, CUTOFF)) == {}


def test_a_foreign_key_of_a_root_says_nothing_of_the_tables_below_it(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE notes (id int PRIMARY KEY, user_id int, seen_by int REFERENCES users ON DELETE SET NULL);"
        "CREATE TABLE long_notes () INHERITS (notes); INSERT INTO long_notes VALUES (5, 2, 1)",
    )
    loaded = shape(USERS + "notes: {table: public.notes, found_by: [{column: user_id, of: users.id}]}")
    erased(database, loaded, user_id="1", expected={"users": 1})
    assert left(database, "notes", "id, user_id, seen_by") == [(5, 2, 1)]
    with opened(database, loaded) as store:
        execute(database, "INSERT INTO users VALUES (1); INSERT INTO notes VALUES (6, 2, 1)")
        [ada] = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match="not part of the request"):
            store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)


def test_several_schemas_and_names_of_any_kind(database):
    execute(
        database,
        'CREATE SCHEMA "My Schema"; CREATE SCHEMA other;'
        'CREATE TABLE "My Schema"."User %s" ("Id" int PRIMARY KEY, "e-""mail{x}" text,'
        " at timestamptz NOT NULL DEFAULT '2025-01-01');"
        'CREATE TABLE other."order" ("select" int PRIMARY KEY, "User" int REFERENCES "My Schema"."User %s");'
        'CREATE TABLE public."order" (LIKE other."order"); INSERT INTO public."order" VALUES (1, 1);'
        "INSERT INTO \"My Schema\".\"User %s\" VALUES (1, 'ADA@x.example'), (2, 'ben@x.example');"
        'INSERT INTO other."order" VALUES (1, 1), (2, 2), (3, 1)',
    )
    loaded = shape("""
users:
  table: My Schema.User %s
  person: user_id
  created: at
  found_by: [{column: Id, identity: user_id}, {column: 'e-"mail{x}', identity: email}]
  yields: {user_id: Id, email: 'e-"mail{x}'}
orders: {table: other.order, found_by: [{column: User, of: users.Id}]}
""")
    erased(database, loaded, email="ada@x.example", expected={"users": 1, "orders": 2})
    assert left(database, 'other."order"', '"select"') == [2]
    assert left(database, '"My Schema"."User %s"', '"Id"') == [2]
    assert left(database, 'public."order"', '"select"') == [1]


@pytest.mark.parametrize("column", ["nr", "a+b"])
def test_a_key_leads_on_when_its_row_is_gone_whatever_its_column_is_called(database, column):
    execute(
        database,
        f'CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE orders ("{column}" int PRIMARY KEY, user_id int);'
        "CREATE TABLE lines (id int PRIMARY KEY, nr int); INSERT INTO lines VALUES (1, 7), (2, 8)",
    )
    loaded = shape(
        USERS
        + f"""
orders: {{table: public.orders, found_by: [{{column: user_id, of: users.id}}]}}
lines: {{table: public.lines, found_by: [{{column: nr, of: orders.{column}}}]}}
"""
    )
    erased(database, loaded, expected={"lines": 1}, **{f"main.orders.{column}": "7"})
    assert left(database, "lines") == [2]


def test_names_of_collections_that_begin_alike(database):
    """The server cuts names after 63 bytes."""
    execute(
        database,
        "CREATE TABLE one (id int PRIMARY KEY, u int); CREATE TABLE two (id int PRIMARY KEY, u int);"
        "INSERT INTO one VALUES (1, 1), (2, 2); INSERT INTO two VALUES (1, 1), (2, 2), (3, 1)",
    )
    name = "c" * 60
    tables = (
        f"{name}{table}: {{table: public.{table}, found_by: [{{column: u, identity: user_id}}]}}" for table in TWO
    )
    erased(database, shape("\n".join(tables)), user_id="1", expected={f"{name}one": 1, f"{name}two": 2})
    assert left(database, "two") == [2]


TWO = ("one", "two")
KEYS = {
    "smallint": ("smallint", "1", "2"),
    "integer": ("integer", "-7", "7"),
    "bigint": ("bigint", "9223372036854775807", "9223372036854775806"),
    "numeric": ("numeric", "1.50", "1.5000000001"),
    "uuid": ("uuid", "0a0b0c0d-0000-0000-0000-00000000000a", "0a0b0c0d-0000-0000-0000-00000000000b"),
    "text": ("text", 'it\'s %s \\ \t\n "x"', "its"),
    "varchar": ("varchar(40)", "ü{}", "u{}"),
    "citext": ("public.citext", "AbC", "Abd"),
    "enum": ('public."Kind"', "very odd", "odd"),
    "domain": ("public.code", "a1", "a2"),
    "domain of a domain": ("public.small_code", "a1", "a2"),
    "domain of a domain of a domain": ("public.number", "1.50", "1.5000000001"),
}


@pytest.mark.parametrize("foreign_key", ["", "REFERENCES users"])
@pytest.mark.parametrize("kind", sorted(KEYS))
def test_keys_of_any_type(database, kind, foreign_key):
    ddl, ada, ben = KEYS[kind]
    execute(
        database,
        "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; CREATE TYPE public.\"Kind\" AS ENUM ('odd', 'very odd');"
        "CREATE DOMAIN public.code AS text CHECK (VALUE <> ''); CREATE DOMAIN public.small_code AS public.code;"
        "CREATE DOMAIN one AS numeric; CREATE DOMAIN two AS one; CREATE DOMAIN public.number AS two;"
        f"CREATE TABLE users (id {ddl} PRIMARY KEY);"
        f"CREATE TABLE things (id {ddl} PRIMARY KEY, user_id {ddl} {foreign_key});"
        f"CREATE TABLE parts (id int PRIMARY KEY, thing_id {ddl})",
    )
    for number, one in enumerate((ada, ben)):
        value = "'" + one.replace("'", "''") + "'"
        execute(
            database,
            f"INSERT INTO users VALUES ({value}); INSERT INTO things VALUES ({value}, {value});"
            f"INSERT INTO parts VALUES ({number}, {value})",
        )
    loaded = shape(
        USERS
        + """
things: {table: public.things, found_by: [{column: user_id, of: users.id}]}
parts: {table: public.parts, found_by: [{column: thing_id, of: things.id}]}
"""
    )
    erased(database, loaded, user_id=ada, expected={"users": 1, "things": 1, "parts": 1})
    assert left(database, "parts") == [1]


@pytest.mark.parametrize("foreign_key", ["", "REFERENCES users"])
@pytest.mark.parametrize("kind", ["citext", "three"])
def test_citext_between_rows_compares_as_the_database_does(database, kind, foreign_key):
    execute(
        database,
        "CREATE EXTENSION citext SCHEMA public;"
        "CREATE DOMAIN one AS citext; CREATE DOMAIN two AS one; CREATE DOMAIN three AS two;"
        f"CREATE TABLE users (id public.{kind} PRIMARY KEY); INSERT INTO users VALUES ('Ada'), ('Ben');"
        f"CREATE TABLE things (id int PRIMARY KEY, user_id public.{kind} {foreign_key});"
        "INSERT INTO things VALUES (1, 'ADA'), (2, 'ben'), (3, 'ada')",
    )
    loaded = shape(USERS + "things: {table: public.things, found_by: [{column: user_id, of: users.id}]}")
    with opened(database, loaded) as store:  # another spelling is another identifier: exact is exact
        assert due(store.count([subject(1, user_id="aDa")], ACME, CUTOFF)) == {}
        assert due(store.verify([subject(1, user_id="aDa")], ACME, CUTOFF)) == {}
    erased(database, loaded, user_id="Ada", expected={"users": 1, "things": 2})
    assert left(database, "things") == [2]


@pytest.mark.parametrize("kind", ["jsonb", "json"])
def test_identifiers_inside_documents_and_arrays(database, kind):
    execute(
        database,
        f"CREATE TABLE leads (id int PRIMARY KEY, profile {kind}, emails text[], numbers int[], token text[],"
        " at timestamptz DEFAULT '2025-01-01');"
        """INSERT INTO leads VALUES
           (1, '{"contact": {"email": "ADA@x.example "}}', NULL, NULL, NULL),
           (2, '{"contact": [{"email": ["zoe@x.example", "ada@x.example"]}, {"email": null}]}', NULL, NULL, NULL),
           (3, '[[{"contact": {"email": [["ada@x.example"]]}}]]', NULL, NULL, '{t1,t2,NULL}'),
           (4, '{"contact": {"email": {"email": "ada@x.example"}}, "email": "ada@x.example"}', '{}', NULL, NULL),
           (5, '{"contact": "ada@x.example"}', '{NULL,ben@x.example}', NULL, NULL),
           (6, 'null', '{{ben@x.example,x},{y,Ada@X.example}}', NULL, NULL),
           (7, NULL, NULL, NULL, NULL)""",
    )
    loaded = shape("""
leads:
  table: public.leads
  created: at
  found_by:
    - {column: profile, path: [contact, email], identity: email}
    - {column: emails, each: true, identity: email}
  yields: {token: {column: token, each: true}, email: {column: profile, path: [contact, email]}}
""")
    with opened(database, loaded) as store:
        told = store.resolve([subject(1, email="ada@x.example")], ACME, CUTOFF)
        assert {(one.key.namespace, one.key.value) for one in told} == {
            ("token", "t1"),
            ("token", "t2"),
            ("email", "ada@x.example"),
            ("email", "zoe@x.example"),
        }
        tokens = frozenset(one.key for one in told if one.key.namespace == "token")
        ada = subject(1, email="ada@x.example")
        ada = Subject(1, ada.keys | tokens)
        assert due(store.count([ada], ACME, CUTOFF)) == due(store.verify([ada], ACME, CUTOFF)) == {"leads": 4}
        store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ada], ACME, CUTOFF)) == {}
    assert left(database, "leads") == [4, 5, 7]


def test_numbers_inside_documents_and_arrays(database):
    execute(
        database,
        "CREATE TABLE things (id int PRIMARY KEY, body jsonb, ids int[]);"
        """INSERT INTO things VALUES (1, '{"user": 1}', NULL), (2, '{"user": [12, 1]}', NULL),
           (3, '{"user": "1"}', NULL), (4, '{"user": 10}', NULL), (5, '{"user": true}', '{1}'), (6, NULL, '{10,11}')""",
    )
    loaded = shape("""
things:
  table: public.things
  found_by: [{column: body, path: [user], identity: user_id}, {column: ids, each: true, identity: user_id}]
  goes_with_any: {reason: drafts, approved_by: A. Officer}
""")
    erased(database, loaded, user_id="1", expected={"things": 4})
    assert left(database, "things") == [4, 6]


@pytest.mark.parametrize("kind", ["jsonb", "json"])
def test_a_tombstone_removes_paths_and_leaves_the_rest(database, kind):
    execute(
        database,
        f"CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, profile {kind}); INSERT INTO users VALUES "
        """(1, 'Ada', '{"a": 1, "contact": [{"email": "a", "phone": 1, "x": 2}, [{"phone": [3]}], "s"], "phone": 4}'),
           (2, 'Ben', '{"contact": {"email": "b"}}'), (3, 'Cleo', NULL), (4, 'Dora', '"contact"'), (5, 'x4', '{}')""",
    )
    loaded = shape("""
users:
  table: public.users
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: "'x' || id", profile: {remove: [[contact, email], [contact, phone]]}}
""")
    for number in (1, 3, 4):
        erased(database, loaded, user_id=str(number), expected={"users": 1})
    assert left(database, "users", "id, name, profile::jsonb") == [
        (1, "x1", {"a": 1, "contact": [{"x": 2}, [{}], "s"], "phone": 4}),
        (2, "Ben", {"contact": {"email": "b"}}),
        (3, "x3", None),
        (4, "x4", "contact"),
        (5, "x4", {}),
    ]
    with opened(database, loaded) as store:  # put back by somebody: seen, and taken out again
        execute(database, f"""UPDATE users SET profile = '{{"contact": [[{{"phone": null}}]]}}'::{kind} WHERE id = 1""")
        ada = [subject(1, user_id="1")]
        assert due(store.verify(ada, ACME, CUTOFF)) == due(store.count(ada, ACME, CUTOFF)) == {"users": 1}
        store.erase(ada, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(ada, ACME, CUTOFF)) == {}


def test_tombstones_of_two_requests_on_one_row_compose_in_any_order(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE talks (id int PRIMARY KEY, a int, b int, said text, doc jsonb);"
        "INSERT INTO talks VALUES (1, 1, 2, 's', '{\"by\": {\"name\": 1}}'), (2, 2, 1, 't', '{\"by\": {\"name\": 1}}')",
    )
    loaded = shape(
        USERS
        + """
talks:
  table: public.talks
  data_type: anchor
  found_by: [{column: a, of: users.id}, {column: b, of: users.id}]
  tombstone: {said: "'gone'", doc: {remove: [[by, name]]}}
"""
    )
    with opened(database, loaded) as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        for one in (*reversed(both), *both):
            store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(both, ACME, CUTOFF)) == {}
    assert left(database, "talks", "id, said, doc") == [(1, "gone", {"by": {}}), (2, "gone", {"by": {}})]


def test_generated_and_identity_columns_follow_by_themselves(database):
    execute(
        database,
        "CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text,"
        " loud text GENERATED ALWAYS AS (upper(name)) STORED); INSERT INTO users (name) VALUES ('ada'), ('ben')",
    )
    anchor = USERS + "  data_type: anchor\n  tombstone: {name: \"'x' || id\"%s}\n"
    erased(database, shape(anchor % ""), user_id="1", expected={"users": 1})
    assert left(database, "users", "id, name, loud") == [(1, "x1", "X1"), (2, "ben", "BEN")]
    wrong = shape(anchor % ", loud: \"'y'\"")
    with (
        opened(database, wrong) as store,
        pytest.raises(TerminalError, match="the server alone writes"),
    ):
        store.count([subject(1, user_id="1")], ACME, CUTOFF)


def test_a_row_of_two_subjects_of_one_chunk(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2), (3);"
        "CREATE TABLE talks (id int PRIMARY KEY, a int REFERENCES users, b int REFERENCES users);"
        "INSERT INTO talks VALUES (1, 1, 2), (2, 2, 1), (3, 1, 1), (4, 3, 3);"
        "CREATE TABLE words (id int PRIMARY KEY, talk_id int REFERENCES talks);"
        "INSERT INTO words SELECT n, (n + 1) / 2 FROM generate_series(1, 8) n",
    )
    loaded = shape(
        USERS
        + """
talks: {table: public.talks, found_by: [{column: a, of: users.id}, {column: b, of: users.id}]}
words: {table: public.words, found_by: [{column: talk_id, of: talks.id}]}
"""
    )
    with opened(database, loaded, rows_per_transaction=2) as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        counts = store.count(both, ACME, CUTOFF)
        assert {number: (one["talks"].due, one["words"].due) for number, one in counts.items()} == {
            1: (3, 6),
            2: (2, 4),
        }
        assert counts == store.verify(both, ACME, CUTOFF)
        assert store.erase(both, actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 11
        assert due(store.verify(both, ACME, CUTOFF)) == {}
    assert left(database, "words") == [7, 8]


def test_an_owner_whose_tombstone_empties_the_link_is_no_owner_any_more(database):
    execute(
        database,
        "CREATE TABLE houses (id bigint PRIMARY KEY);"
        "CREATE TABLE people (id text PRIMARY KEY, name text, house bigint REFERENCES houses);"
        "INSERT INTO houses VALUES (1), (10);"
        "INSERT INTO people VALUES ('ann', 'Ann', 1), ('ben', 'Ben', 10), ('cleo', 'Cleo', 10)",
    )
    loaded = shape("""
people:
  table: public.people
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: "'erased'", house: "NULL"}
houses: {table: public.houses, found_by: [{column: id, of: people.house}], sharing: last_owner}
""")
    with opened(database, loaded) as store:
        for name, expected in (("ann", (1, 0)), ("ben", (0, 1))):
            people = resolved(store, [subject(1, user_id=name)], ACME)
            houses = store.count(people, ACME, CUTOFF)[1]["houses"]
            assert (houses.due, houses.retained) == expected
            store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "houses") == [10]


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("timestamptz", "infinity"),
        ("timestamptz", "294276-12-31"),
        ("date", "5874897-12-31"),
        ("timestamp", "294276-12-31"),
        ("timestamptz", "12000-01-01"),
        ("timestamptz", "9998-06-01"),
        ("timestamptz", "9000-01-01"),
    ],
)
def test_what_is_kept_beyond_every_calendar_is_kept_without_an_end(database, kind, start):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        f"CREATE TABLE bills (id int PRIMARY KEY, user_id int NOT NULL, at {kind} NOT NULL);"
        f"INSERT INTO bills VALUES (1, 1, '{start}'), (2, 1, '-infinity'), (3, 1, '2000-01-01'), (4, 2, '2000-01-01')",
    )
    loaded = shape(
        USERS
        + """
bills:
  table: public.bills
  data_type: kept
  found_by: [{column: user_id, of: users.id}]
  start: at
"""
    )
    with opened(database, loaded) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        counted, verified = store.count([ada], ACME, CUTOFF), store.verify([ada], ACME, CUTOFF)
    assert counted == verified
    assert (counted[1]["bills"].due, counted[1]["bills"].retained) == (0, 1)
    assert (counted[1]["bills"].until is None) == (start != "9000-01-01")  # ten years later
    assert left(database, "bills") == [1, 4]


@pytest.mark.parametrize("kind", ["text", "varchar(9)", "character(9)"])
def test_an_empty_text_refers_to_nobody(database: str, kind: str) -> None:
    """Ann has no card, and nor have anonymous travellers: nothing was filled in, as where NULL stands."""
    execute(
        database,
        f"CREATE TABLE users (id int PRIMARY KEY, card {kind} NOT NULL UNIQUE);"
        f"CREATE TABLE trips (id int PRIMARY KEY, card {kind} NOT NULL, code {kind} NOT NULL UNIQUE, above {kind});"
        "INSERT INTO users VALUES (1, ''), (2, 'c2');"
        "INSERT INTO trips VALUES (1, '', 't1', NULL), (2, 'c2', '', NULL), (3, '', 't3', ''), (4, '', 't4', 't1')",
    )
    loaded = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
trips: {table: public.trips, goes_with_any: {reason: r, approved_by: a},
  found_by: [{column: card, of: users.card}, {column: above, of: trips.code}]}
""")
    erased(database, loaded, expected={"users": 1}, user_id="1")
    assert left(database, "trips") == [1, 2, 3, 4]
    erased(database, loaded, expected={"users": 1, "trips": 1}, user_id="2")
    assert left(database, "trips") == [1, 3, 4]


class _KilledError(Exception):
    """In place of a process that is killed."""


def test_a_tree_that_is_overwritten_is_not_cut_in_two(database: str) -> None:
    """A tombstone of which nobody can tell whose it was leads no further: what is below goes in its transaction."""
    execute(
        database,
        "CREATE TABLE notes (id int PRIMARY KEY, email text, above int, place int, body text);"
        "INSERT INTO notes VALUES (1, NULL, NULL, 7, 'root'), (2, 'ann@x.example', 1, 7, 'a'), (3, NULL, 2, 7, 'b'),"
        " (4, NULL, 3, 7, 'c')",
    )
    loaded = shape("""
notes: {table: public.notes, data_type: anchor, undated: erase, tombstone: {email: "NULL", body: "NULL"},
  keeps: {place: nobody's}, found_by: [{column: email, identity: email}, {column: above, of: notes.id}]}
""")

    def killed() -> None:
        raise _KilledError

    with opened(database, loaded, rows_per_transaction=1) as store:
        [ann] = resolved(store, [subject(1, email="ann@x.example")], ACME)
        with contextlib.suppress(_KilledError):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, killed)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert execute(database, "SELECT id FROM notes WHERE body IS NOT NULL") == [(1,)]
