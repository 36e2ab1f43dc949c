"""Names that an application wrote in another spelling than the normalised one: a sample of names and parts tells."""

from __future__ import annotations

import pytest
import redis
from tests.support.contract_maps import CLIENT
from tests.support.redis.keyspace import DATA, LOG, SCOPE, person, store, swept
from tests.support.servers import Keyspace

from expunge_connectors.contract import Finding, Severity

ADA, TYPED = "ada@x.example", "Ada@X.example"
BY_MAIL = {"undated": "erase", **DATA}
COLLECTIONS: dict[str, dict[str, object]] = {
    "mail": {"key": "mail:{email}", "type": "string", **BY_MAIL},
    "pages": {"key": "page:{*}:of:{email}:{*}", "type": "string", **BY_MAIL},
    "shops": {"key": "shop:{controller}:{email}", "type": "string", "undated": "erase", **DATA, "owner": CLIENT},
    "rooms": {"key": "room:{*}:{controller}:{email}", "type": "string", "undated": "erase", **DATA, "owner": CLIENT},
    "tokens": {"key": "mail:token:{token}", "type": "string", **DATA},
    "users": {"key": "user:{user_id}", "type": "string", **DATA},
    "log": {"key": "mail:log-{email}", "type": "string", "log": LOG},
    "readers": {"key": "readers", "type": "set", "member": "{email}", **BY_MAIL},
    "scores": {"key": "scores:{*}", "type": "zset", "member": "at:{email}", **BY_MAIL},
    "names": {"key": "names", "type": "hash", "hash_field": "{email}", **BY_MAIL},
    "queue": {"key": "queue", "type": "list", "element": "{email}", **BY_MAIL},
    "sent": {"key": "sent", "type": "stream", "entry": {"to": "{email}"}, **BY_MAIL},
    "online": {"key": "online", "type": "zset", "member": "{user_id}", **DATA},
}


def told(keyspace: Keyspace, *, rows: int = 1000) -> dict[str | None, Finding]:
    """Whatever was said of spelling or left unread: collection -> finding."""
    found = swept(keyspace, rows=rows, collections=COLLECTIONS)
    assert "ada" not in repr(found).lower(), "a value was told"
    return {one.collection: one for one in found if one.code in {"other-spelling", "sweep-unread"}}


def fill(client: redis.Redis, email: str) -> None:
    """Everything that the map names by an address, once."""
    for key in (f"mail:{email}", f"page:home:of:{email}:v2", f"shop:42:{email}", f"room:a:42:{email}"):
        client.set(key, "x")
    client.sadd("readers", email)
    client.zadd("scores:today", {f"at:{email}": 1})
    client.hset("names", email, "x")
    client.rpush("queue", email)
    client.xadd("sent", {"to": email})


def test_what_is_named_in_the_normalised_spelling_is_found_and_nothing_is_said(keyspace: Keyspace) -> None:
    fill(keyspace.client, ADA)
    assert told(keyspace) == {}


def test_what_is_named_as_it_was_typed_is_not_found_and_the_sample_says_so(keyspace: Keyspace) -> None:
    fill(keyspace.client, ADA)
    fill(keyspace.client, TYPED)
    found = told(keyspace)
    assert found.keys() == {"mail", "pages", "shops", "rooms", "readers", "scores", "names", "queue", "sent"}
    assert {(one.severity, one.code) for one in found.values()} == {(Severity.ERROR, "other-spelling")}
    assert {"1 of 2" in one.message for one in found.values()} == {True}
    assert "key mail:{email}" in found["mail"].message
    assert "email/1" in found["mail"].message
    assert "member {email} of key readers" in found["readers"].message
    connector = store(keyspace.url, {"mail": COLLECTIONS["mail"]})
    [tallies] = connector.count([person(1, email=ADA)], SCOPE, connector.now()).values()
    assert tallies["mail"].due == 1, "so it is no false alarm"
    connector.close()


def test_names_by_an_id_are_no_matter_how_they_look(keyspace: Keyspace) -> None:
    for name in ("user:7", "user:Ada", "mail:token:Ada@X.example", "mail:log-Ada@X.example"):
        keyspace.client.set(name, "x")
    keyspace.client.zadd("online", {"7": 1, "Ada": 2})
    assert told(keyspace) == {}


def test_a_name_that_holds_no_identifier_is_named_by_no_template(keyspace: Keyspace) -> None:
    for name in ("user:7", "user:stats", "mail:4711", f"mail:{ADA}"):
        keyspace.client.set(name, "x")
    found = swept(keyspace, collections=COLLECTIONS)
    assert [one.code for one in found] == ["unmapped-identifiers", "unmapped-names"]
    assert "mail:{n}" in found[0].message
    assert "user:stats" in found[1].message


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("reset:Ada@X.Example", "reset:{email}"),
        ("reset:Ada%40X.Example", "reset:{email}"),
        ("sms:+49 (30) 123-4567", "sms:{phone}"),
        ("sms:0049 30 1234567", "sms:{phone}"),
        ("file:6F9619FF-8B86-D011-B42D-00CF4FC964FF", "file:{uuid}"),
    ],
)
def test_other_spellings_that_no_template_names_are_seen_as_identifiers(
    keyspace: Keyspace, name: str, shape: str
) -> None:
    keyspace.client.set(name, "x")
    [found] = swept(keyspace, collections=COLLECTIONS)
    assert found.code == "unmapped-identifiers"
    assert shape in found.message


def test_only_some_of_a_large_key_is_read(keyspace: Keyspace) -> None:
    with keyspace.client.pipeline(transaction=False) as pipeline:
        for number in range(20):
            pipeline.sadd("readers", *(f"N{at}@x.example" for at in range(number * 1000, number * 1000 + 1000)))
        pipeline.rpush("queue", *(f"N{at}@x.example" for at in range(5000)))
        pipeline.execute()
    found = told(keyspace, rows=50)
    assert {name: "50 of 50" in one.message for name, one in found.items()} == {"readers": True, "queue": True}
    assert "1000 of 1000" in told(keyspace, rows=5000)["queue"].message, "of one key, however much is asked for"


def test_a_key_that_may_not_be_read_or_is_of_another_type_is_unknown(keyspace: Keyspace) -> None:
    keyspace.client.set("queue", "x")
    keyspace.client.sadd("readers", ADA)
    keyspace.client.execute_command("ACL", "SETUSER", "blind", "on", ">x", "~*", "+@all", "-sscan")
    try:
        host = keyspace.url.rpartition("@")[2]
        found = told(Keyspace(f"redis://blind:x@{host}", keyspace.client))
        assert {(name, one.severity, one.code) for name, one in found.items()} == {
            ("queue", Severity.INFO, "sweep-unread"),
            ("readers", Severity.INFO, "sweep-unread"),
        }
        assert "SSCAN" in found["readers"].remedy
    finally:
        keyspace.client.execute_command("ACL", "DELUSER", "blind")
