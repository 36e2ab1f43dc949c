"""`check --sample`: how many values can be read, and whether those that lead on lead to anything. Never a value."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.contract_maps import data_map
from tests.support.postgres.company import execute
from tests.support.redis.keyspace import DATA
from tests.support.servers import Keyspace

from expunge_connectors.contract import Finding, Severity
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.spec import PostgresConnection, PostgresSpec
from expunge_connectors.redis import RedisSpec, RedisStore
from expunge_connectors.redis.spec import RedisConnection
from expunge_orchestrator.data_map_check import sample_all

USERS: dict[str, Any] = {
    "table": "public.users",
    "person": "user_id",
    "created": "created",
    "found_by": [{"column": "id", "identity": "user_id"}, {"column": "mail", "identity": "email"}],
    "yields": {"user_id": "id", "email": "mail", "token": {"column": "token"}},
    **DATA,
}

CODES = {"values-unread", "values-led", "sweep-unfinished"}


def sampled(database: str, keyspace: Keyspace, users: dict[str, Any]) -> list[Finding]:
    """What is said of values."""
    cache = RedisSpec.model_validate(
        {"connector": "redis", "collections": {"sessions": {"key": "session:{token}", "type": "string", **DATA}}}
    )
    main = PostgresSpec.model_validate({"connector": "postgres", "collections": {"users": users}})
    loaded = data_map({"main": main, "cache": cache})
    stores = {
        "main": PostgresStore("main", loaded, PostgresConnection.model_validate({"url": database})),
        "cache": RedisStore("cache", loaded, RedisConnection.model_validate({"url": keyspace.url})),
    }
    try:
        found = [one for one in sample_all(loaded, stores, 1000) if one.code in CODES]
    finally:
        for one in stores.values():
            one.close()
    assert not any(secret in f"{one}" for one in found for secret in ("ann@", "tok-"))
    return found


@pytest.fixture
def users(database: str) -> str:
    """Three people; a session token stands in their rows behind a prefix that Redis does not have."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text, token text, created timestamptz DEFAULT '2020-01-01');"
        "INSERT INTO users VALUES (1, 'ann@x.example', 'dG9rLTE='), (2, 'n/a', 'dG9rLTI='), (3, ' ', NULL)",
    )
    return database


def test_values_that_cannot_be_read_are_counted(users: str, keyspace: Keyspace) -> None:
    [unread] = [one for one in sampled(users, keyspace, USERS) if one.code == "values-unread"]
    assert unread.severity is Severity.WARNING
    assert unread.collection == "users"
    assert "1 of 2 values looked at in public.users.mail" in unread.message
    execute(users, "DELETE FROM users WHERE id = 1")
    [unread] = [one for one in sampled(users, keyspace, USERS) if one.code == "values-unread"]
    assert unread.severity is Severity.ERROR


def test_a_number_is_read_without_the_zeros_of_its_fraction(users: str, keyspace: Keyspace) -> None:
    execute(
        users,
        "ALTER TABLE users ADD alias numeric(10, 2); UPDATE users SET alias = id + CASE id WHEN 3 THEN 0.5 ELSE 0 END",
    )
    aliased = USERS | {"found_by": [*USERS["found_by"], {"column": "alias", "identity": "user_id"}]}
    found = [one.message for one in sampled(users, keyspace, aliased) if "alias" in one.message]
    assert [one.partition(" cannot")[0] for one in found] == ["1 of 3 values looked at in public.users.alias"]


def test_values_that_lead_to_nothing_in_another_store(users: str, keyspace: Keyspace) -> None:
    keyspace.client.set("session:tok-1", "x")
    [led] = [one for one in sampled(users, keyspace, USERS) if one.code == "values-led"]
    assert (led.severity, led.store, led.collection) == (Severity.WARNING, "main", "users")
    assert "0 of 2 values of `token` in public.users.token lead to something in cache (sessions)" in led.message
    decoded = USERS | {"yields": USERS["yields"] | {"token": {"column": "token", "decode": ["base64"]}}}
    [led] = [one for one in sampled(users, keyspace, decoded) if one.code == "values-led"]
    assert led.severity is Severity.INFO
    assert "1 of 2 values" in led.message


def test_what_a_tombstone_put_there_is_no_value(users: str, keyspace: Keyspace) -> None:
    execute(users, "UPDATE users SET mail = 'gone-' || id WHERE id = 2")
    gone = USERS | {"data_type": "anchor", "tombstone": {"mail": "'gone-' || id", "token": "NULL"}}
    assert [one for one in sampled(users, keyspace, gone) if one.code == "values-unread"] == []
