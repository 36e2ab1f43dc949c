"""Inspect: links that could reach a stranger, persons that nothing reaches, tombstones that a constraint refuses."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from tests.support.postgres.company import CUTOFF, actions, data_map, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import codes, edit, findings
from tests.support.postgres.small_schemas import ACME, checked, shape, small_document

from expunge_connectors.contract import Severity, Subject, SubjectKey, no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import PostgresSpec
from expunge_orchestrator.rules.identity_resolution import resolve

NOTHING = ""


def link_by_street(document):
    """Addresses through their street: two people may write it alike."""
    collections = document["stores"]["main"]["collections"]
    collections["user_profiles"]["found_by"] = [{"column": "timezone", "of": "users.status"}]


def tombstoned_addresses(document):
    """A parent that others point to, overwritten without asking them."""
    addresses = document["stores"]["main"]["collections"]["addresses"]
    del addresses["sharing"]
    addresses["data_type"] = "account_anchor"
    addresses["tombstone"] = {"street": "'erased'"}


def unshared_addresses(document):
    """A parent that goes with its child: the foreign key is what keeps a stranger's from going."""
    addresses = document["stores"]["main"]["collections"]["addresses"]
    del addresses["sharing"]
    addresses["data_type"] = "account"


def inherited(document):
    leads = document["stores"]["main"]["collections"]["leads"]
    leads["owner"] = {"controller": "client", "inherited": True}


def tombstoned(**expressions):
    def change(document):
        document["stores"]["main"]["collections"]["users"]["tombstone"].update(expressions)

    return change


def kept(**reasons):
    def change(document):
        document["stores"]["main"]["collections"]["users"]["keeps"] = reasons

    return change


def left(column):
    def change(document):
        del document["stores"]["main"]["collections"]["users"]["tombstone"][column]

    return change


ERRORS = [
    ("tie-not-unique", "user_profiles", NOTHING, link_by_street),
    ("tie-not-unique", "addresses", NOTHING, tombstoned_addresses),
    # A row below `user_addresses` may point to a stranger's address: the foreign key does not hold for it.
    ("tie-not-unique", "addresses", "CREATE TABLE more_homes () INHERITS (user_addresses)", unshared_addresses),
    ("tie-not-unique", "call_notes", "ALTER TABLE calls DROP CONSTRAINT calls_pkey CASCADE", None),
    # The root's primary key does not hold for the table below it.
    ("tie-not-unique", "call_notes", "CREATE TABLE more_calls () INHERITS (calls)", None),
    ("inherited-identity", "leads", NOTHING, inherited),
    ("tombstone-incomplete", "users", NOTHING, left("phone")),
    ("tombstone-incomplete", "users", NOTHING, left("email")),
    ("tombstone-leftover", "users", NOTHING, left("full_name")),
    ("tombstone-leftover", "users", "ALTER TABLE users ADD bio text", None),
    ("tombstone-leftover", "users", 'ALTER TABLE users ADD "Date of Birth" date', None),
    ("tombstone-leftover", "users", "ALTER TABLE users ADD password_hash bytea", None),
    ("tombstone-leftover", "users", "ALTER TABLE users ADD last_ip inet", None),
    ("column-missing", "users", NOTHING, kept(biography="It is the company's")),
    (
        "tombstone-generated",
        "users",
        "ALTER TABLE users ADD lower text GENERATED ALWAYS AS (lower(email)) STORED",
        tombstoned(lower="'x'"),
    ),
    ("tombstone-check", "users", NOTHING, tombstoned(full_name="''")),
    ("tombstone-check", "users", "ALTER TABLE users ADD CHECK (email ILIKE '%@mail.example')", None),
    ("tombstone-check", "users", "ALTER TABLE users ADD CHECK (client_id < 2 OR phone IS NOT NULL) NOT VALID", None),
    ("tombstone-unique", "users", NOTHING, tombstoned(email="'erased'")),
    ("tombstone-unique", "users", "CREATE UNIQUE INDEX ON users (client_id, lower(full_name))", None),
    ("tombstone-unique", "users", "CREATE UNIQUE INDEX ON users (full_name) WHERE status = 'closed'", None),
    ("tombstone-unique", "users", "CREATE UNIQUE INDEX ON users (phone) NULLS NOT DISTINCT", None),
    (
        "tombstone-unique",
        "users",
        "ALTER TABLE users ADD key text GENERATED ALWAYS AS (lower(full_name)) STORED UNIQUE",
        None,
    ),
    (
        "tombstone-check",
        "users",
        "ALTER TABLE users ADD key text GENERATED ALWAYS AS (lower(email)) STORED CHECK (key LIKE '%@mail.example')",
        None,
    ),
    ("tombstone-unique", "users", "ALTER TABLE users ADD EXCLUDE USING btree (full_name WITH =)", None),
    (
        "tombstone-foreign-key",
        "users",
        (
            "CREATE TABLE states (name text PRIMARY KEY); INSERT INTO states VALUES ('active');"
            "ALTER TABLE users ADD FOREIGN KEY (status) REFERENCES states"
        ),
        None,
    ),
]


