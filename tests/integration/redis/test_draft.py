"""The draft of a map for a live keyspace: shapes and types, no names and no values."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.support.servers import Keyspace

from expunge_config.datamap import load
from expunge_connectors.draft import Draftable, DraftCollection, StoreDraft
from expunge_connectors.errors import TerminalError, TransientError
from expunge_connectors.redis import RedisConnection, RedisSpec, RedisStore
from expunge_orchestrator.map_draft import render_yaml


def draft(url: str, *known: StoreDraft) -> StoreDraft:
    assert isinstance(RedisStore, Draftable)
    return RedisStore.draft("cache", RedisConnection.model_validate({"url": url, "timeout_seconds": 2}), 1000, known)


KNOWN = StoreDraft("main", "postgres", {"user_id": {"kind": "person", "normaliser": "integer/2"}}, ())


def test_shapes_with_one_identifier_become_templates(keyspace: Keyspace) -> None:
    client = keyspace.client
    for user in (1, 2, 3):
        client.sadd(f"user:{user}:sessions", "x")
        client.hset(f"session:0a9f{user}c77d1e", "a", "b")
        client.set(f"reset:ann{user}@mail.example", "x")
        client.rpush(f"user:{user}:order:{user}", "x")
    client.zadd("online", {"1": 1})
    client.set("expunge:sentinel", "x")
    drafted = draft(keyspace.url, KNOWN)
    assert {(one.entries["key"], one.entries["type"]) for one in drafted.collections} == {
        ("user:{user_id}:sessions", "set"),
        ("session:{session_token}", "hash"),
        ("reset:{email}", "string"),
    }
    assert drafted.identities == {
        "user_id": {"kind": "person", "normaliser": "integer/2"},
        "session_token": {"kind": "internal"},
        "email": {"kind": "reusable", "normaliser": "email/3"},
    }
    by_name = {one.name: one for one in drafted.collections}
    assert by_name["reset"].entries["undated"] is None
    assert "undated" not in by_name["session"].entries
    assert "yields" in by_name["user_sessions"].questions["type"]
    assert [note.partition(" (")[0] for note in drafted.notes] == ["online", "user:{n}:order:{n}"]
    assert "sentinel" not in render_yaml([drafted])


def test_what_nothing_leads_to_is_asked(keyspace: Keyspace) -> None:
    client = keyspace.client
    client.hset("cart:7", "product", "1")
    client.set("token:0a9f1c77d1e", "x")
    client.sadd("user:7", "x")
    main = StoreDraft(
        "main",
        "postgres",
        {**KNOWN.identities, "staff_id": {"kind": "person"}, "token_token": {"kind": "internal"}},
        (DraftCollection("devices", {"yields": {"token_token": "token"}}),),
    )
    asked = {one.name: one.questions["key"] for one in draft(keyspace.url, main).collections}
    assert asked == {
        "cart": "nothing yields cart_id: which column tells it? Or is its place {user_id} or {staff_id}?"
        " 1 of 3 names looked at",
        "token": "is its place {token_token}? 1 of 3 names looked at",
        "user": "is its place {user_id}? 1 of 3 names looked at",
    }
    (alone,) = [one for one in draft(keyspace.url).collections if one.name == "cart"]
    assert alone.questions["key"] == "nothing yields cart_id: which column tells it? 1 of 3 names looked at"


def test_why_a_shape_is_no_template_is_said_as_it_is(keyspace: Keyspace) -> None:
    client = keyspace.client
    client.set("lindenhof:ann@mail.example", "x")
    client.rpush("viewed:1", "x")
    client.zadd("top_buyers", {"1": 1})
    client.zadd("online", {"1": 1})
    client.set("user:1:order:2", "x")
    why = {note.partition(" (")[0]: note.partition("looked at): ")[2] for note in draft(keyspace.url).notes}
    masked = "a word is masked as {text}, for it may be somebody's (write it if it never differs, else an identity)"
    shared = "; of a shared key, its members or fields may be people's."
    assert why == {
        "{text}:{email}": f"{masked}.",
        "{text}:{n}": f"{masked}.",
        "top_{text}": f"{masked}{shared}",
        "online": f"no identifier stands in the name{shared}",
        "user:{n}:order:{n}": "a template has exactly one identifier.",
    }


def test_nothing_of_a_name_or_a_value_is_told(keyspace: Keyspace) -> None:
    canary = secrets.token_hex(10)
    for number in range(3):
        keyspace.client.set(f"profile:{canary}:{number}", canary)
        keyspace.client.set(f"{canary}x", canary)
        keyspace.client.sadd(f"user:{number}", canary)
    drafted = draft(keyspace.url)
    assert canary not in render_yaml([drafted])
    assert canary not in repr(drafted)


def test_the_answered_draft_loads(keyspace: Keyspace, tmp_path) -> None:
    keyspace.client.set("reset:ann@mail.example", "x")
    keyspace.client.set("cart:7", "x")
    text = render_yaml([draft(keyspace.url)])
    for key, answer in (
        ("name", "E"),
        ("contact", "e@e.example"),
        ("log_origin", "e.example"),
        ("undated", "erase"),
        ("none", "N"),
        ("approved_by", "A"),
    ):
        text = text.replace(f"{key}:  ", f"{key}: {answer} ")
    path = tmp_path / "map.yaml"
    path.write_text("\n".join(line.partition("# DECIDE:")[0] for line in text.splitlines()))
    loaded = load(path, {"redis": RedisSpec}, {})
    assert {name for _, name, _ in loaded.collections()} == {"reset", "cart"}


@pytest.fixture
def narrow(keyspace: Keyspace) -> Iterator[str]:
    """The URL of a user who may list names, and touch only some of the keys."""
    name, password = f"expunge-{secrets.token_hex(4)}", secrets.token_hex(8)
    rights = ["on", f">{password}", "~session:*", "+scan", "+type", "+select", "+hello", "+client|setinfo"]
    keyspace.client.execute_command("ACL", "SETUSER", name, *rights)
    url = urlsplit(keyspace.url)
    yield url._replace(netloc=f"{name}:{password}@{url.hostname}:{url.port}").geturl()
    keyspace.client.acl_deluser(name)


def test_a_type_that_may_not_be_read_is_a_question(keyspace: Keyspace, narrow: str) -> None:
    keyspace.client.hset("session:0a9f1c77d1e", "a", "b")
    keyspace.client.set("cart:7", "x")
    keyspace.client.set("online", "x")
    drafted = draft(narrow)
    by_name = {one.name: one for one in drafted.collections}
    assert (by_name["session"].entries["type"], "type" in by_name["session"].questions) == ("hash", False)
    assert by_name["cart"].entries["type"] is None
    assert "TYPE" in by_name["cart"].questions["type"]
    assert drafted.notes[0].startswith("online (of a type that the user may not read, 1 of 3 names looked at)")


def test_without_the_names_it_is_said_which_right_is_missing(keyspace: Keyspace, narrow: str) -> None:
    keyspace.client.execute_command("ACL", "SETUSER", urlsplit(narrow).username, "-scan")
    with pytest.raises(TerminalError, match="may not run SCAN") as caught:
        draft(narrow)
    _, _, rules = (caught.value.remedy or "").partition("ACL SETUSER … ")
    keyspace.client.execute_command("ACL", "SETUSER", urlsplit(narrow).username, *rules.split())
    keyspace.client.set("cart:7", "x")
    assert [one.entries["type"] for one in draft(narrow).collections] == ["string"]


def test_a_server_that_is_away_is_an_error() -> None:
    with pytest.raises(TransientError):
        draft("redis://127.0.0.1:1/0")
