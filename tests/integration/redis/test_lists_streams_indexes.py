"""Redis: elements of lists, entries of streams, and every kind of index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from tests.support.redis.keyspace import DATA, SCOPE, dues, person, store
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import DiscoveredKey, RecordCounts, SubjectKey, no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.redis import RedisStore
from expunge_connectors.redis.client import Command, PinnedClient

PARTS: dict[str, dict[str, Any]] = {
    "feed": {"key": "feed", "type": "list", "element": "user/{user_id}", **DATA},
    "trail": {"key": "trail", "type": "stream", "entry": {"user": "{user_id}"}, **DATA},
    "trails": {"key": "trail:{*}", "type": "stream", "entry": {"user": "{user_id}"}, **DATA},
}
SESSIONS = {"key": "session:{token}", "type": "hash", **DATA}


@pytest.fixture
def connector(keyspace: Keyspace) -> Iterator[RedisStore]:
    connector = store(keyspace.url, PARTS)
    yield connector
    connector.close()


def erased(connector: RedisStore, number: int, collections: dict[str, Any]) -> None:
    cutoff, actions = connector.now(), dict.fromkeys(collections, Action.DELETE)
    connector.erase([person(number)], actions, SCOPE, cutoff, no_beat)
    for look in (connector.count, connector.verify):
        assert dues(dict(look([person(number)], SCOPE, cutoff)[number])) == {}


def test_elements_of_a_list_wherever_they_stand(keyspace: Keyspace, connector: RedisStore) -> None:
    client = keyspace.client
    client.rpush("feed", "user/1", "user/10", "1", "user/1", "xuser/1", "user/2", "user/1")
    for look in (connector.count, connector.verify):
        assert look([person(1)], SCOPE, connector.now())[1]["feed"] == RecordCounts(due=1)
        assert look([person(3)], SCOPE, connector.now())[3]["feed"] == RecordCounts()
    erased(connector, 1, PARTS)
    assert client.lrange("feed", 0, -1) == [b"user/10", b"1", b"xuser/1", b"user/2"]


def test_entries_of_streams_each_by_its_id(keyspace: Keyspace, connector: RedisStore) -> None:
    client = keyspace.client
    for key in ("trail", "trail:a", "trail:b"):
        for user in (1, 10, 1, 2):
            client.xadd(key, {"user": user, "what": "1"})
        client.xadd(key, {"what": "1"})
        client.execute_command("XADD", key, "*", "user", "9", "user", "1")  # a field that stands twice
    for look in (connector.count, connector.verify):
        assert dues(dict(look([person(1)], SCOPE, connector.now())[1])) == {"trail": 3, "trails": 6}
    erased(connector, 1, PARTS)
    for key in ("trail", "trail:a", "trail:b"):
        assert [fields.get(b"user") for _, fields in client.xrange(key)] == [b"10", b"2", None]


def test_streams_longer_than_a_page_and_ids_at_the_end_of_a_millisecond(
    keyspace: Keyspace, connector: RedisStore
) -> None:
    client = keyspace.client
    with client.pipeline(transaction=False) as pipeline:
        for number in range(999):
            pipeline.xadd("trail", {"user": number % 3}, id=f"5-{number + 1}")
        pipeline.xadd("trail", {"user": 1}, id=f"5-{2**64 - 1}")
        for number in range(1500):
            pipeline.xadd("trail", {"user": number % 3}, id=f"6-{number}")
        pipeline.execute()
    for look in (connector.count, connector.verify):
        assert look([person(1)], SCOPE, connector.now())[1]["trail"] == RecordCounts(due=333 + 1 + 500)
    erased(connector, 1, PARTS)
    assert client.xlen("trail") == 666 + 1000


def test_a_key_of_another_type_is_not_searched(keyspace: Keyspace, connector: RedisStore) -> None:
    for key, collection in (("feed", "feed"), ("trail", "trail"), ("trail:x", "trails")):
        keyspace.client.set(key, "x")
        for look in (connector.count, connector.verify):
            with pytest.raises(TerminalError, match=f"collection {collection}: a key is of another type"):
                look([person(1)], SCOPE, connector.now())
        keyspace.client.delete(key)


# key of the index, what the map says beyond key and identity, how others write one more name into it
Write = Callable[[redis.Redis, str], object]
INDEXES: dict[str, tuple[dict[str, Any], Write]] = {
    "set": ({"type": "set"}, lambda client, name: client.sadd("of:1", name)),
    "zset": ({"type": "zset"}, lambda client, name: client.zadd("of:1", {name: 0})),
    "list": ({"type": "list"}, lambda client, name: client.rpush("of:1", name)),
    "hash": ({"type": "hash"}, lambda client, name: client.hset("of:1", name, "phone")),
    "values": ({"type": "hash", "named_by": "values"}, lambda client, name: client.hset("of:1", f"on {name}", name)),
    "stream": (
        {"type": "stream", "named_by": {"field": "session"}},
        lambda client, name: client.xadd("of:1", {"session": name, "other": "x"}),
    ),
}
SINGLE: dict[str, tuple[dict[str, Any], Write]] = {
    "string": ({"type": "string"}, lambda client, name: client.set("of:1", name)),
    "field": (
        {"type": "hash", "named_by": {"field": "session"}},
        lambda client, name: client.hset("of:1", mapping={"session": name, "name": "Ada"}),
    ),
}


def indexed(keyspace: Keyspace, kind: dict[str, Any]) -> tuple[RedisStore, dict[str, dict[str, Any]]]:
    collections = {"index": {"key": "of:{user_id}", "yields": "token", **kind, **DATA}, "sessions": SESSIONS}
    return store(keyspace.url, collections), collections


@pytest.mark.parametrize(("kind", "write"), [*INDEXES.values(), *SINGLE.values()], ids=[*INDEXES, *SINGLE])
def test_what_an_index_names_goes_and_then_the_index(keyspace: Keyspace, kind: dict[str, Any], write: Write) -> None:
    connector, collections = indexed(keyspace, kind)
    client = keyspace.client
    write(client, "a")
    client.hset("session:a", "ip", "x")
    client.hset("session:b", "ip", "x")
    [found] = connector.resolve([person(1)], SCOPE, None)
    assert found == DiscoveredKey(1, SubjectKey("user_id", "1"), "index", SubjectKey("token", "a"))
    for look in (connector.count, connector.verify):
        assert dues(dict(look([person(1)], SCOPE, connector.now())[1])) == {"index": 1, "sessions": 1}

    def look() -> None:
        assert client.exists("of:1") or not client.exists("session:a")

    actions = dict.fromkeys(collections, Action.DELETE)
    connector.erase([person(1)], actions, SCOPE, connector.now(), look)
    assert client.keys() == [b"session:b"]
    erased(connector, 1, collections)
    connector.close()


@pytest.mark.parametrize(("kind", "write"), [*INDEXES.values(), *SINGLE.values()], ids=[*INDEXES, *SINGLE])
def test_what_an_index_comes_to_name_during_the_erasure_is_not_orphaned(
    keyspace: Keyspace, kind: dict[str, Any], write: Write
) -> None:
    """Whenever a login comes in: the new session is reachable from the index, or from nothing because it is gone."""
    connector, collections = indexed(keyspace, kind)
    client, actions = keyspace.client, dict.fromkeys(collections, Action.DELETE)
    for moment in range(1, 30):
        client.flushdb()
        write(client, "a")
        client.hset("session:a", "ip", "x")
        beats = 0

        def login(moment: int = moment) -> None:
            nonlocal beats
            beats += 1
            if beats == moment:
                client.hset("session:late", "ip", "x")
                write(client, "late")

        connector.erase([person(1)], actions, SCOPE, connector.now(), login)
        if beats < moment:
            break
        left = dues(dict(connector.verify([person(1)], SCOPE, connector.now())[1]))
        assert left == ({"index": 1, "sessions": 1} if client.exists("session:late") else {})
        erased(connector, 1, collections)
        assert client.dbsize() == 0
    assert moment > 2
    connector.close()


@pytest.mark.parametrize(("kind", "write"), INDEXES.values(), ids=INDEXES)
def test_large_indexes_are_read_in_pieces(keyspace: Keyspace, kind: dict[str, Any], write: Write) -> None:
    connector, collections = indexed(keyspace, kind)
    client = keyspace.client
    names = {f"t{number}" for number in range(2500)}
    with client.pipeline(transaction=False) as pipeline:
        for name in sorted(names):
            write(pipeline, name)
            pipeline.hset(f"session:{name}", "ip", "x")
        pipeline.execute()
    assert {one.key.value for one in connector.resolve([person(1)], SCOPE, None)} == names
    assert connector.verify([person(1)], SCOPE, connector.now())[1]["sessions"].due == 2500
    erased(connector, 1, collections)
    assert client.dbsize() == 0
    connector.close()


def test_an_index_that_changes_between_reading_and_removing_stays(keyspace: Keyspace) -> None:
    """The change comes between WATCH and EXEC, where no beat is: another client writes as soon as it sees the WATCH."""
    connector, collections = indexed(keyspace, SINGLE["field"][0])
    client = keyspace.client
    client.hset("of:1", mapping={"session": "a", "name": "Ada"})
    plain = PinnedClient.send

    def send(self: PinnedClient, command: Command) -> None:
        if command.words[0] == "MULTI":
            client.hset("of:1", "session", "late")
        plain(self, command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PinnedClient, "send", send)
        connector.erase([person(1)], dict.fromkeys(collections, Action.DELETE), SCOPE, connector.now(), no_beat)
    assert client.hgetall("of:1") == {b"session": b"late", b"name": b"Ada"}
    assert connector.verify([person(1)], SCOPE, connector.now())[1]["index"].due == 1
    erased(connector, 1, collections)
    connector.close()
