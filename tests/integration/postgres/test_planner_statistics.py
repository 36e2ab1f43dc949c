"""What the planner remembers of values outlives the rows: drawn anew where we may, and told where it is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.support.postgres.company import execute, opened, version
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, shape

from expunge_connectors.postgres import planner_statistics

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


def drawn_times(url: str) -> dict[str, int]:
    """Table -> how often it was analysed, of `notes` and its parts."""
    query = "SELECT relname, analyze_count FROM pg_stat_user_tables WHERE relname LIKE 'notes%'"
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query).fetchall())


def wait_for(holds: Callable[[], bool]) -> None:
    """Fail if it does not in some seconds."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("not in time")


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
        assert store.refresh_statistics({"users", "notes"}, ACME) == {"users": None, "notes": None}
    assert (remembered(forgotten, "person-3"), remembered(forgotten, "note-3")) == (0, 0)
    assert remembered(forgotten, "person-4") == 2


def test_of_other_tables_nothing_is_done(forgotten: str) -> None:
    with opened(forgotten, MAP) as store:
        assert store.refresh_statistics({"notes"}, ACME) == {"notes": None}
    assert (remembered(forgotten, "person-3"), remembered(forgotten, "note-3")) == (2, 0)


def test_what_others_drew_is_no_reason_to_leave_it(forgotten: str) -> None:
    """Of other columns, or in a transaction that did not come to be: the server's times say the same of these."""
    with psycopg.connect(forgotten) as other:
        other.execute("ANALYZE users")
        other.rollback()
    execute(forgotten, "ANALYZE users (id)")
    with opened(forgotten, MAP) as store:
        assert store.refresh_statistics({"users"}, ACME) == {"users": None}
    assert remembered(forgotten, "person-3") == 0


@pytest.mark.parametrize(
    ("undrawn", "still"),
    [
        ("ALTER TABLE users ALTER COLUMN mail SET STATISTICS 0", 1),
        ("ALTER INDEX users_lower_idx ALTER COLUMN 1 SET STATISTICS 0", 1),
        ("ALTER STATISTICS pairs SET STATISTICS 0", 0),
        ("ALTER STATISTICS twice SET STATISTICS 0", 0),
        ("UPDATE users SET kind = NULL; ANALYZE users; ALTER TABLE users ALTER COLUMN kind SET STATISTICS 0", 1),
        ("UPDATE users SET kind = 'other'", 1),
        ("UPDATE pg_index SET indisready = false WHERE indexrelid = 'users_lower_idx'::regclass", 1),
    ],
    ids=["column", "index", "object", "expressions", "column-of-objects", "index-of-no-rows", "index-being-dropped"],
)
def test_samples_that_are_not_drawn_any_more_are_told(database: str, undrawn: str, still: int) -> None:
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text, kind text);"
        "CREATE INDEX users_lower_idx ON users (lower(mail)) WHERE kind = 'usual';"
        "CREATE STATISTICS pairs (mcv) ON kind, mail FROM users;"
        "CREATE STATISTICS twice ON (mail || mail) FROM users;"
        "INSERT INTO users SELECT n, 'person-' || n % 5 || '@x.example', 'usual' FROM generate_series(1, 10) n;"
        "ANALYZE users; DELETE FROM users WHERE id IN (3, 8)",
    )
    with opened(database, MAP) as store:
        execute(database, undrawn)
        why = store.refresh_statistics({"users"}, ACME)["users"]
        assert why is not None
        assert ("statistics target of 0" in why) == ("SET STATISTICS" in undrawn)
    assert remembered(database, "person-3") == still


def test_a_parent_without_rows_of_its_own_is_not_empty(database: str) -> None:
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text); CREATE TABLE notes (id int, owner int, body text);"
        "CREATE TABLE notes_1 () INHERITS (notes); CREATE STATISTICS pairs (mcv) ON owner, body FROM notes;"
        "INSERT INTO notes_1 SELECT n, n, 'note-' || n FROM generate_series(1, 5) n; ANALYZE;"
        "DELETE FROM notes_1 WHERE owner = 3",
    )
    with opened(database, MAP) as store:
        assert store.refresh_statistics({"notes"}, ACME) == {"notes": None}
        assert (remembered(database, "note-3"), remembered(database, "note-4")) == (0, 2)
        execute(database, "DELETE FROM notes_1")
        assert "empty" in str(store.refresh_statistics({"notes"}, ACME)["notes"])
        execute(database, "DROP TABLE notes_1")
        assert "empty" in str(store.refresh_statistics({"notes"}, ACME)["notes"])
        execute(database, "CREATE TABLE notes_2 () INHERITS (notes)")
        assert "empty" in str(store.refresh_statistics({"notes"}, ACME)["notes"])
    assert remembered(database, "note-4") == 1  # of all rows, of which there are none


