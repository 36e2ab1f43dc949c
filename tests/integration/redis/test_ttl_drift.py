"""Redis: keys that stay for longer than the map declares, and the printed command that gives them an end."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis
from tenacity import wait_none
from tests.support.contract_maps import COMPANY, LOG, data_map
from tests.support.documentation import ROOT
from tests.support.servers import Keyspace

from expunge_config.datamap import DataMap, DeletionRule, StartEvent
from expunge_config.periods import Period
from expunge_connectors.contract import HELD, DriftReport, no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.redis import RedisConnection, RedisSpec, RedisStore

DAY = 86_400
DATA = {"data_type": "account", "owner": COMPANY}
COLLECTIONS: dict[str, dict[str, object]] = {
    "users": {"key": "user:{user_id}", "type": "string", **DATA},
    "sessions": {"key": "user:{user_id}:sessions", "type": "set", "yields": "token", **DATA},
    "online": {"key": "online", "type": "zset", "member": "{user_id}", **DATA},
    "devices": {"key": "device-(%d):{token}", "type": "string", **DATA},
    "kept": {"key": "device-(%d):log:{*}", "type": "string", "log": LOG},
    "audit": {"key": "audit:{*}", "type": "stream", "log": LOG},
}
# redis-cli, as far as the printed command uses it: the machines of these tests have none.
REDIS_CLI = f"""#!{sys.executable}
import sys, redis
assert sys.argv[1] == "-u" and sys.argv[3] == "EVAL"
print(redis.Redis.from_url(sys.argv[2]).execute_command(*sys.argv[3:]).decode())
"""


# What `check` prescribes as well, as far as it concerns no key.
LOGIN = "+ping +time +info +config|get +client|list +client|setinfo +acl|whoami +acl|dryrun +select +hello"


def declared() -> DataMap:
    spec = RedisSpec.model_validate({"connector": "redis", "collections": COLLECTIONS})
    made = data_map({"cache": spec})
    rule = DeletionRule(start=StartEvent.COLLECTED, period=Period(days=30))
    account = made.data_types["account"].model_copy(update={"rule": rule})
    return made.model_copy(update={"data_types": {**made.data_types, "account": account}})


@pytest.fixture
def store(keyspace: Keyspace) -> Iterator[RedisStore]:
    connector = RedisStore("cache", declared(), RedisConnection.model_validate({"url": keyspace.url}), wait=wait_none())
    yield connector
    connector.close()


def found(report: DriftReport) -> dict[tuple[str, str], int | None]:
    return {(one.collection, one.found): one.records for one in report.drifts}


def apply(fix: str, url: str, directory: Path) -> None:
    """Run it as it is printed."""
    shown = directory / "redis-cli"
    shown.write_text(REDIS_CLI)
    shown.chmod(0o700)
    environment = {**os.environ, "URL": url, "PATH": f"{directory}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", fix], env=environment, check=False, capture_output=True, timeout=60)


def test_the_printed_command_ends_the_drift_and_nothing_else(
    store: RedisStore, keyspace: Keyspace, tmp_path: Path
) -> None:
    client = keyspace.client
    for number in range(2500):
        client.set(f"user:{number}", "x")
    client.set("user:9000", "x", ex=300 * DAY)
    client.set("user:9001", "x", ex=DAY)
    client.sadd("user:1:sessions", "a1")
    client.sadd("user:9002", "of another type")
    client.zadd("online", {"1": 1})
    client.set("device-(%d):a\nb '\"", "x")
    client.set("device-(%d):log:a", "x")
    client.set("device-(1):a", "another one's, which a pattern that is not escaped would take")
    report = store.drift((), no_beat)
    assert found(report) == {
        ("users", "keys without a time to live"): 2500,
        ("users", "keys that end later"): 1,
        ("devices", "keys without a time to live"): 1,
    }
    assert report.unjudged.keys() == {"sessions", "online", "kept", "devices"}
    for one in report.drifts:
        assert one.declared == "P30D"
        assert one.fix is not None
        apply(one.fix, keyspace.url, tmp_path)
    assert found(store.drift((), no_beat)) == {}
    assert 29 * DAY < client.ttl("user:1") <= 30 * DAY
    assert client.ttl("user:9000") <= 30 * DAY
    assert client.ttl("user:9001") <= DAY, "an end is never made later"
    for key in ("user:1:sessions", "user:9002", "online", "device-(%d):log:a", "device-(1):a"):
        assert client.ttl(key) == -1


def test_where_a_hold_keeps_something_no_command_is_given(store: RedisStore, keyspace: Keyspace) -> None:
    keyspace.client.set("user:1", "x")
    (one,) = store.drift({"users"}, no_beat).drifts
    assert one.fix is None
    assert "hold" in one.remedy


def test_where_a_period_starts_with_an_event_nothing_is_judged(keyspace: Keyspace) -> None:
    spec = RedisSpec.model_validate({"connector": "redis", "collections": {"users": COLLECTIONS["users"]}})
    connection = RedisConnection.model_validate({"url": keyspace.url})
    connector = RedisStore("cache", data_map({"cache": spec}), connection, wait=wait_none())
    keyspace.client.set("user:1", "x")
    report = connector.drift((), no_beat)
    connector.close()
    assert not report.drifts
    assert "relationship_ended" in report.unjudged["users"]


def entries(client: Redis, key: str) -> list[str]:
    found: Any = client.xrange(key)
    return [one.decode() for one, _ in found]


def test_entries_of_a_log_that_are_too_old_are_told_and_trimmed_by_what_is_printed(
    store: RedisStore, keyspace: Keyspace, tmp_path: Path
) -> None:
    """90 days ago, until its last millisecond, is over today (UTC)."""
    client = keyspace.client
    midnight = datetime.combine(datetime.now(UTC).date() - timedelta(days=89), time(), UTC)
    stays = int(midnight.timestamp() * 1000)
    over = (midnight - timedelta(days=31)).date()
    for key in ("audit:ann@mail.example", "audit:b\n'", "other:1"):
        for one in (stays - 30 * DAY * 1000 - 1, stays - 1, stays):
            client.xadd(key, {"who": "x"}, id=f"{one}-5")
    client.xadd("audit:own", {"who": "x"}, id="17-1")
    client.xadd("audit:new", {"who": "x"})
    client.set("audit:text", "x")
    report = store.drift((), no_beat)
    [told] = report.drifts
    assert (told.collection, told.declared, told.records, told.oldest) == ("audit", "P90D", 2, over)
    assert told.found == "streams with older entries, the oldest by 120 days"
    assert report.unjudged["audit"].startswith("The ids of entries of 1 streams are no times")
    assert told.fix is None, "it would trim the stream of which nobody knows how old its entries are"
    client.delete("audit:own")
    [told] = store.drift((), no_beat).drifts
    assert "ann" not in f"{told.fix}{told.found}", "no name of a key"
    [held] = store.drift({"audit"}, no_beat).drifts
    assert (held.fix, held.remedy) == (None, HELD)
    assert told.fix is not None
    apply(told.fix, keyspace.url, tmp_path)
    assert found(store.drift((), no_beat)) == {}
    assert entries(client, "audit:ann@mail.example") == [f"{stays}-5"]
    assert entries(client, "audit:b\n'") == [f"{stays}-5"]
    assert len(entries(client, "other:1")) == 3
    assert len(entries(client, "audit:new")) == 1


def test_of_a_log_that_is_kept_for_longer_than_there_are_clocks_nothing_is_over(keyspace: Keyspace) -> None:
    made = declared()
    stored = made.stores["cache"]
    assert isinstance(stored, RedisSpec)
    audit = stored.collections["audit"]
    assert audit.log is not None
    longer = audit.model_copy(update={"log": audit.log.model_copy(update={"retention": Period(years=100)})})
    spec = stored.model_copy(update={"collections": {**stored.collections, "audit": longer}})
    keyspace.client.xadd("audit:old", {"who": "x"}, id="17-1")
    connection = RedisConnection.model_validate({"url": keyspace.url})
    connector = RedisStore(
        "cache", made.model_copy(update={"stores": {**made.stores, "cache": spec}}), connection, wait=wait_none()
    )
    try:
        report = connector.drift((), no_beat)
    finally:
        connector.close()
    assert [one.collection for one in report.drifts] == []
    assert "audit" not in report.unjudged


def test_the_documented_rights_are_enough(store: RedisStore, keyspace: Keyspace) -> None:
    """Exactly those; with one fewer the server's refusal is an error, and no answer."""
    text = ROOT.joinpath("docs/retention.md").read_text("utf-8")
    [rights] = re.findall(r"`(\+scan [^`]*)`", text)
    client = keyspace.client
    client.set("user:1", "x")
    client.xadd("audit:1", {"who": "x"}, id="1500000000000-1")
    parts = urlsplit(keyspace.url)
    password = secrets.token_hex(8)
    name = f"looker{secrets.token_hex(4)}"
    url = parts._replace(netloc=f"{name}:{password}@{parts.hostname}:{parts.port}").geturl()

    def looked(*rules: str) -> DriftReport:
        client.execute_command("ACL", "SETUSER", name, "reset", "on", f">{password}", *LOGIN.split(), *rules)
        connector = RedisStore("cache", declared(), RedisConnection.model_validate({"url": url}), wait=wait_none())
        try:
            return connector.drift((), no_beat)
        finally:
            connector.close()

    try:
        assert found(looked(*rights.split())) == found(store.drift((), no_beat)) != {}
        for one in rights.split():
            with pytest.raises(TerminalError):
                looked(*(other for other in rights.split() if other != one))
    finally:
        client.execute_command("ACL", "DELUSER", name)
