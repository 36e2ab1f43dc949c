"""An internal key is whose row holds it, be it another member's or another controller's (ADR 18)."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, left, small_document

from expunge_connectors.contract import Scope, SubjectKey, no_beat

OTHER = """
files: {table: public.files, found_by: [{column: user_id, identity: user_id}], yields: {token: object}}
prints: {table: public.prints, found_by: [{column: object, identity: token}]}
staff_files:
  table: public.staff_files
  owner: {controller: other}
  data_type: anchor
  tombstone: {title: "'erased ' || object"}
  found_by: [{column: staff_id, identity: user_id}]
  yields: {token: object}
"""


@pytest.mark.parametrize("erased", [False, True])
def test_a_file_that_another_controllers_row_holds_by_now_is_theirs(database: str, *, erased: bool) -> None:
    """It was taken over before the erasing call, or its name was given again after."""
    execute(
        database,
        "CREATE TABLE files (user_id text, object text UNIQUE); CREATE TABLE prints (object text);"
        "CREATE TABLE staff_files (staff_id text, object text PRIMARY KEY, title text);"
        "INSERT INTO files VALUES ('ann', 'f1'), ('ann', 'f2'), ('bob', 'f3');"
        "INSERT INTO prints VALUES ('f1'), ('f2')",
    )
    document = small_document(OTHER)
    document["controllers"]["other"] = {"name": "Other"}
    loaded = checked(document)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="ann")], ACME)
        assert store.given_again([ann], ACME, CUTOFF) == {}
        if erased:
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert left(database, "prints", "object") == []
            execute(database, "INSERT INTO prints VALUES ('f1')")
        execute(database, "DELETE FROM files WHERE object = 'f1'; INSERT INTO staff_files VALUES ('sue', 'f1', 'x')")
        assert store.given_again([ann], ACME, CUTOFF) == {1: {SubjectKey("token", "f1")}}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert (left(database, "files", "object"), left(database, "prints", "object")) == (["f3"], ["f1"])
        execute(database, "UPDATE staff_files SET title = 'erased f1'")
        assert store.given_again([ann], ACME, CUTOFF) == {}


def test_the_rows_of_two_controllers_in_one_table_are_told_apart(database: str) -> None:
    """Her own row is no other controller's, though that one's collection is of the same table."""
    execute(
        database,
        "CREATE TABLE files (owner_id text, kind text NOT NULL, object text UNIQUE);"
        "INSERT INTO files VALUES ('ann', 'user', 'f1'), ('ann', 'user', 'f2'), ('ann', 'staff', 'f3')",
    )
    document = small_document(
        """
files: {table: public.files, yields: {token: object},
  found_by: [{column: owner_id, identity: user_id, where: {kind: user}}]}
staff_files: {table: public.files, owner: {controller: other}, yields: {token: object},
  found_by: [{column: owner_id, identity: user_id, where: {kind: staff}}]}
"""
    )
    document["controllers"]["other"] = {"name": "Other"}
    loaded = checked(document)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="ann")], ACME)
        assert store.given_again([ann], ACME, CUTOFF) == {}
        execute(database, "UPDATE files SET kind = 'staff' WHERE object = 'f1'")
        assert store.given_again([ann], ACME, CUTOFF) == {1: {SubjectKey("token", "f1")}}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "files", "object") == ["f1", "f3"]


MEMBERS = """
users: {table: public.users, owner: {controller: client, column: tenant}, person: user_id,
  found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
files: {table: public.files, owner: {controller: client, column: tenant}, yields: {number: %s},
  found_by: [{column: user_id, identity: user_id}]}
"""


@pytest.mark.parametrize(
    ("unique", "told", "theirs"),
    [
        ("number int UNIQUE", "number", True),
        ("number int", "{column: number, never_shared: {reason: of one sequence, approved_by: nobody}}", True),
        ("number int, UNIQUE (tenant, number)", "number", False),
    ],
)
def test_a_number_that_another_members_row_holds_is_theirs_unless_each_member_counts(
    database: str, unique: str, told: str, *, theirs: bool
) -> None:
    execute(
        database,
        "CREATE TABLE users (tenant int, id text, PRIMARY KEY (tenant, id));"
        f"CREATE TABLE files (tenant int, user_id text, {unique});"
        "INSERT INTO users VALUES (42, 'ann'), (43, 'ann'); INSERT INTO files VALUES (42, 'ann', 5)",
    )
    loaded, scope = checked(small_document(MEMBERS % told)), Scope("client", "42")
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="ann")], scope)
        assert store.given_again([ann], scope, CUTOFF) == {}
        execute(database, "UPDATE files SET tenant = 43")
        expected = {1: {SubjectKey("number", "5")}} if theirs else {}
        assert store.given_again([ann], scope, CUTOFF) == expected
        store.erase([ann], actions(loaded, "client"), scope, CUTOFF, no_beat)
        assert store.given_again([ann], scope, CUTOFF) == expected
    assert left(database, "files", "tenant, number") == [(43, 5)]
