"""Since when a person is there, as the rows say that are the person (ADR 3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.postgres.company import checked, execute, opened
from tests.support.postgres.small_schemas import small_document

from expunge_connectors.contract import Scope, SubjectKey

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, created: made, data_type: anchor,
  tombstone: {name: "'gone-' || id"}, found_by: [{column: id, identity: user_id}]}
profiles: {table: public.profiles, person: user_id, yields: {user_id: owner}, created: made,
  found_by: [{column: owner, identity: user_id}]}
marks: {table: public.marks, person: user_id, yields: {user_id: owner}, found_by: [{column: owner, identity: user_id}]}
"""
SCHEMA = """
CREATE TABLE users (id TYPE PRIMARY KEY, tenant int, name text, made timestamptz);
CREATE TABLE profiles (owner TYPE, tenant int, made date NOT NULL);
CREATE TABLE marks (owner TYPE, tenant int);
INSERT INTO users VALUES ('ANN', 1, 'Ann', '2025-03-04 10:00+00'), ('BOB', 1, 'Bob', NULL), ('ZED', 2, 'Zed', now()),
  ('DEL', 1, 'gone-' || 'DEL', now());
INSERT INTO profiles VALUES ('ANN', 1, '2025-05-06'), ('BOB', 1, '2025-05-06'), ('BOB', 2, '2025-01-01');
INSERT INTO marks VALUES ('CLEO', 1), ('ANN', 1);
"""
PEOPLE = {
    "integer/2": {"ANN": "1", "BOB": "2", "CLEO": "3", "ZED": "4", "DEL": "5"},
    "uuid/1": {
        one: f"00000000-0000-0000-0000-00000000000{at}" for at, one in enumerate(("ANN", "BOB", "CLEO", "ZED", "DEL"))
    },
}


@pytest.mark.parametrize(("normaliser", "kind"), [("integer/2", "bigint"), ("uuid/1", "uuid"), ("uuid/1", "text")])
def test_the_earliest_row_of_this_member_that_says_it_counts(database: str, normaliser: str, kind: str) -> None:
    """An undated row says nothing, neither does a tombstone, nor another member's row."""
    schema, names = SCHEMA.replace("TYPE", kind), PEOPLE[normaliser]
    for one, value in names.items():
        schema = schema.replace(f"'{one}'", f"'{value}'")
    execute(database, schema)
    document = small_document(COLLECTIONS, user_id=normaliser)
    document["identities"]["user_id"]["same_person"] = {"reason": "one sequence", "approved_by": "Ann Boss"}
    for one in document["stores"]["main"]["collections"].values():
        one["owner"] = {"controller": "client", "column": "tenant"}
    keys = {one: SubjectKey("user_id", value) for one, value in names.items()}
    with opened(database, checked(document)) as store:
        found = store.persons_since(list(keys.values()), Scope("client", "1"))
        assert store.persons_since([], Scope("client", "1")) == {}
    assert found.keys() == {keys["ANN"], keys["BOB"]}
    assert found[keys["ANN"]] == datetime(2025, 3, 4, 10, tzinfo=UTC)
    assert found[keys["BOB"]].date() == datetime(2025, 5, 6, tzinfo=UTC).date()
