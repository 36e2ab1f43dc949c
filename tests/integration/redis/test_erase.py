"""Redis: every type of key, index sets, late records, and what must never be touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from tests.support.redis.keyspace import ACTIONS, CLIENT, COLLECTIONS, DATA, LOG, SCOPE, dues, person, store
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import DiscoveredKey, RecordCounts, Scope, Subject, SubjectKey, no_beat
from expunge_connectors.errors import TerminalError, TransientError, UnknownMemberError
from expunge_connectors.redis import RedisStore


@pytest.fixture
def connector(keyspace: Keyspace) -> Iterator[RedisStore]:
    connector = store(keyspace.url)
    yield connector
    connector.close()


@pytest.fixture
def filled(keyspace: Keyspace) -> Keyspace:
    client = keyspace.client
    for user in (1, 12):
        client.sadd(f"user:{user}:sessions", f"a{user}", f"b{user}")
        for token in (f"a{user}", f"b{user}"):
            client.hset(f"session:{token}", "ip", "192.0.2.1")
        client.set(f"cache:{user}", "x", ex=1000)
        client.zadd("online", {str(user): 0})  # a score of 0 is falsy and there
        client.sadd("seen", user)
        client.hset("names", str(user), "")  # an empty field is falsy and there
        client.rpush(f"inbox:{user}", "x")
        client.xadd(f"events:{user}", {"x": "y"})
        client.sadd("client:7:recent", user)
        client.xadd("audit", {"user": user})
    return keyspace


EVERYTHING = {
    "index": 1, "sessions": 2, "cache": 1, "online": 1, "seen": 1, "names": 1, "inbox": 1, "events": 1
}  # fmt: skip


def test_every_type_is_counted_erased_and_verified(filled: Keyspace, connector: RedisStore) -> None:
    subject, cutoff = person(1, "a1", "b1"), connector.now()
    assert dues(connector.count([subject], SCOPE, cutoff)[1]) == EVERYTHING
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == EVERYTHING
    connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert dues(connector.count([subject], SCOPE, cutoff)[1]) == {}
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {}
    client = filled.client
    assert sorted(client.keys()) == sorted(
        [b"user:12:sessions", b"session:a12", b"session:b12", b"cache:12", b"online", b"seen", b"names", b"inbox:12",
         b"events:12", b"client:7:recent", b"audit"]
    )  # fmt: skip
    assert client.zrange("online", 0, -1) == client.hkeys("names") == [b"12"]
    assert client.smembers("seen") == {b"12"}
    assert client.ttl("cache:12") > 0
    assert client.xlen("audit") == 2
    assert client.smembers("client:7:recent") == {b"1", b"12"}


def test_index_sets_yield_what_they_name(filled: Keyspace, connector: RedisStore) -> None:
    found = connector.resolve([person(1), person(12)], SCOPE, None)
    assert set(found) == {
        DiscoveredKey(user, SubjectKey("user_id", str(user)), "index", SubjectKey("token", f"{letter}{user}"))
        for user in (1, 12)
        for letter in "ab"
    }
    assert not connector.resolve([person(1)], Scope("client", "7"), None)


def test_the_members_of_one_client_only(filled: Keyspace, connector: RedisStore) -> None:
    filled.client.sadd("client:8:recent", 1)
    subject, cutoff, scope = person(1), connector.now(), Scope("client", "7")
    assert dues(connector.count([subject], scope, cutoff)[1]) == {"recent": 1}
    connector.erase([subject], {"recent": Action.DELETE}, scope, cutoff, no_beat)
    assert connector.verify([subject], scope, cutoff)[1] == {"recent": RecordCounts()}
    assert filled.client.smembers("client:7:recent") == {b"12"}
    assert filled.client.smembers("client:8:recent") == {b"1"}
    with pytest.raises(TerminalError, match="names none"):
        connector.count([subject], Scope("client"), cutoff)


def test_a_member_that_holds_what_ends_it_is_refused(keyspace: Keyspace) -> None:
    """`4:doc:x` with the token `y` would be the member 4 with the token `x:doc:y`."""
    docs = {"key": "client:{controller}:doc:{token}", "type": "string", "data_type": "account", "owner": CLIENT}
    connector = store(keyspace.url, {"docs": docs})
    keyspace.client.set("client:4:doc:x:doc:y", "of 4")
    subject, cutoff = Subject(1, frozenset({SubjectKey("token", "y")})), connector.now()
    for verb in (connector.count, connector.verify):
        with pytest.raises(UnknownMemberError, match="cannot be told") as caught:
            verb([subject], Scope("client", "4:doc:x"), cutoff)
        assert "4:doc" not in str(caught.value)
    mine = Subject(1, frozenset({SubjectKey("token", "x:doc:y")}))
    assert dues(connector.count([mine], Scope("client", "4"), cutoff)[1]) == {"docs": 1}
    connector.close()


def test_options_of_the_url_do_not_change_what_answers_are(filled: Keyspace) -> None:
    connector = store(f"{filled.url}?decode_responses=true")
    subject, cutoff = person(1), connector.now()
    assert connector.resolve([subject], SCOPE, cutoff)
    assert dues(connector.count([subject], SCOPE, cutoff)[1]) == EVERYTHING
    connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {}
    connector.close()


def test_sessions_that_nobody_resolved_are_found_through_the_live_index(
    filled: Keyspace, connector: RedisStore
) -> None:
    subject, cutoff = person(1, "a1"), connector.now()
    filled.client.sadd("user:1:sessions", "late")
    filled.client.hset("session:late", "ip", "x")
    assert connector.count([subject], SCOPE, cutoff)[1]["sessions"].due == 3
    assert connector.verify([subject], SCOPE, cutoff)[1]["sessions"].due == 3
    connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert not filled.client.exists("session:late", "session:b1", "user:1:sessions")


def test_a_session_that_begins_during_the_erasure_keeps_its_index(filled: Keyspace, connector: RedisStore) -> None:
    """UNLINK of the index set would orphan it; verification finds it, and the next pass takes it."""
    subject, cutoff = person(1, "a1", "b1"), connector.now()
    pieces = 0

    def login() -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 2:  # the index set has been read
            filled.client.hset("session:late", "ip", "x")
            filled.client.sadd("user:1:sessions", "late")

    connector.erase([subject], ACTIONS, SCOPE, cutoff, login)
    assert pieces > 2
    assert filled.client.smembers("user:1:sessions") == {b"late"}
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {"index": 1, "sessions": 1}
    connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {}
    assert not filled.client.exists("session:late")


def test_the_index_outlives_what_it_names_at_every_moment(filled: Keyspace, connector: RedisStore) -> None:
    """Law 6: a run that dies here can go on from the index alone."""
    client = filled.client

    def look() -> None:
        named = client.smembers("user:1:sessions")
        assert all(token in named for token in (b"a1", b"b1") if client.exists(b"session:" + token))

    connector.erase([person(1)], ACTIONS, SCOPE, connector.now(), look)
    assert not client.exists("session:a1", "session:b1", "user:1:sessions")


def test_late_members_stay_in_the_index_if_their_records_are_not_erased_now(
    filled: Keyspace, connector: RedisStore
) -> None:
    connector.erase([person(1, "a1")], {"index": Action.DELETE}, SCOPE, connector.now(), no_beat)
    assert filled.client.smembers("user:1:sessions") == {b"b1"}
    assert filled.client.exists("session:a1", "session:b1") == 2


def test_undated_keys_of_a_reusable_identifier_follow_the_decision(keyspace: Keyspace, connector: RedisStore) -> None:
    keyspace.client.mset({"kept:a@mail.example": "x", "mail:a@mail.example": "x"})
    subject, cutoff = Subject(1, frozenset({SubjectKey("email", "a@mail.example")})), connector.now()
    for look in (connector.count, connector.verify):
        counts = look([subject], SCOPE, cutoff)[1]
        assert counts["kept"] == RecordCounts(newer=1)
        assert counts["mail"] == RecordCounts(due=1)
    connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert keyspace.client.exists("kept:a@mail.example")
    assert not keyspace.client.exists("mail:a@mail.example")


def test_an_index_found_by_a_kept_identifier_leads_nowhere(keyspace: Keyspace) -> None:
    collections = {
        "index": {"key": "of:{email}", "type": "set", "yields": "token", "undated": "keep", **DATA},
        "sessions": COLLECTIONS["sessions"],
    }
    keyspace.client.sadd("of:a@mail.example", "t")
    keyspace.client.hset("session:t", "ip", "x")
    subject = Subject(1, frozenset({SubjectKey("email", "a@mail.example")}))
    connector = store(keyspace.url, collections)
    cutoff = connector.now()
    assert not connector.resolve([subject], SCOPE, None)
    assert connector.count([subject], SCOPE, cutoff)[1] == {
        "index": RecordCounts(newer=1),
        "sessions": RecordCounts(newer=1),
    }
    connector.erase([subject], dict.fromkeys(collections, Action.DELETE), SCOPE, cutoff, no_beat)
    assert keyspace.client.exists("of:a@mail.example", "session:t") == 2
    connector.close()


@pytest.mark.parametrize("verb", ["count", "erase", "verify", "resolve"])
def test_another_type_than_declared_stops_everything(filled: Keyspace, connector: RedisStore, verb: str) -> None:
    filled.client.delete("user:1:sessions", "session:a1")
    filled.client.set("user:1:sessions", "secret")
    before, cutoff = filled.client.dbsize(), connector.now()
    calls = {
        "count": lambda: connector.count([person(1)], SCOPE, cutoff),
        "erase": lambda: connector.erase([person(1)], ACTIONS, SCOPE, cutoff, no_beat),
        "verify": lambda: connector.verify([person(1)], SCOPE, cutoff),
        "resolve": lambda: connector.resolve([person(1)], SCOPE, cutoff),
    }
    with pytest.raises(TerminalError, match="collection index: a key is of another type") as caught:
        calls[verb]()
    assert "user:1" not in str(caught.value)
    assert filled.client.dbsize() == before


def test_a_whole_key_of_another_type_is_left_alone(filled: Keyspace, connector: RedisStore) -> None:
    filled.client.delete("inbox:1")
    filled.client.set("inbox:1", "secret")
    cutoff = connector.now()
    for call in (connector.count, connector.verify):
        with pytest.raises(TerminalError, match="collection inbox"):
            call([person(1)], SCOPE, cutoff)
    with pytest.raises(TerminalError, match="collection inbox"):
        connector.erase([person(1)], ACTIONS, SCOPE, cutoff, no_beat)
    assert filled.client.get("inbox:1") == b"secret"


def test_a_key_that_falls_on_a_log_is_refused(keyspace: Keyspace) -> None:
    collections = {
        "files": {"key": "{token}", "type": "string", **DATA},
        "audit": {"key": "audit:{user_id}", "type": "stream", "log": LOG},
    }
    connector = store(keyspace.url, collections)
    keyspace.client.xadd("audit:1", {"x": "y"})
    for token in ("audit:1", "expunge:sentinel"):
        subject = Subject(1, frozenset({SubjectKey("token", token)}))
        with pytest.raises(TerminalError, match=r"declared log|sentinel"):
            connector.erase([subject], {"files": Action.DELETE}, SCOPE, connector.now(), no_beat)
    assert keyspace.client.exists("audit:1")
    connector.close()


def test_a_value_is_never_a_pattern(keyspace: Keyspace, connector: RedisStore) -> None:
    keyspace.client.mset({"cache:1": "x", "cache:2": "x"})
    subject = Subject(1, frozenset({SubjectKey("user_id", "*")}))
    connector.erase([subject], ACTIONS, SCOPE, connector.now(), no_beat)
    assert keyspace.client.exists("cache:1", "cache:2") == 2


def test_large_sets_and_many_people_go_in_bounded_pieces(keyspace: Keyspace, connector: RedisStore) -> None:
    client, beats = keyspace.client, []
    client.sadd("user:1:sessions", *(f"t{number}" for number in range(2500)))
    with client.pipeline(transaction=False) as pipeline:
        for number in range(2500):
            pipeline.hset(f"session:t{number}", "ip", "x")
            pipeline.zadd("online", {str(number): number})
        pipeline.execute()
    people, cutoff = [person(number) for number in range(2500)], connector.now()
    assert connector.count(people, SCOPE, cutoff)[1]["sessions"].due == 2500
    assert connector.verify(people, SCOPE, cutoff)[1]["sessions"].due == 2500
    connector.erase(people, ACTIONS, SCOPE, cutoff, lambda: beats.append(1))
    assert client.dbsize() == 0
    assert len(beats) > 9


def test_a_dropped_connection_is_made_again(filled: Keyspace, connector: RedisStore) -> None:
    connector.now()
    filled.client.client_kill_filter(_type="normal", skipme=True)
    assert dues(connector.count([person(1)], SCOPE, connector.now())[1])
    filled.client.client_kill_filter(_type="normal", skipme=True)
    connector.erase([person(1)], ACTIONS, SCOPE, connector.now(), no_beat)
    assert dues(connector.verify([person(1)], SCOPE, connector.now())[1]) == {}


def test_a_server_that_does_not_answer_in_time_is_transient(keyspace: Keyspace) -> None:
    connector = store(keyspace.url, timeout=0.05)
    connector.now()
    keyspace.client.client_pause(600)
    with pytest.raises(TransientError):
        connector.now()
    keyspace.client.client_unpause()
    assert connector.now()
    connector.close()


def test_what_the_server_refuses_is_not_told_to_have_gone(filled: Keyspace) -> None:
    """Of a pipeline it carries out what it may: the members go, the keys stay."""
    filled.client.execute_command("ACL", "SETUSER", "clerk", "on", ">clerk", "~*", "+@all", "-unlink")
    url = urlsplit(filled.url)
    connector = store(url._replace(netloc=f"clerk:clerk@{url.netloc.rpartition('@')[2]}").geturl())
    told: list[Mapping[int, Collection[str]]] = []
    try:
        actions: dict[str, Action] = dict.fromkeys(("online", "seen", "cache"), Action.DELETE)
        with pytest.raises(TerminalError, match="refused"):
            connector.erase([person(1)], actions, SCOPE, connector.now(), no_beat, told.append)
        assert {name for one in told for name in one[1]} == {"online", "seen"} - dues(
            connector.count([person(1)], SCOPE, connector.now())[1]
        ).keys()
        assert filled.client.exists("cache:1")
    finally:
        connector.close()
        filled.client.execute_command("ACL", "DELUSER", "clerk")


def test_where_an_answer_was_lost_it_may_have_gone(filled: Keyspace) -> None:
    """The server carries the command out after the connector gave up; the next attempts find nothing to remove."""
    connector = store(filled.url, timeout=0.3)
    told: list[object] = []
    filled.client.client_pause(60_000, all=False)  # writes alone wait
    with pytest.raises(TransientError):
        connector.erase([person(1)], {"cache": Action.DELETE}, SCOPE, connector.now(), no_beat, told.append)
    filled.client.client_unpause()
    assert told[:1] == [{1: {"cache"}}]
    connector.close()


@pytest.mark.parametrize("name", ["seen", "online", "names"])
def test_people_who_share_a_key_are_told_apart(filled: Keyspace, connector: RedisStore, name: str) -> None:
    """A part that is not there when the command comes was not taken out by it."""
    told: list[Mapping[int, Collection[str]]] = []
    people = [person(1), person(12), person(13)]
    connector.erase(people, {name: Action.DELETE}, SCOPE, connector.now(), no_beat, told.append)
    assert told == [{1: {name}, 12: {name}}]


def test_verifying_shares_no_command_with_erasing_and_nothing_scans_the_keyspace(
    filled: Keyspace, connector: RedisStore
) -> None:
    """Law 1, seen in what the server really received."""
    used: dict[str, set[str]] = {}
    cutoff, subject = connector.now(), person(1)
    calls = {
        "count": lambda: connector.count([subject], SCOPE, cutoff),
        "verify": lambda: connector.verify([subject], SCOPE, cutoff),
        "erase": lambda: connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat),
    }
    for verb, call in calls.items():
        with filled.client.monitor() as monitor:
            call()
            filled.client.echo("end")
            used[verb] = set()
            while (command := monitor.next_command()["command"].split()[0].upper()) != "ECHO":
                used[verb].add(command)
    assert used["verify"] & used["erase"] <= {"TYPE", "SELECT", "CLIENT", "AUTH", "HELLO"}
    assert {"EXISTS", "SISMEMBER", "ZSCORE", "HEXISTS", "SSCAN"} <= used["verify"]
    assert {"UNLINK", "SREM", "ZREM", "HDEL"} <= used["erase"]
    assert not {"KEYS", "SCAN", "FLUSHDB", "DEL"} & set().union(*used.values())
    assert not {"UNLINK", "SREM", "ZREM", "HDEL"} & (used["count"] | used["verify"])


def test_without_an_owner_nothing_is_guessed(keyspace: Keyspace) -> None:
    connector = store(keyspace.url, {"cache": {"key": "cache:{user_id}", "type": "string", "data_type": "account"}})
    with pytest.raises(TerminalError, match="nobody owns it"):
        connector.count([person(1)], SCOPE, connector.now())
    connector.close()
