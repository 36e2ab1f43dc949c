"""Redis: what `inspect` notices, rights, and identity."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from tests.support.contract_maps import COMPANY
from tests.support.redis.keyspace import (
    ACTIONS,
    COLLECTIONS,
    DATA,
    SCOPE,
    dues,
    free_port,
    person,
    store,
    valkey,
)
from tests.support.servers import Keyspace

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding, Severity, no_beat
from expunge_connectors.errors import TerminalError

PATTERNS = (
    "~user:* ~session:* ~cache:* ~online ~seen ~names ~inbox:* ~events:* ~kept:* ~mail:* ~client:* ~expunge:sentinel"
)
READS = (
    "+ping +time +get +set +info +type +exists +smembers +sscan +smismember +sismember +zmscore +zscore +hexists"
    " +config|get +client|list +client|setinfo +acl|whoami +acl|dryrun +select +hello"
)
WRITES = "+unlink +srem +zrem +hdel"


@pytest.fixture
def user(keyspace: Keyspace) -> Iterator[str]:
    """The URL of a user with exactly the documented rights."""
    name, password = f"expunge-{secrets.token_hex(4)}", secrets.token_hex(8)
    keyspace.client.execute_command("ACL", "SETUSER", name, "on", f">{password}", *PATTERNS.split(), *READS.split(),
                                    *WRITES.split())  # fmt: skip
    url = urlsplit(keyspace.url)
    yield url._replace(netloc=f"{name}:{password}@{url.hostname}:{url.port}").geturl()
    keyspace.client.acl_deluser(name)


def codes(url: str) -> dict[str, Finding]:
    connector = store(url)
    found = {finding.code: finding for finding in connector.inspect()}
    connector.close()
    return found


def test_the_documented_rights_suffice(keyspace: Keyspace, user: str) -> None:
    connector = store(user)
    connector.adopt()
    keyspace.client.sadd("user:1:sessions", "a1")
    keyspace.client.hset("session:a1", "ip", "x")
    cutoff = connector.now()
    assert [finding for finding in connector.inspect() if finding.severity is Severity.ERROR] == []
    assert {finding.code for finding in connector.inspect()}.isdisjoint({"redis-unknown", "redis-rights-many"})
    connector.resolve([person(1)], SCOPE, cutoff)
    connector.count([person(1)], SCOPE, cutoff)
    assert connector.erase([person(1)], ACTIONS, SCOPE, cutoff, no_beat) == 2
    connector.verify([person(1)], SCOPE, cutoff)
    connector.close()


EVERY_KIND = {
    **COLLECTIONS,
    "pages": {"key": "page:{*}:{user_id}", "type": "string", **DATA},
    "feed": {"key": "feed", "type": "list", "element": "{user_id}", **DATA},
    "trail": {"key": "trail:{*}", "type": "stream", "entry": {"user": "{user_id}"}, **DATA},
    "ranked": {"key": "ranked:{user_id}", "type": "zset", "yields": "token", **DATA},
    "queued": {"key": "queued:{user_id}", "type": "list", "yields": "token", **DATA},
    "devices": {"key": "devices:{user_id}", "type": "hash", "yields": "token", **DATA},
    "current": {"key": "current:{user_id}", "type": "string", "yields": "token", **DATA},
    "values": {"key": "values:{user_id}", "type": "hash", "yields": "token", "named_by": "values", **DATA},
    "profile": {"key": "profile:{user_id}", "type": "hash", "yields": "token", "named_by": {"field": "s"}, **DATA},
    "history": {"key": "history:{user_id}", "type": "stream", "yields": "token", "named_by": {"field": "s"}, **DATA},
}


@pytest.mark.parametrize("rights", ["", "+ping +select", "+@connection +info", "+@connection +info +acl|whoami"])
def test_of_a_user_who_may_not_even_be_asked_about_the_rights_are_listed(
    keyspace: Keyspace, user: str, rights: str
) -> None:
    """One who may run nothing, nor log in where that selects a database; one whose rights cannot be looked at."""
    store(user).adopt()
    name = urlsplit(user).username
    keyspace.client.execute_command("ACL", "SETUSER", name, "resetkeys", "-@all", *rights.split())
    [said] = [one for one in codes(user).values() if one.code == "redis-rights-missing"]
    assert said.severity is Severity.ERROR
    _, _, rules = said.remedy.partition(f"ACL SETUSER {name} ")
    keyspace.client.execute_command("ACL", "SETUSER", name, *rules.split())
    assert codes(user).keys().isdisjoint({"redis-rights-missing", "redis-unknown", "redis-no-sentinel"})


def test_the_rules_that_a_remedy_states_suffice_and_grant_no_more(keyspace: Keyspace, user: str) -> None:
    name = urlsplit(user).username
    keyspace.client.execute_command("ACL", "SETUSER", name, "+@all", "-unlink", "-scan", "-watch")
    connector = store(user, EVERY_KIND)
    connector.adopt()
    lacking = [finding for finding in connector.inspect() if finding.code == "redis-rights-missing"]
    assert {finding.collection for finding in lacking} >= {"current", "pages", None}
    assert any("SCAN" in finding.message for finding in lacking)
    assert "redis-rights-many" in {finding.code for finding in connector.inspect()}
    _, _, rules = lacking[0].remedy.partition(f"ACL SETUSER {name} ")
    keyspace.client.execute_command("ACL", "SETUSER", name, *rules.split())
    found = {finding.code for finding in connector.inspect()}
    assert found.isdisjoint({"redis-rights-missing", "redis-rights-many", "redis-unknown", "redis-rights-log"})
    client, cutoff, subject = keyspace.client, connector.now(), person(1, "t")
    client.set("current:1", "t")
    client.hset("devices:1", "t", "x")
    client.hset("values:1", "x", "t")
    client.hset("profile:1", "s", "t")
    client.xadd("history:1", {"s": "t"})
    client.rpush("queued:1", "t")
    client.zadd("ranked:1", {"t": 0})
    client.rpush("feed", "1")
    client.xadd("trail:a", {"user": "1"})
    client.set("page:a:1", "x")
    actions = dict.fromkeys((one for one, keys in EVERY_KIND.items() if keys.get("owner") == COMPANY), Action.DELETE)
    assert connector.resolve([subject], SCOPE, cutoff)
    assert len(dues(connector.count([subject], SCOPE, cutoff)[1])) == 10
    connector.erase([subject], actions, SCOPE, cutoff, no_beat)
    assert dues(connector.verify([subject], SCOPE, cutoff)[1]) == {}
    connector.close()


def test_the_user_of_everybody_is_left_as_it_is(keyspace: Keyspace) -> None:
    """The remedy, pasted: the administrator and the application, who are `default`, go on, and a new user suffices."""
    client, password = keyspace.client, secrets.token_hex(8)
    remedy = codes(keyspace.url)["redis-rights-many"].remedy
    before = client.acl_getuser("default")
    _, command, rest = remedy.partition("ACL SETUSER ")
    words = f"{command}{rest.partition(';')[0]}".replace("PASSWORD", password).split()
    client.execute_command(*words)
    try:
        assert client.acl_getuser("default") == before
        client.set("anything", "x")
        url = urlsplit(keyspace.url)
        theirs = codes(url._replace(netloc=f"expunge:{password}@{url.hostname}:{url.port}").geturl())
        assert theirs.keys().isdisjoint({"redis-rights-missing", "redis-rights-many", "redis-rights-log"})
        assert "URL" in remedy
    finally:
        client.acl_deluser("expunge")


def test_a_user_that_others_may_use_too_is_narrowed_only_if_nobody_does(keyspace: Keyspace, user: str) -> None:
    name = urlsplit(user).username
    keyspace.client.execute_command("ACL", "SETUSER", name, "+@all", "~*")
    assert f"only Expunge is {name}" in codes(user)["redis-rights-many"].remedy


def test_other_databases_are_named(tmp_path: Path) -> None:
    with valkey(tmp_path) as url:
        assert "redis-other-databases" not in codes(url)
        for database in (0, 3, 11):
            with redis.Redis.from_url(url.removesuffix("0") + str(database)) as client:
                client.set("x", "y")
        assert "databases 3, 11 hold" in codes(url)["redis-other-databases"].message
        assert "databases 0, 11 hold" in codes(url.removesuffix("0") + "3")["redis-other-databases"].message


def test_templates_that_overlap_are_a_warning(keyspace: Keyspace) -> None:
    assert "template-overlap" not in codes(keyspace.url)
    connector = store(
        keyspace.url,
        {
            "users": {"key": "user:{user_id}", "type": "string", **DATA},
            "mails": {"key": "user:{email}", "type": "string", "undated": "erase", **DATA},
        },
    )
    [found] = [one for one in connector.inspect() if one.code == "template-overlap"]
    assert (found.collection, found.severity) == ("users", Severity.WARNING)
    connector.close()


def test_a_user_who_may_remove_a_log_is_told(keyspace: Keyspace, user: str) -> None:
    assert "redis-rights-log" not in codes(user)
    keyspace.client.execute_command("ACL", "SETUSER", urlsplit(user).username, "~audit")
    found = codes(user)["redis-rights-log"]
    assert (found.collection, found.severity) == ("audit", Severity.WARNING)


def test_a_missing_right_is_an_error_of_its_collection(keyspace: Keyspace, user: str) -> None:
    name = urlsplit(user).username
    keyspace.client.execute_command("ACL", "SETUSER", name, "-unlink")
    connector = store(user)
    connector.adopt()
    missing = [finding for finding in connector.inspect() if finding.code == "redis-rights-missing"]
    assert {finding.collection for finding in missing} == {"sessions", "cache", "inbox", "events", "kept", "mail"}
    assert all("UNLINK" in finding.message for finding in missing)
    keyspace.client.set("cache:1", "x")
    with pytest.raises(TerminalError, match="collection cache: the server refused") as caught:
        connector.erase([person(1)], ACTIONS, SCOPE, connector.now(), no_beat)
    assert "cache:1" not in f"{caught.value!r} {caught.value} {caught.value.remedy}"
    assert keyspace.client.exists("cache:1")
    connector.close()


def test_a_key_pattern_that_is_too_narrow_is_an_error_without_the_key(keyspace: Keyspace, user: str) -> None:
    keyspace.client.execute_command("ACL", "SETUSER", urlsplit(user).username, "resetkeys", "~expunge:sentinel")
    connector = store(user)
    connector.adopt()
    lacking = [finding for finding in connector.inspect() if finding.code == "redis-rights-missing"]
    assert "The keys of `cache:{user_id}` are out of its reach." in " ".join(finding.message for finding in lacking)
    with pytest.raises(TerminalError) as caught:
        connector.count([person(31337)], SCOPE, connector.now())
    assert "31337" not in str(caught.value)
    connector.close()


def test_what_may_not_be_asked_is_unknown_and_not_fine(keyspace: Keyspace, user: str) -> None:
    keyspace.client.execute_command(
        "ACL", "SETUSER", urlsplit(user).username, "-info", "-config|get", "-client|list", "-acl|dryrun"
    )
    store_findings = codes(user)
    assert "redis-unknown" in store_findings
    connector = store(user)
    unknown = [finding.message for finding in connector.inspect() if finding.code == "redis-unknown"]
    assert len(unknown) == 5
    connector.close()


def test_a_wrong_password_is_terminal(user: str) -> None:
    url = urlsplit(user)
    connector = store(url._replace(netloc=f"{url.username}:wrong@{url.hostname}:{url.port}").geturl())
    for call in (connector.now, connector.inspect, connector.identity):
        with pytest.raises(TerminalError, match="refused the login"):
            call()
    connector.close()


def test_recorders_are_reported(tmp_path: Path) -> None:
    with valkey(tmp_path, "--slowlog-log-slower-than", "0", "--notify-keyspace-events", "KEA") as url:
        with redis.Redis.from_url(url) as watcher, watcher.monitor():
            found = codes(url)
            assert {"redis-slowlog", "redis-keyspace-events", "redis-monitor", "redis-rights-many"} <= found.keys()
            assert found["redis-no-sentinel"].severity is Severity.ERROR
        with redis.Redis.from_url(url) as client:
            for setting in (
                "slowlog-log-slower-than",
                "commandlog-execution-slower-than",
                "commandlog-request-larger-than",
            ):
                client.config_set(setting, -1)
            client.config_set("notify-keyspace-events", "")
        assert {"redis-slowlog", "redis-keyspace-events", "redis-monitor"}.isdisjoint(codes(url))


def test_eviction_and_files_are_reported(tmp_path: Path) -> None:
    with valkey(tmp_path, "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes") as url:
        found = codes(url)
        assert "allkeys-lru" in found["redis-evicts"].message
        assert "redis-files" in found


def test_a_cluster_is_refused(tmp_path: Path) -> None:
    # By default the bus takes the port + 10,000, which there may not be.
    with valkey(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as url:
        assert codes(url)["redis-cluster"].severity is Severity.ERROR


def test_a_replica_is_refused_and_its_primary_says_that_it_has_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with valkey(tmp_path / "a", "--repl-diskless-sync-delay", "0") as primary:
        port = str(urlsplit(primary).port)
        with valkey(tmp_path / "b", "--replicaof", f"127.0.0.1 {port}") as replica:
            assert codes(replica)["redis-replica"].severity is Severity.ERROR
            with redis.Redis.from_url(primary) as client:
                client.set("x", "y")
                assert client.wait(1, 10_000) == 1
            assert "redis-has-replicas" in codes(primary)


def test_without_a_sentinel_there_is_no_identity(keyspace: Keyspace) -> None:
    connector = store(keyspace.url)
    with pytest.raises(TerminalError, match="carries no sentinel") as caught:
        connector.identity()
    assert caught.value.remedy is not None
    assert "expunge adopt cache" in caught.value.remedy
    connector.close()


def test_adopting_twice_keeps_the_first_sentinel(keyspace: Keyspace) -> None:
    connector = store(keyspace.url)
    first = connector.adopt()
    assert connector.adopt() == first == connector.identity()
    assert first.parts["database"] == urlsplit(keyspace.url).path.lstrip("/")
    keyspace.client.set("expunge:sentinel", "something else")
    with pytest.raises(TerminalError, match="holds something else"):
        connector.identity()
    connector.close()
