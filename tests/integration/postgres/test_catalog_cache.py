"""The catalogue that is remembered is always the one that the server has now."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, shape

from expunge_connectors.postgres.catalog import reader
from expunge_connectors.postgres.catalog.cache import CachedCatalog

NAMES = ["public.users", "public.notes"]
BUILT = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN short AS text;
CREATE DOMAIN shorter AS short;
CREATE TYPE pair AS (a int, b int);
CREATE TABLE users (id int PRIMARY KEY, mood mood, nick shorter, plain short, pair pair, moods mood[]);
CREATE TABLE notes (id int PRIMARY KEY, user_id int REFERENCES users, body varchar(20));
CREATE TABLE others (id int PRIMARY KEY, user_id int);
"""
CHANGES = {
    "a column": "ALTER TABLE users ADD more text",
    "no column": "ALTER TABLE users DROP plain",
    "a column's name": "ALTER TABLE users RENAME plain TO fancy",
    "a column's type": "ALTER TABLE notes ALTER body TYPE varchar(30)",
    "a column that is never empty": "ALTER TABLE notes ALTER body SET NOT NULL",
    "a domain that is never empty": "ALTER DOMAIN short SET NOT NULL",
    "a label": "ALTER TYPE mood ADD VALUE 'middling'",
    "a label's name": "ALTER TYPE mood RENAME VALUE 'bad' TO 'worse'",
    "a type's name": "ALTER TYPE mood RENAME TO temper",
    "a composite type's name": "ALTER TYPE pair RENAME TO couple",
    "a composite type's schema": "CREATE SCHEMA away; ALTER TYPE pair SET SCHEMA away",
    "the elements' schema": "ALTER TABLE users DROP mood; CREATE SCHEMA away; ALTER TYPE mood SET SCHEMA away",
    "an inner type's name": "ALTER DOMAIN short RENAME TO brief",
    "no primary key": "ALTER TABLE notes DROP CONSTRAINT notes_pkey",
    "another primary key": "ALTER TABLE notes DROP CONSTRAINT notes_pkey, ADD PRIMARY KEY (user_id, id)",
    "a foreign key": "ALTER TABLE others ADD FOREIGN KEY (user_id) REFERENCES users",
    "a foreign key that is not validated": "ALTER TABLE others ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID",
    "no foreign key": "ALTER TABLE notes DROP CONSTRAINT notes_user_id_fkey",
    "another foreign key": (
        "ALTER TABLE notes DROP CONSTRAINT notes_user_id_fkey;"
        "ALTER TABLE notes ADD CONSTRAINT notes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE"
    ),
    "a child table": "CREATE TABLE more () INHERITS (notes)",
    "a parent table": "CREATE TABLE over (id int NOT NULL); ALTER TABLE notes INHERIT over",
    "no table": "DROP TABLE notes",
    "another table": "DROP TABLE notes; CREATE TABLE notes (id int PRIMARY KEY, user_id int REFERENCES users)",
    "another name": "ALTER TABLE notes RENAME TO remarks",
    "another schema": "CREATE SCHEMA away; ALTER TABLE notes SET SCHEMA away",
    "another schema's name": "ALTER SCHEMA public RENAME TO away; CREATE SCHEMA public",
}
# What the catalogue does not hold, and what rests on its stamp asks for: relations of a plan, the fingerprint.
BESIDE = {
    "a trigger": "CREATE TRIGGER t BEFORE DELETE ON notes FOR EACH ROW EXECUTE FUNCTION f()",
    "a trigger of a partition": "CREATE TRIGGER t BEFORE DELETE ON parts_1 FOR EACH ROW EXECUTE FUNCTION f()",
    "a trigger's function": "ALTER FUNCTION g() SECURITY DEFINER",
    "a trigger that is off": "ALTER TABLE users DISABLE TRIGGER u",
    "foreign keys that are off": "ALTER TABLE notes DISABLE TRIGGER ALL",
    "a rule": "CREATE RULE r AS ON DELETE TO notes DO INSTEAD NOTHING",
    "a policy": "CREATE POLICY p ON notes USING (true)",
    "row-level security": "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
    "row-level security of a partition": "ALTER TABLE parts_1 FORCE ROW LEVEL SECURITY",
    "a check": "ALTER TABLE notes ADD CHECK (id > 0)",
    "a unique index": "CREATE UNIQUE INDEX ON notes (body)",
    "a unique index of a partition": "CREATE UNIQUE INDEX ON parts_1 (id)",
    "a partition": "CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3)",
    "a partition that is taken out": "ALTER TABLE parts DETACH PARTITION parts_1",
    "a partition's name": "ALTER TABLE parts_1 RENAME TO first",
    "a role's time zone": "ALTER ROLE CURRENT_USER SET timezone = 'Asia/Tokyo'",
}


@pytest.mark.parametrize("change", BESIDE.values(), ids=BESIDE)
def test_a_change_beside_the_catalogue_is_seen(database, change):
    execute(
        database,
        BUILT
        + "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
        + "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
        + "CREATE TRIGGER u BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION g();"
        + "CREATE TABLE parts (id int) PARTITION BY LIST (id);"
        + "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1)",
    )
    remembered = CachedCatalog([*NAMES, "public.parts"])
    with psycopg.connect(database, autocommit=True) as connection:
        before = remembered.read(connection)
        assert remembered.read(connection) is before
        try:
            execute(database, change)
            assert remembered.read(connection) is not before
        finally:
            execute(database, "ALTER ROLE CURRENT_USER RESET timezone")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(database, change):
    execute(database, BUILT)
    remembered = CachedCatalog(NAMES)
    with psycopg.connect(database, autocommit=True) as connection:
        before = remembered.read(connection)
        assert remembered.read(connection) is before
        execute(database, "INSERT INTO users VALUES (1, 'good', 'a', 'b'); ANALYZE")
        connection.execute("VACUUM users")
        connection.execute("CREATE TEMPORARY TABLE scratch (id int)")
        assert remembered.read(connection) is before
        execute(database, change)
        after = remembered.read(connection)
        assert after == reader.read(connection, NAMES) != before
        assert remembered.read(connection) == after


def test_a_table_that_was_missing_is_seen_when_it_comes(database):
    remembered = CachedCatalog(NAMES)
    with psycopg.connect(database, autocommit=True) as connection:
        assert remembered.read(connection).tables == {}
        execute(database, BUILT)
        assert remembered.read(connection).tables.keys() == set(NAMES)


def test_types_are_named_as_our_transactions_see_them_whoever_read_the_catalogue_first(database):
    """Outside of a transaction the session's own search_path leaves out the schema of a type."""
    execute(database, "CREATE TYPE kind AS ENUM ('ann'); CREATE TABLE users (id kind PRIMARY KEY)")
    execute(database, "INSERT INTO users VALUES ('ann')")
    users = "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], "
    with opened(database, shape(users + "yields: {user_id: id}}")) as store:
        assert store.changed(store.relations(ACME), ACME) == {}
        erased = resolved(store, [subject(1, user_id="ann")], ACME)
        assert due(store.count(erased, ACME, CUTOFF)) == {"users": 1}
