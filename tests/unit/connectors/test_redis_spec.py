"""What the data map may say about keys of Redis."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.contract_maps import COMPANY

from expunge_connectors.redis import KeySpec
from expunge_connectors.s3 import ObjectSpec

DATA = {"data_type": "account", "owner": COMPANY}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"key": "a", "type": "string"}, "exactly one identity"),
        ({"key": "a:{user_id}", "type": "set", "member": "{token}"}, "exactly one identity"),
        ({"key": "a", "type": "list", "member": "{user_id}"}, "`member` needs type set or zset"),
        ({"key": "a", "type": "set", "element": "{user_id}"}, "`element` needs type list"),
        ({"key": "a", "type": "list", "entry": {"f": "{user_id}"}}, "`entry` needs type stream"),
        ({"key": "a", "type": "stream", "entry": {"f": "{user_id}", "g": "x"}}, "at most 1 item"),
        ({"key": "a", "type": "set", "member": "{user_id}", "hash_field": "x"}, "`hash_field` needs type hash"),
        ({"key": "a", "type": "set", "member": "{*}:{user_id}"}, "wildcards stand in `key` only"),
        ({"key": "a:{*}:{user_id}", "type": "set", "yields": "token"}, "a whole key that can be named"),
        ({"key": "a", "type": "set", "member": "{user_id}", "yields": "token"}, "a whole key that can be named"),
        ({"key": "a:{user_id}", "type": "hash", "named_by": "values"}, "what it `yields`"),
        ({"key": "a:{user_id}", "type": "set", "yields": "token", "named_by": "values"}, "needs type hash"),
        ({"key": "a:{user_id}", "type": "stream", "yields": "token"}, "streams, which need it"),
        ({"key": "a:{user_id}", "type": "list", "yields": "token", "named_by": {"field": "f"}}, "streams, which need"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        KeySpec.model_validate({**said, **DATA})


@pytest.mark.parametrize(
    "said",
    [
        {"key": "cache:{*}:user:{user_id}:{**}", "type": "string"},
        {"key": "room:{*}", "type": "set", "member": "{user_id}"},
        {"key": "a", "type": "stream", "entry": {"f": "{user_id}"}},
        {"key": "a:{user_id}", "type": "hash", "yields": "token", "named_by": {"field": "f"}},
        {"key": "a:{user_id}", "type": "string", "yields": "token"},
    ],
)
def test_what_can_be_is_taken(said: dict[str, Any]) -> None:
    assert KeySpec.model_validate({**said, **DATA}).namespace == "user_id"


def test_objects_are_named() -> None:
    for said in ({"key": "a/{*}/{object}"}, {"prefix": "a/{user_id}/{**}/"}):
        with pytest.raises(ValidationError, match=r"objects are named|at the end"):
            ObjectSpec.model_validate({"bucket": "bkt", **said, **DATA})
