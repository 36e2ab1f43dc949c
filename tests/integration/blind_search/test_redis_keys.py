"""The blind search of Redis: names of keys, and values of all types."""

from __future__ import annotations

import gzip
import json
import re
from urllib.parse import urlsplit

import pytest
from tests.support.blind_search import EMAIL, OTHERS, PHONE, USER_NAME, WRITTEN, Found, places, searched
from tests.support.redis.keyspace import DATA, LOG, store

from expunge_connectors.blind_search import redis_keys
from expunge_connectors.blind_search.report import Gap, Standing

UNMAPPED, MAPPED, LOG_ = Standing.UNMAPPED, Standing.MAPPED, Standing.LOG


@pytest.fixture
def searching(keyspace):
    """Yield (a client, what a search finds)."""
    opened = store(keyspace.url)
    yield keyspace.client, lambda **more: searched(opened, **more)
    opened.close()


@pytest.mark.parametrize("text", WRITTEN.values(), ids=list(WRITTEN))
def test_a_payload_is_found_however_it_is_written(searching, text):
    client, search = searching
    client.mset({f"other:{at}": "nothing" for at in range(30)})
    client.set("job:17", f"before {text}")
    assert places(search()) == [Found("job:{n}", UNMAPPED, None, 1)]


@pytest.mark.parametrize(
    "put",
    [
        lambda client: client.set("job:1", gzip.compress(json.dumps({"mail": EMAIL}).encode())),
        lambda client: client.set("job:1", b"\x80\x04\x95" + EMAIL.encode() + b"\x94s."),
        lambda client: client.hset("job:1", mapping={"a": "b", "mail": EMAIL}),
        lambda client: client.hset("job:1", EMAIL, "x"),
        lambda client: client.sadd("job:1", "a", f"mail-{EMAIL}"),
        lambda client: client.zadd("job:1", {f"{USER_NAME}:7": 1.0, "b": 2.0}),
        lambda client: client.rpush("job:1", "a", "b", json.dumps({"tel": PHONE})),
        lambda client: client.xadd("job:1", {"to": EMAIL}),
    ],
    ids=["gzip", "pickle", "hash", "field", "set", "zset", "list", "stream"],
)
def test_every_type_is_read(searching, put):
    client, search = searching
    put(client)
    assert places(search()) == [Found("job:{n}", UNMAPPED, None, 1)]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (f"cache:mail:{EMAIL}", "cache:mail:{email}"),
        (f"cache-{EMAIL}", "{email}"),
        ("cache:nora.left%40mail.example:x", "cache:{email}:{text}"),
        (f"tel:{PHONE}", "{text}:{phone}"),
        (f"user:{USER_NAME}:inbox", "user:{text}_{n}:inbox"),
    ],
)
def test_a_name_of_a_key_may_be_a_value_and_is_masked(searching, name, shape):
    client, search = searching
    client.set(name, "x")
    report = search()
    assert places(report) == [Found(shape, UNMAPPED, None, 1)]
    assert not re.search("nora|17655501234", repr(report))


def test_other_peoples_values_are_no_hits(searching):
    client, search = searching
    client.mset({f"job:{at}": text for at, text in enumerate(OTHERS.values())})
    client.rpush("jobs", *OTHERS.values())
    assert search().findings == ()


def test_each_key_is_told_by_what_it_is_in_the_map(keyspace):
    collections = {
        "sessions": {"key": "session:{user_id}", "type": "hash", **DATA},
        "audit": {"key": "audit", "type": "stream", "log": LOG},
    }
    keyspace.client.hset("session:7", "mail", EMAIL)
    keyspace.client.xadd("audit", {"mail": EMAIL})
    keyspace.client.set("zebra", EMAIL)
    opened = store(keyspace.url, collections)
    report = searched(opened)
    opened.close()
    assert places(report) == [
        Found("audit", LOG_, "audit", 1),
        Found("session:{n}", MAPPED, "sessions", 1),
        Found("{text}", UNMAPPED, None, 1),
    ]
    assert report.gaps == ()


def test_large_values_are_read_in_pages_and_each_key_counts_once(searching, monkeypatch):
    monkeypatch.setattr(redis_keys, "COUNT", 10)
    monkeypatch.setattr(redis_keys, "PIECE", 3000)
    client, search = searching
    client.set("text", "x" * 2990 + f" {EMAIL} " + "y" * 9000 + PHONE)
    client.set("late", "z" * 20_000 + f" {EMAIL}")
    client.rpush("list", *range(95), EMAIL, EMAIL)
    client.sadd("set", *range(700), EMAIL)
    client.hset("hash", mapping={**{f"f{at}": at for at in range(700)}, "m": EMAIL})
    client.zadd("zset", {**{f"m{at}": at for at in range(700)}, EMAIL: 5})
    for at in range(35):
        client.xadd("stream", {"to": EMAIL if at in {3, 33} else "x"})
    names = {"text", "late", "list", "set", "hash", "zset", "stream"}
    found = places(search())
    assert sum(one.records for one in found) == len(names)


def test_what_was_not_reached_or_read_is_said(searching, monkeypatch):
    client, search = searching
    client.set("job", EMAIL)
    report = search(seconds=0)
    assert report.findings == ()
    assert report.gaps == (Gap("keys", "not in time: 0 of about 1 were searched"),)
    monkeypatch.setattr(redis_keys, "_READERS", {})
    assert search().gaps == (Gap("keys", "1 of the type string, which is not read"),)


def test_what_the_user_may_not_read_is_said_and_the_rest_is_searched(keyspace):
    keyspace.client.mset({f"hidden:{at}": EMAIL for at in range(5)} | {"open:1": EMAIL})
    keyspace.client.acl_setuser(
        "auditor",
        enabled=True,
        passwords=["+secret"],
        keys=["open:*"],
        commands=["+@read", "+scan", "+time", "+dbsize", "+select"],
    )
    try:
        parts = urlsplit(keyspace.url)
        opened = store(parts._replace(netloc=f"auditor:secret@{parts.hostname}:{parts.port}").geturl())
        report = searched(opened)
        opened.close()
    finally:
        keyspace.client.acl_deluser("auditor")
    assert places(report) == [Found("open:{n}", UNMAPPED, None, 1)]
    assert report.gaps == (Gap("keys", "5 that the server does not let us read, or that became something else"),)


def test_no_value_goes_to_the_server(keyspace):
    """What MONITOR shows of the search: names that the server told, but for those that hold what is searched for."""
    keyspace.client.set(f"mail:{EMAIL}", "x")
    keyspace.client.hset("job:1", mapping={"a": EMAIL, USER_NAME: PHONE})
    keyspace.client.rpush("jobs", *WRITTEN.values())
    opened = store(keyspace.url)
    with keyspace.client.monitor() as monitor:
        report = searched(opened)
        keyspace.client.set("over", "1")
        commands = []
        for command in monitor.listen():
            commands.append(command["command"])
            if command["command"].startswith("SET over"):
                break
    opened.close()
    assert len(report.findings) == 3
    assert any(command.startswith("LRANGE jobs") for command in commands)
    assert not [command for command in commands if re.search("nora|17655501234|55501234", command, re.IGNORECASE)]
