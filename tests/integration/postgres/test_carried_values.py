"""A trigger that copies, within the row, what a tombstone takes: named, and rolled back, whatever part it takes."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from tests.support.postgres.company import CUTOFF, actions, due, dump, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_config.datamap import DataMap
from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError

TABLES = """
CREATE TABLE users (id int PRIMARY KEY, email text, born date, meta jsonb);
INSERT INTO users VALUES
  (1, 'Ann@x.example', '1990-01-02', '{"contact": {"phone": "+4930123456789", "kind": "home", "nr": 30123456},
    "theme": "darkest"}'),
  (2, 'bob@x.example', '1991-01-02', '{"contact": {"phone": "+4930987654321"}, "theme": "darkest"}');
CREATE TABLE courses (id int PRIMARY KEY, invited text[], doc jsonb);
INSERT INTO courses VALUES (1, '{Ann@x.example,joann@x.example,bob@x.example}', '{"members": [
  {"id": "1", "n": "Annabel \\"Bell\\" Lee", "nick": "Anna", "role": "student"},
  {"id": "2", "n": "Bobbie", "nick": "Bob", "role": "student"}], "theme": "darkest"}');
CREATE DOMAIN remarks AS text;
"""
MAP = """
users:
  table: public.users
  data_type: anchor
  person: user_id
  undated: erase
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
  tombstone: {email: "NULL", born: "NULL", meta: %s}
courses:
  table: public.courses
  data_type: anchor
  undated: erase
  found_by: [%s]
  tombstone: {%s: {elements: true}}
