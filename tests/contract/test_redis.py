"""Redis takes the contract suite."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
from tenacity import wait_none
from tests.support.contract_maps import CLIENT, COMPANY, LOG, data_map
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.redis import RedisConnection, RedisSpec, RedisStore
from expunge_connectors.testing import (
    DriftContract,
    LogContract,
    MemberContract,
    Person,
    RawRecords,
    ResolutionContract,
    StoreContract,
)

SPEC = {
    "connector": "redis",
    "collections": {
        "index": {
            "key": "user:{user_id}:sessions",
            "type": "set",
            "yields": "token",
            "data_type": "account",
            "owner": COMPANY,
        },
        "sessions": {"key": "session:{token}", "type": "hash", "data_type": "account", "owner": COMPANY},
        "cache": {"key": "cache:user:{user_id}", "type": "string", "data_type": "account", "owner": COMPANY},
        "online": {"key": "online", "type": "zset", "member": "{user_id}", "data_type": "account", "owner": COMPANY},
        "names": {
            "key": "names",
            "type": "hash",
            "hash_field": "u{user_id}",
            "data_type": "account",
            "owner": COMPANY,
        },
        "recent": {
            "key": "client:{controller}:recent",
            "type": "set",
            "member": "{user_id}",
            "data_type": "account",
            "owner": CLIENT,
        },
        "pages": {"key": "page:{*}:user:{user_id}:{*}", "type": "string", "data_type": "account", "owner": COMPANY},
        "rooms": {"key": "room:{*}", "type": "set", "member": "{user_id}", "data_type": "account", "owner": COMPANY},
        "feed": {"key": "feed", "type": "list", "element": "{user_id}", "data_type": "account", "owner": COMPANY},
        "trail": {
            "key": "trail",
            "type": "stream",
            "entry": {"who": "{user_id}"},
            "data_type": "account",
            "owner": COMPANY,
        },
        "current": {
            "key": "current:{user_id}",
            "type": "hash",
            "yields": "token",
            "named_by": {"field": "session"},
            "data_type": "account",
            "owner": COMPANY,
        },
        "audit": {"key": "audit", "type": "stream", "log": LOG},
    },
}


class RedisHarness:
    store = "cache"
    log = "audit"
    scope = Scope("company")
    actions: Mapping[str, Action] = dict.fromkeys(
        ("index", "sessions", "cache", "online", "names", "pages", "rooms", "feed", "trail", "current"), Action.DELETE
    )
    member, other_member = Scope("client", "7"), Scope("client", "8")
    member_actions: Mapping[str, Action] = {"recent": Action.DELETE}
    member_owns = frozenset({("recent", "client:7:recent/70000004")})
    other_owns = frozenset({("recent", "client:8:recent/70000004")})
    part: Mapping[str, Action] = {"index": Action.DELETE, "names": Action.DELETE}

    def __init__(self, keyspace: Keyspace) -> None:
        self.data_map = data_map({"cache": RedisSpec.model_validate(SPEC)})
        self.keyspace = keyspace
        self.first, self.second, self.bystander = (self._person(number) for number in (1, 2, 3))
        for client in (7, 8):
            keyspace.client.sadd(f"client:{client}:recent", "70000001", "70000004")
        self.caller = Subject(4, frozenset({SubjectKey("user_id", "70000004")}))
        other = frozenset({SubjectKey("user_id", "70000004")})
        self.outsider = Person(Subject(4, other), other, {}, frozenset(), frozenset({"70000004"}))
        keyspace.client.set("expunge:sentinel", "7b2c1a52-6a1d-4d0e-9b0e-0f6b7b6d1c11")

    def _person(self, number: int) -> Person:
        client, user = self.keyspace.client, f"7000000{number}"
        tokens = [f"tok{number}a", f"tok{number}b"]
        client.sadd(f"user:{user}:sessions", *tokens)
        for token in tokens:
            client.hset(f"session:{token}", mapping={"ip": f"192.0.2.{number}"})
        client.set(f"cache:user:{user}", f"Name{number}")
        client.zadd("online", {user: 0})
        client.hset("names", f"u{user}", f"Name{number}")
        client.xadd("audit", {"user": user})
        client.mset({f"page:{page}:user:{user}:x": "x" for page in "ab"})
        client.sadd("room:a", user, "somebody")
        client.rpush("feed", user)
        entry = client.xadd("trail", {"who": user}).decode()
        client.hset(f"current:{user}", mapping={"session": tokens[0], "name": f"Name{number}"})
        given = frozenset({SubjectKey("user_id", user)})
        owns = {
            ("index", f"user:{user}:sessions"),
            *(("sessions", f"session:{token}") for token in tokens),
            ("cache", f"cache:user:{user}"),
            ("online", f"online/{user}"),
            ("names", f"names/u{user}"),
            *(("pages", f"page:{page}:user:{user}:x") for page in "ab"),
            ("rooms", f"room:a/{user}"),
            ("feed", f"feed/{user}"),
            ("trail", f"trail/{entry}"),
            ("current", f"current:{user}"),
        }
        return Person(
            Subject(number, given),
            given | {SubjectKey("token", token) for token in tokens},
            {
                "index": 1,
                "sessions": 2,
                "cache": 1,
                "online": 1,
                "names": 1,
                "pages": 2,
                "rooms": 1,
                "feed": 1,
                "trail": 1,
                "current": 1,
            },
            frozenset(owns),
            frozenset({user, *tokens, f"Name{number}", f"192.0.2.{number}"}),
        )

    def _store(self, url: str) -> RedisStore:
        return RedisStore("cache", self.data_map, RedisConnection(url=url, timeout_seconds=2), wait=wait_none())

    def build(self) -> RedisStore:
        return self._store(self.keyspace.url)

    def build_elsewhere(self) -> RedisStore:
        return self._store(urlsplit(self.keyspace.url)._replace(path="/8").geturl())

    def build_unreachable(self) -> RedisStore:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return self._store(f"redis://127.0.0.1:{free.getsockname()[1]}/0")

    def build_broken(self) -> RedisStore:
        client = self.keyspace.client
        [token] = client.srandmember("user:70000001:sessions", 1)
        client.delete(b"session:" + token)
        client.rpush(b"session:" + token, "of another type")
        return self.build()

    def raw(self) -> RawRecords:
        client = self.keyspace.client
        found = {}
        for key in client.scan_iter():
            name = key.decode()
            if name == "online":
                found |= {
                    ("online", f"online/{one.decode()}"): str(score).encode() for one, score in client.zscan_iter(key)
                }
            elif name == "names":
                found |= {("names", f"names/{one.decode()}"): value for one, value in client.hscan_iter(key)}
            elif name.startswith("user:"):
                found["index", name] = b" ".join(sorted(client.smembers(key)))
            elif name.startswith("room:"):
                found |= {("rooms", f"{name}/{one.decode()}"): one for one in client.smembers(key)}
            elif name == "feed":
                found |= {("feed", f"feed/{one.decode()}"): one for one in client.lrange(key, 0, -1)}
            elif name == "trail":
                found |= {("trail", f"trail/{one.decode()}"): str(held).encode() for one, held in client.xrange(key)}
            elif name.startswith("client:"):
                found |= {("recent", f"{name}/{one.decode()}"): one for one in client.smembers(key)}
            else:
                kind = {"session": "sessions", "page": "pages"}.get(name.partition(":")[0], name.partition(":")[0])
                found[kind, name] = client.dump(key)
        return found

    def add(self, person: Person) -> str:
        [user] = person.given.values("user_id")
        self.keyspace.client.set(f"cache:user:{user}", "again")
        return "cache"

    def stranger(self, number: int) -> Subject:
        return Subject(number, frozenset({SubjectKey("user_id", "99"), SubjectKey("token", "none")}))

    def overstay(self) -> str:
        self.keyspace.client.delete("audit")
        self.keyspace.client.xadd("audit", {"user": "70000001"}, id="1600000000000-1")
        return "audit"


class TestRedis(StoreContract, ResolutionContract, MemberContract, LogContract, DriftContract):
    @pytest.fixture
    def harness(self, keyspace: Keyspace) -> RedisHarness:
        harness = RedisHarness(keyspace)
        elsewhere = harness.build_elsewhere()
        elsewhere.adopt()
        elsewhere.close()
        return harness
