"""One internal value in two tables: each column is unique for itself, and nothing in the database looks across."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, due, dump, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, erased, left, shape

from expunge_connectors.contract import SubjectKey, no_beat
from expunge_connectors.errors import TerminalError

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at date NOT NULL DEFAULT '2025-01-01');
CREATE TABLE recordings (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE, object {kind} UNIQUE);
CREATE TABLE uploads (id int PRIMARY KEY, owner int REFERENCES users, mail text, object {kind} UNIQUE,
                      created_at date NOT NULL DEFAULT '2025-01-01');
CREATE INDEX ON recordings (owner); CREATE INDEX ON uploads (owner); CREATE INDEX ON uploads (mail);
INSERT INTO users VALUES (1, 'a@x.example'), (2, 'b@x.example');
"""
COLLECTIONS = """
users:
  table: public.users
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  created: created_at
  yields: {user_id: id, email: email}
  tombstone: {email: "'erased-' || id"}
recordings:
  table: public.recordings
  found_by: [{column: owner, of: users.id}]
  yields: {token: object}
uploads:
  table: public.uploads
  found_by: [{column: owner, of: users.id}, {column: mail, identity: email}]
  created: created_at
  yields: {user_id: owner, token: object}
"""
FIRST, SECOND = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"


def filled(database, recordings, uploads, kind="text"):
    execute(database, SCHEMA.replace("{kind}", kind))
    execute(database, f"INSERT INTO recordings VALUES {recordings}; INSERT INTO uploads VALUES {uploads}")


def resolved_and_refused(database, loaded, match, *people):
    before = dump(database)
    with opened(database, loaded) as store:
        known = resolved(store, [subject(number, user_id=str(number)) for number in people], ACME)
        with pytest.raises(TerminalError, match=match) as refused:
            store.erase(known, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert dump(database) == before
    assert FIRST not in str(refused.value)


@pytest.mark.parametrize("kind", ["text", "uuid", "varchar(40)"])
@pytest.mark.parametrize("person", [1, 2])
def test_a_value_of_another_persons_row_lets_nothing_go(database, kind, person):
    filled(database, f"(1, 1, '{FIRST}')", f"(1, 2, NULL, '{FIRST}')", kind)
    at, there = ("recordings", "uploads") if person == 1 else ("uploads", "recordings")
    resolved_and_refused(database, shape(COLLECTIONS), f"collection {at}: a value of token .* {there} as well", person)


def test_a_value_inside_an_array_is_one(database):
    filled(database, f"(1, 1, '{FIRST}')", f"(1, 2, NULL, '{{c,{FIRST}}}')", "text")
    execute(database, "ALTER TABLE uploads ALTER object TYPE text[] USING object::text[]")
    never = "never_shared: {reason: r, approved_by: a}"
    inside = (
        COLLECTIONS.rpartition("yields: {user_id: owner, token: object}")[0]
        + "yields: {user_id: owner, token: {column: object, each: true, %s}}"
    )
    for person in (1, 2):
        resolved_and_refused(database, shape(inside % never), "as well", person)


def test_what_is_no_identifier_is_nobodys(database):
    filled(database, "(1, 1, '')", "(1, 2, NULL, '')")
    erased(database, shape(COLLECTIONS), user_id="1", expected={"users": 1, "recordings": 1})


def test_both_people_in_one_chunk_have_it(database):
    filled(database, f"(1, 1, '{FIRST}')", f"(1, 2, NULL, '{FIRST}')")
    resolved_and_refused(database, shape(COLLECTIONS), "as well", 1, 2)


def test_nobodys_row_and_another_controllers_row_count(database):
    filled(database, f"(1, 1, '{FIRST}')", f"(1, NULL, NULL, '{FIRST}')")
    resolved_and_refused(database, shape(COLLECTIONS), "as well", 1)
    execute(database, "UPDATE uploads SET owner = 2")
    loaded = shape(COLLECTIONS)
    spec = loaded.stores["main"].collections["uploads"]
    other = spec.model_copy(update={"owner": spec.owner.model_copy(update={"controller": "other"})})
    loaded.stores["main"].collections["uploads"] = other
    resolved_and_refused(database, loaded, "as well", 1)


def test_the_persons_own_rows_in_both_go(database):
    """Also where one of them is found by a key that only the other round's rows told."""
    filled(
        database,
        f"(1, 1, '{FIRST}'), (2, 1, '{SECOND}')",
        f"(1, 1, NULL, '{FIRST}'), (2, NULL, 'a@x.example', '{SECOND}'), (3, 2, NULL, 'c')",
    )
    erased(
        database,
        shape(COLLECTIONS),
        user_id="1",
        email="a@x.example",
        limit=1,
        expected={"users": 1, "recordings": 2, "uploads": 2},
    )
    assert left(database, "uploads") == [3]


def test_a_row_that_came_after_the_cutoff_is_not_the_requests(database):
    """Found by the same address, and perhaps somebody else's by then: the object stays, and who was asked for fails."""
    filled(database, f"(1, 1, '{FIRST}')", f"(1, NULL, 'a@x.example', '{FIRST}', '2026-10-01')")
    resolved_and_refused_with_mail(database)


def resolved_and_refused_with_mail(database):
    loaded = shape(COLLECTIONS)
    with opened(database, loaded) as store:
        [one] = resolved(store, [subject(1, user_id="1", email="a@x.example")], ACME)
        assert SubjectKey("token", FIRST) in one.keys
        with pytest.raises(TerminalError, match="uploads as well"):
            store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([one], ACME, CUTOFF)) == {"users": 1, "recordings": 1}