def test_a_column_is_kept_where_the_map_says_why(company):
    execute(company, "ALTER TABLE users ADD bio text, ADD title text, ADD quantity int, ADD verified_email boolean")
    named = {
        one.message.split(" leaves ")[1].split(",")[0] for one in findings(company) if one.code == "tombstone-leftover"
    }
    assert named == {"public.users.bio", "public.users.title"}
    reasons = {"bio": "The author's note on a published book", "title": "Mr and Ms alone", "quantity": "A number"}
    assert "tombstone-leftover" not in {one.code for one in findings(company, data_map(kept(**reasons)))}


def test_a_computed_column_goes_with_what_it_is_computed_from(company):
    execute(
        company,
        "ALTER TABLE users ADD display_name text GENERATED ALWAYS AS (upper(full_name)) STORED,"
        " ADD contact_name text GENERATED ALWAYS AS (upper(status)) STORED, ADD nick text,"
        " ADD nick_name text GENERATED ALWAYS AS (lower(nick)) STORED",
    )
    found = [one for one in findings(company) if one.code == "tombstone-leftover"]
    assert [one.message for one in found] == [
        "The tombstone leaves public.users.nick_name, which by its name holds personal data (name)."
    ]


def test_what_finds_a_person_cannot_be_kept(company):
    def change(document):
        left("email")(document)
        kept(email="We like it")(document)

    assert ("tombstone-incomplete", "users") in codes(findings(company, data_map(change)))


@pytest.mark.parametrize(("code", "collection", "statements", "change"), ERRORS)
def test_errors(company, code, collection, statements, change):
    assert (code, collection) not in codes(findings(company))
    if statements:
        execute(company, statements)
    found = [one for one in findings(company, data_map(change)) if (one.code, one.collection) == (code, collection)]
    assert {one.severity for one in found} == {Severity.ERROR}
    assert found[0].remedy


@pytest.mark.parametrize(
    ("statements", "change"),
    [
        # Values that are one person's although no index says so: the way to the rows is by that value itself.
        (
            (
                "CREATE TABLE seen (user_id bigint, at int, PRIMARY KEY (user_id, at));"
                "CREATE TABLE seen_more (id int PRIMARY KEY, user_id bigint)"
            ),
            "chain",
        ),
        ("ALTER TABLE recordings DROP CONSTRAINT recordings_object_key_key", "internal"),
    ],
)
def test_a_link_by_a_value_that_belongs_to_one_person_is_precise(company, statements, change):
    execute(company, statements)

    def chain(document):
        common = {"data_type": "account", "owner": {"controller": "calltrack"}}
        document["stores"]["main"]["collections"] |= {
            "seen": {"table": "public.seen", "found_by": [{"column": "user_id", "of": "users.id"}], **common},
            "seen_more": {
                "table": "public.seen_more",
                "found_by": [{"column": "user_id", "of": "seen.user_id"}],
                **common,
            },
        }

    def internal(document):
        transcripts = document["stores"]["main"]["collections"]["transcripts"]
        transcripts["found_by"] = [{"column": "body", "of": "recordings.object_key"}]

    loaded = data_map({"chain": chain, "internal": internal}[change])
    assert "tie-not-unique" not in {one.code for one in findings(company, loaded)}


