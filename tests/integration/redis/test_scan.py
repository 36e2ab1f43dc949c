"""Redis: keys that cannot be named are found in one pass for a whole chunk, and nobody else's with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from tests.support.redis.keyspace import DATA, LOG, SCOPE, dues, store
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts, Subject, SubjectKey, no_beat
from expunge_connectors.errors import DividedNameError, TerminalError
from expunge_connectors.redis import RedisStore, key_expressions
from expunge_connectors.redis.client import PinnedClient
from expunge_connectors.redis.scan import COUNT

COLLECTIONS: dict[str, dict[str, Any]] = {
    "pages": {"key": "cache:{*}:user:{user_id}", "type": "string", **DATA},
    "views": {"key": "view:{token}:{*}", "type": "hash", **DATA},
    "below": {"key": "all:{user_id}:{**}", "type": "string", **DATA},
    "mails": {"key": "mail:{*}:{email}", "type": "string", "undated": "erase", **DATA},
    "kept": {"key": "kept:{*}:{email}", "type": "string", "undated": "keep", **DATA},
    "rooms": {"key": "room:{*}:members", "type": "set", "member": "{user_id}", **DATA},
    "index": {"key": "user:{user_id}:tokens", "type": "set", "yields": "token", **DATA},
}
ACTIONS = dict.fromkeys(COLLECTIONS, Action.DELETE)
ODD = ("*", "?", "[1]", "1]", "\\", "1*", "[^x]", "a\nb", "a\0b", "1:2", "ünï", "{user_id}", "1-2", "a.b")


@pytest.fixture
def connector(keyspace: Keyspace) -> Iterator[RedisStore]:
    connector = store(keyspace.url, COLLECTIONS)
    yield connector
    connector.close()


def somebody(number: int, **keys: str) -> Subject:
    found = {SubjectKey("user_id", str(number)), *(SubjectKey(namespace, value) for namespace, value in keys.items())}
    return Subject(number, frozenset(found))


def erase(connector: RedisStore, *subjects: Subject) -> None:
    """Erase and see that both ways of looking find nothing due afterwards."""
    cutoff = connector.now()
    connector.erase(subjects, ACTIONS, SCOPE, cutoff, no_beat)
    for look in (connector.count, connector.verify):
        assert not any(dues(tallies) for tallies in look(subjects, SCOPE, cutoff).values())


def test_everything_of_a_chunk_and_nothing_else(keyspace: Keyspace, connector: RedisStore) -> None:
    client = keyspace.client
    for user in (1, 2, 10, 11, 19, 21, 100):
        client.mset({f"cache:{page}:user:{user}": "x" for page in ("home", "a*b", "\n", "x" * 300)})
        client.mset({f"all:{user}:{rest}": "x" for rest in ("a", "b:c", ":")})
        client.hset(f"view:t{user}:home", "a", "b")
        client.sadd("room:red:members", user)
        client.sadd(f"room:{user}:members", user, "somebody")
    others = ("cache:user:1", "cache:home:user:1:x", "cache::user:1", "xcache:home:user:1", "cache:home:more:user:1",
              "all:1", "all:1:", "all", "room:members", "user:1")  # fmt: skip
    client.mset(dict.fromkeys(others, "x"))
    subjects = [somebody(1, token="t1"), somebody(2, token="t2")]
    cutoff = connector.now()
    expected = {"pages": 4, "below": 3, "views": 1, "rooms": 2}
    for look in (connector.count, connector.verify):
        counts = look(subjects, SCOPE, cutoff)
        assert [dues(counts[number]) for number in (1, 2)] == [expected, expected]
    before = set(client.keys())
    erase(connector, *subjects)
    gone = {key.decode() for key in before - set(client.keys())}
    assert gone == {
        key
        for user in (1, 2)
        for key in (
            *(f"cache:{page}:user:{user}" for page in ("home", "a*b", "\n", "x" * 300)),
            *(f"all:{user}:{rest}" for rest in ("a", "b:c", ":")),
            f"view:t{user}:home",
        )
    }
    assert client.smembers("room:red:members") == {b"10", b"11", b"19", b"21", b"100"}
    assert client.smembers("room:1:members") == {b"somebody"}


def test_of_a_set_that_several_are_in_only_who_is_there_is_told(keyspace: Keyspace, connector: RedisStore) -> None:
    """A member that left the room before the command was not taken out by it."""
    keyspace.client.sadd("room:red:members", 1, 3)
    keyspace.client.sadd("room:blue:members", 3)
    told: list[object] = []
    connector.erase([somebody(1), somebody(2)], {"rooms": Action.DELETE}, SCOPE, connector.now(), no_beat, told.append)
    assert told == [{1: {"rooms"}}]
    assert keyspace.client.smembers("room:red:members") == {b"3"}


def test_an_identifier_is_never_a_pattern(keyspace: Keyspace, connector: RedisStore) -> None:
    client = keyspace.client
    for value in (*ODD, "1", "x", "ab", "plain"):
        client.set(f"mail:a:{value}", "x")
        client.set(f"mail:*:{value}", "x")
    for value in ODD:
        [counted] = connector.count([somebody(7, email=value)], SCOPE, connector.now()).values()
        assert dues(dict(counted)) == {"mails": 2}
        erase(connector, somebody(7, email=value))
        assert not client.exists(f"mail:a:{value}", f"mail:*:{value}")
    assert client.dbsize() == 8


def test_a_literal_beginning_with_special_characters_is_literal(keyspace: Keyspace) -> None:
    collections = {"odd": {"key": "a*[b]?\\c^-:{*}:{user_id}", "type": "string", **DATA}}
    keyspace.client.mset({"a*[b]?\\c^-:x:1": "x", "aX[b]?\\c^-:x:1": "x", "ab:x:1": "x"})
    connector = store(keyspace.url, collections)
    assert dues(dict(connector.count([somebody(1)], SCOPE, connector.now())[1])) == {"odd": 1}
    connector.erase([somebody(1)], {"odd": Action.DELETE}, SCOPE, connector.now(), no_beat)
    assert sorted(keyspace.client.keys()) == [b"aX[b]?\\c^-:x:1", b"ab:x:1"]
    connector.close()


def test_keys_that_are_no_text_are_found_too(keyspace: Keyspace, connector: RedisStore) -> None:
    keyspace.client.set(b"cache:\xff\xfe:user:1", "x")
    keyspace.client.set(b"cache:a:user:\xff", "x")
    erase(connector, somebody(1))
    assert keyspace.client.keys() == [b"cache:a:user:\xff"]


def test_a_reusable_identifier_follows_the_decision(keyspace: Keyspace, connector: RedisStore) -> None:
    keyspace.client.mset({"kept:x:a@mail.example": "x", "mail:x:a@mail.example": "x"})
    subject, cutoff = somebody(1, email="a@mail.example"), connector.now()
    for look in (connector.count, connector.verify):
        counts = look([subject], SCOPE, cutoff)[1]
        assert (counts["kept"], counts["mails"]) == (RecordCounts(newer=1), RecordCounts(due=1))
    erase(connector, subject)
    assert keyspace.client.keys() == [b"kept:x:a@mail.example"]


def test_what_a_live_index_names_is_looked_for_and_goes_before_it(keyspace: Keyspace, connector: RedisStore) -> None:
    client = keyspace.client
    client.sadd("user:1:tokens", "late")
    client.hset("view:late:home", "a", "b")

    def look() -> None:
        assert client.sismember("user:1:tokens", "late") or not client.exists("view:late:home")

    subject, cutoff = somebody(1), connector.now()
    assert dues(dict(connector.verify([subject], SCOPE, cutoff)[1])) == {"views": 1, "index": 1}
    connector.erase([subject], ACTIONS, SCOPE, cutoff, look)
    assert client.dbsize() == 0


def test_one_pass_for_a_chunk_and_only_for_collections_that_are_erased(
    keyspace: Keyspace, connector: RedisStore
) -> None:
    client = keyspace.client
    with client.pipeline(transaction=False) as pipeline:
        for number in range(3000):
            pipeline.set(f"cache:home:user:{number}", "x")
        pipeline.execute()
    chunk = [somebody(number) for number in range(0, 3000, 2)]
    scans = commands(client, lambda: connector.count(chunk, SCOPE, connector.now()))
    assert 3000 // COUNT <= scans["SCAN"] <= 3000 // COUNT + 3
    assert "KEYS" not in scans
    connector.erase(chunk, {"index": Action.DELETE}, SCOPE, connector.now(), no_beat)
    assert client.dbsize() == 3000
    erase(connector, *chunk)
    assert sorted(client.keys()) == sorted(f"cache:home:user:{number}".encode() for number in range(1, 3000, 2))


def commands(client: redis.Redis, call: Any) -> dict[str, int]:
    """How often each command reached the server during a call."""
    client.config_resetstat()
    call()
    return {
        name.removeprefix("cmdstat_").upper(): stats["calls"] for name, stats in client.info("commandstats").items()
    }


def test_without_wildcards_nothing_is_scanned_and_nobody_is_no_pass(keyspace: Keyspace, connector: RedisStore) -> None:
    assert "SCAN" not in commands(keyspace.client, lambda: connector.count([], SCOPE, connector.now()))
    exact = store(keyspace.url)
    assert "SCAN" not in commands(keyspace.client, lambda: exact.count([somebody(1)], SCOPE, connector.now()))
    exact.close()


def test_verifying_reads_the_database_by_another_road(
    keyspace: Keyspace, connector: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 1: an expression that overlooks keys, or a MATCH that conceals them, does not make an erasure complete."""
    keyspace.client.set("cache:home:user:1", "x")
    monkeypatch.setattr(key_expressions, "by_expression", lambda _pattern, _values: lambda _keys: iter(()))
    connector.erase([somebody(1)], ACTIONS, SCOPE, connector.now(), no_beat)
    assert dues(dict(connector.verify([somebody(1)], SCOPE, connector.now())[1])) == {"pages": 1}
    with keyspace.client.monitor() as monitor:
        connector.verify([somebody(1)], SCOPE, connector.now())
        keyspace.client.echo("end")
        seen = []
        while not (command := monitor.next_command()["command"]).upper().startswith("ECHO"):
            seen.append(command.upper())
    assert any(command.startswith("SCAN") for command in seen)
    assert not any("MATCH" in command for command in seen)


