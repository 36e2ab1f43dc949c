"""Columns with ids of many tables' rows; another column says of which: comment 7 of User 7, of Post 7 (ADR 23)."""

from __future__ import annotations

import threading

import psycopg
import pytest
from pydantic import ValidationError
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import codes, findings
from tests.support.postgres.small_schemas import ACME, erased, left, shape

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
"""
_USERS = "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (7, 'ann'), (8, 'bob');"
_COMMENTS = (
    _USERS
    + """
CREATE TABLE comments
  (id int PRIMARY KEY, commentable_type varchar(20), commentable_id int, body text);
INSERT INTO comments VALUES
  (1, 'User', 7, 'a'), (2, 'Post', 7, 'b'), (3, 'User', 8, 'c'), (4, 'Post', 8, 'd'), (5, NULL, 7, 'e'),
  (6, 'user', 7, 'f'), (7, 'User', NULL, 'g'), (8, 'Admin', 7, 'h');
"""
)
LINK = "{column: commentable_id, of: users.id, where: {commentable_type: User}}"
COMMENTS = f"{USERS}comments: {{table: public.comments, found_by: [{LINK}]}}"


def test_rows_of_another_kind_stay(database: str) -> None:
    execute(database, _COMMENTS)
    erased(database, shape(COMMENTS), user_id="7", expected={"users": 1, "comments": 1})
    assert left(database, "comments") == [2, 3, 4, 5, 6, 7, 8]


def test_several_kinds(database: str) -> None:
    execute(database, _COMMENTS)
    erased(
        database,
        shape(COMMENTS.replace(": User}", ": [User, Admin]}")),
        user_id="7",
        expected={"users": 1, "comments": 2},
    )
    assert left(database, "comments") == [2, 3, 4, 5, 6, 7]


def test_many_people_at_once(database: str) -> None:
    """Rows of many keys are found in another way than those of few."""
    execute(
        database,
        _COMMENTS + "INSERT INTO users SELECT n, 'x' FROM generate_series(100, 299) n;"
        "INSERT INTO comments SELECT n, CASE WHEN n % 2 = 0 THEN 'User' ELSE 'Post' END, n, 'x'"
        " FROM generate_series(100, 299) n",
    )
    with opened(database, loaded := shape(COMMENTS)) as store:
        people = resolved(store, [subject(n, user_id=str(n)) for n in (7, *range(100, 300))], ACME)
        counted = due(store.count(people, ACME, CUTOFF))
        assert counted == due(store.verify(people, ACME, CUTOFF)) == {"users": 201, "comments": 101}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert execute(database, "SELECT count(*) FROM comments WHERE commentable_type = 'Post'") == [(102,)]


@pytest.mark.parametrize(
    ("type_", "rows", "wanted"),
    [
        ("int", "(4), (5), (NULL), (4)", "4"),
        ("text", "('4'), ('4 '), ('04'), ('4')", "4"),
        ("char(4)", "('4'), ('5'), ('04'), ('4')", "4"),
        ("numeric", "(4), (4.0), (5), (4)", "4"),
        ("boolean", "(true), (false), (NULL), (true)", "true"),
        ("uuid", "('{0}1'), ('{0}2'), (NULL), ('{0}1')", "{0}1"),
        ("kind", "('User'), ('Post'), (NULL), ('User')", "User"),
        ("word", "('User'), ('Post'), (NULL), ('User')", "User"),
        ("citext", "('User'), ('USER'), ('user'), ('User')", "User"),
    ],
)
def test_a_kind_is_compared_by_its_text(database: str, type_: str, rows: str, wanted: str) -> None:
    uuid = "00000000-0000-0000-0000-00000000000"
    execute(
        database,
        "CREATE EXTENSION citext; CREATE TYPE kind AS ENUM ('Post', 'User'); CREATE DOMAIN word AS text;"
        f"{_USERS} CREATE TABLE tags (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, object_id int DEFAULT 7,"
        f" content_type_id {type_}); INSERT INTO tags (content_type_id) VALUES {rows.format(uuid)}",
    )
    link = f"{{column: object_id, of: users.id, where: {{content_type_id: {wanted.format(uuid)}}}}}"
    erased(
        database,
        shape(f"{USERS}tags: {{table: public.tags, found_by: [{link}]}}"),
        user_id="7",
        expected={"users": 1, "tags": 2},
    )
    assert left(database, "tags") == [2, 3]


def test_a_tombstone_overwrites_rows_of_the_kind_alone(database: str) -> None:
    execute(database, _COMMENTS)
    comments = (
        f"comments: {{table: public.comments, data_type: anchor, found_by: [{LINK}], tombstone: {{body: \"'gone'\"}}}}"
    )
    erased(database, shape(USERS + comments), user_id="7", expected={"users": 1, "comments": 1})
    assert execute(database, "SELECT id FROM comments WHERE body = 'gone'") == [(1,)]


def test_comments_on_comments_of_a_person(database: str) -> None:
    """One table, three kinds: about the person, about the comment before, about somebody's post."""
    execute(
        database,
        _COMMENTS
        + "INSERT INTO comments VALUES (11, 'Comment', 1, 'below'), (12, 'Comment', 11, 'below'), (13, 'Post', 1, ''),"
        " (14, 'Comment', 3, 'below bob''s'), (15, 'User', 11, 'nobody''s')",
    )
    below = "{column: commentable_id, of: comments.id, where: {commentable_type: Comment}}"
    comments = f"{USERS}comments: {{table: public.comments, found_by: [{LINK}, {below}]}}"
    erased(database, shape(comments), user_id="7", expected={"users": 1, "comments": 3})
    assert left(database, "comments") == [2, 3, 4, 5, 6, 7, 8, 13, 14, 15]


