"""Triggers on what goes by age: one that keeps a row, or what it held, rolls the piece back, and is named."""

from __future__ import annotations

import pytest
from tests.integration.postgres.test_age_sweep import OLD, ids, rows_of
from tests.integration.postgres.test_ages import aged
from tests.support.postgres.age_sweeps import left, swept
from tests.support.postgres.company import dump, execute

from expunge_connectors.errors import TerminalError, TransientError

KEEPS_NAMES = (
    "CREATE FUNCTION keeps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := OLD.name; RETURN NEW; END';"
    "CREATE TRIGGER keeps BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION keeps()"
)


def test_a_row_that_a_trigger_leaves_as_it_was_is_not_counted_as_overwritten(database: str) -> None:
    people = (
        "people: {table: public.people, data_type: anchor, start: left_at, person: user_id,"
        " found_by: [{column: id, identity: user_id}], yields: {user_id: id},"
        " tombstone: {name: \"'gone-' || id\", city: \"'gone-' || id\"}}"
    )
    execute(
        database,
        "CREATE TABLE people (id int PRIMARY KEY, name text, city text, left_at date);"
        f"INSERT INTO people VALUES (1, 'Ann', 'Berlin', {OLD}); {KEEPS_NAMES}",
    )
    with pytest.raises(TransientError, match="trigger"):
        swept(database, aged(people))
    assert rows_of(database, "people")[0][1:3] == ("Ann", "Berlin"), "nothing of the piece is kept"


def test_a_row_stays_while_a_trigger_keeps_what_goes_along(database: str) -> None:
    """Nothing would lead to such a note any more, and no foreign key says so."""
    collections = (
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
        "notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}"
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE notes (id int PRIMARY KEY, call int);"
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER nothing BEFORE DELETE ON notes FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION nothing();"
        f"INSERT INTO calls VALUES (1, 1, {OLD}); INSERT INTO notes VALUES (1, 1), (2, 1)",
    )
    with pytest.raises(TransientError, match="trigger"):
        swept(database, aged(collections))
    assert (ids(database, "calls"), ids(database, "notes")) == ([1], [1, 2])


PEOPLE = (
    "people: {table: public.people, data_type: anchor, start: left_at, person: user_id,"
    " found_by: [{column: id, identity: user_id}], yields: {user_id: id}, tombstone: {name: \"'gone-' || id\"}}\n"
    "pets: {table: public.pets, data_type: anchor, found_by: [{column: person, of: people.id}],"
    ' tombstone: {name: "NULL"}}\n'
    "bills: {table: public.bills, found_by: [{column: person, identity: user_id}]}"
)
TABLES = f"""
    CREATE TABLE people (id int, name text, left_at date, was text, PRIMARY KEY (id, left_at))
      PARTITION BY RANGE (left_at);
    CREATE TABLE gone PARTITION OF people FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');
    CREATE TABLE rest PARTITION OF people DEFAULT;
    CREATE TABLE pets (id int PRIMARY KEY, person int, name text, was text);
    CREATE TABLE bills (id int PRIMARY KEY, person int, name text);
    CREATE TABLE others (id int PRIMARY KEY, name text);
    INSERT INTO people VALUES (1, 'Annabel', {OLD}), (2, 'Bobbie', now());
    INSERT INTO pets VALUES (1, 1, 'Rosinante'), (2, 2, 'Bucephalus');
    INSERT INTO bills VALUES (1, 1, NULL);
    INSERT INTO others VALUES (1, NULL);
"""


def copying(table: str, does: str, when: str = "BEFORE") -> str:
    """A trigger of that table."""
    return (
        f"CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; RETURN NEW; END $$;"
        f"CREATE TRIGGER copy {when} UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION public.copy();"
    )


COPIES = {
    "of the row": (copying("people", "NEW.was = 'was ' || OLD.name"), r"stands in was of public\.people by now"),
    "of the row, by its partition": (copying("gone", "NEW.was = OLD.name"), r"stands in was of public\.people by now"),
    "of a row that goes along": (copying("pets", "NEW.was = OLD.name"), r"stands in was of public\.pets by now"),
    "afterwards": (
        copying(
            "people", "UPDATE public.people SET was = OLD.name WHERE id = OLD.id AND was IS DISTINCT FROM OLD.name",
            "AFTER",
        ),
        r"changed other rows of public\.people",
    ),
    "into a collection": (
        copying("people", "UPDATE public.bills SET name = OLD.name WHERE person = OLD.id"),
        r"changed other rows of public\.bills",
    ),
    "into a table outside of the map": (
        copying("people", "INSERT INTO public.others VALUES (7, OLD.name)", "AFTER"),
        r"changed rows of public\.others",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "said"), COPIES.values(), ids=COPIES)
def test_a_copy_of_what_is_overwritten_is_rolled_back_and_named(database: str, trigger: str, said: str) -> None:
    execute(database, f"{TABLES}{trigger}")
    loaded, before = aged(PEOPLE), dump(database)
    with pytest.raises(TerminalError, match=said) as caught:
        swept(database, loaded, "people")
    assert dump(database) == before
    assert not [one for one in ("Annabel", "Rosinante") if one in f"{caught.value} {caught.value.remedy}"]
    execute(database, "DROP FUNCTION copy CASCADE")
    assert swept(database, loaded, "people").gone == {"people": 1, "pets": 1}


@pytest.mark.parametrize("table", ["people", "pets"])
def test_a_trigger_that_copies_nothing_of_it_is_in_nobodys_way(database: str, table: str) -> None:
    """A stamp of today, the row's own number, and the name as it is by now."""
    stamps = copying(table, "NEW.was = concat(now(), ' row ', NEW.id, ' ', NEW.name)")
    execute(database, f"{TABLES}{stamps}")
    loaded = aged(PEOPLE)
    assert swept(database, loaded, "people").gone == {"people": 1, "pets": 1}
    assert left(database, loaded, "people") == 0
