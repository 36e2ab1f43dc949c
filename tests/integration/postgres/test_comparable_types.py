"""Every type against every type: a link finds the rows that the database calls equal, or it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, erased, left, shape
from tests.support.servers import fresh_database

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Severity, Subject, SubjectKey, no_beat
from expunge_connectors.errors import TerminalError
from expunge_demo.dev_servers import Endpoints

# Of each type values of which some are equal to others, of this type or another, though they are written otherwise.
VALUES: Mapping[str, Sequence[str]] = {
    "smallint": ("0", "7", "-7"),
    "integer": ("0", "7", "-7", "70000"),
    "bigint": ("0", "7", "-7", "9223372036854775807"),
    "numeric": ("0", "7", "7.00", "7.5", "7.50", "-7", "1e3"),
    "numeric(10,2)": ("0", "7", "7.5", "-7"),
    "real": ("0", "-0", "7", "7.5", "0.1"),
    "double precision": ("0", "-0", "7", "7.5", "0.1"),
    "money": ("0", "7", "7.50"),
    "text": ("", "7", "7.00", "a", "a ", "A", "10.0.0.1", "10.0.0.1/32", "2026-01-01", "true", "$7.00", "\\x61"),
    "character varying(20)": ("", "7", "a", "a ", "A", "10.0.0.1/32"),
    "character(3)": ("7", "a", "a ", "A"),
    "name": ("7", "a", "A"),
    '"char"': ("7", "a", "A"),
    "public.citext": ("7", "a", "A"),
    "public.mood": ("7", "a", "A"),
    "uuid": ("0a0b0c0d-0000-0000-0000-00000000000a", "{0A0B0C0D-0000-0000-0000-00000000000A}"),
    "boolean": ("true", "t", "false"),
    "bytea": ("\\x61", "a", "\\x"),
    "date": ("2026-01-01", "Jan 1 2026", "infinity", "0001-01-01 BC"),
    "timestamp": ("2026-01-01 00:00:00", "2026-01-01 12:00:00", "infinity"),
    "timestamp(0)": ("2026-01-01 00:00:00", "2026-01-01 12:00:00"),
    "timestamptz": ("2026-01-01 00:00:00+00", "2026-01-01 01:00:00+01", "2026-01-01 13:00:00+01"),
    "time": ("12:00", "12:00:00", "24:00"),
    "timetz": ("12:00+00", "13:00+01"),
    "interval": ("1 day", "24 hours", "30 days", "1 month"),
    "inet": ("10.0.0.1", "10.0.0.1/32", "10.0.0.0/8", "::1"),
    "cidr": ("10.0.0.0/8", "10.0.0.1", "10.0.0.1/32"),
    "macaddr": ("08:00:2b:01:02:03", "08002b010203"),
    "macaddr8": ("08:00:2b:ff:fe:01:02:03", "08:00:2b:01:02:03:04:05"),
    "oid": ("0", "7"),
    "xid8": ("0", "7"),
    "pg_lsn": ("0/7", "16/B374D848"),
    "bit(3)": ("101", "111"),
    "bit varying(3)": ("101", "1"),
    "int4range": ("[1,3)", "[1,2]", "(0,3)"),
    "numrange": ("[1,2)", "[1.0,2.00)"),
    "tstzrange": ("[2026-01-01 00:00+00,2026-01-02 00:00+00)", "[2026-01-01 01:00+01,2026-01-02 00:00+00)"),
    "integer[]": ("{1,2}", "{7}"),
    "numeric[]": ("{1}", "{1.0}"),
    "text[]": ("{a}", "{a,b}"),
    "jsonb": ("1", "1.0", '"a"', '{"a": 1}'),
    "tsvector": ("a b", "b a"),
    "oidvector": ("7", "7 8"),
    "public.pair": ("(1,a)", "(1,A)"),
    "public.mood[]": ("{a}",),
    "public.word[]": ("{a}",),
    "public.address[]": ("{10.0.0.1}",),
    "public.pair[]": ('{"(1,a)"}',),
    "numeric(9,0)[]": ("{7}",),
    "inet[]": ("{10.0.0.1}",),
}
DDL = (
    "CREATE EXTENSION citext SCHEMA public; CREATE TYPE public.mood AS ENUM ('7', 'a', 'A');"
    "CREATE TYPE public.pair AS (one int, other text);"
    "CREATE DOMAIN public.word AS text; CREATE DOMAIN public.host AS inet; CREATE DOMAIN public.address AS public.host"
)


@pytest.fixture(scope="module")
def typed(servers: Endpoints) -> Iterator[str]:
    """A table of parents and one of children for each type, with every value."""
    with fresh_database(servers.postgres_url) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(DDL)
        connection.execute("CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)")
        for at, (kind, values) in enumerate(VALUES.items()):
            connection.execute(
                f"CREATE DOMAIN public.over_{at} AS {kind}; CREATE DOMAIN public.twice_{at} AS over_{at}"
            )
            for table, type_ in ((f"{at}", kind), (f"domain_{at}", f"public.twice_{at}")):
                connection.execute(
                    f"CREATE TABLE parent_{table} (id int PRIMARY KEY, user_id int REFERENCES users, k {type_});"
                    f"CREATE TABLE child_{table} (id int PRIMARY KEY, k {type_})"
                )
                for number, value in enumerate(values):
                    # The first half is Ada's.
                    given = (number, 1 + (number > len(values) // 2), value)
                    connection.execute(f"INSERT INTO parent_{table} SELECT %s, %s, %s::{type_}", given)
                    connection.execute(f"INSERT INTO child_{table} SELECT %s, %s::{type_}", (number, value))
        yield url


def between(parent: int | str, child: int | str) -> DataMap:
    """A map of these tables."""
    return shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        f"parents: {{table: public.parent_{parent}, found_by: [{{column: user_id, of: users.id}}]}}\n"
        f"children: {{table: public.child_{child}, found_by: [{{column: k, of: parents.k}}]}}"
    )


@pytest.mark.matrix(16)  # each case is 49 maps
@pytest.mark.parametrize("ours", VALUES)
def test_a_link_finds_what_the_database_calls_equal_or_is_refused(typed: str, ours: str) -> None:
    names = list(VALUES)
    at, wrong, found = names.index(ours), [], set()
    for other, theirs in enumerate(names):
        loaded = between(at, other)
        with opened(typed, loaded) as store:
            try:
                [one] = resolved(store, [subject(1, user_id="1")], ACME)
            except TerminalError as error:
                if "exactly" not in str(error):
                    wrong.append(f"{theirs}: {error}")
                continue
            counted, verified = store.count([one], ACME, CUTOFF), store.verify([one], ACME, CUTOFF)
        found.add(theirs)
        if counted != verified:
            wrong.append(f"{theirs}: verifying differs")
        rows, expected = due(counted).get("children", 0), equal_rows(typed, at, other)
        if rows != expected:
            wrong.append(f"{theirs}: {rows} rows instead of {expected}")
    assert wrong == []
    assert ours in found or ours not in PLAIN


@pytest.mark.parametrize("kind", VALUES)
def test_a_domain_is_compared_as_what_it_is_over(typed: str, kind: str) -> None:
    at = list(VALUES).index(kind)
    assert [told(typed, *pair) for pair in ((at, f"domain_{at}"), (f"domain_{at}", at), (f"domain_{at}",) * 2)] == [
        told(typed, at, at)
    ] * 3


def told(url: str, parent: int | str, child: int | str) -> int | str | None:
    """How many children a link finds, counting and verifying; None: it is refused."""
    with opened(url, between(parent, child)) as store:
        try:
            [one] = resolved(store, [subject(1, user_id="1")], ACME)
        except TerminalError as error:
            return None if "exactly" in str(error) else str(error)
        counted, verified = store.count([one], ACME, CUTOFF), store.verify([one], ACME, CUTOFF)
        return due(counted).get("children", 0) if counted == verified else "verifying differs"


@pytest.mark.parametrize(
    ("parent", "child"), [("date", "timestamp"), ("interval", "interval"), ("inet", "text"), ("text", "integer")]
)
def test_check_says_what_is_refused(typed: str, parent: str, child: str) -> None:
    names = list(VALUES)
    with opened(typed, between(names.index(parent), names.index(child))) as store:
        assert [one.collection for one in store.inspect() if one.code == "tie-type"] == ["children"]


@pytest.mark.parametrize("kind", ["inet", "date", "bytea", "double precision", "jsonb", "integer[]"])
def test_an_identifier_cannot_be_told_in_such_a_column(typed: str, kind: str) -> None:
    at = list(VALUES).index(kind)
    loaded = shape(f"things: {{table: public.child_{at}, found_by: [{{column: k, identity: user_id}}]}}")
    with opened(typed, loaded) as store:
        assert [one.collection for one in store.inspect() if one.code == "value-type"] == ["things"]
        with pytest.raises(TerminalError, match="cannot be told"):
            store.count([subject(1, user_id="1")], ACME, CUTOFF)


PLAIN = frozenset({"integer", "bigint", "numeric", "text", "uuid", "date", "timestamptz", "inet", "bytea", "boolean"})
"""Types that people use for keys: refusing these would be no answer."""


def equal_rows(url: str, parent: int, child: int) -> int | str:
    """How many children the database calls equal to one of Ada's parents; an empty text refers to nobody."""
    try:
        [(number,)] = execute(
            url,
            f"SELECT count(DISTINCT c.id) FROM parent_{parent} p JOIN child_{child} c ON c.k = p.k"
            " WHERE p.user_id = 1 AND c.k::text <> ''",
        )
    except psycopg.errors.UndefinedFunction:
        return "no such comparison"
    return int(number)


