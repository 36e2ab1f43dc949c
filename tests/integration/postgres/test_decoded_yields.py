"""Keys that stand encoded in a row: URLs of objects, bytes of tokens (ADR 22)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, subject
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import Severity, Subject, SubjectKey, no_beat

FILES = """
files:
  table: public.files
  found_by: [{column: owner, identity: user_id}]
  yields: {token: {column: place, decode: [%s]%s}}
"""
SHARED = ", never_shared: {reason: one object a row, approved_by: A. Officer}"
URLS = [
    "https://calls.s3.eu-central-1.amazonaws.com/f/a%201.jpg?X-Amz-Expires=60",
    "s3://calls/f/a2.jpg",
    "https://elsewhere.example/f/a3.jpg",
    "unknown",
]


def files(url: str, kind: str, *places: str) -> None:
    execute(url, f"CREATE TABLE files (id int PRIMARY KEY, owner text, place {kind})")
    for at, place in enumerate(places, start=1):
        execute(url, f"INSERT INTO files VALUES ({at}, 'ann', '{place}'), ({at + 100}, 'bob', NULL)")


@pytest.mark.parametrize(
    ("kind", "steps", "places", "keys"),
    [
        ("text", "object-in:calls", URLS, {"f/a 1.jpg", "f/a2.jpg"}),
        ("text[]", "object-in:calls", [f"{{{URLS[0]},{URLS[1]}}}"], {"f/a 1.jpg", "f/a2.jpg"}),
        ("text", "base64", ["dG9rZW4tMQ=="], {"token-1"}),
        ("bytea", "bytes-as-hex", ["\\x00ff"], {"00ff"}),
        ("bytea", "bytes-as-text", ["\\x746f6b656e2d31", "\\xff"], {"token-1"}),
    ],
)
def test_keys_are_taken_out_of_what_rows_hold(database, kind, steps, places, keys):
    files(database, kind, *places)
    loaded = shape(FILES % (steps, SHARED + (", each: true" if kind.endswith("[]") else "")))
    with opened(database, loaded) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        told = store.resolve([subject(1, user_id="ann")], ACME, CUTOFF)
        read = {one.key for one in told if one.key.namespace == "token"}
        assert read == {SubjectKey("token", key) for key in keys}
        unread = {one.key for one in told} - read
        assert {one.namespace for one in unread} <= {"unread:main.files"}
        assert len(unread) == (0 if kind.endswith("[]") else len(places) - len(keys))
        ann = Subject(1, read | {SubjectKey("user_id", "ann")})
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert set(left(database, "files", "owner")) == {"bob"}


def test_a_row_that_came_after_the_resolution_waits_for_its_object(database):
    files(database, "text", *URLS)
    loaded = shape(FILES % ("object-in:calls", SHARED))
    with opened(database, loaded) as store:
        ann = Subject(1, frozenset([SubjectKey("user_id", "ann"), SubjectKey("token", "f/a2.jpg")]))
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {"files": 1}
        assert due(store.count([ann], ACME, CUTOFF)) == {"files": 1}
    assert [one for one in left(database, "files") if one < 100] == [1]


def test_an_object_that_two_rows_name_is_not_followed(database):
    files(database, "text", "s3://calls/a", "s3://calls/b")
    execute(database, "UPDATE files SET place = 's3://calls/b' WHERE id = 102")
    with opened(database, shape(FILES % ("object-in:calls", SHARED))) as store:
        told = store.resolve([subject(1, user_id="ann")], ACME, CUTOFF)
        assert {one.key.value for one in told} == {"a"}


@pytest.mark.parametrize(
    ("kind", "steps", "code"),
    [
        ("text", "base64", "internal-not-unique"),
        ("bytea", "hex", "value-type"),
        ("text", "bytes-as-hex", "value-type"),
    ],
)
def test_check_refuses_what_cannot_be_told(database, kind, steps, code):
    files(database, kind)
    execute(database, "CREATE UNIQUE INDEX ON files (place)")
    with opened(database, shape(FILES % (steps, ""))) as store:
        assert code in {one.code for one in store.inspect() if one.severity is Severity.ERROR}


def test_unique_bytes_are_one_persons(database):
    files(database, "bytea")
    execute(database, "CREATE UNIQUE INDEX ON files (place)")
    with opened(database, shape(FILES % ("bytes-as-hex", ""))) as store:
        assert "internal-not-unique" not in {one.code for one in store.inspect()}


@pytest.mark.parametrize(
    "wrong",
    [
        FILES % ("rot13", ""),
        FILES.replace("token:", "email:") % ("percent", ""),
        FILES % ("percent", "") + (FILES % ("percent", "")).replace("files", "copies"),
        FILES.replace("identity: user_id", "identity: user_id, decode: [percent]") % ("percent", ""),
    ],
)
def test_a_map_that_could_not_be_kept_is_refused(wrong):
    with pytest.raises((AssertionError, ValidationError)):
        shape(wrong)