def test_a_parent_that_had_rows_of_its_own_is_told(database: str) -> None:
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text); CREATE TABLE notes (id int, owner int, body text);"
        "CREATE TABLE notes_1 () INHERITS (notes);"
        "INSERT INTO notes SELECT 3, 3, 'note-' || n FROM generate_series(1, 3) n;"
        "INSERT INTO notes_1 SELECT n, n, 'note-' || n FROM generate_series(4, 9) n; ANALYZE;"
        "DELETE FROM notes WHERE owner = 3",
    )
    with opened(database, MAP) as store:
        assert "empty" in str(store.refresh_statistics({"notes"}, ACME)["notes"])
    assert remembered(database, "note-3") == 1


def test_a_whole_whose_last_part_is_gone_is_told(database: str) -> None:
    """It has rows of its own, of which ANALYZE draws; of the whole it draws no more."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text); CREATE TABLE notes (id int, owner int, body text);"
        "CREATE TABLE notes_1 () INHERITS (notes);"
        "INSERT INTO notes SELECT n, n, 'note-' || n FROM generate_series(1, 3) n;"
        "INSERT INTO notes_1 SELECT n, n, 'note-' || n FROM generate_series(4, 9) n; ANALYZE;"
        "DELETE FROM notes WHERE owner = 3; DROP TABLE notes_1",
    )
    with opened(database, MAP) as store:
        assert "without parts" in str(store.refresh_statistics({"notes"}, ACME)["notes"])
    assert remembered(database, "note-3") == 1


def test_parts_are_drawn_with_the_whole_and_once(forgotten: str) -> None:
    before = drawn_times(forgotten)
    with opened(forgotten, MAP) as store:
        assert store.refresh_statistics({"notes"}, ACME) == {"notes": None}
    wait_for(lambda: drawn_times(forgotten) == {name: count + 1 for name, count in before.items()})


def test_samples_that_come_with_a_part_meanwhile_are_told(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(
        forgotten,
        "CREATE TABLE notes_2 (id int, owner int, body text);"
        "INSERT INTO notes_2 SELECT n, n, 'note-' || n FROM generate_series(101, 105) n; ANALYZE notes_2",
    )
    attach = "ALTER TABLE notes ATTACH PARTITION notes_2 FOR VALUES FROM (100) TO (200)"
    analyzed = planner_statistics._analyzed

    def then_attached(*arguments: Any) -> str | None:
        why = analyzed(*arguments)
        execute(forgotten, attach)
        return why

    monkeypatch.setattr(planner_statistics, "_analyzed", then_attached)
    with opened(forgotten, MAP) as store:
        assert "may be older" in str(store.refresh_statistics({"notes"}, ACME)["notes"])


def test_parts_of_a_whole_that_takes_too_long_are_told(forgotten: str) -> None:
    with (
        psycopg.connect(forgotten) as busy,
        opened(forgotten, MAP, statement_timeout="500ms") as store,
    ):
        busy.execute("LOCK TABLE notes_1 IN SHARE UPDATE EXCLUSIVE MODE")
        assert "in time" in str(store.refresh_statistics({"notes"}, ACME)["notes"])
        busy.rollback()
        assert store.refresh_statistics({"notes"}, ACME) == {"notes": None}
    assert remembered(forgotten, "note-3") == 0


def test_parts_of_a_whole_that_has_no_samples_are_drawn(database: str) -> None:
    """Autovacuum never looks at the whole."""
    execute(database, TABLES.removesuffix("ANALYZE") + "ANALYZE notes_1; DELETE FROM notes WHERE owner = 3")
    assert remembered(database, "note-3") == 1
    with opened(database, MAP) as store:
        assert store.refresh_statistics({"notes"}, ACME) == {"notes": None}
    assert remembered(database, "note-3") == 0


def test_of_a_table_without_samples_nothing_is_said(database: str) -> None:
    execute(database, TABLES.removesuffix("ANALYZE"))
    with opened(database, MAP) as store:
        assert store.refresh_statistics({"users", "notes"}, ACME) == {}


def test_an_empty_table_keeps_its_samples_and_that_is_said(forgotten: str) -> None:
    execute(forgotten, "DELETE FROM users")
    with opened(forgotten, MAP) as store:
        assert "empty" in str(store.refresh_statistics({"users"}, ACME)["users"])
    assert remembered(forgotten, "person-3") == 2


def test_whoever_may_not_says_so(forgotten: str) -> None:
    grants = ["GRANT SELECT, DELETE ON users, notes TO {role}"]
    with role(forgotten, *grants) as url, opened(url, MAP) as store:
        said = store.refresh_statistics({"users", "notes"}, ACME)
        assert {name: "owner's to draw" in str(why) for name, why in said.items()} == {"users": True, "notes": True}
        assert remembered(url, "person-3") == 1  # of an expression's samples only the owner is shown any
    if version(forgotten) < 170000:
        return
    with role(forgotten, *grants, "GRANT MAINTAIN ON users TO {role}") as url, opened(url, MAP) as store:
        said = store.refresh_statistics({"users", "notes"}, ACME)
        assert (said["users"], said["notes"] is None) == (None, False)
        assert remembered(url, "person-3") == 0


@pytest.mark.parametrize(("samples", "said"), [("ANALYZE notes_1", "owner's to draw"), ("", None)])
def test_a_part_that_is_somebody_elses_is_told_if_it_has_samples(database: str, samples: str, said: str | None) -> None:
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text); CREATE TABLE notes (id int, owner int, body text);"
        "CREATE TABLE notes_1 () INHERITS (notes);"
        "INSERT INTO notes_1 SELECT 1, 1, 'note-1' FROM generate_series(1, 5);"
        "INSERT INTO notes SELECT n, n, 'note-' || n FROM generate_series(1, 5) n",
    )
    execute(database, f"ANALYZE {'ONLY' if version(database) >= 180000 else ''} notes; {samples}")
    with role(database, "GRANT SELECT ON users, notes_1 TO {role}", "ALTER TABLE notes OWNER TO {role}") as url:
        with opened(url, MAP) as store:
            why = store.refresh_statistics({"notes"}, ACME)["notes"]
        execute(database, "ALTER TABLE notes OWNER TO CURRENT_USER")
    assert (why is None) == (said is None), why
    assert str(said) in str(why)


@pytest.mark.parametrize(
    "hidden",
    [
        "ALTER TABLE users ALTER COLUMN mail SET STATISTICS 0",
        "ALTER INDEX users_lower_idx ALTER COLUMN 1 SET STATISTICS 0",
        "CREATE STATISTICS pairs (mcv) ON id, mail FROM users; ANALYZE users; ALTER STATISTICS pairs SET STATISTICS 0",
        "CREATE INDEX some_idx ON users (upper(mail)) WHERE id = 4; ANALYZE users; DELETE FROM users WHERE id = 4",
    ],
    ids=["column", "index", "object", "index-of-no-rows"],
)
def test_samples_that_only_the_owner_is_shown_are_told_if_they_are_left(forgotten: str, hidden: str) -> None:
    if version(forgotten) < 170000:
        return
    grants = [
        "GRANT SELECT, DELETE, MAINTAIN ON notes TO {role}",
        "GRANT SELECT (id), DELETE, MAINTAIN ON users TO {role}",
    ]
    with role(forgotten, *grants) as url, opened(url, MAP) as store:
        assert store.refresh_statistics({"users"}, ACME) == {"users": None}
        execute(forgotten, hidden)
        assert "ANALYZE leaves" in str(store.refresh_statistics({"users"}, ACME)["users"])


def test_a_lock_that_is_not_to_be_had_fails_nothing(forgotten: str) -> None:
    with (
        psycopg.connect(forgotten) as busy,
        opened(forgotten, MAP, lock_timeout="50ms") as store,
    ):
        busy.execute("LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE")
        said = store.refresh_statistics({"users", "notes"}, ACME)
    assert ("in time" in str(said["users"]), said["notes"]) == (True, None)