@pytest.mark.parametrize("kind", ["text[]", "integer[]", "numeric(9,0)[]", "public.mood[]", "public.word[]"])
def test_an_identifier_is_told_among_such_elements(typed: str, kind: str) -> None:
    with opened(typed, elements(kind)) as store:
        assert [one for one in store.inspect() if one.code == "value-type"] == []
        store.count([subject(1, user_id="1")], ACME, CUTOFF)


@pytest.mark.parametrize("kind", ["numeric[]", "inet[]", "public.address[]", "public.pair[]"])
def test_an_identifier_cannot_be_told_among_such_elements(typed: str, kind: str) -> None:
    """Through every domain: the request's 10.0.0.1 is 10.0.0.1/32 in a domain over a domain over inet."""
    with opened(typed, elements(kind)) as store:
        assert [one.collection for one in store.inspect() if one.code == "value-type"] == ["things"]
        with pytest.raises(TerminalError, match="cannot be told"):
            store.count([subject(1, user_id="1")], ACME, CUTOFF)


def elements(kind: str) -> DataMap:
    """A map that looks for people in the elements of an array."""
    link = "{column: k, each: true, identity: user_id}"
    return shape(f"things: {{table: public.child_{list(VALUES).index(kind)}, found_by: [{link}]}}")


@pytest.mark.parametrize("kind", ["public.digit", "public.citext", "integer", "character varying(9)"])
def test_a_domain_serves_wherever_a_key_stands(database: str, kind: str) -> None:
    """The key of persons and of rows, in a tree, a tombstone, a kind and a row that people share."""
    execute(
        database,
        "CREATE EXTENSION citext SCHEMA public; CREATE TYPE public.digit AS ENUM ('0', '1', '2', '3', '4');"
        f"CREATE DOMAIN public.key AS {kind};"
        "CREATE TABLE homes (k key PRIMARY KEY); INSERT INTO homes VALUES ('1'), ('2');"
        "CREATE TABLE users (id key PRIMARY KEY, home key); INSERT INTO users VALUES ('1', '1'), ('2', '2');"
        "CREATE TABLE posts (k key PRIMARY KEY, uid key, above key);"
        "INSERT INTO posts VALUES ('1', '1', NULL), ('2', NULL, '1'), ('3', '2', NULL);"
        "CREATE TABLE notes (id int PRIMARY KEY, sort key, post key, said key); INSERT INTO notes"
        " VALUES (1, '1', '1', '2'), (2, '2', '1', '2'), (3, '1', '3', '2');"
        "CREATE TABLE visits (k key PRIMARY KEY, uid key); INSERT INTO visits VALUES ('4', '1')",
    )
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        "homes: {table: public.homes, sharing: last_owner, found_by: [{column: k, of: users.home}]}\n"
        "posts: {table: public.posts, goes_with_any: {reason: answers, approved_by: A. Officer},"
        " found_by: [{column: uid, of: users.id}, {column: above, of: posts.k}]}\n"
        "notes: {table: public.notes, data_type: anchor, tombstone: {said: 'NULL', post: \"'0'\"},"
        " found_by: [{column: post, of: posts.k, where: {sort: '1'}}]}\n"
        "visits: {table: public.visits, found_by: [{column: uid, identity: user_id}]}"
    )
    with opened(database, loaded) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        [one] = resolved(store, [subject(1, user_id="1")], ACME)
        due_now = {"users": 1, "homes": 1, "posts": 2, "notes": 1, "visits": 1}
        assert due(store.count([one], ACME, CUTOFF)) == due_now
        # Only the user, who is due, points to the home.
        assert due(store.verify([one], ACME, CUTOFF)) == due_now
        store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([one], ACME, CUTOFF)) == due(store.count([one], ACME, CUTOFF)) == {}
    assert [left(database, *of) for of in (("homes", "k::text"), ("users", "id::text"), ("posts", "k::text"))] == [
        ["2"],
        ["2"],
        ["3"],
    ]
    assert left(database, "notes", "id, post::text, said::text") == [(1, "0", None), (2, "1", "2"), (3, "3", "2")]


