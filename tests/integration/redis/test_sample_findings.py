"""The sweep of a keyspace: names that no template names, by shape, never a name itself."""

from __future__ import annotations

import secrets

from tests.support.redis.keyspace import swept
from tests.support.servers import Keyspace

from expunge_connectors.contract import Severity


def test_a_keyspace_that_the_map_names_whole(keyspace: Keyspace) -> None:
    for name in (
        "user:1:sessions",
        "session:abc",
        "cache:7",
        "online",
        "audit",
        "expunge:sentinel",
        "mail:a@b.example",
    ):
        keyspace.client.set(name, "x")
    assert swept(keyspace) == []


def test_shapes_with_identifiers_are_warnings_and_are_silenced_one_by_one(keyspace: Keyspace) -> None:
    for number in range(30):
        keyspace.client.set(f"cart:{number}", "x")
    for number in range(10):
        keyspace.client.set(f"user:{number}:sessions:old", "x")
    keyspace.client.set("reset:ann@mail.example", "x")
    found = swept(keyspace)
    shapes = {one.message.split(" hold ")[0].removeprefix("Names of the shape ") for one in found}
    assert shapes == {"cart:{n}", "user:{n}:sessions:old", "reset:{email}"}
    assert {one.severity for one in found} == {Severity.WARNING}
    assert "73 % of 41" in next(one.message for one in found if "cart" in one.message)
    left = {one.message.split(" hold ")[0] for one in swept(keyspace, "cart:{n}")}
    assert left == {f"Names of the shape {one}" for one in shapes - {"cart:{n}"}}


def test_names_without_identifiers_are_one_info_and_no_name_is_told(keyspace: Keyspace) -> None:
    secret = secrets.token_urlsafe(12).replace("-", "x").replace("_", "y")
    keyspace.client.set(f"profile:{secret}", secret)
    keyspace.client.set(b"\xff\x00\n*", "x")
    [found] = swept(keyspace)
    assert (found.severity, found.code) == (Severity.INFO, "unmapped-names")
    assert "profile:{" in found.message
    assert secret not in repr(found)


def test_a_sample_is_no_larger_than_asked_for(keyspace: Keyspace) -> None:
    for number in range(5000):
        keyspace.client.set(f"cart:{number}", "x")
    [found] = swept(keyspace, rows=100)
    assert "100 % of 100 names" in found.message


def test_a_user_who_may_not_scan_leaves_it_unknown(keyspace: Keyspace) -> None:
    keyspace.client.execute_command("ACL", "SETUSER", "blind", "on", ">x", "~*", "+@all", "-scan")
    try:
        host = keyspace.url.rpartition("@")[2]
        [found] = swept(Keyspace(f"redis://blind:x@{host}", keyspace.client))
        assert (found.severity, found.code) == (Severity.INFO, "sweep-unread")
    finally:
        keyspace.client.execute_command("ACL", "DELUSER", "blind")


def test_only_scan_is_used(keyspace: Keyspace) -> None:
    keyspace.client.set("cart:1", "x")
    keyspace.client.config_resetstat()
    swept(keyspace)
    used = {name.removeprefix("cmdstat_") for name in keyspace.client.info("commandstats")}
    assert used <= {"scan", "hello", "auth", "select", "client|setinfo", "client|setname", "config|resetstat", "info"}
