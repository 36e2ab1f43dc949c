"""Names within names: where a value may hold the character that ends it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.contract_maps import COMPANY, MAIN, data_map

from expunge_connectors.keyspace.nested_names import nested
from expunge_connectors.keyspace.template_rules import RecordNaming
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.redis import RedisSpec
from expunge_connectors.s3 import S3Spec

SAYS = {"reason": "r", "approved_by": "a"}


@pytest.mark.parametrize(
    ("text", "below", "found"),
    [
        ("home/{token}/", True, ["/"]),
        ("home/{token}-x/", True, ["/"]),
        ("home/{user_id}/", True, []),  # a number holds no slash
        ("{controller}/{user_id}/", True, ["/"]),  # a member may
        ("home/{token}/a", False, []),  # one object
        ("all:{token}:{**}", False, [":"]),
        ("all:{token}/{**}", False, ["/"]),
        ("all:{user_id}:{**}", False, []),
        ("view:{token}:{*}", False, []),  # ends at the last `:`
        ("room:{**}", False, []),
    ],
)
def test_templates_that_name_within_another_persons_names(text: str, found: list[str], *, below: bool) -> None:
    naming = RecordNaming("one", "", Template.parse(text), below=below)
    told = list(nested("s", data_map({"main": MAIN}), [naming], ()))
    assert [(one.code, f"hold the `{end}`" in one.message) for one, end in zip(told, found, strict=True)] == [
        ("name-nested", True) for _ in found
    ]
    assert not list(nested("s", data_map({"main": MAIN}), [naming], {"one"}))


def test_where_nothing_follows_there_is_nothing_to_say() -> None:
    plain = {"data_type": "account", "owner": COMPANY, "undivided": SAYS}
    for spec, connector, one in (
        (S3Spec, "s3", {"bucket": "bkt", "key": "a/{token}"}),
        (RedisSpec, "redis", {"type": "string", "key": "a:{token}"}),
    ):
        with pytest.raises(ValidationError, match="undivided"):
            spec.model_validate({"connector": connector, "collections": {"a": {**one, **plain}}})
    made = S3Spec.model_validate(
        {"connector": "s3", "collections": {"a": {"bucket": "bkt", "prefix": "a/{token}/", **plain}}}
    )
    assert made.undivided == {"a"}