SETTINGS = (
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'iso_8601'",
    "bytea_output = 'escape'",
    "timezone = 'America/New_York'",
    "extra_float_digits = -5",
    "search_path = 'elsewhere'",
    "quote_all_identifiers = on",
    "transform_null_equals = on",
)


@pytest.mark.parametrize("kind", ["date", "timestamptz", "bytea", "inet"])
def test_settings_that_change_between_two_commands_change_nothing(database: str, kind: str) -> None:
    """What was found while planning is found at settling, months after somebody set the database's defaults."""
    value = VALUES[kind][0]
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        f"CREATE TABLE parents (id int PRIMARY KEY, user_id int REFERENCES users, k {kind} UNIQUE);"
        f"CREATE TABLE children (id int PRIMARY KEY, k {kind});"
        f"INSERT INTO parents VALUES (1, 1, '{value}'); INSERT INTO children VALUES (1, '{value}')",
    )
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        "parents: {table: public.parents, found_by: [{column: user_id, of: users.id}]}\n"
        "children: {table: public.children, found_by: [{column: k, of: parents.k}]}"
    )
    with opened(database, loaded) as store:
        [one] = resolved(store, [subject(1, user_id="1")], ACME)
        before = store.count([one], ACME, CUTOFF)
    execute(database, "".join(f'ALTER DATABASE "{database.rpartition("/")[2]}" SET {one};' for one in SETTINGS))
    execute(database, "DELETE FROM public.parents")  # the sealed keys lead on
    with opened(database, loaded) as store:
        assert due(store.count([one], ACME, CUTOFF)) == {"users": 1, "children": 1}
        assert due(store.verify([one], ACME, CUTOFF)) == {"users": 1, "children": 1}
    assert due(before) == {"users": 1, "parents": 1, "children": 1}


