"""Tables without a primary key: which row it is, is said by a unique index or by where it stands (ADR 24)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject, version
from tests.support.postgres.inspection import codes, findings
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, erased, left, shape

from expunge_connectors.contract import Severity, no_beat
from expunge_connectors.postgres.erase.eraser import Eraser
from expunge_connectors.postgres.sql.subject_search import Search

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
"""
_USERS = "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
EVENTS = USERS + "events: {table: public.events, found_by: [{column: user_id, of: users.id}]}\n"
_ROWS = "INSERT INTO events VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, 'a'), (2, 'a');"
TABLES = {
    "plain": "CREATE TABLE events (user_id int, note text);",
    "partitioned": (
        "CREATE TABLE events (user_id int, note text) PARTITION BY LIST (note);"
        "CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');"
        "CREATE TABLE events_b PARTITION OF events DEFAULT;"
    ),
    "a tree": "CREATE TABLE events (user_id int, note text); CREATE TABLE more_events (more text) INHERITS (events);",
}


@pytest.mark.parametrize("limit", [1, 10_000])
@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
def test_rows_that_are_equal_in_everything_are_counted_one_by_one(database: str, tables: str, limit: int) -> None:
    below = "INSERT INTO more_events VALUES (1, 'a'), (1, 'a'), (2, 'a');" if "more_events" in tables else ""
    execute(database, _USERS + tables + _ROWS + below)
    erased(database, shape(EVENTS), limit=limit, user_id="1", expected={"users": 1, "events": 5 if below else 3})
    assert left(database, "events", "user_id, note") == [(2, "a")] * (3 if below else 2)


def test_equal_rows_of_a_child_without_a_key_are_two(database: str) -> None:
    """The key of the root says nothing of the tables below it."""
    execute(
        database,
        _USERS + "CREATE TABLE events (id int PRIMARY KEY, user_id int); CREATE TABLE more () INHERITS (events);"
        "INSERT INTO events VALUES (7, 1); INSERT INTO more VALUES (7, 1), (7, 1), (7, 2)",
    )
    erased(database, shape(EVENTS), user_id="1", expected={"users": 1, "events": 3})
    assert left(database, "events", "id, user_id") == [(7, 2)]


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
def test_many_people_at_once(database: str, tables: str) -> None:
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT * FROM generate_series(1, 300);"
        + tables
        + "INSERT INTO events SELECT n % 300 + 1, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END"
        " FROM generate_series(1, 1800) n",
    )
    with opened(database, loaded := shape(EVENTS)) as store:
        people = resolved(store, [subject(one, user_id=str(one)) for one in range(1, 200)], ACME)
        assert store.count(people, ACME, CUTOFF) == store.verify(people, ACME, CUTOFF)
        assert store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 199 * 7
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "events", "count(*), min(user_id)") == [(101 * 6, 200)]


# ---- a unique index


@pytest.mark.parametrize(
    ("index", "keyed"),
    [
        ("CREATE UNIQUE INDEX ON events (serial)", True),
        ("ALTER TABLE events ADD UNIQUE (user_id, serial)", True),
        ("CREATE UNIQUE INDEX ON events (serial) WHERE serial > 0", False),
        ("CREATE UNIQUE INDEX ON events ((serial + 0))", False),
        ("ALTER TABLE events ADD UNIQUE (serial) DEFERRABLE", False),
        ("CREATE UNIQUE INDEX ON events (serial, maybe)", False),
    ],
)
def test_a_tombstone_is_made_of_a_unique_index_that_holds_for_every_row(
    database: str, index: str, *, keyed: bool
) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE events (user_id int NOT NULL, serial int NOT NULL, maybe int, note text);"
        f"INSERT INTO events VALUES (1, 1, 0, 'a'), (1, 2, 0, 'b'), (2, 3, 0, 'c'); {index}",
    )
    wiped = USERS + (
        "events: {table: public.events, data_type: anchor, tombstone: {note: \"'erased-' || serial\"},"
        " found_by: [{column: user_id, of: users.id}]}\n"
    )
    kept = wiped.replace("users:\n  table", "users:\n  data_type: anchor\n  tombstone: {more: \"'x'\"}\n  table")
    execute(database, "ALTER TABLE users ADD more text")
    if not keyed:
        assert ("tombstone-expression", "events") in codes(findings(database, shape(kept)), Severity.ERROR)
        return
    erased(database, shape(kept), user_id="1", expected={"users": 1, "events": 2})
    assert left(database, "events", "serial, note") == [(1, "erased-1"), (2, "erased-2"), (3, "c")]


