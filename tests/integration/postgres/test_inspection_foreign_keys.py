"""Foreign keys that write into a log, and those that the server does not hold: `check` says so."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject, version
from tests.support.postgres.inspection import database as name
from tests.support.postgres.inspection import findings
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import Severity, no_beat
from expunge_connectors.errors import StillReferencedError, StructureChangedError, TerminalError
from expunge_connectors.postgres.erase import collection_erasure

MAP = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
m: {table: public.m, found_by: [{column: u, of: users.id}]}
notes: {table: public.notes, found_by: [{column: m, of: m.id}]}
likes: {table: public.likes, found_by: [{column: u, of: users.id}]}
"""
TABLES = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE m (id int PRIMARY KEY, u int REFERENCES users);
CREATE TABLE notes (id int, m int REFERENCES m, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (9);
CREATE TABLE likes (id int PRIMARY KEY, m int REFERENCES m, u int REFERENCES users);
INSERT INTO users VALUES (1), (2); INSERT INTO m VALUES (1, 1), (2, 2); INSERT INTO notes VALUES (1, 1), (2, 2);
"""
OFF = {
    "of the parent": ("ALTER TABLE m DISABLE TRIGGER ALL", {"m", "notes", "likes"}),
    "of a partition": ("ALTER TABLE notes_1 DISABLE TRIGGER ALL", {"notes"}),
    "in the database": ("ALTER DATABASE {} SET session_replication_role = replica", {"m", "notes", "likes"}),
}
SHARED = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
links: {table: public.links, found_by: [{column: u, of: users.id}]}
places: {table: public.places, sharing: last_owner, found_by: [{column: id, of: links.place}]}
"""
LINKED = """
CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE places (id int PRIMARY KEY);
CREATE TABLE links (id int PRIMARY KEY, u int REFERENCES users, place int);
"""


def off(url):
    """Tables whose foreign keys are said to be off."""
    return {one.collection for one in findings(url, shape(MAP)) if one.code == "foreign-key-off"}


def unguarded(url):
    return [one for one in findings(url, shape(SHARED)) if one.code == "shared-unguarded"]


def test_no_deletion_may_reach_a_log_through_a_foreign_key(database):
    """CASCADE, SET NULL and SET DEFAULT: whatever the server would do to the log's rows."""
    effects = {"gone": "CASCADE", "empty": "SET NULL", "other": "SET DEFAULT"}
    execute(database, "CREATE TABLE users (id int PRIMARY KEY)")
    logs = ""
    for table, effect in effects.items():
        execute(database, f"CREATE TABLE {table} (u int REFERENCES users ON DELETE {effect})")
        logs += f"{table}: {{table: public.{table}, log: {{purpose: p, ground: g, retention: P1Y, approved_by: a}}}}\n"
    users = (
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
    )
    told = [one for one in findings(database, shape(users + logs)) if one.code == "cascade-into-log"]
    assert {one.severity for one in told} == {Severity.ERROR}
    assert {one.collection for one in told} == {"users"}
    assert {table for table in effects if any(f"public.{table} " in one.message for one in told)} == set(effects)


@pytest.mark.parametrize(("statement", "said"), OFF.values(), ids=OFF)
def test_a_foreign_key_without_its_triggers_is_not_relied_on(database, statement, said):
    loaded = shape(MAP)
    execute(database, TABLES)
    with opened(database, loaded) as store:
        resolved(store, [subject(1, user_id="1")], ACME)  # remembers the catalogue
        assert off(database) == set()
        execute(database, statement.format(name(database)))
    with opened(database, loaded) as store:
        assert off(database) == said
        [one] = resolved(store, [subject(1, user_id="1")], ACME)
        assert "main.m.id" in {key.namespace for key in one.keys}
        execute(database, "INSERT INTO likes VALUES (1, 1, 2)")
        if "m" in said or statement.startswith("ALTER TABLE m "):
            with pytest.raises(TerminalError, match="likes"):
                store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert left(database, "m") == [1, 2]


def test_what_was_remembered_of_a_foreign_key_is_read_again(database):
    loaded = shape(MAP)
    execute(database, TABLES)
    with opened(database, loaded) as store:
        [before] = resolved(store, [subject(1, user_id="1")], ACME)
        assert "main.m.id" not in {key.namespace for key in before.keys}
        execute(database, "ALTER TABLE notes_1 DISABLE TRIGGER ALL")
        store.relations(ACME)  # the look with which a step begins
        [after] = resolved(store, [subject(1, user_id="1")], ACME)
        assert "main.m.id" in {key.namespace for key in after.keys}


@pytest.mark.parametrize("statement", [one for one, _ in OFF.values()], ids=OFF)
def test_a_step_does_not_begin_where_a_foreign_key_was_switched_off(database, statement):
    loaded = shape(MAP)
    execute(database, TABLES)
    with opened(database, loaded) as store:
        store.inspect()
        one = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, statement.format(name(database)))
        with pytest.raises(StructureChangedError, match=r"foreign keys"):
            store.erase(one, actions(loaded, "acme"), ACME, CUTOFF, no_beat)


