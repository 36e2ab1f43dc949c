"""A data map for Redis in which every kind of key occurs, and the small steps that tests share."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tenacity import wait_none
from tests.support.contract_maps import CLIENT, COMPANY, LOG, data_map
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding, RecordCounts, Sampleable, Scope, Subject, SubjectKey
from expunge_connectors.redis import RedisConnection, RedisSpec, RedisStore
from expunge_demo.dev_servers import binaries

DATA = {"data_type": "account", "owner": COMPANY}
COLLECTIONS: dict[str, dict[str, object]] = {
    "index": {"key": "user:{user_id}:sessions", "type": "set", "yields": "token", **DATA},
    "sessions": {"key": "session:{token}", "type": "hash", **DATA},
    "cache": {"key": "cache:{user_id}", "type": "string", **DATA},
    "online": {"key": "online", "type": "zset", "member": "{user_id}", **DATA},
    "seen": {"key": "seen", "type": "set", "member": "{user_id}", **DATA},
    "names": {"key": "names", "type": "hash", "hash_field": "{user_id}", **DATA},
    "inbox": {"key": "inbox:{user_id}", "type": "list", **DATA},
    "events": {"key": "events:{user_id}", "type": "stream", **DATA},
    "kept": {"key": "kept:{email}", "type": "string", "undated": "keep", **DATA},
    "mail": {"key": "mail:{email}", "type": "string", "undated": "erase", **DATA},
    "recent": {
        "key": "client:{controller}:recent",
        "type": "set",
        "member": "{user_id}",
        "data_type": "account",
        "owner": CLIENT,
    },
    "audit": {"key": "audit", "type": "stream", "log": LOG},
}
SCOPE = Scope("company")
ACTIONS = {name: Action.DELETE for name, keys in COLLECTIONS.items() if keys.get("owner") == COMPANY}


def store(url: str, collections: dict[str, dict[str, object]] | None = None, *, timeout: float = 2) -> RedisStore:
    spec = RedisSpec.model_validate({"connector": "redis", "collections": collections or COLLECTIONS})
    connection = RedisConnection.model_validate({"url": url, "timeout_seconds": timeout})
    return RedisStore("cache", data_map({"cache": spec}), connection, wait=wait_none())


def person(number: int, *tokens: str, **keys: str) -> Subject:
    found = {SubjectKey("user_id", str(number)), *(SubjectKey("token", token) for token in tokens)}
    return Subject(number, frozenset(found | {SubjectKey(namespace, value) for namespace, value in keys.items()}))


def dues(tallies: dict[str, RecordCounts] | object) -> dict[str, int]:
    """What is due, without the zeros."""
    assert isinstance(tallies, dict)
    return {name: tally.due for name, tally in tallies.items() if tally.due}


@contextmanager
def valkey(directory: Path, *options: str) -> Iterator[str]:
    """A server of its own, for what would disturb the shared one."""
    port = free_port()
    arguments: Sequence[str] = (
        str(binaries.locate().valkey), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory),
        "--save", "", *options,
    )  # fmt: skip
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        try:
            _await(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _await(port: int) -> None:
    deadline = time.monotonic() + 10
    with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.02)
            else:
                return


def swept(
    keyspace: Keyspace, *free: str, rows: int = 1000, collections: dict[str, dict[str, object]] = COLLECTIONS
) -> list[Finding]:
    declared = [{"place": one, "reason": "made up", "approved_by": "nobody"} for one in free]
    spec = RedisSpec.model_validate({"connector": "redis", "collections": collections, "unmapped_ok": declared})
    store = RedisStore("cache", data_map({"cache": spec}), RedisConnection.model_validate({"url": keyspace.url}))
    try:
        assert isinstance(store, Sampleable)
        return list(store.sweep(rows))
    finally:
        store.close()