def test_a_null_that_nobody_validated_away_makes_no_key(database: str) -> None:
    """Until PostgreSQL 18 a check alone can say so without looking at the rows."""
    said = "NOT NULL serial" if version(database) >= 180000 else "CHECK (serial IS NOT NULL)"
    execute(
        database,
        _USERS + "CREATE TABLE events (user_id int, serial int); CREATE UNIQUE INDEX ON events (serial);"
        "INSERT INTO events VALUES (1, NULL), (1, NULL), (2, NULL), (1, 4);"
        f"ALTER TABLE events ADD CONSTRAINT there {said} NOT VALID",
    )
    erased(database, shape(EVENTS), user_id="1", expected={"users": 1, "events": 3})


def test_the_replica_identity_chooses_the_key(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE events (user_id int, mail text NOT NULL UNIQUE, serial int NOT NULL);"
        "CREATE UNIQUE INDEX events_serial ON events (serial); INSERT INTO events VALUES (1, 'a', 1), (2, 'b', 2)",
    )
    wiped = USERS + (
        "events: {table: public.events, data_type: anchor, tombstone: {mail: \"'erased-' || serial\"},"
        " found_by: [{column: user_id, of: users.id}]}\n"
    )
    loaded = shape(wiped)
    found = [one for one in findings(database, loaded) if one.code == "tombstone-expression"]
    assert ["REPLICA IDENTITY USING INDEX" in one.remedy for one in found] == [True]
    execute(database, "ALTER TABLE events REPLICA IDENTITY USING INDEX events_serial")
    assert "tombstone-expression" not in {one.code for one in findings(database, loaded)}


# ---- a constant tombstone, and what needs more


WIPED = USERS.replace("  table", "  data_type: anchor\n  tombstone: {more: \"'x'\"}\n  table") + (
    "events: {table: public.events, data_type: anchor, tombstone: {note: \"'gone'\"},"
    " found_by: [{column: user_id, of: users.id}]}\n"
)


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
def test_a_tombstone_without_a_key_is_a_constant(database: str, tables: str) -> None:
    execute(database, _USERS + "ALTER TABLE users ADD more text;" + tables + _ROWS)
    erased(database, shape(WIPED), user_id="1", expected={"users": 1, "events": 3})
    assert sorted(left(database, "events", "user_id, note")) == [(1, "gone")] * 3 + [(2, "a")] * 2


def test_what_a_tombstone_without_a_key_cannot_say(database: str) -> None:
    execute(database, _USERS + "ALTER TABLE users ADD more text;" + TABLES["plain"] + _ROWS)
    by_row = shape(WIPED.replace("\"'gone'\"", "\"'gone' || user_id\""))
    [found] = [one for one in findings(database, by_row) if one.code == "tombstone-expression"]
    assert "has no key" in found.message
    assert "constant" in found.remedy
    execute(database, "TRUNCATE events; CREATE UNIQUE INDEX ON events (note)")
    assert ("tombstone-unique", "events") in codes(findings(database, shape(WIPED)), Severity.ERROR)


# ---- rows that lead on, and shared rows


def test_rows_that_lead_on_and_shared_ones(database: str) -> None:
    execute(
        database,
        _USERS
        + "CREATE TABLE visits (user_id int, place int, token text); CREATE TABLE places (id int UNIQUE, name text);"
        "CREATE TABLE marks (visit text, mark text);"
        "INSERT INTO visits VALUES (1, 1, 't1'), (1, 1, 't1'), (1, 2, 't2'), (2, 2, 't3');"
        "INSERT INTO places VALUES (1, 'x'), (2, 'y'), (NULL, 'z');"
        "INSERT INTO marks VALUES ('t1', 'm'), ('t1', 'm'), ('t3', 'm')",
    )
    loaded = shape(
        USERS
        + """
visits: {table: public.visits, found_by: [{column: user_id, of: users.id}], yields: {token: token}}
marks: {table: public.marks, found_by: [{column: visit, identity: token}]}
places: {table: public.places, sharing: last_owner, found_by: [{column: id, of: visits.place}]}
"""
    )
    with opened(database, loaded) as store:
        people = resolved(store, [subject(1, user_id="1")], ACME)
        assert due(store.count(people, ACME, CUTOFF)) == {"users": 1, "visits": 3, "places": 1, "marks": 2}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "places", "name") == ["y", "z"]
    assert left(database, "visits", "token") == ["t3"]
    assert left(database, "marks", "visit") == ["t3"]


