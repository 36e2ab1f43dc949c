"""Templates with wildcards: one reading of every key, by two readers that agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge_connectors.contract import Scope
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.redis.key_expressions import by_expression
from expunge_connectors.redis.key_patterns import Pattern
from expunge_connectors.redis.verify.key_walk import by_walking

SCOPE = Scope("client", "42")
TEMPLATES = (
    "cache:{*}:user:{user_id}",
    "cache:{*}:user:{user_id}:{*}",
    "{*}:{user_id}",
    "{user_id}:{*}",
    "c:{controller}:{*}:{user_id}.json",
    "img-{*}.user-{user_id}-{*}.png",
    "user:{user_id}:{**}",
    "{*}/user/{user_id}/{*}/{**}",
    "room:{*}:members",
    "room:{*}",
    "room:{**}",
)


def pattern(text: str) -> Pattern:
    return Pattern.of(Template.parse(text), SCOPE)


def both(made: Pattern, key: bytes) -> tuple[bytes | None, bytes | None]:
    """What each reader reads, when everything that the key holds is looked for."""
    anything = {key[start:end] for start in range(len(key) + 1) for end in range(start, len(key) + 1)}
    bystanders = [b"", b"x", key + b"x"]
    found = [
        {hit.key: hit.value for hit in search([*bystanders, key])}
        for search in (by_expression(made, anything), by_walking(made, anything))
    ]
    return found[0].get(key), found[1].get(key)


@pytest.mark.parametrize(
    ("template", "key", "value"),
    [
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:user:1:y", b"1"),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:user:10:y", b"10"),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:user:a:b:y", b"a:b"),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:user:*?[]\\\n\0:y", b"*?[]\\\n\0"),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x\ny:user:1:\0", b"1"),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:user:1:", None),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:user::y", None),
        ("cache:{*}:user:{user_id}:{*}", b"cache::user:1:y", None),
        ("cache:{*}:user:{user_id}:{*}", b"xcache:x:user:1:y", None),
        ("cache:{*}:user:{user_id}:{*}", b"cache:x:y:user:1:y", None),  # one segment, not two
        ("cache:{*}:user:{user_id}", b"cache:x:user:1:y", b"1:y"),  # the identity is everything to the end
        ("user:{user_id}:{**}", b"user:1:a:b", b"1"),
        ("user:{user_id}:{**}", b"user:1", None),
        ("user:{user_id}:{**}", b"user:1:", None),
        ("c:{controller}:{*}:{user_id}.json", b"c:42:x:7.json", b"7"),
        ("c:{controller}:{*}:{user_id}.json", b"c:43:x:7.json", None),
        ("room:{*}:members", b"room:1:members", b""),
        ("room:{*}:members", b"room:1:2:members", None),
        ("room:{*}", b"room:1", b""),
        ("room:{*}", b"room:1:2", None),
        ("room:{**}", b"room:1:2", b""),
        ("{*}:{user_id}", b"\xff:\xfe", b"\xfe"),
    ],
)  # fmt: skip
def test_reading(template: str, key: bytes, value: bytes | None) -> None:
    assert both(pattern(template), key) == (value, value)


@settings(max_examples=300)
@given(st.sampled_from(TEMPLATES), st.lists(st.sampled_from([*"a1:-./*\n\0", "user", "cache", ":user:"]), max_size=12))
def test_the_two_readers_agree(template: str, parts: list[str]) -> None:
    made, key = pattern(template), "".join(parts).encode()
    for one in (key, made.head + key):
        expressed, walked = both(made, one)
        assert expressed == walked


@settings(max_examples=300)
@given(st.sampled_from([one for one in TEMPLATES if "{user_id}" in one]), st.binary(min_size=1, max_size=12),
       st.lists(st.text("ab*?1 \n", min_size=1, max_size=3), min_size=4, max_size=4))  # fmt: skip
def test_whatever_stands_in_the_identitys_place_is_read(template: str, value: bytes, fillings: list[str]) -> None:
    made = pattern(template)
    if made.ends_value is not None:
        value = value.replace(made.ends_value.encode(), b"x")
    text = template.replace("{controller}", "42").replace("{**}", "rest:of/it")
    for filling in fillings:
        text = text.replace("{*}", filling, 1)
    before, _, after = text.partition("{user_id}")
    key = before.encode() + value + after.encode()
    assert both(made, key) == (value, value)


def test_what_no_value_may_hold() -> None:
    assert pattern("user:{user_id}:{**}").ends_value == ":"
    assert pattern("cache:{*}:user:{user_id}").ends_value is None
    assert pattern("room:{**}").ends_value is None


def test_only_what_is_looked_for_is_found() -> None:
    made, keys = pattern("cache:{*}:user:{user_id}:{*}"), [b"cache:x:user:%d:y" % user for user in range(30)]
    for search in (by_expression(made, {b"1", b"2:3"}), by_walking(made, {b"1", b"2:3"})):
        found = [(hit.key, hit.value) for hit in search([*keys, b"cache:x:user:2:3:y"])]
        assert found == [(keys[1], b"1"), (b"cache:x:user:2:3:y", b"2:3")]


def test_the_literal_beginning() -> None:
    assert pattern("c:{controller}:{*}:{user_id}.json").head == b"c:42:"
    assert pattern("{*}:{user_id}").head == b""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:{*}{user_id}", "something literal"),
        ("a:{**}:{user_id}", "at the end"),
        ("{*}", "at least one"),
        ("é{*}:{user_id}", "ASCII"),
        ("{user_id}:{*}:{user_id}", "stands once"),
    ],
)
def test_wildcards_whose_end_cannot_be_told_are_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Template.parse(text)


def test_a_template_with_wildcards_is_never_filled() -> None:
    with pytest.raises(ValueError, match="no single key"):
        Template.parse("a:{*}:{user_id}").fill("1", SCOPE)
