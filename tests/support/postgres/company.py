"""A handful of people in the Calltrack schema, and what tests of the Postgres connector do with them.

Ada (user 1) is the one to be erased. Ben (2) lives in her household; Cleo (3) has her own address, and Ben's phone.
Caller 1 rings client 1, caller 2 rings client 2 from the same phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from tenacity import wait_none
from tests.support.data_map_text import document_of
from tests.support.servers import fresh_database

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import UNREAD, Counts, Scope, Subject, SubjectKey
from expunge_connectors.postgres import PostgresConnection, PostgresSpec, PostgresStore
from expunge_demo.dev_servers import Endpoints

ACCOUNT = Scope("calltrack")
CLIENT_1 = Scope("client", "1")
CUTOFF = datetime(2026, 6, 1, tzinfo=UTC)
_EXAMPLE = resources.files("expunge_demo.calltrack")

_PEOPLE = """
INSERT INTO clients (name, created_at) VALUES ('one', '2025-01-01'), ('two', '2025-01-01');
INSERT INTO users (client_id, email, full_name, phone, created_at) VALUES
    (1, 'Ada@Mail.example', 'Ada', '+49 30 1111111', '2025-01-01'),
    (1, 'ben@mail.example', 'Ben', '+49302222222', '2025-01-01'),
    (2, 'cleo@mail.example', 'Cleo', '+49 (30) 2222222', '2025-01-01');
INSERT INTO user_profiles (user_id, timezone, created_at) SELECT id, 'UTC', created_at FROM users;
INSERT INTO api_tokens SELECT ('00000000-0000-0000-0000-00000000000' || id)::uuid, id, 'l', 'x', created_at FROM users;
INSERT INTO addresses (street, postcode, city, created_at) SELECT s, 'p', 'c', '2025-01-01'
  FROM unnest(ARRAY['Household', 'Cleo''s', 'Ada''s other']) s;
INSERT INTO user_addresses (user_id, address_id, created_at) VALUES
    (1, 1, '2025-01-01'), (2, 1, '2025-01-01'), (3, 2, '2025-01-01'), (1, 3, '2025-01-01');
INSERT INTO messages (user_id, reply_to, body, created_at) VALUES
    (1, NULL, 'm1', '2025-01-01'), (1, 1, 'm2', '2025-01-02'), (2, NULL, 'm3', '2025-01-03'),
    (1, 2, 'm4', '2025-01-04');
INSERT INTO invoices (user_id, number, billing_name, cents, issued_at) VALUES
    (1, 'old', 'Ada', 1, '2010-01-01'), (1, 'new', 'Ada', 2, '2024-02-29'), (2, 'ben', 'Ben', 3, '2024-01-01');
INSERT INTO invoice_lines (invoice_id, text, cents, issued_at) SELECT id, 't', 1, issued_at FROM invoices;
INSERT INTO marketing_optouts (email, created_at) VALUES
    ('ada@mail.example', '2025-01-01'), ('zoe@mail.example', '2025-01-01');
INSERT INTO access_log (at, user_id, ip, browser, url, status)
SELECT '2026-05-01', id, '10.0.0.1', 'b', '/', 200 FROM users;
INSERT INTO callers (client_id, phone, name, created_at) VALUES
    (1, '+49 40 3333333', 'Dora', '2025-01-01'), (2, '+49403333333', 'Dora', '2025-01-01'),
    (1, '+49404444444', 'Emil', '2025-01-01');
INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at)
SELECT client_id, id, phone, 1, '2025-01-01' FROM callers;
INSERT INTO call_notes (call_id, note, created_at) SELECT id, 'n', '2025-01-01' FROM calls;
INSERT INTO recordings (call_id, object_key, bytes, created_at) SELECT id, 'rec/' || id, 1, '2025-01-01' FROM calls;
INSERT INTO transcripts (recording_id, body, words, created_at) SELECT id, 'b', '{}', '2025-01-01' FROM recordings;
INSERT INTO leads (client_id, caller_id, name, postal_address, email, phone, created_at) VALUES
    (1, 1, 'Dora', '1 Long Road, Xtown', 'dora@mail.example', NULL, '2025-01-01'),
    (1, NULL, 'Dora', '1 Long  Road Xtown', 'other@mail.example', '+49403333333', '2025-01-01'),
    (1, NULL, 'Gus', '1 long road, xtown', 'gus@mail.example', NULL, '2025-01-01');
INSERT INTO lead_answers (lead_id, question, answer, created_at) SELECT id, 'q', 'a', '2025-01-01' FROM leads;
"""


def data_map(change: Callable[[dict[str, Any]], None] | None = None) -> DataMap:
    """The example's map with its Postgres store alone; `change` edits the raw document first."""
    document = document_of()
    document["stores"] = {"main": document["stores"]["main"]}
    document["backups"] = {"none": "The test needs none", "approved_by": "Whoever wrote the test"}
    if change is not None:
        change(document)
    return checked(document)