"""
REMOVED = "{remove: [[contact, phone], [last_seen]]}"
INVITED = "{column: invited, each: true, identity: email}", "invited"
MEMBERS = "{column: doc, path: [members, id], identity: user_id}", "doc"


@dataclass(frozen=True)
class Copy:
    """A trigger BEFORE UPDATE.

    Attributes:
        table: On which.
        does: What it does to NEW.
        into: The column that has changed by it.
        adds: A further column, for DDL.
        meta: The tombstone of the document of users.
        found: How rows of courses are found, and the column of which elements go.
    """

    table: str
    does: str
    into: str
    adds: str = ""
    meta: str = REMOVED
    found: tuple[str, str] = INVITED

    def install(self, database: str) -> DataMap:
        execute(database, TABLES)
        if self.adds:
            execute(database, f"ALTER TABLE {self.table} ADD {self.adds}")
        execute(
            database,
            f"CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {self.does}; RETURN NEW; END $$;"
            f"CREATE TRIGGER copy BEFORE UPDATE ON {self.table} FOR EACH ROW EXECUTE FUNCTION public.copy()",
        )
        return shape(MAP % (self.meta, *self.found))


COPIES = {
    "addresses in the document of which a path goes": Copy(
        "users", "NEW.meta = jsonb_set(NEW.meta, '{previous}', jsonb_build_array(OLD.email))", "meta"
    ),
    "an object in that document": Copy(
        "users",
        "NEW.meta = jsonb_set(NEW.meta, '{previous}', jsonb_build_array(jsonb_build_object('was', OLD.email)))",
        "meta",
    ),
    "a text in that document": Copy(
        "users", "NEW.meta = NEW.meta || jsonb_build_object('p', 'was ' || OLD.email)", "meta"
    ),
    "the name of a key in that document": Copy(
        "users", "NEW.meta = NEW.meta || jsonb_build_object(OLD.email, true)", "meta"
    ),
    "what is removed, at another place of the document": Copy(
        "users", "NEW.meta = NEW.meta || jsonb_build_object('p', OLD.meta #> '{contact,phone}')", "meta"
    ),
    "the document before, in a text": Copy("users", "NEW.log = concat(NEW.log, 'was ', OLD.meta)", "log", "log text"),
    "a value out of a document that is cleared": Copy(
        "users", "NEW.log = 'was ' || (OLD.meta #>> '{contact,phone}')", "log", "log remarks", meta='"NULL"'
    ),
    "once more what stood there before": Copy(
        "users", "NEW.log = concat(NEW.log, OLD.email)", "log", "log text DEFAULT 'by ann@x.example'"
    ),
    "in small letters": Copy("users", "NEW.log = lower(OLD.email)", "log", "log text"),
    "a day": Copy("users", "NEW.was = OLD.born", "was", "was date"),
    "a day, as a time": Copy("users", "NEW.was = OLD.born", "was", "was timestamptz"),
    "a number with more places": Copy(
        "users", "NEW.was = (OLD.meta #>> '{contact,nr}')::numeric", "was", "was numeric(20, 4)", meta='"NULL"'
    ),
    "a number, as a float": Copy(
        "users", "NEW.was = (OLD.meta #>> '{contact,nr}')::float8", "was", "was float8", meta='"NULL"'
    ),
    "a number, as money": Copy(
        "users", "NEW.was = (OLD.meta #>> '{contact,nr}')::numeric::money", "was", "was money", meta='"NULL"'
    ),
    "a number out of a document": Copy(
        "users", "NEW.was = (OLD.meta #>> '{contact,nr}')::numeric", "was", "was numeric", meta='"NULL"'
    ),
    "a short value as a whole": Copy(
        "users", "NEW.was = OLD.meta #>> '{contact,kind}'", "was", "was varchar(9)", meta='"NULL"'
    ),
    "all elements, in another array": Copy("courses", "NEW.former = OLD.invited", "former", "former text[]"),
    "the element that goes, in a text": Copy(
        "courses",
        "NEW.log = concat(NEW.log, now(), ' removed: ', (SELECT string_agg(x, ', ') FROM unnest(OLD.invited) x"
        " WHERE x <> ALL (NEW.invited)))",
        "log",
        "log text",
    ),
    "the element that goes, at the end of its array": Copy(
        "courses", "NEW.invited = NEW.invited || ('former ' || OLD.invited[1])", "invited"
    ),
    "the member that goes, in its document": Copy(
        "courses",
        "NEW.doc = jsonb_set(NEW.doc, '{former}', jsonb_build_array(OLD.doc #> '{members,0}'))",
        "doc",
        found=MEMBERS,
    ),
    "the short name of the member that goes": Copy(
        "courses",
        "NEW.doc = jsonb_set(NEW.doc, '{former}', jsonb_build_array(OLD.doc #> '{members,0,nick}'))",
        "doc",
        found=MEMBERS,
    ),
    "the member that goes, as a record": Copy(
        "courses", "NEW.former = ARRAY[OLD.doc #> '{members,0}']", "former", "former jsonb[]", found=MEMBERS
    ),
    "the document of members, in a text": Copy(
        "courses", "NEW.log = concat(NEW.log, 'before: ', OLD.doc)", "log", "log text", found=MEMBERS
    ),
    "a name with quotes, in a text": Copy(
        "courses", "NEW.log = 'before: ' || (OLD.doc #>> '{members,0,n}')", "log", "log text", found=MEMBERS
    ),
    "a name with quotes, in a document of another column": Copy(
        "courses", "NEW.log = json_build_object('n', OLD.doc #>> '{members,0,n}')", "log", "log json", found=MEMBERS
    ),
}  # fmt: skip


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_what_goes_is_named(database: str, copy: Copy) -> None:
    loaded = copy.install(database)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        before = dump(database)
        with pytest.raises(
            TerminalError,
            match=rf"collection {copy.table}: what the tombstone replaced stands in {copy.into} of public.{copy.table}"
            rf" by now, by a trigger \(copy of public.{copy.table}\)",
        ) as caught:
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert dump(database) == before
        told = f"{caught.value} {caught.value.remedy}".lower()
        assert not [one for one in ("@", "4930", "annabel", "anna", "1990") if one in told]
        execute(database, f"DROP TRIGGER copy ON {copy.table}")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)


ORDINARY = {
    "a stamp, a version and a digest": Copy(
        "users",
        "NEW.at = now(); NEW.version = OLD.version + 1; NEW.etag = md5(NEW::text); NEW.tag = gen_random_uuid()",
        "at",
        "at timestamptz, ADD version int DEFAULT 123455, ADD etag text, ADD tag uuid",
    ),
    "words and small letters of the row as it is now": Copy(
        "users",
        "NEW.words = to_tsvector('simple', concat(NEW.email, ' ', NEW.meta)); NEW.small = lower(NEW.meta::text)",
        "words",
        "words tsvector, ADD small text, ADD made text GENERATED ALWAYS AS (lower(email)) STORED",
    ),
    "the day of today, which was in what goes": Copy(
        "users",
        "NEW.meta = NEW.meta || jsonb_build_object('changed', now()); NEW.log = concat('changed ', now())",
        "log",
        "log text",
    ),
    "the row's own key": Copy("users", "NEW.log = concat('row ', NEW.id, ' changed')", "log", "log text"),
    "what a column has that stays": Copy(
        "users", "NEW.meta = NEW.meta || jsonb_build_object('was', NEW.meta -> 'theme')", "meta"
    ),
    "a document of numbers": Copy(
        "users",
        "NEW.meta = jsonb_set(NEW.meta, '{version}', to_jsonb(coalesce((NEW.meta ->> 'version')::int, 0) + 1))",
        "meta",
    ),
    "a list of the elements that stay": Copy(
        "courses",
        "NEW.all_ = array_to_string(NEW.invited, ','); NEW.many = cardinality(NEW.invited); NEW.again = NEW.invited",
        "all_",
        "all_ text, ADD many int, ADD again text[]",
    ),
    "what the members that stay say as well": Copy(
        "courses",
        "NEW.roles = jsonb_path_query_array(NEW.doc, '$.members[*].role'); NEW.log = 'one left'",
        "roles",
        "roles json, ADD log text",
        found=MEMBERS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("limit", [10_000, 1])
@pytest.mark.parametrize("copy", ORDINARY.values(), ids=ORDINARY)
def test_an_ordinary_trigger_is_in_nobodys_way(database: str, copy: Copy, limit: int) -> None:
    loaded = copy.install(database)
    execute(
        database,
        "UPDATE users SET meta = meta || jsonb_build_object('last_seen', now()::date, 'x', 123456) WHERE id IN (1, 2);"
        "UPDATE courses SET id = id",
    )
    with opened(database, loaded, rows_per_transaction=limit) as store:
        people = resolved(store, [subject(number, user_id=str(number)) for number in (1, 2)], ACME)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "users", "email") == [None, None]
    assert left(database, "users", "meta #> '{contact,phone}'") == [None, None]


def test_a_key_that_a_document_held_stays_with_its_row(database: str) -> None:
    """A row's own number is no copy of the one that stood in its document."""
    copy = Copy("users", "NEW.log = 'row ' || NEW.id || ' changed'", "log", "log text", meta='"NULL"')
    loaded = copy.install(database)
    execute(database, "UPDATE users SET id = 1000001, meta = '{\"user\": 1000001}' WHERE id = 1")
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1000001")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "users", "email, log") == [("bob@x.example", None), (None, "row 1000001 changed")]


