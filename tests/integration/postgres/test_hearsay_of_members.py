"""What a record merely tells is asked about among the rows of the request's own member (ADR 18, ADR 28)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.support.postgres.company import CUTOFF, checked, execute, opened
from tests.support.postgres.small_schemas import small_document

from expunge_connectors.contract import Scope, Subject, SubjectKey

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, created: at,
  found_by: [{column: id, identity: user_id}]}
groups: {table: public.groups, found_by: [{column: owner, of: users.id}]}
attributes: {table: public.attributes, undated: erase, yields: {email: said},
  found_by: [{column: owner, of: users.id}, {column: group_id, of: groups.id}]}
letters: {table: public.letters, created: at, found_by: [{column: email, identity: email}]}
"""
SCHEMA = """
CREATE TABLE users (id text PRIMARY KEY, tenant int, at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE groups (id int PRIMARY KEY, owner text);
CREATE TABLE attributes (id int PRIMARY KEY, owner text, group_id int, said text);
CREATE TABLE letters (id int PRIMARY KEY, tenant int, email text, at timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES ('ann', 1), ('bob', 1), ('zed', 2);
INSERT INTO groups VALUES (1, 'bob'), (2, 'zed');
INSERT INTO attributes VALUES (1, 'ann', NULL, 'gift@x.example');
INSERT INTO letters VALUES (1, 1, 'gift@x.example');
"""
OWN_COLUMN = {"users", "letters"}
GIFT = SubjectKey("email", "gift@x.example")


def held(database: str, others: str, people: int) -> Sequence[SubjectKey]:
    """Whether rows of somebody else hold what Ann's attribute tells, as client 1 is told it."""
    execute(database, f"{SCHEMA}; INSERT INTO attributes VALUES (2, {others}, 'gift@x.example')")
    document = small_document(COLLECTIONS)
    for name, one in document["stores"]["main"]["collections"].items():
        whose = {"column": "tenant"} if name in OWN_COLUMN else {"inherited": True}
        one["owner"] = {"controller": "client", **whose}
    ann = Subject(1, frozenset({SubjectKey("user_id", "ann")}), doubtful=frozenset({GIFT}))
    nobody = [Subject(at, frozenset({SubjectKey("user_id", f"x{at}")})) for at in range(2, people + 1)]
    with opened(database, checked(document)) as store:
        return sorted(store.told_by_others([ann, *nobody], Scope("client", "1"), CUTOFF).get(1, ()))


@pytest.mark.parametrize("people", [1, 200])
@pytest.mark.parametrize("others", ["'zed', NULL", "NULL, 2", "'zed', 2"])
def test_rows_below_another_members_say_nothing(database: str, others: str, people: int) -> None:
    assert held(database, others, people) == []


@pytest.mark.parametrize("people", [1, 200])
@pytest.mark.parametrize("others", ["'bob', NULL", "NULL, 1", "'zed', 1", "'gone', NULL"])
def test_rows_below_this_members_say_it_and_so_does_what_is_nobodys(database: str, others: str, people: int) -> None:
    assert held(database, others, people) == [GIFT]