@pytest.mark.parametrize(
    ("statements", "change"),
    [
        ("CREATE UNIQUE INDEX ON users (full_name) WHERE status = 'active'", None),
        # A column whose quoted name only holds the name of one that is overwritten.
        (
            (
                'ALTER TABLE users ADD "status." bigint; UPDATE users SET "status." = id;'
                'CREATE UNIQUE INDEX ON users ("status.") NULLS NOT DISTINCT'
            ),
            None,
        ),
        ("CREATE UNIQUE INDEX ON users (id, full_name)", None),
        ("CREATE UNIQUE INDEX ON users (phone)", None),
        ("CREATE UNIQUE INDEX ON users (email, full_name)", None),
        # Of other operators than = nothing is said: an empty range overlaps none.
        ("ALTER TABLE users ADD EXCLUDE USING gist (int4range(length(full_name), length(full_name)) WITH &&)", None),
        ("ALTER TABLE users ADD CHECK (client_id > 0 OR full_name = 'x')", None),
        ("ALTER TABLE users ADD CHECK (email LIKE '%@%' AND phone <> '')", None),
        (
            (
                "CREATE TABLE states (name text PRIMARY KEY); INSERT INTO states VALUES ('active'), ('closed');"
                "ALTER TABLE users ADD FOREIGN KEY (status) REFERENCES states"
            ),
            None,
        ),
        ("ALTER TABLE users ADD lower text GENERATED ALWAYS AS (lower(email)) STORED", "lower"),
    ],
)
def test_a_tombstone_that_fits_is_not_complained_about(company, statements, change):
    execute(company, statements)

    def by_generated(document):
        users = document["stores"]["main"]["collections"]["users"]
        users["found_by"].append({"column": "lower", "identity": "email"})
        users["goes_with_any"] = {"reason": "one address in two columns", "approved_by": "A. Officer"}

    loaded = data_map(by_generated if change else None)
    assert [one.code for one in findings(company, loaded) if one.severity is Severity.ERROR] == []


def test_trying_a_constraint_writes_nothing_and_says_no_value(company):
    execute(company, "ALTER TABLE users ADD CHECK (email ILIKE '%@mail.example')")
    before = execute(company, "SELECT xmin::text, users.* FROM users ORDER BY id")
    found = findings(company, data_map(edit("users", created="created_at")))
    assert execute(company, "SELECT xmin::text, users.* FROM users ORDER BY id") == before
    told = repr(found)
    assert not [value for row in before for value in row if isinstance(value, str) and len(value) > 5 and value in told]


PAIRS = """
CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE halves (user_id bigint PRIMARY KEY REFERENCES users, x int, y int, FOREIGN KEY (x, y) REFERENCES pairs);
"""


@pytest.mark.parametrize(("of_columns", "precise"), [(["x", "y"], True), (["y", "x"], False)])
def test_columns_of_a_link_are_compared_pair_by_pair(company, of_columns, precise):
    execute(company, PAIRS)

    def change(document):
        common = {"data_type": "account", "owner": {"controller": "calltrack"}}
        links = [{"columns": ["a", "b"], "of": "halves", "of_columns": of_columns}]
        document["stores"]["main"]["collections"] |= {
            "halves": {"table": "public.halves", "found_by": [{"column": "user_id", "of": "users.id"}], **common},
            "pairs": {"table": "public.pairs", "found_by": links, **common},
        }

    assert (("tie-not-unique", "pairs") in codes(findings(company, data_map(change)))) is not precise