def test_an_identity_in_rows_of_a_kind(database: str) -> None:
    """Django keeps the id as a text; one table of rows about customers and staff, which are numbered apart."""
    execute(
        database,
        _USERS + "CREATE TABLE notes (id int PRIMARY KEY, target_content_type_id int, target_object_id text);"
        "INSERT INTO notes VALUES (1, 4, '7'), (2, 5, '7'), (3, 4, '8'), (4, 4, '007')",
    )
    notes = (
        "notes: {table: public.notes,"
        " found_by: [{column: target_object_id, identity: user_id, where: {target_content_type_id: 4}}]}"
    )
    erased(database, shape(USERS + notes), user_id="7", expected={"users": 1, "notes": 1})
    assert left(database, "notes") == [2, 3, 4]


def test_inside_documents_and_arrays(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE logs (id int PRIMARY KEY, about text, doc jsonb, ids int[]);"
        "INSERT INTO logs VALUES (1, 'User', '{\"id\": 7}', '{}'), (2, 'Post', '{\"id\": 7}', '{7}'),"
        " (3, 'Team', NULL, '{8,7}'), (4, 'User', NULL, '{7}')",
    )
    logs = """
logs:
  table: public.logs
  found_by:
    - {column: doc, path: [id], identity: user_id, where: {about: User}}
    - {column: ids, each: true, identity: user_id, where: {about: Team}}
  goes_with_any: {reason: a team's, approved_by: A. Officer}
"""
    erased(database, shape(USERS + logs), user_id="7", expected={"users": 1, "logs": 2})
    assert left(database, "logs") == [2, 4]


def test_elements_leave_rows_of_the_kind_alone(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE lists (id int PRIMARY KEY, about text, ids text[]);"
        "INSERT INTO lists VALUES (1, 'User', '{7,8}'), (2, 'Post', '{7,8}')",
    )
    lists = """
lists:
  table: public.lists
  data_type: anchor
  found_by: [{column: ids, each: true, identity: user_id, where: {about: User}},
             {column: ids, each: true, identity: number, where: {about: Post}}]
  tombstone: {ids: {elements: true}}
  keeps: {about: a class}
numbers: {table: public.numbers, found_by: [{column: owner, of: users.id}], yields: {number: n}}
"""
    execute(database, "CREATE TABLE numbers (owner int, n int PRIMARY KEY); INSERT INTO numbers VALUES (7, 8)")
    erased(database, shape(USERS + lists), user_id="7", expected={"users": 1, "lists": 2, "numbers": 1})
    assert left(database, "lists", "id, ids") == [(1, ["8"]), (2, ["7"])]


def test_a_shared_row_is_pointed_to_as_before(database: str) -> None:
    """Attachments of many kinds share files: a file goes with the last attachment, of whatever kind that is."""
    execute(
        database,
        _USERS + "CREATE TABLE blobs (id int PRIMARY KEY); INSERT INTO blobs VALUES (1), (2), (3);"
        "CREATE TABLE attachments"
        " (id int PRIMARY KEY, record_type text, record_id int, blob_id int REFERENCES blobs);"
        "CREATE INDEX ON attachments (blob_id);"
        "INSERT INTO attachments VALUES (1, 'User', 7, 1), (2, 'Post', 7, 2), (3, 'User', 7, 3), (4, 'Post', 9, 3)",
    )
    files = """
attachments: {table: public.attachments, found_by: [{column: record_id, of: users.id, where: {record_type: User}}]}
blobs: {table: public.blobs, sharing: last_owner, found_by: [{column: id, of: attachments.blob_id}]}
"""
    with opened(database, loaded := shape(USERS + files)) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts)["attachments"] == 2
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert (left(database, "attachments"), left(database, "blobs")) == ([2, 4], [2, 3])


