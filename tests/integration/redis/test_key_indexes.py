"""Redis: an index forgets what is dealt with, and nothing else, whatever kind of key it is (law 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tenacity import wait_none
from tests.support.contract_maps import data_map
from tests.support.redis.keyspace import DATA, SCOPE, dues, person
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import UNREAD, Subject, SubjectKey, no_beat
from expunge_connectors.redis import RedisConnection, RedisSpec, RedisStore
from expunge_connectors.s3 import S3Spec

Put = Callable[[Any, str, str | bytes], object]
INDEXES: dict[str, tuple[dict[str, object], Put]] = {
    "set": ({"type": "set"}, lambda client, key, value: client.sadd(key, value)),
    "zset": ({"type": "zset"}, lambda client, key, value: client.zadd(key, {value: 0})),
    "list": ({"type": "list"}, lambda client, key, value: client.rpush(key, value)),
    "names": ({"type": "hash"}, lambda client, key, value: client.hset(key, value, "x")),
    "values": (
        {"type": "hash", "named_by": "values"},
        lambda client, key, value: client.hset(key, f"f{value!r}", value),
    ),
    "field": (
        {"type": "hash", "named_by": {"field": "at"}},
        lambda client, key, value: client.hset(key, "at", value),
    ),
    "string": ({"type": "string"}, lambda client, key, value: client.set(key, value)),
    "stream": (
        {"type": "stream", "named_by": {"field": "at"}},
        lambda client, key, value: client.xadd(key, {"at": value}),
    ),
}
ONE_BY_ONE = {"set", "zset", "list", "names"}
EVERY = pytest.mark.parametrize("form", INDEXES)
ACTIONS = {"uploads": Action.DELETE}


def uploads(url: str, form: str, yields: str = "object") -> RedisStore:
    """An index in Redis of what is named in a bucket."""
    keys = {"key": "uploads:{user_id}", "yields": yields, **INDEXES[form][0], **DATA}
    spec = RedisSpec.model_validate({"connector": "redis", "collections": {"uploads": keys}})
    files = {"bucket": "files", "key": f"{{{yields}}}", **DATA}
    beside = S3Spec.model_validate({"connector": "s3", "collections": {"files": files}})
    connection = RedisConnection.model_validate({"url": url, "timeout_seconds": 2})
    return RedisStore("cache", data_map({"cache": spec, "files": beside}), connection, wait=wait_none())


@EVERY
def test_what_came_after_the_resolution_keeps_its_index_until_it_is_resolved(keyspace: Keyspace, form: str) -> None:
    """What it names is in another store, and this index is the only way there."""
    put, connector = INDEXES[form][1], uploads(keyspace.url, form)
    for name in ("first", "late"):
        put(keyspace.client, "uploads:1", name)
    subject, cutoff = person(1, object="first"), connector.now()
    connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {"uploads": 1}
    named = {one.key.value for one in connector.resolve([subject], SCOPE, cutoff)}
    assert "late" in named
    assert ("first" in named) == (form not in ONE_BY_ONE and form not in {"field", "string"})
    again = Subject(1, subject.keys | {SubjectKey("object", "late")})
    connector.erase([again], ACTIONS, SCOPE, cutoff, no_beat)
    assert dues(connector.verify([again], SCOPE, cutoff)[1]) == {}
    assert not keyspace.client.exists("uploads:1")
    connector.close()


def test_an_address_is_waited_for_until_a_resolution_has_accepted_or_refused_it(keyspace: Keyspace) -> None:
    connector = uploads(keyspace.url, "set", yields="email")
    first, late = "a@x.example", "b@x.example"
    keys = person(1, email=first).keys
    for refused, left in ((frozenset[SubjectKey](), 1), (frozenset({SubjectKey("email", late)}), 0), (None, 0)):
        keyspace.client.sadd("uploads:1", first, "B@X.example", "no address")
        subject, cutoff = Subject(1, keys, refused), connector.now()
        told = frozenset(one.key for one in connector.resolve([subject], SCOPE, cutoff))
        subject = replace(subject, unread=frozenset(key for key in told if key.namespace == f"{UNREAD}cache.uploads"))
        assert len(subject.unread) == 1
        connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
        assert dues(connector.verify([subject], SCOPE, cutoff)[1]).get("uploads", 0) == left
    connector.close()


@EVERY
def test_an_empty_member_names_nothing_and_goes_with_its_index(keyspace: Keyspace, form: str) -> None:
    put, connector = INDEXES[form][1], sessions(keyspace.url, form)
    put(keyspace.client, "uploads:1", "")
    if form not in {"field", "string"}:
        put(keyspace.client, "uploads:1", "a")
        keyspace.client.set("session:a", "x")
    subject, cutoff = person(1), connector.now()
    found = connector.resolve([subject], SCOPE, cutoff)
    assert {one.key.value for one in found} <= {"a"}
    assert connector.count([subject], SCOPE, cutoff) == connector.verify([subject], SCOPE, cutoff)
    connector.erase([subject], dict.fromkeys(("uploads", "sessions"), Action.DELETE), SCOPE, cutoff, no_beat)
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {}
    assert not keyspace.client.keys()
    connector.close()


@EVERY
def test_a_member_that_is_no_text_is_told_as_unread_and_goes_with_its_index_once_it_was(
    keyspace: Keyspace, form: str
) -> None:
    """No template names such a key, though Redis has it: it stays. Nobody else is kept waiting."""
    put, client, connector = INDEXES[form][1], keyspace.client, sessions(keyspace.url, form)
    put(client, "uploads:1", b"\xff\x01")
    put(client, "uploads:2", "b")
    client.mset({b"session:\xff\x01": "x", "session:b": "x"})
    people, cutoff = [person(1), person(2)], connector.now()
    found = {(one.number, one.key.namespace): one.key for one in connector.resolve(people, SCOPE, cutoff)}
    assert found.keys() == {(1, f"{UNREAD}cache.uploads"), (2, "token")}
    counted = connector.count(people, SCOPE, cutoff)
    assert dues(counted[1]) == {"uploads": 1}
    assert counted == connector.verify(people, SCOPE, cutoff)
    actions = dict.fromkeys(("uploads", "sessions"), Action.DELETE)
    resolved = [
        Subject(1, people[0].keys, frozenset()),
        Subject(2, people[1].keys | {found[2, "token"]}, frozenset()),
    ]
    connector.erase(resolved, actions, SCOPE, cutoff, no_beat)
    left = connector.verify(resolved, SCOPE, cutoff)
    assert (dues(left[1]), dues(left[2])) == ({"uploads": 1}, {}), "it came after the resolution: it is told first"
    told = replace(resolved[0], unread=frozenset({found[1, f"{UNREAD}cache.uploads"]}))
    connector.erase([told], actions, SCOPE, cutoff, no_beat)
    assert dues(connector.verify([told], SCOPE, cutoff)[1]) == {}
    assert client.keys() == [b"session:\xff\x01"]
    connector.close()


def test_a_text_that_is_no_such_identifier_is_told_as_unread_unless_it_is_looked_for_as_it_stands(
    keyspace: Keyspace,
) -> None:
    keyspace.client.sadd("uploads:1", "\0x", " ", "")
    for connector, unread in ((uploads(keyspace.url, "set"), 1), (sessions(keyspace.url, "set"), 0)):
        namespaces = [one.key.namespace for one in connector.resolve([person(1)], SCOPE, connector.now())]
        assert namespaces.count(f"{UNREAD}cache.uploads") == unread
        connector.close()


def sessions(url: str, form: str) -> RedisStore:
    """The same index, of keys beside it."""
    keys = {"key": "uploads:{user_id}", "yields": "token", **INDEXES[form][0], **DATA}
    named = {"key": "session:{token}", "type": "string", **DATA}
    spec = RedisSpec.model_validate({"connector": "redis", "collections": {"uploads": keys, "sessions": named}})
    connection = RedisConnection.model_validate({"url": url, "timeout_seconds": 2})
    return RedisStore("cache", data_map({"cache": spec}), connection, wait=wait_none())