def documents(*removed, link=("contact", "email")):
    """Users with a document: the link into it, and the paths that the tombstone removes."""

    def change(document):
        users = document["stores"]["main"]["collections"]["users"]
        users["found_by"].append({"column": "profile", "path": list(link), "identity": "email"})
        if removed:
            users["tombstone"]["profile"] = {"remove": [list(path) for path in removed]}

    return change


PROFILE = 'ALTER TABLE users ADD profile jsonb NOT NULL DEFAULT \'{"contact": {"email": "a@b.example"}}\''


@pytest.mark.parametrize(
    ("removed", "complete"),
    [
        ([], False),
        ([["contact", "phone"]], False),
        ([["contact", "email", "local"]], False),
        ([["contact", "email"]], True),
        ([["contact"]], True),
        ([["x"], ["contact"]], True),
    ],
)
def test_a_tombstone_that_leaves_an_identifier_inside_a_document(company, removed, complete):
    execute(company, PROFILE)
    found = [one for one in findings(company, data_map(documents(*removed))) if one.code == "tombstone-incomplete"]
    assert (found == []) is complete
    assert complete or "users.profile (contact > email)" in found[0].message


@pytest.mark.parametrize(
    ("check", "refused"),
    [("profile ? 'contact'", False), ("profile #> '{contact,email}' IS NOT NULL", True), ("profile <> '{}'", False)],
)
def test_a_check_that_refuses_what_is_left_of_a_document(company, check, refused):
    execute(company, f"{PROFILE}; ALTER TABLE users ADD CHECK ({check})")
    found = codes(findings(company, data_map(documents(["contact", "email"]))), Severity.ERROR)
    assert (("tombstone-check", "users") in found) is refused


TOKENS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
devices: {table: public.devices, found_by: [{column: user_id, of: users.id}]}
"""
BY_USER = "found_by: [{column: user_id, of: users.id}]"
ASSURED = "{column: token, never_shared: {reason: 128 random bits, approved_by: nobody}}"


@pytest.mark.parametrize(
    ("column", "sessions", "severity"),
    [
        # A token that a later session of somebody else may hold again.
        ("token text", BY_USER + ", yields: {token: token}", Severity.ERROR),
        ("token text, UNIQUE (user_id, token)", BY_USER + ", yields: {token: token}", Severity.ERROR),
        ("token text", BY_USER + ", yields: {token: token, user_id: user_id}", Severity.ERROR),
        ("token text[]", BY_USER + ", yields: {token: {column: token, each: true}}", Severity.ERROR),
        (
            "token int REFERENCES devices (kind)",
            "found_by: [{column: token, of: devices.kind}], yields: {token: token}",
            None,
        ),
        ("token text", BY_USER + f", yields: {{token: {ASSURED}}}", Severity.WARNING),
        ("token text UNIQUE", BY_USER + ", yields: {token: token}", None),
        ("token int", "found_by: [{column: token, of: devices.id}], yields: {token: token}", None),
        (
            "token text",
            (
                "found_by: [{column: user_id, of: users.id}, {column: token, identity: token}],"
                " yields: {token: token, user_id: user_id}"
            ),
            None,
        ),
    ],
)
def test_an_internal_identity_is_one_persons(database, column, sessions, severity):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY);"
        "CREATE TABLE devices (id int PRIMARY KEY, user_id int REFERENCES users, kind int UNIQUE);"
        f"CREATE TABLE sessions (id int PRIMARY KEY, user_id int REFERENCES users, {column})",
    )
    loaded = shape(TOKENS + f"sessions: {{table: public.sessions, {sessions}}}")
    found = [one for one in findings(database, loaded) if one.code == "internal-not-unique"]
    assert [(one.severity, one.collection) for one in found] == ([(severity, "sessions")] if severity else [])


def test_a_unique_index_knows_nothing_of_spelling(database):
    """`A` and `a` are two values to it, and one key under a rule that folds."""
    execute(database, "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE sessions (id int, token text UNIQUE);")
    execute(database, "ALTER TABLE sessions ADD user_id int REFERENCES users, ADD PRIMARY KEY (id)")
    sessions = f"sessions: {{table: public.sessions, {BY_USER}, yields: {{token: token}}}}"
    loaded = shape(TOKENS + sessions)
    assert "internal-not-unique" not in {one.code for one in findings(database, loaded)}
    document = loaded.model_dump(mode="json", exclude_unset=True)
    document["identities"]["token"]["normaliser"] = "email/2"
    assert "internal-not-unique" in {one.code for one in findings(database, checked(document))}


def test_the_index_of_the_remedy_works(company):
    execute(company, "ALTER TABLE recordings DROP CONSTRAINT recordings_object_key_key")
    [found] = [one for one in findings(company) if one.code == "internal-not-unique"]
    statement = found.remedy.partition(";")[0]
    assert statement.startswith("CREATE UNIQUE INDEX CONCURRENTLY")
    execute(company, statement.replace(" CONCURRENTLY", ""))
    assert "internal-not-unique" not in {one.code for one in findings(company)}


def test_a_value_of_two_people_is_ambiguous_where_the_table_is_linked_by_it(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2), (3);"
        "CREATE TABLE sessions (id int PRIMARY KEY, user_id int REFERENCES users, token text);"
        "INSERT INTO sessions VALUES (1, 1, 'again'), (2, 2, 'again'), (3, 3, 'own')",
    )
    loaded = shape(
        TOKENS.partition("devices")[0]
        + """