def test_documents_that_the_server_cannot_read_are_compared_as_texts(database: str) -> None:
    """A json may hold what no text can: the cast would fail, and the server's log would quote the document."""
    unreadable = r'["\u0000", "\ud800"]'
    copy = Copy("users", "NEW.notes = json_build_array(OLD.email)", "notes", rf"notes json DEFAULT '{unreadable}'")
    loaded = copy.install(database)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match=r"stands in notes of public\.users"):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)


@pytest.mark.parametrize("whole", [True, False])
def test_values_of_any_type_are_compared(database: str, *, whole: bool) -> None:
    """The trigger stamps the row; a value of each type stands in what goes, or in what stays."""
    values = {
        "point": "(1,2)", "int4range": "[1,5)", "numeric[]": "{1.0,NULL}", "bytea": "\\x00ff", "interval": "1 day",
        "date": "5874897-12-31",
        "state": "open", "seat": '("Ann ""A""",1)', "seat[]": '{"(Ann,1)"}', "inet": "10.0.0.1", '"char"': "c",
        "bit(3)": "101", "money": "1.00", "tsvector": "a:1 b:2", "citext": "Ann", "citext[]": "{Ann}", "real": "NaN",
        "document": '{"a": [1, {"b": "long text"}]}', "json": '{"a": "\\u00e4", "a": 1}', "jsonb[]": '{"{\\"a\\": 1}"}',
        "json[]": '{"{}"}', "text[]": "[0:1]={a,b}", "int[]": "{{1,2},{3,4}}", "timestamptz": "infinity", "oid": "7",
        "tsrange": "empty", "time": "10:00", "character(5)": "ab", "xid8": "9", "macaddr": "08:00:2b:01:02:03",
    }  # fmt: skip
    columns = ", ".join(f"\"c {at}'\" {kind} DEFAULT '{value}'" for at, (kind, value) in enumerate(values.items()))
    execute(
        database,
        "CREATE EXTENSION citext; CREATE TYPE state AS ENUM ('open'); CREATE TYPE seat AS (who text, nr int);"
        "CREATE DOMAIN document AS jsonb;"
        f"CREATE TABLE users (id int PRIMARY KEY, email text, at timestamptz, {columns});"
        "INSERT INTO users (id, email) VALUES (1, 'ann@x.example');"
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;"
        "CREATE TRIGGER stamp BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stamp()",
    )
    gone = {f"c {at}'": "NULL" for at in range(len(values))} if whole else {}
    collection = {
        "table": "public.users",
        "data_type": "anchor",
        "person": "user_id",
        "found_by": [{"column": "id", "identity": "user_id"}],
        "yields": {"user_id": "id"},
        "tombstone": {"email": "NULL", **gone},
    }
    loaded = shape(json.dumps({"users": collection}))
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    [row] = execute(database, "SELECT email, at IS NULL FROM users")
    assert row == (None, False)