def test_who_points_to_a_shared_row_needs_it_whatever_its_kind(database: str) -> None:
    execute(
        database,
        _USERS
        + "CREATE TABLE blobs (id int PRIMARY KEY, kind text); INSERT INTO blobs VALUES (1, 'image'), (2, 'image');"
        "CREATE TABLE images (id int PRIMARY KEY, owner int, blob_id int);"
        "INSERT INTO images VALUES (1, 7, 1), (2, 7, 2);"
        "CREATE TABLE covers (id int PRIMARY KEY, owner int, blob_id int); INSERT INTO covers VALUES (1, 8, 1)",
    )
    files = """
images: {table: public.images, found_by: [{column: owner, of: users.id}]}
covers: {table: public.covers, found_by: [{column: owner, of: users.id}]}
blobs:
  table: public.blobs
  sharing: last_owner
  found_by:
    - {column: id, of: images.blob_id, where: {kind: image}}
    - {column: id, of: covers.blob_id, where: {kind: cover}}
"""
    with opened(database, loaded := shape(USERS + files)) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "blobs") == [1]


def test_a_tombstone_over_the_kind_loses_the_row() -> None:
    """So what hangs on such a row goes with it, or is asked for before: it is not found by its kind again."""
    posts = """
posts:
  {table: public.posts, data_type: anchor, tombstone: {KIND: "''"}, yields: {token: t},
   found_by: [{column: about_id, of: users.id, where: {about_type: User}}]}
"""
    for column, lost in (("about_type", {"token"}), ("body", set())):
        loaded = shape(USERS + posts.replace("KIND", column))
        flow = (loaded.stores["main"].key_flow("main", loaded) or {})["posts"]
        assert flow.lost == lost


CONTACTS = """
users:
  table: public.users
  person: user_id
  created: at
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
notes:
  table: public.notes
  created: at
  found_by: [{column: about_id, of: users.id, where: {about_type: User}}, {column: email, identity: email}]
  goes_with_any: {reason: a note goes with whom it is about or who wrote it, approved_by: A. Officer}
"""
_CONTACTS = """
CREATE TABLE users (id int PRIMARY KEY, email text, at date NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES (7, 'ann@x.example'), (8, 'bob@x.example');
CREATE TABLE notes
  (id int PRIMARY KEY, about_type text, about_id int, email text, at date NOT NULL DEFAULT '2025-01-01');
INSERT INTO notes VALUES
  (1, 'User', 7, 'x@x.example'), (2, 'User', 8, 'ann@x.example'), (3, 'Post', 8, 'ann@x.example');
"""


@pytest.mark.parametrize("normaliser", ["email/1", "email/3"])
def test_a_row_about_something_else_names_nobody_by_it(database: str, normaliser: str) -> None:
    """Post 8 is nobody's key: where Bob takes Ann's address, whose that note is cannot be told; note 2 is his."""
    execute(database, _CONTACTS)
    with opened(database, loaded := shape(CONTACTS, email=normaliser)) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        execute(database, "UPDATE users SET email = 'ann@x.example' WHERE id = 8")
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts) == {"users": 1, "notes": 1}
            assert counts[1]["notes"].ambiguous == 1
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "notes") == [2, 3]


@pytest.mark.parametrize("normaliser", ["email/1", "email/3"])
@pytest.mark.parametrize("also", ["", ", where: {kind: Human}"])
def test_only_persons_of_the_kind_claim(database: str, normaliser: str, also: str) -> None:
    """One table of people and firms: a firm under Ann's address is no person who could have taken it."""
    execute(
        database,
        _CONTACTS + "ALTER TABLE users ADD kind text DEFAULT 'Human';"
        "INSERT INTO users VALUES (9, 'ann@x.example', '2025-01-01', 'Firm')",
    )
    people = CONTACTS.replace("identity: user_id}", "identity: user_id, where: {kind: Human}}").replace(
        "identity: email}]\n  yields: {user_id: id, email: email}",
        f"identity: email{also}}}]\n  yields:\n    user_id: {{column: id, where: {{kind: Human}}}}\n"
        f"    email: {{column: email{also}}}",
    )
    loaded = shape(people, email=normaliser)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        execute(database, "UPDATE users SET email = 'ann@x.example' WHERE id = 8")  # a person of the kind does claim
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert (due(counts), counts[1]["notes"].ambiguous) == ({"users": 1, "notes": 1}, 1)
        execute(database, "UPDATE users SET email = 'bob@x.example' WHERE id = 8")
    erased(database, loaded, user_id="7", expected={"users": 1, "notes": 2})
    assert left(database, "users") == [8, 9]
    assert left(database, "notes") == [2]  # of user 8


