"""The column that says whose the records are: a member is found in the one spelling that the column's type has."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import codes, findings
from tests.support.postgres.small_schemas import beside, left, shape, small_document

from expunge_connectors.contract import Scope, Severity, no_beat
from expunge_connectors.errors import UnknownMemberError

MAP = shape(
    "callers: {table: public.callers, owner: {controller: client, column: client}, person: user_id,"
    " found_by: [{column: id, identity: user_id}], yields: {user_id: id}}"
)
MADE = "CREATE TYPE colour AS ENUM ('red'); CREATE DOMAIN account AS int; CREATE EXTENSION citext;"
UUID = "aaaaaaaa-0000-0000-0000-000000000001"
OTHERWISE = [
    ("int", "42", ["042", "+42", "42.0", " 42", "4_2", "٤٢", "x", "9" * 5_000]),
    ("bigint", "-42", ["\N{MINUS SIGN}42", "-042", "-0"]),
    ("account", "42", ["042"]),
    ("numeric(10,0)", "42", ["42.0", "4.2e1", "-0"]),
    ("uuid", UUID, [UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", "a"]),
    ("colour", "red", ["Red", "RED"]),
    ("text", "042", []),
    ("char(6)", "42", []),
    ("boolean", "true", []),
]


def table(database, kind, value):
    """A row of the member's, and the same for a stranger."""
    execute(
        database,
        f"{MADE} CREATE TABLE callers (id int PRIMARY KEY, client {kind} NOT NULL);"
        f"INSERT INTO callers VALUES (1, '{value}'), (2, '{value}')",
    )


@pytest.mark.parametrize(("kind", "spelling", "others"), OTHERWISE, ids=[one[0] for one in OTHERWISE])
def test_a_member_in_another_spelling_is_refused(database, kind, spelling, others):
    table(database, kind, spelling)
    assert codes(findings(database, MAP), Severity.ERROR) == set()
    ada = subject(1, user_id="1")
    with opened(database, MAP) as store:
        for other in others:
            scope = Scope("client", other)
            for ask in (
                lambda scope=scope: store.resolve([ada], scope, CUTOFF),
                lambda scope=scope: store.count([ada], scope, CUTOFF),
                lambda scope=scope: store.count([], scope, CUTOFF),
                lambda scope=scope: store.erase([ada], actions(MAP, "client"), scope, CUTOFF, no_beat),
                lambda scope=scope: store.verify([ada], scope, CUTOFF),
            )[: 4 if kind == "colour" else None]:
                with pytest.raises(UnknownMemberError, match=r"collection callers: .* in client are ") as refused:
                    ask()
                assert len(other) < 4 or other not in str(refused.value)
            if kind == "colour":  # what is no label has no rows: verification can say so
                assert due(store.verify([ada], scope, CUTOFF)) == {}
        scope = Scope("client", spelling)
        [ada] = resolved(store, [ada], scope)
        assert due(store.count([ada], scope, CUTOFF)) == due(store.verify([ada], scope, CUTOFF)) == {"callers": 1}
        assert left(database, "callers") == [1, 2]
        assert store.erase([ada], actions(MAP, "client"), scope, CUTOFF, no_beat) == 1
        assert due(store.verify([ada], scope, CUTOFF)) == {}


@pytest.mark.parametrize("kind", ["numeric(10,2)", "numeric", "float8", "citext", "timestamptz", "varchar[]", "jsonb"])
def test_a_type_with_several_spellings_of_a_member_is_refused(database, kind):
    value = {"timestamptz": "2026-01-01", "varchar[]": "{}"}.get(kind, "42")
    table(database, kind, value)
    assert codes(findings(database, MAP), Severity.ERROR) == {("owner-type", "callers")}


TWO = shape("""
callers: {table: public.callers, owner: {controller: client, column: client}, person: user_id,
  found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
extras: {table: public.extras, owner: {controller: client, column: client},
  found_by: [{column: caller, identity: user_id}]}
""")


def test_a_member_that_is_a_label_of_one_enum_has_no_rows_in_a_table_of_another(database):
    execute(
        database,
        "CREATE TYPE one AS ENUM ('acme', 'beta'); CREATE TYPE other AS ENUM ('acme');"
        "CREATE TABLE callers (id int PRIMARY KEY, client one NOT NULL);"
        "CREATE TABLE extras (id int PRIMARY KEY, caller int, client other NOT NULL);"
        "INSERT INTO callers VALUES (1, 'beta'), (2, 'acme'); INSERT INTO extras VALUES (1, 1, 'acme'), (2, 2, 'acme')",
    )
    scope = Scope("client", "beta")
    with opened(database, TWO) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], scope)
        assert due(store.count([ada], scope, CUTOFF)) == due(store.verify([ada], scope, CUTOFF)) == {"callers": 1}
        assert store.erase([ada], actions(TWO, "client"), scope, CUTOFF, no_beat) == 1
        assert due(store.verify([ada], scope, CUTOFF)) == {}
    assert (left(database, "callers"), left(database, "extras")) == ([2], [1, 2])


def test_a_label_that_was_renamed_meanwhile_stops_nothing(database):
    """A batch that was begun before can be tried again, settled and cancelled: nothing is left under the old name."""
    table(database, "colour", "red")
    scope, ada = Scope("client", "red"), subject(1, user_id="1")
    with opened(database, MAP) as store:
        [ada] = resolved(store, [ada], scope)
        execute(database, "ALTER TYPE colour RENAME VALUE 'red' TO 'blue'")
        assert due(store.verify([ada], scope, CUTOFF)) == due(store.count([ada], scope, CUTOFF)) == {}
        assert store.erase([ada], actions(MAP, "client"), scope, CUTOFF, no_beat) == 0
    assert left(database, "callers") == [1, 2]