def checked(document: dict[str, Any]) -> DataMap:
    """A map from a raw document; neither its Postgres stores nor its identities may have complaints."""
    document["stores"] = {name: PostgresSpec.model_validate(raw) for name, raw in document["stores"].items()}
    loaded = DataMap.model_validate(document)
    for store in loaded.stores.values():
        assert list(store.complaints(loaded)) == []
    assert [one for one in loaded.complaints() if one[0][0] == "identities"] == []
    return loaded


def populate(url: str) -> None:
    """Create schema and people."""
    execute(url, _EXAMPLE.joinpath("schema.sql").read_text("utf-8"))
    execute(url, _PEOPLE)


@pytest.fixture(scope="session")
def company_template(servers: Endpoints) -> Iterator[str]:
    """The name of a database with schema and people, to be copied."""
    with fresh_database(servers.postgres_url) as url:
        populate(url)
        yield urlsplit(url).path[1:]


@pytest.fixture
def company(servers: Endpoints, company_template: str) -> Iterator[str]:
    """The URL of a database with Calltrack's schema and a handful of people."""
    with fresh_database(servers.postgres_url, company_template) as url:
        yield url


@pytest.fixture
def other_company(servers: Endpoints, company_template: str) -> Iterator[str]:
    """One more of them."""
    with fresh_database(servers.postgres_url, company_template) as url:
        yield url


def version(url: str) -> int:
    """Of the server: 180003 of 18.3. What a test says of a feature it says on servers that have it."""
    with psycopg.connect(url) as connection:
        return connection.info.server_version


def execute(url: str, statements: str) -> list[tuple[Any, ...]]:
    """Run statements, committed, and return the last one's rows."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statements)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


@contextmanager
def opened(url: str, loaded: DataMap | None = None, name: str = "main", **settings: Any) -> Iterator[PostgresStore]:
    """The connector, with instant retries and no patience with old transactions."""
    settings = {"verification_wait_seconds": 0, "lock_timeout": "2s", **settings}
    connection = PostgresConnection.model_validate({"url": url, **settings})
    store = PostgresStore(name, loaded or data_map(), connection, wait=wait_none())
    try:
        yield store
    finally:
        store.close()


def subject(number: int, **keys: str) -> Subject:
    """A subject with one key a namespace."""
    return Subject(number, frozenset(SubjectKey(namespace, value) for namespace, value in keys.items()))


def resolved(
    store: PostgresStore, subjects: Iterable[Subject], scope: Scope, cutoff: datetime = CUTOFF
) -> list[Subject]:
    """The subjects with every key that leads from them, as the orchestrator would do it.

    Shareable keys, and found keys behind which several persons stand, are left out.
    """
    keys = {one.number: set(one.keys) for one in subjects}
    new = {number: set(found) for number, found in keys.items()}
    refused: set[tuple[int, SubjectKey]] = set()
    while new:
        asked = [Subject(number, frozenset(found)) for number, found in new.items()]
        told = [one for one in store.resolve(asked, scope, cutoff) if not one.key.namespace.startswith(UNREAD)]
        persons: dict[tuple[int, SubjectKey], set[SubjectKey]] = {}
        for one in told:
            if one.via.namespace in {"email", "phone"} and one.key.namespace in {"user_id", "caller_id"}:
                persons.setdefault((one.number, one.via), set()).add(one.key)
        refused |= {where for where, found in persons.items() if len(found) > 1}
        for number, key in refused:
            keys[number].discard(key)
        new = {}
        for one in told:  # what leads stands before what it leads to
            usable = one.key.namespace != "postal_address" and (one.number, one.key) not in refused
            if one.via in keys[one.number] and one.key not in keys[one.number] and usable:
                keys[one.number].add(one.key)
                new.setdefault(one.number, set()).add(one.key)
    return [Subject(number, frozenset(found)) for number, found in keys.items()]


def actions(loaded: DataMap, controller: str) -> dict[str, Action]:
    """The map's decisions for one controller."""
    return {
        name: loaded.data_types[spec.data_type].on_request
        for _, name, spec in loaded.collections()
        if spec.data_type is not None and spec.owner is not None and spec.owner.controller == controller
    }


def due(counts: Counts) -> dict[str, int]:
    """Collection -> rows due over all subjects, without zeros."""
    totals: dict[str, int] = {}
    for tallies in counts.values():
        for name, tally in tallies.items():
            if tally.due:
                totals[name] = totals.get(name, 0) + tally.due
    return totals


def dump(url: str) -> dict[str, list[str]]:
    """Every row of every table as text, in a stable order."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
        ).fetchall()
        return {
            name: [
                row[0]
                for row in connection.execute(
                    sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(name))
                ).fetchall()
            ]
            for (name,) in names
        }


def gone(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """What stood before and stands no more; changed rows are in here and in the reverse."""
    differences = {table: sorted(set(rows) - set(after[table])) for table, rows in before.items()}
    return {table: rows for table, rows in differences.items() if rows}