sessions:
  table: public.sessions
  found_by: [{column: user_id, of: users.id}, {column: token, identity: token}]
  yields: {token: token, user_id: user_id}
"""
    )
    given = {number: subject(number, user_id=str(number)).keys for number in (1, 2, 3)}
    with opened(database, loaded) as store:
        told = resolve(
            given,
            lambda asked: [("main", store.resolve(asked, ACME, CUTOFF))],
            lambda asked: store.told_by_others(asked, ACME, CUTOFF),
            loaded,
        )
    assert {number for number, one in told.items() if one.ambiguity is not None} == {1, 2}
    assert SubjectKey("token", "own") in told[3].keys


@pytest.mark.parametrize(
    ("kind", "value", "source"),
    [
        ("text", "'{}'", ASSURED),
        ("text[]", "ARRAY['{}', NULL]", ASSURED.replace("token,", "token, each: true,")),
        ("jsonb", """'[{{"t": "{}"}}, {{"t": ""}}]'""", ASSURED.replace("token,", "token, path: [t],")),
    ],
)
def test_a_value_that_was_shared_against_the_word_of_the_map_is_not_followed(database, kind, value, source):
    tokens = enumerate(["again", "again", "own", "own", "other"], start=1)
    rows = ", ".join(f"({number}, {min(number, 3)}, {value.format(token)})" for number, token in tokens)
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2), (3);"
        f"CREATE TABLE sessions (id int PRIMARY KEY, user_id int REFERENCES users, token {kind});"
        f"INSERT INTO sessions VALUES {rows}",
    )
    sessions = (
        "sessions: {table: public.sessions, found_by: [{column: user_id, of: users.id}], yields: {token: SOURCE}}"
    )
    loaded = shape(TOKENS.partition("devices")[0] + sessions.replace("SOURCE", source))
    people = [subject(number, user_id=str(number)) for number in (1, 2, 3)]
    with opened(database, loaded) as store:
        told = store.resolve(people, ACME, CUTOFF)
        assert {(one.number, one.key.value) for one in told if one.key.namespace == "token"} == {
            (3, "own"),
            (3, "other"),
        }
        people = [
            Subject(one.number, one.keys | {found.key for found in told if found.number == one.number})
            for one in people
        ]
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        left = {number: tallies["sessions"].due for number, tallies in store.verify(people, ACME, CUTOFF).items()}
    assert left == {1: 1, 2: 1, 3: 0}


def test_only_an_internal_identity_can_be_assured():
    loaded = data_map()
    document = loaded.stores["main"].model_dump(mode="json", exclude_none=True)
    one = {"column": "email", "never_shared": {"reason": "x", "approved_by": "x"}}
    document["collections"]["users"]["yields"]["email"] = one
    [(where, _)] = PostgresSpec.model_validate(document).complaints(loaded)
    assert where == ("collections", "users", "yields", "email", "never_shared")


def test_columns_that_are_compared_through_a_normaliser_may_have_any_collations(database):
    execute(
        database,
        'CREATE TABLE users (id int PRIMARY KEY, token text COLLATE "C" UNIQUE);'
        'CREATE TABLE logins (id int PRIMARY KEY, user_id int, token text COLLATE "POSIX" UNIQUE)',
    )
    loaded = shape(
        """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id, token: token}
