"""Redis: no error of the connector repeats a value, not even in the local variables of its own frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from tests.support.redis.keyspace import DATA, LOG, SCOPE, store
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import Subject, SubjectKey, no_beat
from expunge_connectors.errors import ConnectorError
from expunge_connectors.redis import RedisStore

SECRET = "sesame-7f3a"
COLLECTIONS: dict[str, dict[str, Any]] = {
    "pages": {"key": "page:{*}:{token}", "type": "string", **DATA},
    "rooms": {"key": "room:{*}", "type": "set", "member": "{token}", **DATA},
    "trail": {"key": "trail", "type": "stream", "entry": {"who": "{token}"}, **DATA},
    "feed": {"key": "feed", "type": "list", "element": "{token}", **DATA},
    "index": {"key": "of:{token}", "type": "hash", "yields": "user_id", "named_by": "values", **DATA},
    "queue": {"key": "queue:{token}", "type": "list", "yields": "user_id", **DATA},
    "owned": {"key": "owned:{user_id}", "type": "string", **DATA},
    "named": {"key": "named:{token}", "type": "string", **DATA},
    "audit": {"key": "audit:{*}", "type": "string", "log": LOG},
}
SUBJECT = Subject(1, frozenset({SubjectKey("token", SECRET), SubjectKey("user_id", f"user-{SECRET}")}))
ACTIONS = {name: Action.DELETE for name, keys in COLLECTIONS.items() if "log" not in keys}
BREAKS: dict[str, Callable[[redis.Redis], object]] = {
    "a found key of another type": lambda client: client.rpush(f"page:a:{SECRET}", "x"),
    "a found set of another type": lambda client: client.set(f"room:{SECRET}", "x"),
    "a stream of another type": lambda client: client.set("trail", SECRET),
    "a list of another type": lambda client: client.set("feed", SECRET),
    "an index of another type": lambda client: client.set(f"of:{SECRET}", SECRET),
    "a named key of another type": lambda client: client.rpush(f"named:{SECRET}", "x"),
}


def fill(client: redis.Redis) -> None:
    client.set(f"page:{SECRET}:{SECRET}", SECRET)
    client.sadd("room:a", SECRET)
    for _ in range(1100):
        client.xadd("trail", {"who": SECRET})
    client.rpush("feed", SECRET)


def rendered(error: BaseException) -> str:
    """The traceback with local variables, from our first frame on."""
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_globals["__name__"].startswith("expunge_"):
        trace = trace.tb_next
    return "".join(
        traceback.TracebackException.from_exception(error.with_traceback(trace), capture_locals=True).format()
    )


def failure(call: Callable[[], object]) -> str:
    """What an error of the connector would show; empty if there is none."""
    try:
        call()
    except ConnectorError as error:
        return rendered(error)
    return ""


def verbs(connector: RedisStore, beat: Callable[[], None] = no_beat) -> dict[str, Callable[[], object]]:
    cutoff = connector.now()
    return {
        "resolve": lambda: connector.resolve([SUBJECT], SCOPE, cutoff),
        "count": lambda: connector.count([SUBJECT], SCOPE, cutoff),
        "verify": lambda: connector.verify([SUBJECT], SCOPE, cutoff),
        "erase": lambda: connector.erase([SUBJECT], ACTIONS, SCOPE, cutoff, beat),
    }


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_of_another_kind(keyspace: Keyspace, broken: str) -> None:
    connector = store(keyspace.url, COLLECTIONS)
    if "stream" not in broken and "a list of" not in broken:
        fill(keyspace.client)
    BREAKS[broken](keyspace.client)
    told = [failure(call) for call in verbs(connector).values()]
    connector.close()
    assert any(told)
    assert all("subjects" in one and SECRET not in one for one in told if one)


@pytest.mark.parametrize("command", ["TYPE", "SMISMEMBER", "XRANGE", "LPOS", "XDEL", "LREM", "SREM", "UNLINK", "SCAN",
                                     "EXISTS", "XREVRANGE", "SISMEMBER", "WATCH", "HVALS", "LRANGE"])  # fmt: skip
def test_commands_that_are_refused(keyspace: Keyspace, command: str) -> None:
    client = keyspace.client
    fill(client)
    client.hset(f"of:{SECRET}", "x", f"user-{SECRET}")
    client.rpush(f"queue:{SECRET}", f"user-{SECRET}")
    client.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "allkeys", "+@all", f"-{command.lower()}")
    url = urlsplit(keyspace.url)
    connector = store(url._replace(netloc=f"limited:pw@{url.hostname}:{url.port}").geturl(), COLLECTIONS)
    told = [failure(call) for call in verbs(connector).values()]
    client.acl_deluser("limited")
    connector.close()
    assert any(told)
    assert all("the server refused" in one and SECRET not in one for one in told if one)


def test_a_found_key_that_is_a_log(keyspace: Keyspace) -> None:
    collections = {**COLLECTIONS, "loose": {"key": "{*}:{token}", "type": "string", **DATA}}
    keyspace.client.set(f"audit:{SECRET}", "x")
    connector = store(keyspace.url, collections)
    for verb in ("count", "verify"):
        with pytest.raises(ConnectorError, match="declared log") as caught:
            verbs(connector)[verb]()
        assert SECRET not in rendered(caught.value)
    connector.close()
