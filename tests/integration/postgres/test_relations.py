"""What a collection is: seen when it is something else, and not when something merely came (ADR 20)."""

from __future__ import annotations

import json

import psycopg
import pytest
from tests.support.postgres.company import execute, opened
from tests.support.postgres.small_schemas import ACME, shape

from expunge_connectors.errors import ConnectorError

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, note text);
CREATE TABLE calls (id int, at date, user_id int REFERENCES users, memo varchar(20), PRIMARY KEY (id, at))
  PARTITION BY RANGE (at);
CREATE TABLE calls_1 PARTITION OF calls FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE calls_2 PARTITION OF calls FOR VALUES FROM ('2025-02-01') TO ('2025-03-01') PARTITION BY RANGE (at);
CREATE TABLE calls_2a PARTITION OF calls_2 FOR VALUES FROM ('2025-02-01') TO ('2025-02-11');
CREATE TABLE pages (id int PRIMARY KEY, user_id int REFERENCES users);
CREATE TABLE pages_more () INHERITS (pages);
"""
MAP = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
calls: {table: public.calls, found_by: [{column: user_id, of: users.id}]}
pages: {table: public.pages, found_by: [{column: user_id, of: users.id}]}
"""
OTHERWISE = {
    "swapped": (
        "ALTER TABLE pages RENAME TO pages_old; CREATE TABLE pages (LIKE pages_old)",
        "pages",
        "is another table now; the planned one is called public.pages_old",
    ),
    "created anew": (
        "DROP TABLE pages CASCADE; CREATE TABLE pages (id int PRIMARY KEY, user_id int)",
        "pages",
        "public.pages was dropped and created anew",
    ),
    "renamed": ("ALTER TABLE pages RENAME TO sheets", "pages", "public.pages is called public.sheets now"),
    "moved": ("CREATE SCHEMA away; ALTER TABLE pages SET SCHEMA away", "pages", "is called away.pages now"),
    "dropped": ("DROP TABLE calls", "calls", "public.calls was dropped"),
    "two tables that swap names": (
        "ALTER TABLE pages RENAME TO x; ALTER TABLE calls RENAME TO pages; ALTER TABLE x RENAME TO calls",
        "pages",
        "is another table now; the planned one is called public.calls",
    ),
    "a partition detached": (
        "ALTER TABLE calls DETACH PARTITION calls_1",
        "calls",
        "public.calls_1 was taken out of public.calls",
    ),
    "a partition of a partition detached": (
        "ALTER TABLE calls_2 DETACH PARTITION calls_2a",
        "calls",
        "public.calls_2a was taken out of public.calls",
    ),
    "a partition detached and another one in its place": (
        (
            "ALTER TABLE calls DETACH PARTITION calls_1; ALTER TABLE calls_1 RENAME TO old;"
            "CREATE TABLE calls_1 PARTITION OF calls FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')"
        ),
        "calls",
        "public.old was taken out of public.calls",
    ),
    "no longer inherited from": ("ALTER TABLE pages_more NO INHERIT pages", "pages", "public.pages_more was taken out"),
    "a column gone": ("ALTER TABLE pages DROP user_id", "pages", "the column user_id of public.pages is gone"),
    "a column renamed": (
        "ALTER TABLE pages RENAME user_id TO person",
        "pages",
        "the column user_id of public.pages is gone",
    ),
    "a column made anew": (
        "ALTER TABLE pages RENAME user_id TO person; ALTER TABLE pages ADD user_id int",
        "pages",
        "the column user_id of public.pages is gone",
    ),
    "another type": (
        "ALTER TABLE pages ALTER user_id TYPE bigint",
        "pages",
        "the column user_id of public.pages has another type",
    ),
}
CAME = {
    "a column": "ALTER TABLE users ADD nick text",
    "a column that the map does not name goes": "ALTER TABLE users DROP note",
    "indexes and statistics": "CREATE INDEX ON pages (user_id); ANALYZE pages; REINDEX TABLE pages",
    "a constraint": "ALTER TABLE users ADD CHECK (id > 0)",
    "no foreign key": "ALTER TABLE pages DROP CONSTRAINT pages_user_id_fkey",
    "a trigger": "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
    "CREATE TRIGGER act AFTER DELETE ON users EXECUTE FUNCTION act()",
    "a longer type": "ALTER TABLE calls ALTER memo TYPE varchar(40)",
    "a partition": "CREATE TABLE calls_3 PARTITION OF calls FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')",
    "a partition dropped": "DROP TABLE calls_1",
    "rewritten": "VACUUM FULL pages",
    "rows": "INSERT INTO users VALUES (1, 'a', 'b'); TRUNCATE pages",
    "swapped and back": "ALTER TABLE pages RENAME TO x; ALTER TABLE x RENAME TO pages",
}


