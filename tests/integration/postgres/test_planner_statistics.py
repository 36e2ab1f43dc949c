"""What the planner remembers of values outlives the rows: drawn anew where we may, and told where it is left."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.support.postgres.company import execute, opened, version
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, shape

MAP = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
notes: {table: public.notes, found_by: [{column: owner, of: users.id}]}
""")
TABLES = (
    "CREATE TABLE users (id int PRIMARY KEY, mail text);"
    "CREATE INDEX ON users (lower(mail));"
    "CREATE TABLE notes (id int, owner int, body text) PARTITION BY RANGE (id);"
    "CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (100);"
    "INSERT INTO users SELECT n, 'person-' || n || '@x.example' FROM generate_series(1, 5) n;"
    "INSERT INTO notes SELECT n, n, 'note-' || n FROM generate_series(1, 5) n;"
    "ANALYZE"
)
JUST_NOW, LONG_AGO = timedelta(0), timedelta(days=1)
SAMPLES = (
    "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'"
    " AND concat(most_common_vals, histogram_bounds, most_common_elems) LIKE '%%' || %s || '%%'"
)


def remembered(url: str, value: str) -> int:
    """In how many samples that this role is shown a value is."""
    with psycopg.connect(url) as connection:
        row = connection.execute(SAMPLES, (value,)).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def forgotten(database: str) -> str:
    """A database from which a person was erased, and whose planner remembers them."""
    execute(database, TABLES)
    assert remembered(database, "person-3") == 2  # of the column, and of the index's expression
    execute(database, "DELETE FROM users WHERE id = 3; DELETE FROM notes WHERE owner = 3")
    assert remembered(database, "person-3") == 2
    assert remembered(database, "note-3") == 2  # of the parent, and of the partition
    return database


def test_samples_of_touched_tables_are_drawn_anew(forgotten: str) -> None:
    with opened(forgotten, MAP) as store:
        assert store.refresh_statistics({"users", "notes"}, ACME, JUST_NOW) == {"users": None, "notes": None}
    assert (remembered(forgotten, "person-3"), remembered(forgotten, "note-3")) == (0, 0)
    assert remembered(forgotten, "person-4") == 2


def test_of_other_tables_nothing_is_done(forgotten: str) -> None:
    with opened(forgotten, MAP) as store:
        assert store.refresh_statistics({"notes"}, ACME, JUST_NOW) == {"notes": None}
    assert (remembered(forgotten, "person-3"), remembered(forgotten, "note-3")) == (2, 0)


def test_what_was_drawn_since_is_left_as_it_is(forgotten: str) -> None:
    """Once for a table and batch: the first chunk that settles has it done for the others."""
    with opened(forgotten, MAP) as store:
        assert store.refresh_statistics({"users"}, ACME, LONG_AGO) == {"users": None}
    assert remembered(forgotten, "person-3") == 2  # which is not so here: the ANALYZE was before the DELETE


def test_of_a_table_without_samples_nothing_is_said(database: str) -> None:
    execute(database, TABLES.removesuffix("ANALYZE"))
    with opened(database, MAP) as store:
        assert store.refresh_statistics({"users", "notes"}, ACME, JUST_NOW) == {}


def test_an_empty_table_keeps_its_samples_and_that_is_said(forgotten: str) -> None:
    execute(forgotten, "DELETE FROM users")
    for ago in (JUST_NOW, LONG_AGO):
        with opened(forgotten, MAP) as store:
            assert "empty" in str(store.refresh_statistics({"users"}, ACME, ago)["users"])
    assert remembered(forgotten, "person-3") == 2


def test_whoever_may_not_says_so(forgotten: str) -> None:
    grants = ["GRANT SELECT, DELETE ON users, notes TO {role}"]
    with role(forgotten, *grants) as url, opened(url, MAP) as store:
        said = store.refresh_statistics({"users", "notes"}, ACME, JUST_NOW)
        assert {name: "owner's to draw" in str(why) for name, why in said.items()} == {"users": True, "notes": True}
        assert remembered(url, "person-3") == 1  # of an expression's samples only the owner is shown any
    if version(forgotten) < 170000:
        return
    with role(forgotten, *grants, "GRANT MAINTAIN ON users TO {role}") as url, opened(url, MAP) as store:
        said = store.refresh_statistics({"users", "notes"}, ACME, JUST_NOW)
        assert (said["users"], said["notes"] is None) == (None, False)
        assert remembered(url, "person-3") == 0


def test_a_lock_that_is_not_to_be_had_fails_nothing(forgotten: str) -> None:
    with (
        psycopg.connect(forgotten) as busy,
        opened(forgotten, MAP, lock_timeout="50ms") as store,
    ):
        busy.execute("LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE")
        said = store.refresh_statistics({"users", "notes"}, ACME, JUST_NOW)
    assert ("in time" in str(said["users"]), said["notes"]) == (True, None)