@pytest.mark.parametrize("people", [1, 300])
@pytest.mark.parametrize(("kind", "spelt"), [("numeric", ("7", "7.00")), ("public.citext", ("a", "A"))])
def test_a_row_is_counted_once_by_whatever_spellings_of_its_key(
    database: str, kind: str, spelt: tuple[str, str], people: int
) -> None:
    """The rows that told them are gone: the sealed keys lead on."""
    execute(
        database,
        "CREATE EXTENSION citext SCHEMA public; CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);"
        f"CREATE TABLE parents (id int PRIMARY KEY, user_id int REFERENCES users, k {kind});"
        f"CREATE TABLE children (k {kind} PRIMARY KEY);"
        f"INSERT INTO parents VALUES (1, 1, '{spelt[0]}'), (2, 1, '{spelt[1]}');"
        f"INSERT INTO children VALUES ('{spelt[0]}')",
    )
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        "parents: {table: public.parents, found_by: [{column: user_id, of: users.id}]}\n"
        "children: {table: public.children, found_by: [{column: k, of: parents.k}]}"
    )
    with opened(database, loaded) as store:
        asked = [subject(n, user_id=str(n)) for n in (1, *range(100, 99 + people))]
        chunk = resolved(store, asked, ACME)
        execute(database, "DELETE FROM public.parents")
        expected = {"users": 1, "children": 1}
        assert due(store.count(chunk, ACME, CUTOFF)) == due(store.verify(chunk, ACME, CUTOFF)) == expected


@pytest.mark.parametrize("people", [1, 300])
def test_a_row_is_counted_once_by_two_spellings_of_a_number(database: str, people: int) -> None:
    execute(database, "CREATE TABLE visits (id int PRIMARY KEY, k numeric); INSERT INTO visits VALUES (1, 7)")
    loaded = shape("visits: {table: public.visits, found_by: [{column: k, identity: user_id}]}")
    keys = frozenset(SubjectKey("user_id", one) for one in ("7", "7.0"))
    chunk = [Subject(1, keys), *(subject(n, user_id=str(n)) for n in range(100, 99 + people))]
    with opened(database, loaded) as store:
        assert due(store.count(chunk, ACME, CUTOFF)) == due(store.verify(chunk, ACME, CUTOFF)) == {"visits": 1}