@pytest.mark.parametrize(("statements", "collection", "said"), OTHERWISE.values(), ids=OTHERWISE)
def test_another_relation_is_told(database: str, statements: str, collection: str, said: str) -> None:
    execute(database, SCHEMA)
    with opened(database, shape(MAP)) as store:
        planned = json.loads(json.dumps(store.relations(ACME)))  # as the ledger keeps it
        assert set(planned) == {"users", "calls", "pages"}
        assert store.changed(planned, ACME) == {}
        execute(database, statements)
    with opened(database, shape(MAP)) as store:  # another process
        found = store.changed(planned, ACME)
        assert said in found.pop(collection).said
        assert "swap names" not in statements or list(found) == ["calls"]


@pytest.mark.parametrize("statements", CAME.values(), ids=CAME)
def test_what_merely_came_is_not(database: str, statements: str) -> None:
    execute(database, SCHEMA)
    with opened(database, shape(MAP)) as store:
        planned = store.relations(ACME)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(statements)  # type: ignore[call-overload]
        assert store.changed(planned, ACME) == {}


def test_a_map_that_follows_a_renamed_table_or_column_goes_on(database: str) -> None:
    execute(database, SCHEMA)
    with opened(database, shape(MAP)) as store:
        planned = store.relations(ACME)
    execute(database, "ALTER TABLE pages RENAME TO sheets; ALTER TABLE sheets RENAME user_id TO person")
    followed = MAP.replace("public.pages, found_by: [{column: user_id", "public.sheets, found_by: [{column: person")
    with opened(database, shape(followed)) as store:
        assert store.changed(planned, ACME) == {}


WITH_ROOMS = f"""
{SCHEMA}
CREATE TABLE rooms (id int PRIMARY KEY, page_id int REFERENCES pages);
"""
ROOMS = f"{MAP}rooms: {{table: public.rooms, found_by: [{{column: page_id, of: pages.id}}]}}\n"


@pytest.mark.parametrize(
    ("statements", "collections", "dropped", "called"),
    [
        ("DROP TABLE rooms", ROOMS, {"rooms"}, {}),
        ("DROP TABLE calls", ROOMS, {"calls"}, {}),
        ("ALTER TABLE calls DETACH PARTITION calls_2; DROP TABLE calls", ROOMS, set(), {}),
        ("ALTER TABLE pages_more NO INHERIT pages; DROP TABLE pages CASCADE", MAP, set(), {}),
        ("DROP TABLE rooms; CREATE TABLE rooms (id int PRIMARY KEY, page_id int)", ROOMS, set(), {}),
        ("ALTER TABLE rooms RENAME TO halls", ROOMS, set(), {"rooms": "public.halls"}),
        ("ALTER TABLE rooms RENAME TO halls; ALTER TABLE halls DROP page_id", ROOMS, set(), {}),
        ("ALTER TABLE rooms RENAME TO halls; CREATE TABLE rooms (id int)", ROOMS, set(), {}),
        ("DROP TABLE rooms", MAP, {"rooms"}, {}),
        ("SELECT 1", MAP, set(), {}),
        ("DROP TABLE users CASCADE", ROOMS, set(), {}),
    ],
)
def test_what_settles_by_itself(
    database: str, statements: str, collections: str, dropped: set[str], called: dict[str, str]
) -> None:
    execute(database, WITH_ROOMS)
    with opened(database, shape(ROOMS)) as store:
        planned = store.relations(ACME)
    execute(database, statements)
    with opened(database, shape(collections)) as store:
        found = store.changed(planned, ACME)
        assert {name for name, one in found.items() if one.dropped} == dropped
        assert {name: one.called for name, one in found.items() if one.called} == called
        assert all(one.settles for one in found.values()) == bool(dropped or called)


def test_rows_that_stay_and_were_found_through_a_dropped_table_are_out_of_reach(database: str) -> None:
    execute(database, WITH_ROOMS)
    with opened(database, shape(ROOMS)) as store:
        planned = store.relations(ACME)
        execute(database, "DROP TABLE pages CASCADE")
        found = store.changed(planned, ACME)
        assert found["pages"].dropped
        assert found["rooms"].said == "public.rooms is found through pages, which is not there any more"
        assert not found["rooms"].settles
        assert set(found) == {"pages", "rooms"}


def test_persons_that_were_dropped_say_no_longer_whose_a_value_is(database: str) -> None:
    execute(database, SCHEMA)
    with opened(database, shape(MAP)) as store:
        planned = store.relations(ACME)
        execute(database, "DROP TABLE users CASCADE")
        assert (
            store.changed(planned, ACME)["users"].said
            == "public.users was dropped: its rows said whose a value is by now"
        )


def test_a_store_that_does_not_answer_is_an_error(database: str) -> None:
    nowhere = f"{database.rpartition('/')[0]}/nowhere"
    with opened(nowhere, shape(MAP)) as store, pytest.raises(ConnectorError):
        store.changed({"users": {"oid": 1, "columns": [], "below": []}}, ACME)