def test_rows_below_rows_of_a_table_without_a_key(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE posts (n int UNIQUE, above int, user_id int);"
        "INSERT INTO posts VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 2), (4, NULL, 2)",
    )
    posts = (
        "posts: {table: public.posts, found_by: [{column: user_id, of: users.id}, {column: above, of: posts.n}],"
        " goes_with_any: {reason: answers, approved_by: A}}\n"
    )
    for limit in (1, 10_000):
        erased(database, shape(USERS + posts), limit=limit, user_id="1", expected={"users": 1, "posts": 3})
        assert left(database, "posts", "n") == [4]
        execute(database, "INSERT INTO users VALUES (1); INSERT INTO posts VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 2)")


def test_parts_of_a_row_that_goes_whole(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE posts (author int, approver int, body text);"
        "INSERT INTO posts VALUES (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z'), (1, 1, 'x')",
    )
    posts = """
posts: {table: public.posts, found_by: [{column: author, of: users.id}]}
approvals:
  {table: public.posts, data_type: anchor, found_by: [{column: approver, of: users.id}], tombstone: {approver: "NULL"}}
"""
    with opened(database, loaded := shape(USERS + posts)) as store:
        people = resolved(store, [subject(1, user_id="1")], ACME)
        assert due(store.count(people, ACME, CUTOFF)) == {"users": 1, "posts": 3, "approvals": 3}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "posts", "author, approver, body") == [(2, None, "z")]


@pytest.mark.parametrize("limit", [1, 10_000])
def test_a_part_that_is_cleared_moves_the_row_for_the_next_part(database: str, limit: int) -> None:
    """Our own UPDATE gives the row another place, and our own next one finds it there."""
    execute(
        database,
        _USERS + "CREATE TABLE mails (sender int, recipient int, body text);"
        "INSERT INTO mails VALUES (1, 1, 'x'), (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z'), (2, 2, 'w')",
    )
    mails = """
sent:
  {table: public.mails, data_type: anchor, found_by: [{column: sender, of: users.id}],
   tombstone: {sender: "NULL", body: "''"}}
received:
  {table: public.mails, data_type: anchor, found_by: [{column: recipient, of: users.id}],
   tombstone: {recipient: "NULL"}}
"""
    expected = {"users": 1, "sent": 3, "received": 3}
    erased(database, shape(USERS + mails), limit=limit, user_id="1", expected=expected)
    rows = [*[("", None, None)] * 2, ("", None, 2), ("w", 2, 2), ("z", 2, None)]
    assert sorted(left(database, "mails", "body, sender, recipient"), key=str) == sorted(rows, key=str)


def test_a_trigger_that_is_accepted_moves_rows_that_were_found(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE visits (user_id int, place int, seen int NOT NULL DEFAULT 0);"
        "CREATE TABLE marks (place int, mark text);"
        "INSERT INTO visits VALUES (1, 1), (1, 2), (2, 3); INSERT INTO marks VALUES (1, 'm'), (2, 'm'), (3, 'm');"
        "CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE public.visits SET seen = seen + 1 WHERE place = OLD.place; RETURN NULL; END';"
        "CREATE TRIGGER seen AFTER DELETE ON marks FOR EACH ROW EXECUTE FUNCTION seen()",
    )
    collections = """
visits: {table: public.visits, found_by: [{column: user_id, of: users.id}]}
marks:
  table: public.marks
  found_by: [{column: place, of: visits.place}]
  triggers_ok: [{trigger: seen, writes: [public.visits], reason: counts, approved_by: A}]
"""
    with opened(database, loaded := shape(USERS + collections)) as store:
        people = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "visits", "user_id, seen") == [(2, 0)]
    assert left(database, "marks", "place") == [3]