def test_a_broken_connection_begins_the_pass_anew(keyspace: Keyspace, connector: RedisStore) -> None:
    """A cursor means nothing to a server that was started again."""
    client = keyspace.client
    with client.pipeline(transaction=False) as pipeline:
        for number in range(5 * COUNT):
            pipeline.set(f"cache:{number}:user:1", "x")
        pipeline.execute()
    beats = 0

    def cut() -> None:
        nonlocal beats
        beats += 1
        if beats == 4:
            client.client_kill_filter(_type="normal", skipme=True)

    client.config_resetstat()
    connector.erase([somebody(1)], ACTIONS, SCOPE, connector.now(), cut)
    assert client.dbsize() == 0
    assert beats > 4


def test_a_key_twice_in_a_pass_is_counted_once(keyspace: Keyspace, connector: RedisStore) -> None:
    """SCAN may show a key again while the table grows."""
    keyspace.client.set("cache:home:user:1", "x")
    plain = PinnedClient.receive

    def twice(self: PinnedClient, collection: str | None = None) -> Any:
        cursor, keys = plain(self, collection)
        return [cursor, [*keys, *keys]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PinnedClient, "receive", twice)
        for look in (connector.count, connector.verify):
            assert dues(dict(look([somebody(1)], SCOPE, connector.now())[1])) == {"pages": 1}


