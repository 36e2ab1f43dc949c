"""What an erasure reads: the rows of its people, not the tables they stand in."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, shape

from expunge_config.normalisers import builtin
from expunge_connectors.contract import no_beat
from expunge_connectors.postgres.connector import PostgresStore

PEOPLE, ERASED, OFTEN = 20_000, 1_000, 2_000
USERS = """
users:
  table: public.users
  person: user_id
  created: created_at
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
"""
LEADS = """
leads:
  table: public.leads
  created: created_at
  found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]
  yields: {user_id: user_id}
visits:
  table: public.visits
  found_by: [{column: user_id, of: users.id}]
  yields: {user_id: user_id}
"""


@pytest.fixture
def crowd(database: str) -> str:
    """Many people, each with a lead and a visit; the first one with very many."""
    address = builtin()["email/1"].sql.replace("{column}", "email")
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL,"
        " created_at timestamptz NOT NULL DEFAULT '2025-01-01 UTC');"
        "CREATE TABLE leads (id int PRIMARY KEY, user_id int REFERENCES users, email text, created_at timestamptz);"
        "CREATE TABLE visits (id int PRIMARY KEY, user_id int REFERENCES users);"
        f"INSERT INTO users SELECT n, 'u' || n || '@mail.example' FROM generate_series(1, {PEOPLE}) AS n;"
        f"INSERT INTO leads SELECT n, greatest(1, n - {OFTEN}), 'u' || greatest(1, n - {OFTEN}) || '@mail.example',"
        f" '2025-01-01 UTC' FROM generate_series(1, {PEOPLE}) AS n;"
        "INSERT INTO visits SELECT id, user_id FROM leads; CREATE INDEX ON visits (user_id);"
        f"CREATE INDEX ON leads (user_id); CREATE INDEX ON leads (({address})); CREATE INDEX ON users (({address}));"
        "ANALYZE",
    )
    return database


@pytest.mark.parametrize("first", [1, OFTEN])
def test_an_erasure_reads_the_rows_of_its_people_alone(crowd, first):
    loaded = shape(USERS + LEADS)
    with opened(crowd, loaded) as store:
        people = resolved(store, [subject(one, user_id=str(one)) for one in range(first, first + ERASED)], ACME)
        due = sum(one.due for tallies in store.count(people, ACME, CUTOFF).values() for one in tallies.values())
        whole, fetched = _read(store)
        assert store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat) == due
        whole_now, fetched_now = _read(store)
    assert whole_now == whole
    assert fetched_now - fetched < 10 * due


def _read(store: PostgresStore) -> tuple[int, int]:
    """Whole tables read so far, and rows fetched through indexes: by the store's one connection, counted to the end."""
    with store._connections.lease() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        found = connection.execute("SELECT sum(seq_scan), sum(idx_tup_fetch) FROM pg_stat_user_tables").fetchone()
    assert found is not None
    return found
