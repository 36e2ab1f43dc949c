"""Triggers and rules that keep a row from going, or write back what a tombstone replaced: named, and rolled back."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from tests.support.postgres.company import CUTOFF, actions, dump, execute, opened, resolved, subject
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import Severity, no_beat
from expunge_connectors.errors import TerminalError, TransientError

TABLES = """
CREATE TABLE users (id int PRIMARY KEY, email text);
CREATE TABLE notes (id int, user_id int REFERENCES users, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (9);
CREATE TABLE visits (user_id int);
INSERT INTO users VALUES (1, 'a@x.example'), (2, 'b@x.example');
INSERT INTO notes VALUES (1, 1), (2, 2); INSERT INTO visits VALUES (1), (2);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION restore() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email = OLD.email; RETURN NEW; END $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER touch BEFORE DELETE OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE DELETE OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE DELETE OR UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION touch();
"""
MAP = """
users:
  table: public.users
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {email: "NULL"}
notes: {table: public.notes, found_by: [{column: user_id, of: users.id}]}
visits: {table: public.visits, found_by: [{column: user_id, of: users.id}]}
"""
KEPT = {
    "notes": ("TRIGGER keep", "BEFORE DELETE ON notes_1 FOR EACH ROW EXECUTE FUNCTION nothing()", "notes_1"),
    "visits": ("RULE stay", "AS ON DELETE TO visits DO INSTEAD NOTHING", "visits"),
    "users": ("TRIGGER back", "BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION restore()", "users"),
}


@pytest.mark.parametrize("collection", KEPT)
def test_what_keeps_a_row_is_named(database, collection):
    what, does, table = KEPT[collection]
    named = f"{what.split()[1]} of public.{table}"
    execute(database, TABLES)
    loaded = shape(MAP)
    with opened(database, loaded) as store:
        ann, bob = resolved(store, [subject(number, user_id=str(number)) for number in (1, 2)], ACME)
        execute(database, f"CREATE {what} {does}")  # after whatever was remembered of the tables
        before = dump(database)
        with pytest.raises(TerminalError, match=rf"collection {collection}: 1 row .*{named}.*; it was rolled back"):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert dump(database) == before
        execute(database, f"DROP {what} ON {table}")
        store.erase([ann, bob], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert (left(database, "notes"), left(database, "visits", "user_id")) == ([], [])
    assert left(database, "users", "email") == [None, None]


def test_a_trigger_that_raises_is_named_and_what_it_says_is_not(database):
    execute(
        database,
        TABLES + "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no %', OLD.id; END $$;"
        " CREATE TRIGGER never BEFORE DELETE ON notes_1 FOR EACH ROW EXECUTE FUNCTION no()",
    )
    loaded = shape(MAP)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match="collection notes: a trigger raised an exception") as caught:
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert "(SQLSTATE P0001): never of public.notes_1, touch of public.notes" in str(caught.value)
    assert "current_user" in str(caught.value.remedy)


@pytest.mark.parametrize("limit", [10_000, 1])
def test_a_column_that_keeps_what_another_was_is_named(database, limit):
    """`previous` is no column of the tombstone, and was empty when anybody looked."""
    execute(database, TABLES)
    execute(
        database,
        "ALTER TABLE users ADD previous text, ADD updated_at timestamptz;"
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now();"
        " NEW.previous = 'was ' || OLD.email; RETURN NEW; END $$;"
        "CREATE TRIGGER keep BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    loaded = shape(MAP)
    with opened(database, loaded, rows_per_transaction=limit) as store:
        people = resolved(store, [subject(number, user_id=str(number)) for number in (1, 2)], ACME)
        with pytest.raises(
            TerminalError, match=r"collection users: .* in previous of .*keep of public.users"
        ) as caught:
            store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert "@" not in str(caught.value)
        assert left(database, "users", "email") == ["a@x.example", "b@x.example"]
    named = shape(MAP.replace('{email: "NULL"}', '{email: "NULL", previous: "NULL"}'))
    execute(database, "ALTER FUNCTION keep() RENAME TO kept; DROP TRIGGER keep ON users; CREATE FUNCTION keep() RETURNS"
        " trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$; CREATE TRIGGER keep BEFORE"
        " UPDATE ON users FOR EACH ROW EXECUTE FUNCTION keep()")  # fmt: skip
    with opened(database, named, rows_per_transaction=limit) as store:
        store.erase(people, actions(named, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "users", "email") == [None, None]


def test_a_full_disk_is_waited_out_and_said_in_words(database):
    """A trigger raises what the server does: it would take a file system of its own to fill one."""
    execute(database, TABLES)
    execute(
        database,
        "CREATE FUNCTION full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;"
        "CREATE TRIGGER full_ BEFORE DELETE ON visits FOR EACH ROW EXECUTE FUNCTION full()".replace(
            "full()", "fills()"
        ),
    )
    loaded = shape(MAP)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TransientError, match="collection visits: the server's disk is full") as caught:
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert "Make room" in str(caught.value.remedy)


def test_large_objects_of_another_role_are_named_with_what_to_grant(database):
    execute(database, TABLES)
    execute(
        database,
        "ALTER TABLE notes ADD picture oid; UPDATE notes SET picture = lo_from_bytea(0, 'of somebody');"
        "CREATE FUNCTION unlinked() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM lo_unlink(OLD.picture); RETURN OLD; END $$;"
        "CREATE TRIGGER unlinked BEFORE DELETE ON notes FOR EACH ROW EXECUTE FUNCTION unlinked()",
    )
    accepted = "{trigger: unlinked, writes: [pg_catalog.pg_largeobject], reason: its own, approved_by: A. Officer}"
    loaded = shape(MAP.replace("table: public.notes,", f"table: public.notes, triggers_ok: [{accepted}],"))
    grants = "GRANT SELECT, DELETE ON users, notes, visits TO {role}", "GRANT UPDATE ON users, notes, visits TO {role}"
    with role(database, *grants) as url, role(database) as owner:
        name = urlsplit(owner).username
        for oid in left(database, "pg_largeobject_metadata", "oid"):
            execute(database, f"ALTER LARGE OBJECT {oid} OWNER TO {name}")
        with opened(url, loaded) as store:
            [told] = [one for one in store.inspect() if "large objects" in one.message and one.code == "right-missing"]
            [ann] = resolved(store, [subject(1, user_id="1")], ACME)
            with pytest.raises(TerminalError, match=f"collection notes: .*large objects.* {name}") as caught:
                store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert (told.collection, told.severity) == ("notes", Severity.WARNING)
            assert caught.value.remedy == told.remedy
            execute(database, told.remedy.partition(";")[0])
            assert not [one for one in store.inspect() if one.code == "right-missing"]
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert (left(database, "notes"), len(left(database, "pg_largeobject_metadata", "oid"))) == ([2], 1)