logins: {table: public.logins, found_by: [{column: user_id, identity: user_id}], yields: {token: token}}
""",
        token="uuid/1",
    )
    with opened(database, loaded) as store:
        assert "collation" not in {one.code for one in store.inspect()}


def test_columns_that_the_server_refuses_to_compare_and_the_remedy_can_be_pasted(database):
    execute(
        database,
        'CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE places (code text COLLATE "C" PRIMARY KEY);'
        "CREATE TABLE links (id int PRIMARY KEY, user_id int REFERENCES users, nr text,"
        ' code varchar(9) COLLATE "POSIX" REFERENCES places);'
        "INSERT INTO users VALUES (1), (2); INSERT INTO places VALUES ('a'), ('b');"
        "INSERT INTO links VALUES (1, 1, 'a', 'a'), (2, 2, 'b', 'b'), (3, 1, 'b', 'b')",
    )
    loaded = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
links: {table: public.links, found_by: [{column: user_id, of: users.id}]}
places: {table: public.places, sharing: last_owner, found_by: [{column: code, of: links.code}]}
""")
    with opened(database, loaded) as store:
        [blocking] = [one for one in store.inspect() if one.severity is Severity.ERROR]
        assert (blocking.code, blocking.collection) == ("collation", "links")
        execute(database, blocking.remedy)
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert due(store.count([ann], ACME, CUTOFF)) == {"users": 1, "links": 2, "places": 1}


@pytest.mark.parametrize(
    ("index", "collides"),
    [
        ("(tenant, email)", False),  # the tenant stays, and ids count within it
        ("(tenant, email) WHERE email <> ''", False),
        ("(email)", True),
        ("(lower(tenant), email)", True),  # `A` and `a` are two tenants
    ],
)
def test_tombstones_of_two_tenants_collide_only_where_the_index_leaves_the_tenant_out(database, index, collides):
    execute(
        database,
        "CREATE TABLE users (tenant text, id int, email text NOT NULL, PRIMARY KEY (tenant, id));"
        f"CREATE UNIQUE INDEX ON users {index}",
    )
    loaded = shape("""
users:
  table: public.users
  data_type: anchor
  owner: {controller: client, column: tenant}
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {email: "'erased-' || id"}
""")
    errors = codes(findings(database, loaded), Severity.ERROR)
    assert errors == ({("tombstone-unique", "users")} if collides else set())


_CUT = """
CREATE DOMAIN short AS varchar(11);
CREATE TABLE users (id bigint PRIMARY KEY, name {type} UNIQUE);
INSERT INTO users VALUES (1, 'ann'), (1001, 'bob'), (10010, 'cleo');
"""