def test_rows_of_two_kinds_in_one_table_may_both_tell_their_object(database):
    """A row of the one kind is no other row of the other kind, though both collections read its column."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users);"
        "CREATE TABLE files (id int PRIMARY KEY, kind text, owner int, object text UNIQUE);"
        "CREATE INDEX ON posts (author); CREATE INDEX ON files (owner);"
        "INSERT INTO users VALUES (1), (2); INSERT INTO posts VALUES (5, 1), (6, 2);"
        "INSERT INTO files VALUES (1, 'User', 1, 'a'), (2, 'Post', 5, 'b'), (3, 'User', 2, 'c'), (4, 'Post', 6, 'd')",
    )
    loaded = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
posts: {table: public.posts, found_by: [{column: author, of: users.id}]}
portraits:
  {table: public.files, found_by: [{column: owner, of: users.id, where: {kind: User}}], yields: {token: object}}
pictures:
  {table: public.files, found_by: [{column: owner, of: posts.id, where: {kind: Post}}], yields: {token: object}}
""")
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert store.given_again([ann], ACME, CUTOFF) == {}, "each row is hers, as what it is"
    erased(database, loaded, user_id="1", expected={"users": 1, "posts": 1, "portraits": 1, "pictures": 1})
    assert left(database, "files") == [3, 4]


def test_a_part_of_somebody_elses_row_does_not_take_what_the_row_tells(database):
    """Ann approves Bob's post: her approval is cleared, and no other store follows his picture for her."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, name text);"
        "CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users, approver int REFERENCES users,"
        " object text UNIQUE); CREATE INDEX ON posts (author); CREATE INDEX ON posts (approver);"
        "INSERT INTO users VALUES (1), (2); INSERT INTO posts VALUES (1, 1, 1, 'hers'), (2, 2, 1, 'his')",
    )
    loaded = shape("""
users:
  {table: public.users, person: user_id, data_type: anchor, found_by: [{column: id, identity: user_id}],
   yields: {user_id: id}, tombstone: {name: "NULL"}, keeps: {id: a test}}
posts: {table: public.posts, found_by: [{column: author, of: users.id}], yields: {token: object}}
approvals:
  {table: public.posts, data_type: anchor, found_by: [{column: approver, of: users.id}],
   tombstone: {approver: "NULL"}, keeps: {author: a test, object: a test, id: a test}, yields: {token: object}}
""")
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert store.given_again([ann], ACME, CUTOFF) == {1: {SubjectKey("token", "his")}}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert execute(database, "SELECT * FROM posts") == [(2, 2, None, "his")]
        assert store.given_again([ann], ACME, CUTOFF) == {1: {SubjectKey("token", "his")}}
