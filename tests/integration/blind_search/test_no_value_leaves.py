"""Canary: no value that is searched for goes to a server, and none stands in what the search says (law 5)."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.support.blind_search import places, searched
from tests.support.canary_values import forms
from tests.support.host_state import in_memory
from tests.support.postgres.company import execute, opened, populate

from expunge_connectors.blind_search import postgres_columns
from expunge_connectors.blind_search.patterns import Kind, SearchedValue
from expunge_demo import dev_servers

MARK = f"qz{secrets.token_hex(8)}"
EMAIL, PHONE, NAME = f"{MARK}@canary.example", f"+49{secrets.randbelow(10**9) + 10**10}", f"name{MARK}"
CANARIES = (
    SearchedValue(1, Kind.EMAIL, EMAIL),
    SearchedValue(1, Kind.PHONE, PHONE),
    SearchedValue(1, Kind.TOKEN, NAME),
)


def shows(data: bytes) -> list[str]:
    """The forms of canaries that stand in what somebody wrote down."""
    wanted = {f"{value[:4]} {form}": text for value in (MARK, PHONE[3:]) for form, text in forms(value).items()}
    return [name for name, text in wanted.items() if text.lower() in data.lower()]


@pytest.fixture(scope="module")
def logging_database():
    """Yield (the URL of a database that logs every statement, the log of its server)."""
    with dev_servers.stack(in_memory()) as stack:
        (log_file,) = [path for path in stack.endpoints.log_files if path.name == "postgres.log"]
        with psycopg.connect(stack.endpoints.postgres_url, autocommit=True) as admin:
            for setting in ("log_statement = 'all'", "log_min_duration_statement = 0", "log_error_verbosity = verbose"):
                admin.execute(f"ALTER SYSTEM SET {setting}")  # type: ignore[arg-type]
            admin.execute("CREATE DATABASE logged")
        url = urlsplit(stack.endpoints.postgres_url)._replace(path="/logged").geturl()
        populate(url)
        with psycopg.connect(url) as connection:  # as bound parameters, which are not logged
            connection.execute("SET log_statement = 'none'; SET log_min_duration_statement = -1")
            connection.execute("CREATE TABLE old_leads AS SELECT %s::text AS what", (f"{EMAIL} {NAME}",))
            connection.execute("UPDATE messages SET body = %s WHERE id = 1", (f"call {PHONE}",))
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("SELECT pg_reload_conf()")
        yield url, log_file


def test_no_value_reaches_postgres_nor_its_log_or_its_list_of_sessions(logging_database, monkeypatch):
    url, log_file = logging_database
    monkeypatch.setattr(postgres_columns, "PAGES", 1)
    seen: set[str] = set()
    blocks = postgres_columns.blocks

    def watched(copy):
        yield from blocks(copy)
        with psycopg.connect(url) as other:  # the statement is still under way
            running = other.execute("SELECT query FROM pg_stat_activity WHERE application_name = 'expunge'").fetchall()
        seen.update(query for (query,) in running)

    monkeypatch.setattr(postgres_columns, "blocks", watched)
    before = log_file.stat().st_size
    with opened(url) as store:
        report = searched(store, *CANARIES)
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            refused = searched(store, *CANARIES)
    assert [one.name for one in places(report)] == ["public.messages.body", "public.old_leads.what"]
    assert [one.place for one in refused.gaps] == ["public.messages"]
    log = log_file.read_bytes()[before:]
    assert b"COPY (SELECT" in log
    assert any("COPY (SELECT" in query for query in seen)
    assert shows(log) == []
    assert shows("\n".join(seen).encode()) == []
    assert shows(f"{report!r} {refused!r} {CANARIES!r}".encode()) == []


def test_the_canary_would_be_seen(logging_database):
    url, log_file = logging_database
    execute(url, f"SELECT '{EMAIL}'")
    assert shows(log_file.read_bytes()) != []