@pytest.mark.parametrize("type_", ["varchar(11)", "char(11)", "short"])
def test_no_tombstone_is_cut_to_what_its_column_holds(database: str, type_: str) -> None:
    """`erased-1001` is Bob's, and would be Cleo's."""
    execute(database, _CUT.format(type=type_))
    loaded = shape("""
users: {table: public.users, data_type: anchor, person: user_id, found_by: [{column: id, identity: user_id}],
  yields: {user_id: id}, tombstone: {name: "'erased-' || id"}}
""")
    [found] = [one for one in findings(database, loaded) if one.severity is Severity.ERROR]
    assert (found.code, found.collection) == ("tombstone-cut", "users")
    with opened(database, loaded) as store:
        people = resolved(
            store, [subject(1, user_id="1"), subject(2, user_id="1001"), subject(3, user_id="10010")], ACME
        )
        for one in people:
            with pytest.raises(TerminalError, match="22001") if one.number == 3 else nullcontext():
                store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {"users": 1}
    assert {name.strip() for (name,) in execute(database, "SELECT name FROM users")} == {
        "erased-1",
        "erased-1001",
        "cleo",
    }
    execute(database, "DELETE FROM users WHERE id = 10010")
    assert "tombstone-cut" not in {one.code for one in findings(database, loaded)}


TWO_TENANTS = """
CREATE TABLE users (tenant text, id int, email text NOT NULL{key});
INSERT INTO users VALUES ('acme', 7, 'ann@mail.example'), ('globex', {second}, 'bob@mail.example')
"""
OF_TENANTS = """
users:
  table: public.users
  data_type: gone
  owner: {owner}
  person: number_id
  found_by: [{{column: id, identity: number_id}}]
  yields: {{number_id: id}}
"""


@pytest.mark.parametrize(
    ("key", "second", "owner", "severity"),
    [
        (", PRIMARY KEY (tenant, id)", 7, "{controller: acme}", Severity.ERROR),
        (", PRIMARY KEY (tenant, id)", 8, "{controller: acme}", Severity.WARNING),
        (", PRIMARY KEY (tenant, id)", 7, "{controller: client, column: tenant}", None),
        (", PRIMARY KEY (tenant, id), UNIQUE (id)", 8, "{controller: acme}", None),
    ],
)
def test_two_rows_of_one_number_are_two_people(database, key, second, owner, severity):
    """Ids that count for each tenant: with one of them the other tenant's person would go."""
    execute(database, TWO_TENANTS.format(key=key, second=second))
    document = small_document(OF_TENANTS.format(owner=owner))
    document["identities"]["number_id"] = {"kind": "person", "normaliser": "integer/2"}
    found = [one for one in findings(database, checked(document)) if one.code == "person-not-unique"]
    assert [one.severity for one in found] == ([] if severity is None else [severity])


UUID_ = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


@pytest.mark.parametrize(
    ("rule", "type_", "keys", "severity"),
    [
        ("integer/2", "text", ("7", "7 "), Severity.ERROR),
        ("integer/2", "text", ("7", "8"), Severity.WARNING),
        ("uuid/1", "text", (UUID_, UUID_.upper()), Severity.ERROR),
        ("uuid/1", "uuid", (UUID_, UUID_.replace("a", "b")), None),
        ("exact/1", "text", ("7", "7 "), None),
        ("integer/2", "numeric", ("7.00", "8"), None),
    ],
)
def test_two_spellings_of_one_key_are_two_rows_of_one_person(database, rule, type_, keys, severity):
    """The column is unique, and the normaliser makes one key of both: a request for one would take both."""
    execute(database, f"CREATE TABLE users (id {type_} PRIMARY KEY)")
    execute(database, "INSERT INTO users VALUES " + ", ".join(f"('{one}')" for one in keys))
    document = small_document(
        "users: {table: public.users, person: number_id, found_by: [{column: id, identity: number_id}],"
        " yields: {number_id: id}}"
    )
    document["identities"]["number_id"] = {"kind": "person", "normaliser": rule}
    found = [one for one in findings(database, checked(document)) if one.code == "person-not-unique"]
    assert [one.severity for one in found] == ([] if severity is None else [severity])