def test_another_type_than_declared_stops_everything(keyspace: Keyspace, connector: RedisStore) -> None:
    keyspace.client.rpush("cache:home:user:1", "x")
    cutoff = connector.now()
    for call in (connector.count, connector.verify):
        with pytest.raises(TerminalError, match="collection pages: a key is of another type"):
            call([somebody(1)], SCOPE, cutoff)
    with pytest.raises(TerminalError, match="collection pages"):
        connector.erase([somebody(1)], ACTIONS, SCOPE, cutoff, no_beat)
    assert keyspace.client.dbsize() == 1


def test_a_found_key_that_falls_on_a_log_is_refused(keyspace: Keyspace) -> None:
    collections = {
        "files": {"key": "{*}:{user_id}", "type": "string", **DATA},
        "audit": {"key": "audit:{*}", "type": "string", "log": LOG},
    }
    connector = store(keyspace.url, collections)
    keyspace.client.mset({"audit:1": "x", "a:1": "x"})
    with pytest.raises(TerminalError, match="declared log") as caught:
        connector.erase([somebody(1)], {"files": Action.DELETE}, SCOPE, connector.now(), no_beat)
    assert "audit:1" not in str(caught.value)
    assert keyspace.client.exists("audit:1")
    connector.close()


def test_an_identifier_that_holds_the_end_of_its_place_is_refused_not_missed(
    keyspace: Keyspace, connector: RedisStore
) -> None:
    collections = {"below": {"key": "all:{token}:{**}", "type": "string", **DATA}}
    connector = store(keyspace.url, collections)
    keyspace.client.set("all:a:b:c", "x")
    with pytest.raises(DividedNameError, match="holds `:`, which ends it") as caught:
        connector.count([somebody(1, token="a:b"), somebody(2, token="c")], SCOPE, connector.now())
    assert caught.value.numbers == {1}
    connector.close()