def test_a_yield_tells_of_rows_of_its_kind_alone(database: str) -> None:
    """Ann's bookmark of order 5 leads there, and her bookmark of post 6 not to order 6."""
    execute(
        database,
        _USERS + "CREATE TABLE bookmarks (id int PRIMARY KEY, owner int, subject_type text, subject_id int,"
        " UNIQUE (subject_type, subject_id)); INSERT INTO bookmarks VALUES (1, 7, 'Order', 5), (2, 7, 'Post', 6);"
        "CREATE TABLE orders (n int PRIMARY KEY); INSERT INTO orders VALUES (5), (6)",
    )
    bookmarks = """
bookmarks:
  table: public.bookmarks
  found_by: [{column: owner, of: users.id}]
  yields: {number: {column: subject_id, where: {subject_type: Order}}}
orders: {table: public.orders, found_by: [{column: n, identity: number}]}
"""
    erased(database, shape(USERS + bookmarks), user_id="7", expected={"users": 1, "bookmarks": 2, "orders": 1})
    assert left(database, "orders", "n") == [6]


def test_a_value_of_another_kind_is_not_the_same_value(database: str) -> None:
    """Bob's bookmark of post 5 has nothing to do with order 5; his bookmark of order 5 has."""
    execute(
        database,
        _USERS + "CREATE TABLE bookmarks (id int PRIMARY KEY, owner int, subject_type text, subject_id int,"
        " UNIQUE (subject_type, subject_id)); INSERT INTO bookmarks VALUES (2, 8, 'Post', 5);"
        "CREATE TABLE orders (n int PRIMARY KEY, owner int); INSERT INTO orders VALUES (5, 7), (6, 7)",
    )
    bookmarks = """
bookmarks:
  table: public.bookmarks
  found_by: [{column: owner, of: users.id}]
  yields: {number: {column: subject_id, where: {subject_type: Order}}}
orders: {table: public.orders, found_by: [{column: owner, of: users.id}], yields: {number: n}}
"""
    with opened(database, loaded := shape(USERS + bookmarks)) as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        execute(database, "INSERT INTO bookmarks VALUES (3, 8, 'Order', 5)")
        with pytest.raises(TerminalError, match="stands in a row of"):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(database, "DELETE FROM bookmarks WHERE id = 3")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert (left(database, "bookmarks"), left(database, "orders", "n")) == ([2], [])


def test_a_row_that_became_another_kind_stays(database: str) -> None:
    """It changes while the deletion waits for its lock: it is looked at again as it is then."""
    execute(database, _COMMENTS)
    with opened(database, loaded := shape(COMMENTS), lock_timeout="10s") as store:
        [ann] = resolved(store, [subject(1, user_id="7")], ACME)
        with psycopg.connect(database) as other:
            other.execute("UPDATE comments SET commentable_type = 'Post' WHERE id = 1")

            def commit() -> None:
                with psycopg.connect(database, autocommit=True) as watch:
                    while not watch.execute(
                        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                    ).fetchone():
                        pass
                other.commit()

            waiting = threading.Thread(target=commit)
            waiting.start()
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            waiting.join()
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert 1 in left(database, "comments")


# ---- check


