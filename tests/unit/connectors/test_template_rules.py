"""Tallies, scope and complaints of stores whose records are named by templates."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.contract_maps import COMPANY, LOG, data_map

from expunge_config.datamap import Action, CollectionSpec, DataMap
from expunge_connectors.contract import RecordCounts, Scope, Subject
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.template_rules import RecordNaming, Tallies, check_actions, in_scope, overlaps
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.memory import MemorySpec
from expunge_connectors.redis import RedisSpec
from expunge_connectors.s3 import S3Spec

SOON, LATER = datetime(2026, 5, 1, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
DATA = CollectionSpec.model_validate({"data_type": "account", "owner": COMPANY})
LOGGED = CollectionSpec.model_validate({"log": LOG})
PLAIN = {"data_type": "account", "owner": COMPANY}


@pytest.mark.parametrize(
    ("holds", "until", "ground"),
    [
        ([(SOON, "object-lock")], date(2026, 5, 1), "object-lock"),
        ([(SOON, "object-lock"), (LATER, "object-lock")], date(2027, 1, 1), "object-lock"),
        ([(LATER, "object-lock"), (SOON, "object-lock")], date(2027, 1, 1), "object-lock"),
        ([(None, "legal-hold")], None, "legal-hold"),
        ([(SOON, "object-lock"), (None, "legal-hold")], None, "legal-hold+object-lock"),
        ([(None, "legal-hold"), (SOON, "object-lock")], None, "legal-hold+object-lock"),
        ([(None, "legal-hold"), (SOON, "object-lock"), (LATER, "object-lock")], None, "legal-hold+object-lock"),
        ([(None, "legal-hold+object-lock"), (SOON, "object-lock")], None, "legal-hold+object-lock"),
    ],
)
def test_an_open_end_outweighs_every_date(
    holds: list[tuple[datetime | None, str]], until: date | None, ground: str
) -> None:
    tallies = Tallies([Subject(1, frozenset())], ["a"])
    tallies.add(1, "a", due=2, newer=1)
    for end, reason in holds:
        tallies.retain(1, "a", end, reason)
    assert tallies.counts == {1: {"a": RecordCounts(2, len(holds), 1, until, ground)}}


def test_tallies_begin_with_zeros() -> None:
    assert Tallies([Subject(1, frozenset())], ["a", "b"]).counts == {1: {"a": RecordCounts(), "b": RecordCounts()}}


def test_scope() -> None:
    assert in_scope("s", "c", DATA, Scope("company"))
    assert not in_scope("s", "c", DATA, Scope("client", "7"))
    assert not in_scope("s", "c", LOGGED, Scope("company"))


def test_what_cannot_be_decided_is_refused() -> None:
    with pytest.raises(TerminalError, match="nobody owns it"):
        in_scope("s", "c", CollectionSpec(data_type="account"), Scope("company"))
    with pytest.raises(TerminalError, match="names none"):
        in_scope("s", "c", DATA, Scope("company"), by_controller=True)


@pytest.mark.parametrize(
    "actions", [{"log": Action.DELETE}, {"other": Action.DELETE}, {"data": Action.TOMBSTONE}, {"data": Action.RETAIN}]
)
def test_actions_that_are_not_ours_are_refused(actions: dict[str, Action]) -> None:
    with pytest.raises(TerminalError):
        check_actions("s", {"data": DATA, "log": LOGGED}, actions)


BASE = data_map(
    {
        "memory": MemorySpec.model_validate(
            {"connector": "memory", "collections": {"a": {**PLAIN, "found_by": {"user_id": "id"}}}}
        )
    }
)


def complaints(spec: RedisSpec | S3Spec, the_map: DataMap = BASE) -> str:
    return " | ".join(message for _, message in spec.complaints(the_map))


@pytest.mark.parametrize(
    ("collection", "complaint"),
    [
        ({"key": "a:{unknown}", "type": "string", **PLAIN}, "does not declare"),
        ({"key": "a:{email}", "type": "string", **PLAIN}, "decide `undated"),
        ({"key": "a:{user_id}", "type": "string", **PLAIN, "data_type": "anchor"}, "only deletes"),
        ({"key": "a:{user_id}", "type": "set", "yields": "unknown", **PLAIN}, "unknown identity"),
        ({"key": "a:{user_id}", "type": "set", "yields": "user_id", **PLAIN}, "circle"),
        (
            {"key": "{controller}:{user_id}", "type": "string", **PLAIN},
            "needs a kind of controller that has many members",
        ),
        (
            {
                "key": "a:{user_id}",
                "type": "string",
                "data_type": "account",
                "owner": {"controller": "client", "column": "x"},
            },
            "no columns",
        ),
    ],
)
def test_complaints_about_redis(collection: dict[str, object], complaint: str) -> None:
    spec = RedisSpec.model_validate({"connector": "redis", "collections": {"a": collection}})
    assert complaint in complaints(spec)


@pytest.mark.parametrize(
    ("collection", "complaint"),
    [
        ({"bucket": "bkt", "key": "a/{unknown}", **PLAIN}, "does not declare"),
        ({"bucket": "bkt", "key": "a/{email}", "undated": "keep", **PLAIN}, "nothing to decide"),
        ({"bucket": "bkt", "key": "a/{user_id}", **PLAIN, "data_type": "invoices"}, "only deletes"),
        ({"bucket": "bkt", "key": "a/{user_id}", **PLAIN, "data_type": "invoices"}, "Object Lock"),
    ],
)
def test_complaints_about_s3(collection: dict[str, object], complaint: str) -> None:
    spec = S3Spec.model_validate({"connector": "s3", "collections": {"a": collection}})
    assert complaint in complaints(spec)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("user:{user_id}", "user:{email}", True),
        ("user:{token}", "user:{user_id}:sessions", True),  # a token may hold anything
        ("user:{user_id}", "user:{user_id}:sessions", False),  # a number does not
        ("user:{user_id}", "session:{token}", False),
        ("user:{user_id}", "user:{user_id}", False),  # one meaning
        ("a:{*}:{user_id}", "a:b:{token}", True),
        ("a:{*}:{user_id}", "b:{*}:{user_id}", False),
        ("{object}", "avatar/{user_id}.jpg", True),
        ("a{user_id}b", "a{user_id}c", False),
    ],
)
def test_templates_that_can_name_each_others_keys(one: str, other: str, *, meet: bool) -> None:
    namings = [RecordNaming(name, "", Template.parse(text)) for name, text in (("one", one), ("other", other))]
    for pair in (namings, namings[::-1]):
        found = list(overlaps("s", BASE, pair))
        assert [finding.code for finding in found] == ["template-overlap"] * meet
        assert all(one in finding.message and other in finding.message for finding in found)


def test_places_parts_and_prefixes_that_meet() -> None:
    def meeting(*namings: RecordNaming) -> bool:
        return bool(list(overlaps("s", BASE, namings)))

    users, tokens = Template.parse("users/{user_id}/"), Template.parse("users/7/{token}")
    assert meeting(RecordNaming("a", "bkt", users, below=True), RecordNaming("b", "bkt", tokens))
    assert not meeting(RecordNaming("a", "bkt", users), RecordNaming("b", "bkt", tokens))
    assert not meeting(RecordNaming("a", "bkt", users, below=True), RecordNaming("b", "other", tokens))
    key, number, mail = Template.parse("online"), Template.parse("{user_id}"), Template.parse("{email}")
    assert meeting(RecordNaming("a", "", key, number), RecordNaming("b", "", key, mail))
    assert not meeting(RecordNaming("a", "", key, number), RecordNaming("b", "", key, Template.parse("u{user_id}")))
    assert not meeting(RecordNaming("a", "", key, number), RecordNaming("b", "", Template.parse("offline"), mail))
    assert meeting(
        RecordNaming("a", "", key, number), RecordNaming("b", "", Template.parse("on{token}"))
    )  # the whole key would go


@given(st.text("ab:", max_size=6), st.text("ab:1", min_size=1, max_size=4), st.integers(0, 99))
def test_templates_meet_wherever_a_key_shows_it(literal: str, token: str, number: int) -> None:
    """Whatever key both can name, they are said to meet."""
    one, other = Template.parse(f"{literal}{{user_id}}"), Template.parse(f"{token[:-1]}{{token}}")
    key = one.fill(str(number), Scope("company"))
    if key is not None and other.could_name(key):
        assert list(overlaps("s", BASE, [RecordNaming("a", "", one), RecordNaming("b", "", other)]))


def test_what_an_index_names_goes_before_the_index() -> None:
    spec = RedisSpec.model_validate(
        {
            "connector": "redis",
            "collections": {
                "index": {"key": "u:{user_id}", "type": "set", "yields": "token", **PLAIN},
                "index_of_index": {"key": "v:{email}", "type": "set", "yields": "user_id", "undated": "erase", **PLAIN},
                "sessions": {"key": "s:{token}", "type": "hash", **PLAIN},
            },
        }
    )
    assert complaints(spec) == ""
    assert spec.order() == ("sessions", "index", "index_of_index")