def test_a_child_that_comes_late_is_found_by_its_key(database, monkeypatch):
    loaded = shape(MAP)
    execute(database, TABLES + "ALTER TABLE m DISABLE TRIGGER ALL")
    real = collection_erasure.erase

    def late(search, mapped, limit):
        if mapped.name == "m" and 3 not in left(database, "notes"):
            execute(database, "INSERT INTO notes VALUES (3, 1)")
        return real(search, mapped, limit)

    with opened(database, loaded) as store:
        [one] = resolved(store, [subject(1, user_id="1")], ACME)
        monkeypatch.setattr(collection_erasure, "erase", late)
        with pytest.raises(StillReferencedError, match="notes"):
            store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        monkeypatch.undo()
        assert due(store.verify([one], ACME, CUTOFF))["notes"] == 2
        store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "notes") == [2]


def test_a_shared_row_without_a_foreign_key_is_named_and_the_remedy_can_be_pasted(database):
    execute(database, LINKED)
    [one] = unguarded(database)
    assert (one.severity, one.collection) == (Severity.WARNING, "places")
    execute(database, one.remedy)
    assert unguarded(database) == []
    execute(database, "ALTER TABLE links DISABLE TRIGGER ALL")
    [one] = unguarded(database)
    assert "anew" in one.remedy


def test_a_foreign_key_that_is_not_validated_guards_a_shared_row(database):
    execute(database, LINKED + "ALTER TABLE links ADD FOREIGN KEY (place) REFERENCES places NOT VALID")
    assert unguarded(database) == []


def test_a_shared_row_to_which_rows_of_its_own_table_point_is_refused(database):
    """A DBA's page had a home page of another author, and failed its last author by that foreign key."""
    execute(database, LINKED + "ALTER TABLE places ADD home int REFERENCES places")
    [one] = [one for one in findings(database, shape(SHARED)) if one.severity is Severity.ERROR]
    assert (one.code, one.collection) == ("foreign-key-circle", "places")
    assert one.remedy == "Tombstone `places` instead of deleting it."


def test_who_stays_and_points_to_a_shared_row_is_told_to_let_go_of_it(database):
    """As in Pagila: a customer stays for the invoices, and must have an address; a shared row cannot be tombstoned."""
    execute(
        database,
        "CREATE TABLE addresses (id int PRIMARY KEY, street text);"
        "CREATE TABLE customers (id int PRIMARY KEY, email text, address_id int NOT NULL REFERENCES addresses);"
        "CREATE INDEX ON customers (address_id);"
        "INSERT INTO addresses VALUES (1, 'nowhere'), (5, 'Hanoi Way'), (6, 'Loja Avenue');"
        "INSERT INTO customers VALUES (1, 'mary', 5), (2, 'patricia', 5), (3, 'linda', 6)",
    )
    tables = """
customers:
  table: public.customers
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {email: "NULL"%s}
addresses:
  table: public.addresses
  found_by: [{column: id, of: customers.address_id}]
  sharing: last_owner
"""
    [told] = [one for one in findings(database, shape(tables % "")) if one.severity is Severity.ERROR]
    assert (told.code, told.collection) == ("retained-child", "addresses")
    assert "tombstone of `customers`" in told.remedy
    assert "address_id" in told.remedy
    assert "Tombstone `addresses`" not in told.remedy
    let_go = shape(tables % ', address_id: "1"')
    with opened(database, let_go) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        people = [*resolved(store, [subject(1, user_id="3")], ACME), *resolved(store, [subject(2, user_id="1")], ACME)]
        store.erase(people, actions(let_go, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "addresses") == [1, 5], "Patricia lives there as well"
    assert left(database, "customers", "id, address_id") == [(1, 1), (2, 5), (3, 1)]


PLOTS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
stays: {table: public.stays, found_by: [{column: u, of: users.id}]}
plots: {table: public.plots, sharing: last_owner, found_by: [{column: id, of: users.plot}]}
"""


@pytest.mark.parametrize(
    ("plots", "stays"),
    [
        (
            "nr int, during daterange, PRIMARY KEY (nr, during WITHOUT OVERLAPS)",
            "nr int, during daterange, FOREIGN KEY (nr, PERIOD during) REFERENCES plots (nr, PERIOD during)",
        ),
        ("at timestamptz UNIQUE", "at date REFERENCES plots (at)"),
    ],
    ids=["by a period", "by a day, to a time with a zone"],
)
def test_a_foreign_key_that_points_otherwise_than_by_equal_values_is_refused(database, plots, stays):
    """Somebody else's stay would not be seen to keep the plot."""
    statements = (
        f"CREATE EXTENSION btree_gist; CREATE TABLE plots (id int UNIQUE, {plots});"
        "CREATE TABLE users (id int PRIMARY KEY, plot int REFERENCES plots (id));"
        f"CREATE TABLE stays (id int PRIMARY KEY, u int REFERENCES users, {stays})"
    )
    if "PERIOD" in stays and version(database) < 180000:
        with pytest.raises(psycopg.errors.SyntaxError):
            execute(database, statements)
        return
    execute(database, statements)
    found = [one for one in findings(database, shape(PLOTS)) if one.code == "foreign-key-values"]
    assert [(one.collection, one.severity) for one in found] == [("plots", Severity.ERROR)]
    assert "public.stays" in found[0].message