@pytest.mark.parametrize(
    ("columns", "link", "found"),
    [
        ("about_type text, about_id int", "column: about_id, of: users.id", True),
        ("about_type text, about_id int", "column: about_id, of: users.id, where: {about_type: User}", False),
        ("about_type text, about_id int", "column: about_id, of: users.id, where: {other: User}", True),
        (
            "about_type text, about_id int",
            "column: about_id, of: users.id, where: {about_type: {reason: a trade, approved_by: A. Officer}}",
            False,
        ),
        ("about_type text, about_id int REFERENCES users", "column: about_id, of: users.id", False),
        ("content_type_id int, object_id text", "column: object_id, identity: user_id", True),
        ("content_type_id int, object_pk text", "column: object_pk, identity: user_id", True),
        ("actor_content_type_id int, actor_object_id text", "column: actor_object_id, identity: user_id", True),
        ("entity_type_id int, entity_id int", "column: entity_id, of: users.id", True),
        ("about_type_id int, about_id int", "column: about_id, of: users.id", False),
        ('"aboutType" text, "aboutId" int', "column: aboutId, of: users.id", True),
        ("token_type text, token text", "column: token, identity: token", False),
        ("res_model text, res_id int", "column: res_id, of: users.id", True),
        ("about_type text, about_id int UNIQUE", "column: about_id, of: users.id", False),
        ("about_type text, about_uuid text", "column: about_uuid, identity: user_id", True),
        ("email_type text, email text, at date", "column: email, identity: email", False),
        ("other_type text, about_id int", "column: about_id, of: users.id", False),
        ("type text, id_ int, about_id int", "column: about_id, of: users.id", False),
    ],
)
def test_an_id_beside_its_type_needs_to_know_the_kind(database: str, columns: str, link: str, *, found: bool) -> None:
    execute(database, f"{_USERS} CREATE TABLE notes (id int PRIMARY KEY, other text, {columns})")
    notes = f"notes: {{table: public.notes, undated: erase, found_by: [{{{link}}}]}}"
    told = [one for one in findings(database, shape(USERS + notes)) if one.code == "polymorphic-column"]
    assert bool(told) is found
    assert all("where: {" in one.remedy for one in told)


PAIRS = [
    *("model/model_id", "table_name/row_id", "target/target_pk", "ref_kind/ref", "kind/kind_id", "src_table/src_id"),
    *("owner_table/owner_id", "linked_to/linked_id", "type_id/obj_id", "resource/resource_id", "holder_kind/holder_id"),
    *("foreign_table/foreign_id", "party_role/party_id", "trade/ref_id", "customer_class/customer_id"),
]
ONE_TABLE = ["role/user_id", "user_state/user_id", "source/author_id", "party_mood/party_id", "trade/row_id"]
"""The column beside holds no names of tables, or does not say what the id is of."""


def test_other_names_and_values_that_name_tables(database: str) -> None:
    """By their names, and party_role by its values: customer, User and crm.suppliers are called as tables are."""
    names = [pair.split("/") for pair in (*PAIRS, *ONE_TABLE)]
    execute(
        database,
        _USERS
        + "CREATE TABLE customers (id int); CREATE TABLE suppliers (id int); CREATE TYPE role AS ENUM ('customer');"
        + "".join(
            f"CREATE TABLE n{at} (id int PRIMARY KEY, {kind} {'role' if kind == 'party_role' else 'text'}, {key} int);"
            for at, (kind, key) in enumerate(names)
        ),
    )
    rows = {"party_role": ["customer"], "linked_to": ["User", "crm.suppliers", "other"], "trade": ["Customer"]}
    rows |= {"role": ["user", "admin"], "user_state": ["user"], "source": ["customer"], "party_mood": ["glad", "sad"]}
    trades = {"row_id": ["glad", "sad", "customer"]}
    for at, (kind, key) in enumerate(names):
        for value in trades.get(key, rows.get(kind, [])) if kind in rows else []:
            execute(database, f"INSERT INTO n{at} (id, {kind}) SELECT count(*), '{value}' FROM n{at}")
    notes = "".join(
        f"n{at}: {{table: public.n{at}, found_by: [{{column: {key}, of: users.id}}]}}\n"
        for at, (_, key) in enumerate(names)
    )
    told = {one.collection for one in findings(database, shape(USERS + notes)) if one.code == "polymorphic-column"}
    assert {"/".join(pair) for at, pair in enumerate(names) if f"n{at}" in told} == set(PAIRS)


def test_the_other_end_of_a_link_and_a_yield_need_it_too(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE bookmarks (id int PRIMARY KEY, owner int, subject_type text, subject_id int);"
        "CREATE TABLE orders (n int PRIMARY KEY)",
    )
    bookmarks = "bookmarks: {table: public.bookmarks, found_by: [{column: owner, of: users.id}]"
    of = "}\norders: {table: public.orders, found_by: [{column: n, of: bookmarks.subject_id}]}"
    yielded = (
        ", yields: {number: subject_id}}\norders: {table: public.orders, found_by: [{column: n, identity: number}]}"
    )
    assert ("polymorphic-column", "orders") in codes(findings(database, shape(USERS + bookmarks + of)))
    assert ("polymorphic-column", "bookmarks") in codes(findings(database, shape(USERS + bookmarks + yielded)))
    said = yielded.replace("number: subject_id", "number: {column: subject_id, where: {subject_type: Order}}")
    assert "polymorphic-column" not in {one.code for one in findings(database, shape(USERS + bookmarks + said))}