@pytest.mark.parametrize("kind", ["money", "bit(8)", "bit varying(8)"])
def test_rows_below_are_found_by_keys_that_the_server_does_not_hash(database: str, kind: str) -> None:
    """It has no recursive query over them: such rows are known by where they stand."""
    first, second, third = ("1", "2", "3") if kind == "money" else ("00000001", "00000010", "00000011")
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        f"CREATE TABLE comments (k {kind} PRIMARY KEY, user_id int, above {kind} REFERENCES comments);"
        f"INSERT INTO comments VALUES ('{first}', 1, NULL), ('{second}', NULL, '{first}'), ('{third}', 2, NULL)",
    )
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        "comments: {table: public.comments, goes_with_any: {reason: answers, approved_by: A. Officer},"
        " found_by: [{column: user_id, of: users.id}, {column: above, of: comments.k}]}"
    )
    erased(database, loaded, user_id="1", expected={"users": 1, "comments": 2})
    assert left(database, "comments", "user_id") == [2]


@pytest.mark.parametrize("kind", ["name", 'text COLLATE "C"', 'varchar(9) COLLATE "POSIX"'])
def test_rows_below_are_found_by_keys_of_any_collation(database: str, kind: str) -> None:
    execute(
        database,
        "CREATE TABLE users (id text PRIMARY KEY); INSERT INTO users VALUES ('ann'), ('bob');"
        f"CREATE TABLE notes (k {kind} PRIMARY KEY, user_id text, above {kind} REFERENCES notes);"
        "INSERT INTO notes VALUES ('a', 'ann', NULL), ('b', NULL, 'a'), ('c', 'bob', NULL)",
    )
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        "notes: {table: public.notes, goes_with_any: {reason: answers, approved_by: A. Officer},"
        " found_by: [{column: user_id, of: users.id}, {column: above, of: notes.k}]}"
    )
    erased(database, loaded, user_id="ann", expected={"users": 1, "notes": 2})
    assert left(database, "notes", "k") == ["c"]


def test_nothing_of_ours_stays_in_a_session(database: str) -> None:
    """A pooler hands sessions on to others."""
    execute(database, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}"
    )
    with opened(database, loaded) as store:
        [one] = resolved(store, [subject(1, user_id="1")], ACME)
        store.inspect()
        store.count([one], ACME, CUTOFF)
        store.verify([one], ACME, CUTOFF)
        with store._connections.lease() as session, psycopg.connect(database) as fresh:
            said = "SELECT name, setting FROM pg_settings WHERE name <> 'application_name' ORDER BY name"
            assert session.execute(said).fetchall() == fresh.execute(said).fetchall()


@pytest.mark.parametrize("value", ["ann@x.example", "Ann%@x.example", "Ann <ann@x.example>", "mailto:ann@x.example"])
@pytest.mark.parametrize("setting", ["standard_conforming_strings", "array_nulls"])
def test_what_a_literal_says_is_no_setting_of_theirs(database: str, setting: str, value: str) -> None:
    """With the string literals of older servers, patterns of ours lost their backslashes and found nothing."""
    execute(
        database,
        f"CREATE TABLE lists (id int PRIMARY KEY, members text[]); CREATE TABLE news (id int PRIMARY KEY, email text);"
        f"INSERT INTO lists VALUES (1, ARRAY['{value}', NULL]); INSERT INTO news VALUES (1, '{value}');"
        f'ALTER DATABASE "{database.rpartition("/")[2]}" SET {setting} = off',
    )
    loaded = shape(
        "lists: {table: public.lists, undated: erase, found_by: [{column: members, each: true, identity: email}]}\n"
        "news: {table: public.news, undated: erase, found_by: [{column: email, identity: email}]}",
        email="email/3",
    )
    person = subject(1, email="ann%@x.example" if "%" in value else "ann@x.example")
    with opened(database, loaded) as store:
        assert due(store.count([person], ACME, CUTOFF)) == {"lists": 1, "news": 1}
        assert due(store.verify([person], ACME, CUTOFF)) == {"lists": 1, "news": 1}