def test_a_row_without_a_key_waits_for_keys_that_nobody_knows_yet(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE visits (user_id int REFERENCES users, token text); INSERT INTO visits VALUES (1, 't1')",
    )
    visits = "visits: {table: public.visits, found_by: [{column: user_id, of: users.id}], yields: {token: token}}\n"
    with opened(database, loaded := shape(USERS + visits)) as store:
        people = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, "INSERT INTO visits VALUES (1, 't9'), (1, 't9')")
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {"users": 1, "visits": 2}
        assert left(database, "visits", "token") == ["t9", "t9"]
        people = resolved(store, people, ACME)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "users") == [2]


# ---- concurrent writers


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
def test_a_row_that_was_found_cannot_be_moved_away(database: str, tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody changes the rows between the search and the deletion: they wait for us."""
    execute(database, _USERS + tables + _ROWS)
    whole, waited = Eraser._search, []

    def searched(self: Eraser, *given: Any) -> Search:
        found = whole(self, *given)
        with psycopg.connect(database, autocommit=True) as editor:
            editor.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                editor.execute("UPDATE events SET note = note || '' WHERE user_id = 1")
        waited.append(True)
        return found

    monkeypatch.setattr(Eraser, "_search", searched)
    with opened(database, loaded := shape(EVENTS)) as store:
        people = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert waited
    assert left(database, "events", "user_id") == [2, 2]


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("becomes", ["note = note || ''", "user_id = 2"])
def test_a_row_that_moves_before_it_is_locked_is_looked_for_again(database: str, tables: str, becomes: str) -> None:
    """Somebody has updated the row and not committed: the search sees the old place, the lock waits for the new one."""
    execute(database, _USERS + tables + _ROWS)
    loaded = shape(EVENTS)
    with opened(database, loaded, lock_timeout="20s") as store:
        people = resolved(store, [subject(1, user_id="1")], ACME)
        failures: list[BaseException] = []

        def erase() -> None:
            try:
                store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            except BaseException as error:
                failures.append(error)
                raise

        with psycopg.connect(database) as editor:
            editor.execute(f"UPDATE events SET {becomes} WHERE user_id = 1 AND note = 'b'")  # type: ignore[call-overload]
            _meanwhile(database, erase, editor.commit)
        assert failures == []
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    moved = [(2, "b")] if becomes.startswith("user_id") else []
    assert sorted(left(database, "events", "user_id, note")) == sorted([(2, "a"), (2, "a"), *moved])


def _meanwhile(database: str, work: Callable[[], None], then: Callable[[], None]) -> None:
    """Begin the work, and do the other thing once it waits for a lock."""
    thread = threading.Thread(target=work)
    thread.start()
    with psycopg.connect(database, autocommit=True) as watcher:
        while not watcher.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone():
            assert thread.is_alive()
    then()
    thread.join(30)


# ---- what check says


def test_check_asks_for_the_right_to_lock(database: str) -> None:
    execute(database, _USERS + TABLES["plain"] + _ROWS)
    loaded = shape(EVENTS)
    grants = "GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    with role(database, grants) as url:
        [missing] = [one for one in findings(url, loaded) if one.code == "right-missing"]
        assert missing.remedy.startswith('GRANT UPDATE ("user_id") ON "public"."events"')
        execute(database, missing.remedy)
        assert [one.code for one in findings(url, loaded) if one.code.startswith("right-")] == []
        with opened(url, loaded) as store:
            people = resolved(store, [subject(1, user_id="1")], ACME)
            store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert due(store.verify(people, ACME, CUTOFF)) == {}


@pytest.mark.parametrize("loaded", [EVENTS, WIPED], ids=["deleted", "tombstoned"])
def test_a_published_table_without_a_key_needs_a_replica_identity(database: str, loaded: str) -> None:
    execute(
        database,
        _USERS + "ALTER TABLE users ADD more text;" + TABLES["plain"] + "CREATE PUBLICATION p FOR TABLE events",
    )
    [found] = [one for one in findings(database, shape(loaded)) if one.code == "replica-identity-missing"]
    assert found.severity is Severity.ERROR
    execute(database, found.remedy)
    said = {one.code: one.remedy for one in findings(database, shape(loaded))}
    assert "replica-identity-missing" not in said
    assert "DEFAULT" not in said["replica-identity-full"]