def test_a_value_that_cannot_stand_there_is_an_error(database: str) -> None:
    execute(database, f"{_USERS} CREATE TABLE tags (id int PRIMARY KEY, object_id int, content_type_id int)")
    tags = "tags: {table: public.tags, found_by: [{column: object_id, of: users.id, where: {content_type_id: user}}]}"
    with opened(database, shape(USERS + tags)) as store:
        assert ("where-value", "tags") in codes(store.inspect())
        with pytest.raises(TerminalError, match="content_type_id"):
            store.count([subject(1, user_id="7")], ACME, CUTOFF)


def test_a_kind_that_no_row_has_is_told(database: str) -> None:
    execute(database, _COMMENTS)
    for wanted, told in (("User", False), ("[User, Users]", True), ("users", True)):
        loaded = shape(COMMENTS.replace(": User}", f": {wanted}}}"))
        assert (("where-unseen", "comments") in codes(findings(database, loaded))) is told
    execute(database, "TRUNCATE comments")
    assert ("where-unseen", "comments") not in codes(findings(database, shape(COMMENTS)))


def test_a_missing_column_of_a_kind_is_told(database: str) -> None:
    execute(database, _COMMENTS)
    loaded = shape(COMMENTS.replace("commentable_type", "kind"))
    assert ("column-missing", "comments") in codes(findings(database, loaded))


@pytest.mark.parametrize("columns", ["commentable_id", "commentable_type, commentable_id"])
def test_an_index_of_kind_and_id_serves(database: str, columns: str) -> None:
    execute(database, _COMMENTS)
    loaded = shape(COMMENTS)
    assert ("tie-index", "comments") in codes(findings(database, loaded))
    execute(database, f"CREATE INDEX ON comments ({columns})")
    assert ("tie-index", "comments") not in codes(findings(database, loaded))


@pytest.mark.parametrize(
    "where", ["{}", "{about_type: []}", "{about_type: {reason: x}}", "[User]", "{about_type: [[a]]}"]
)
def test_what_is_no_kind_is_refused(where: str) -> None:
    with pytest.raises(ValidationError):
        shape(f"{USERS}notes: {{table: public.notes, found_by: [{{column: about_id, of: users.id, where: {where}}}]}}")


@pytest.mark.parametrize(("number", "found"), [("2", True), ("3", False), ("[2, 3]", True), ("4", False), ("9", False)])
def test_a_content_type_is_that_of_the_table_in_this_database(database: str, number: str, *, found: bool) -> None:
    """2 is tickets.ticket; 4 a model whose table is called otherwise, 9 one that is not there."""
    execute(
        database,
        f"{_USERS} CREATE TABLE tickets_ticket (id int PRIMARY KEY);"
        "CREATE TABLE django_content_type (id int PRIMARY KEY, app_label text, model text);"
        "INSERT INTO django_content_type VALUES (2, 'tickets', 'ticket'), (3, 'app', 'user'), (4, 'app', 'member');"
        "CREATE TABLE tags (id int PRIMARY KEY, object_id int, content_type_id int REFERENCES django_content_type)",
    )
    link = f"{{column: object_id, of: users.id, where: {{content_type_id: {number}}}}}"
    tags = f"tags: {{table: public.tags, found_by: [{link}]}}"
    told = [one for one in findings(database, shape(USERS + tags)) if one.code == "where-other-table"]
    assert bool(told) is found
    assert all("tickets.ticket" in one.message for one in told)


def test_content_types_that_may_not_be_read_are_unknown(database: str) -> None:
    execute(database, f"{_USERS} CREATE TABLE django_content_type (id int PRIMARY KEY, app_label text)")
    tags = "CREATE TABLE tags (id int PRIMARY KEY, object_id int, content_type_id int)"
    execute(database, tags)
    link = "{column: object_id, of: users.id, where: {content_type_id: 2}}"
    told = findings(database, shape(f"{USERS}tags: {{table: public.tags, found_by: [{link}]}}"))
    assert [one for one in told if "django_content_type" in one.message and "unknown" in one.code]