COUNTED = """
users: {table: public.users, owner: {controller: client, column: tenant}, person: user_id,
  found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
wishes: {table: public.wishes, owner: {controller: client, column: tenant},
  found_by: [{column: who, identity: user_id}], yields: {user_id: who}}
"""
ADDRESSED = """
users: {table: public.users, owner: {controller: client, column: client}, person: user_id,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}], yields: {user_id: id, email: email},
  created: created}
"""
COMMENTS = "comments: {table: public.comments, owner: {controller: client, %s}, found_by: [%s]}"
TENANT, INHERITED = "column: tenant", "inherited: true"
BY_ID, BY_WISH = "{column: author, of: users.id}", "{column: author, of: wishes.who}"
BY_BOTH = "{columns: [tenant, author], of: users, of_columns: [tenant, id]}"
SAME = {"same_person": {"reason": "one sequence for all tenants", "approved_by": "dba"}}


def numbered(database, key):
    """Users whose number is unique alone, or together with the tenant."""
    execute(
        database,
        f"CREATE TABLE users (id int, tenant int, PRIMARY KEY ({key}));"
        "CREATE TABLE wishes (who int, tenant int, nr int, PRIMARY KEY (tenant, who, nr));"
        "CREATE TABLE comments (id int PRIMARY KEY, tenant int NOT NULL, author int NOT NULL)",
    )


@pytest.mark.parametrize(
    ("key", "comments", "said", "told"),
    [
        ("tenant, id", (INHERITED, BY_ID), {}, {("tie-not-unique", "comments")}),
        ("tenant, id", (INHERITED, BY_WISH), {}, {("tie-not-unique", "comments")}),
        ("tenant, id", (TENANT, BY_ID), {}, set()),
        ("tenant, id", (INHERITED, BY_BOTH), {}, set()),
        ("tenant, id", (INHERITED, BY_ID), SAME, set()),
        ("id", (INHERITED, BY_ID), {}, set()),
        ("id", (INHERITED, BY_WISH), {}, set()),
    ],
)
def test_an_id_that_each_member_counts_leads_to_rows_that_tell_the_member(database, key, comments, said, told):
    numbered(database, key)
    document = small_document(COUNTED + COMMENTS % comments)
    document["identities"]["user_id"] |= said
    assert codes(findings(database, checked(document)), Severity.ERROR) == told


@pytest.mark.parametrize(
    ("key", "name", "told"),
    [
        ("tenant, id", "profile:{user_id}", {("tenant-key-elsewhere", "users")}),
        ("tenant, id", "profile:{controller}:{user_id}", set()),
        ("id", "profile:{user_id}", set()),
    ],
)
def test_an_id_that_each_member_counts_names_nothing_elsewhere_alone(database, key, name, told):
    numbered(database, key)
    loaded = beside(small_document(COUNTED), name)
    assert codes(findings(database, loaded), Severity.ERROR) == told


@pytest.mark.parametrize(
    ("unique", "name", "said", "told"),
    [
        ("client, email", "cart:{email}", {}, {("tenant-key-elsewhere", "users")}),
        ("client, email", "cart:{controller}:{email}", {}, set()),
        ("client, email", "cart:{email}", SAME, set()),
        ("email", "cart:{email}", {}, set()),
    ],
)
def test_a_value_that_two_members_people_may_have_names_nothing_elsewhere_alone(database, unique, name, said, told):
    """Another member's account may have the address as well, and the cart with it."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, client int NOT NULL, email text, created timestamptz NOT NULL,"
        f" UNIQUE ({unique}))",
    )
    document = small_document(ADDRESSED)
    document["identities"]["email"] |= said
    assert codes(findings(database, beside(document, name)), Severity.ERROR) == told


def test_rows_without_an_owner_are_told(database):
    """They are no member's: whatever a request names, they stay."""
    execute(database, "CREATE TABLE callers (id int PRIMARY KEY, client int); INSERT INTO callers VALUES (1, 42)")
    assert "owner-empty" not in {one.code for one in findings(database, MAP)}
    execute(database, "INSERT INTO callers VALUES (2, NULL), (3, NULL)")
    [told] = [one for one in findings(database, MAP) if one.code == "owner-empty"]
    assert told.severity is Severity.WARNING
    assert "2 of them are empty" in told.message


LINKED = shape(
    "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
    " yields: {user_id: id}}\n"
    "devices: {table: public.devices, found_by: [{column: user_id, of: users.id}]}\n"
    "readings: {table: public.readings,"
    " found_by: [{columns: [serial, rev], of: devices, of_columns: [number, rev]}]}"
)


@pytest.mark.parametrize(("distinct", "told"), [("NULLS NOT DISTINCT", ["1 of them is empty"]), ("", [])])
def test_a_link_that_compares_no_null_is_told_where_an_index_does(database, distinct, told):
    """Ann's device without a revision is one device to the index, and none to a link."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY);"
        f"CREATE TABLE devices (number text NOT NULL, rev varchar(9), user_id int, UNIQUE {distinct} (number, rev));"
        "CREATE TABLE readings (id int PRIMARY KEY, serial text, rev text);"
        "INSERT INTO devices VALUES ('S1', NULL, 1), ('S1', 'b', 2), ('S2', 'a', 1);"
        "INSERT INTO readings VALUES (1, 'S1', 'b'), (2, 'S1', NULL), (3, 'S2', NULL), (4, NULL, NULL), (5, NULL, 'b')",
    )
    found = [one.message for one in findings(database, LINKED) if one.code == "tie-empty"]
    assert [part in message for part, message in zip(told, found, strict=True)] == [True] * len(told)
