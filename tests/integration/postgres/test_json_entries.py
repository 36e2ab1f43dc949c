"""Documents of the type json that have a name twice: jsonb keeps the last entry, and what each names is found."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import SubjectKey, no_beat

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
notes:
  table: public.notes
  created: at
  found_by: [{column: doc, path: [to, mail], identity: email}, {column: doc, path: [by], identity: user_id}]
"""
MADE = """
CREATE TABLE users (id text PRIMARY KEY);
INSERT INTO users VALUES ('ann'), ('bob');
CREATE TABLE notes (id int PRIMARY KEY, at date NOT NULL DEFAULT '2025-01-01', doc %s);
INSERT INTO notes (id, doc) VALUES
  (1, '{"to": {"mail": "ANN@x.example", "mail": "none"}}'),
  (2, '{"to": [{"mail": "ann@x.example"}], "to": []}'),
  (3, '{"by": "ann", "by": null}'),
  (4, '{"to": {"mail": "none", "mail": ["ann@x.example"]}}'),
  (5, '{"to": {"mail": "dora@x.example", "mail": "none"}}'),
  (6, NULL), (7, '3'), (8, '[{"by": 7}]');
"""


@pytest.mark.parametrize("type_", ["json", "document"])
def test_each_entry_of_a_name_is_found_and_verified(database: str, type_: str) -> None:
    execute(database, f"CREATE DOMAIN document AS json; {MADE % type_}")
    with opened(database, loaded := shape(USERS)) as store:
        people = resolved(store, [subject(1, user_id="ann", email="ann@x.example")], ACME)
        assert due(store.count(people, ACME, CUTOFF)) == {"users": 1, "notes": 4}
        assert due(store.verify(people, ACME, CUTOFF)) == {"users": 1, "notes": 4}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "notes", "id") == [5, 6, 7, 8]


def test_a_document_of_two_people_does_not_go_with_one(database: str) -> None:
    execute(database, MADE % "json")
    execute(database, """UPDATE notes SET doc = '{"by": "ann", "by": "bob"}' WHERE id = 3""")
    with opened(database, shape(USERS)) as store:
        found = {one.code for one in store.inspect() if one.collection == "notes"}
    assert "several-people" in found


def test_each_entry_is_told(database: str) -> None:
    execute(database, MADE % "json")
    told = USERS + "  yields: {email: {column: doc, path: [to, mail]}}\n"
    with opened(database, shape(told)) as store:
        (ann,) = resolved(store, [subject(1, user_id="ann")], ACME)
        assert SubjectKey("email", "ann@x.example") not in ann.keys
        execute(
            database, """UPDATE notes SET doc = '{"by": "ann", "to": {"mail": "a@x.example", "mail": "b@x.example"}}'"""
        )
        (ann,) = resolved(store, [subject(1, user_id="ann")], ACME)
    assert {key.value for key in ann.keys | ann.unclear if key.namespace == "email"} == {"a@x.example", "b@x.example"}
