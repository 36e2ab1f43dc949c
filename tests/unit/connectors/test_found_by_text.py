"""How records belong to a person, in words: the map's own names and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from expunge_connectors.memory.spec import MemoryCollection
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.redis.spec import KeySpec
from expunge_connectors.s3.spec import ObjectSpec

DECIDED: dict[str, Any] = {"data_type": "content", "owner": {"controller": "house"}}


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ({"column": "email", "identity": "email"}, "public.t.email is email"),
        (
            {"column": "doc", "path": ["contacts", "mail"], "identity": "email"},
            "public.t.doc.contacts.mail holds email",
        ),
        ({"column": "phones", "each": True, "identity": "phone"}, "public.t.phones holds phone"),
        ({"column": "user_id", "of": "users.id"}, "public.t.user_id is users.id"),
        (
            {"columns": ["site", "no"], "of": "users", "of_columns": ["site", "id"]},
            "public.t.site, no is users.site, id",
        ),
    ],
    ids=["column", "document", "array", "parent", "several columns"],
)
def test_tables(link: dict[str, Any], told: str) -> None:
    table = TableSpec.model_validate(
        {**DECIDED, "table": "public.t", "found_by": [link, {"column": "x", "identity": "y"}]}
    )
    assert table.found_by_text() == [told, "public.t.x is y"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"key": "session:{token}", "type": "hash"}, "key session:{token}"),
        ({"key": "cache:{*}:user:{user_id}", "type": "string"}, "key cache:{*}:user:{user_id}"),
        ({"key": "online", "type": "zset", "member": "u:{user_id}"}, "member u:{user_id} of key online"),
        ({"key": "names", "type": "hash", "hash_field": "{user_id}"}, "hash field {user_id} of key names"),
        ({"key": "jobs", "type": "list", "element": "{user_id}"}, "element {user_id} of key jobs"),
        (
            {"key": "events", "type": "stream", "entry": {"user": "{user_id}"}},
            "entry with user {user_id} of key events",
        ),
    ],
    ids=["key", "pattern", "member", "field", "element", "entry"],
)
def test_keys(keys: dict[str, Any], told: str) -> None:
    assert KeySpec.model_validate({**DECIDED, **keys}).found_by_text() == [told]


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ({"key": "{file}"}, "object {file} in files"),
        ({"prefix": "u/{user_id}/"}, "objects below u/{user_id}/ in files"),
    ],
    ids=["key", "prefix"],
)
def test_objects(objects: dict[str, Any], told: str) -> None:
    assert ObjectSpec.model_validate({**DECIDED, "bucket": "files", **objects}).found_by_text() == [told]


def test_memory() -> None:
    assert MemoryCollection.model_validate({**DECIDED, "found_by": {"email": "mail"}}).found_by_text() == [
        "mail is email"
    ]
