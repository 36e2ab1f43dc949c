"""Inspect: each thing that stands in the way is found, named, and has a remedy."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.documentation import ROOT
from tests.support.postgres.company import data_map, execute, opened, version
from tests.support.postgres.inspection import ENOUGH, codes, edit, findings, terse
from tests.support.postgres.roles import role

from expunge_connectors.contract import Severity
from expunge_connectors.errors import TransientError


def make_indexes(company):
    """Make the indexes that are asked for, as the findings word them; returns how many."""
    remedies = [one.remedy for one in findings(company) if one.code == "tie-index"]
    for remedy in remedies:
        execute(company, remedy.replace(" CONCURRENTLY", ""))
    return len(remedies)


def test_the_example_has_nothing_to_complain_about_once_its_indexes_are_made(company):
    make_indexes(company)
    terse(company)
    with role(company, *ENOUGH) as url:
        # Somebody else may answer a message.
        assert codes(findings(url)) == {("foreign-key-of-others", "messages")}


def test_the_remedies_for_missing_indexes_work_as_they_are_written(company):
    assert make_indexes(company) == 7
    assert [one for one in findings(company) if one.code == "tie-index"] == []


def tombstoned(expression, column="full_name"):
    def change(document):
        document["stores"]["main"]["collections"]["users"]["tombstone"][column] = expression

    return change


def deleted_users(document):
    users = document["stores"]["main"]["collections"]["users"]
    users["data_type"] = "account"
    del users["tombstone"]


def without(collection):
    def change(document):
        del document["stores"]["main"]["collections"][collection]

    return change


def personal_key(document):
    users = document["stores"]["main"]["collections"]["users"]
    del users["tombstone"]["email"]


NOTHING = ""
TRIGGER = """
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION noted();
"""
# Without ICU the server makes no such collation: one that is there is called so.
LOOSE = 'CREATE COLLATION loose FROM "POSIX";'
CALLED = (
    ";SET allow_system_table_mods = on; UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'loose'"
)
ERRORS = [
    ("table-missing", "messages", "DROP TABLE messages", None),
    ("table-missing", "access_log", "DROP TABLE access_log", None),
    ("column-missing", "users", "ALTER TABLE users DROP created_at", None),
    ("column-missing", "users", "ALTER TABLE users DROP status", None),
    ("table-kind", "call_notes", "DROP TABLE call_notes; CREATE VIEW call_notes AS SELECT 1 AS call_id", None),
    ("table-kind", "call_notes", "CREATE TABLE top (LIKE call_notes); ALTER TABLE call_notes INHERIT top", None),
    (
        "value-type",
        "users",
        NOTHING,
        edit(
            "users",
            found_by=[{"column": "id", "identity": "user_id"}, {"column": "email", "each": True, "identity": "email"}],
            yields={"user_id": "id", "email": {"column": "email", "each": True}},
        ),
    ),
    (
        "tie-type",
        "call_notes",
        "ALTER TABLE call_notes DROP CONSTRAINT call_notes_call_id_fkey, ALTER call_id TYPE text",
        None,
    ),
    ("date-type", "users", NOTHING, edit("users", created="status")),
    ("date-type", "users", "ALTER TABLE users ADD days daterange", edit("users", start="days")),
    (
        "date-type",
        "users",
        "ALTER TABLE users ADD days timestamptz[] NOT NULL DEFAULT '{}'",
        edit("users", created="days"),
    ),
    ("collation", "users", LOOSE + "ALTER TABLE users ALTER email TYPE text COLLATE loose" + CALLED, None),
    (
        "collation",
        "leads",
        LOOSE + "ALTER TABLE leads ALTER email TYPE text COLLATE loose" + CALLED,
        None,
    ),
    (
        "collation",
        "call_notes",
        LOOSE + "ALTER TABLE call_notes ADD author text COLLATE loose" + CALLED,
        edit("call_notes", found_by=[{"column": "author", "identity": "email"}], undated="erase"),
    ),
    ("undeclared-table", "users", "CREATE TABLE extra (user_id bigint REFERENCES users)", None),
    ("undeclared-table", "recordings", NOTHING, without("transcripts")),
    (
        "cascade-into-undeclared",
        "messages",
        "CREATE TABLE extra (m bigint REFERENCES messages ON DELETE CASCADE)",
        None,
    ),
    ("cascade-into-log", "users", NOTHING, deleted_users),
    ("retained-child", "users", NOTHING, deleted_users),
    (
        "foreign-key-circle",
        "addresses",
        (
            "ALTER TABLE user_addresses ADD id bigint UNIQUE;"
            "ALTER TABLE addresses ADD first_owner bigint REFERENCES user_addresses (id)"
        ),
        None,
    ),
    ("tombstone-expression", "users", NOTHING, tombstoned("'was ' || email")),
    ("tombstone-expression", "users", NOTHING, tombstoned("no_such_function(id)")),
    ("tombstone-expression", "users", NOTHING, tombstoned("1", "id")),
    ("tombstone-expression", "users", NOTHING, tombstoned("(SELECT full_name FROM users ORDER BY id LIMIT 1)")),
    ("tombstone-expression", "users", NOTHING, tombstoned("(WITH x AS (SELECT id AS n) SELECT n::text FROM x)")),
    ("tombstone-expression", "users", NOTHING, tombstoned("key.id::text")),
    ("tombstone-expression", "users", NOTHING, tombstoned("key::text")),
    ("tombstone-expression", "users", NOTHING, tombstoned("max(id)::text")),
    ("created-nullable", "users", "ALTER TABLE users ALTER created_at DROP NOT NULL", None),
    ("tombstone-unstable", "users", NOTHING, tombstoned("gen_random_uuid()::text")),
    ("tombstone-unstable", "users", NOTHING, tombstoned("now()::text")),
    ("tombstone-null", "users", NOTHING, tombstoned("NULL")),
    (
        "tombstone-referenced",
        "users",
        "ALTER TABLE user_profiles ADD email text REFERENCES users (email)",
        None,
    ),
    (
        "tombstone-personal-key",
        "users",
        "ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE; ALTER TABLE users ADD PRIMARY KEY (email)",
        personal_key,
    ),
]


@pytest.mark.parametrize(("code", "collection", "statements", "change"), ERRORS)
def test_errors(company, code, collection, statements, change):
    loaded = data_map(change)
    assert (code, collection) not in codes(findings(company))
    if statements:
        execute(company, statements)
    found = findings(company, loaded)
    assert (code, collection) in codes(found, Severity.ERROR)
    for one in found:
        assert one.store == "main"
        assert one.message.endswith((".", ")"))
        assert one.remedy


@pytest.mark.parametrize("how", ["not validated", "not of the inheriting table"])
def test_a_creation_time_that_may_be_empty_all_the_same(company, how):
    """The server calls the column NOT NULL, from version 18 on; rows of before, or of the table below, hold none."""
    inherited = how != "not validated"
    constraint = "NOT NULL created_at NO INHERIT" if inherited else "NOT NULL created_at NOT VALID"
    if version(company) < 180000:
        constraint = constraint.replace("NOT NULL created_at", "CHECK (created_at IS NOT NULL)")
    below = "CREATE TABLE old_leads () INHERITS (leads);" if inherited else ""
    assert ("created-nullable", "leads") not in codes(findings(company))
    execute(company, f"ALTER TABLE leads ALTER created_at DROP NOT NULL; {below}")
    execute(company, f"ALTER TABLE leads ADD CONSTRAINT there {constraint}")
    assert ("created-nullable", "leads") in codes(findings(company), Severity.ERROR)


def test_a_decision_for_rows_without_a_creation_time_is_enough(company):
    execute(company, "ALTER TABLE users ALTER created_at DROP NOT NULL")

    def decided(document):
        document["stores"]["main"]["collections"]["users"]["undated"] = "keep"

    assert ("created-nullable", "users") not in codes(findings(company, data_map(decided)))


def test_an_undeclared_table_is_named_with_the_foreign_key_that_leads_to_the_map(company):
    execute(
        company,
        "CREATE TABLE goods (id int PRIMARY KEY, above int REFERENCES goods);"
        "CREATE TABLE extra (good int REFERENCES goods, user_id bigint REFERENCES users, id int PRIMARY KEY);"
        "CREATE TABLE more (good int REFERENCES goods, extra int REFERENCES extra)",
    )
    found = [one for one in findings(company) if one.code == "undeclared-table"]
    assert [(one.collection, one.message.partition(" (")[0]) for one in found] == [
        ("users", "public.extra points to public.users"),
        (None, "public.more points to public.extra"),
    ]


def test_an_undeclared_table_is_found_through_another_one(company):
    execute(
        company,
        "CREATE TABLE near (id int PRIMARY KEY, user_id bigint REFERENCES users);"
        "CREATE TABLE far (near_id int REFERENCES near);"
        "CREATE TABLE unrelated (id int PRIMARY KEY);"
        "CREATE TABLE of_a_log (log_id bigint REFERENCES access_log);",
    )
    found = [one.message for one in findings(company) if one.code == "undeclared-table"]
    assert [message.split()[0] for message in found] == ["public.far", "public.near"]


@pytest.mark.parametrize(
    ("code", "collection", "statements"),
    [
        ("trigger", "users", TRIGGER),
        ("rule", "messages", "CREATE RULE r AS ON DELETE TO messages DO INSTEAD NOTHING"),
        ("foreign-key-index", "messages", "DROP INDEX messages_reply_to"),
        ("foreign-key-index", "user_addresses", "DROP INDEX user_addresses_address"),
        ("tie-index", "messages", "DROP INDEX messages_user"),
        ("date-nullable", "invoices", "ALTER TABLE invoices ALTER issued_at DROP NOT NULL"),
        ("created-day", "users", "ALTER TABLE users ALTER created_at TYPE date"),
        (
            "cascade",
            "messages",
            "ALTER TABLE messages ADD FOREIGN KEY (reply_to) REFERENCES messages ON DELETE CASCADE",
        ),
        ("foreign-controller", "callers", "ALTER TABLE user_profiles ADD caller_id bigint REFERENCES callers"),
        ("superuser", None, NOTHING),
    ],
)  # fmt: skip
def test_warnings(company, code, collection, statements):
    if statements:
        assert (code, collection) not in codes(findings(company))
        execute(company, statements)
    assert (code, collection) in codes(findings(company), Severity.WARNING)


def test_it_writes_nothing_and_does_not_answer_for_a_server_that_is_away(company):
    with opened(company.rpartition("@")[0] + "@127.0.0.1:1/x") as store, pytest.raises(TransientError):
        store.inspect()


def test_an_index_of_a_partitioned_table_is_asked_for_as_the_server_makes_it(company):
    execute(
        company,
        "CREATE TABLE visits (user_id bigint REFERENCES users, at date, PRIMARY KEY (at, user_id))"
        " PARTITION BY RANGE (at); CREATE TABLE visits_1 PARTITION OF visits DEFAULT",
    )

    def change(document):
        document["stores"]["main"]["collections"]["visits"] = {
            "table": "public.visits",
            "data_type": "account",
            "owner": {"controller": "calltrack"},
            "found_by": [{"column": "user_id", "of": "users.id"}],
        }

    loaded = data_map(change)
    [found] = [one for one in findings(company, loaded) if (one.code, one.collection) == ("tie-index", "visits")]
    execute(company, found.remedy)
    assert ("tie-index", "visits") not in codes(findings(company, loaded))


def test_rows_without_a_date_that_hang_on_kept_ones_get_one_as_it_is_documented(company):
    execute(company, "ALTER TABLE invoice_lines DROP issued_at")
    assert ("column-missing", "invoice_lines") in codes(findings(company))
    page = (ROOT / "docs" / "data-map.md").read_text("utf-8")
    execute(company, page[page.index("ALTER TABLE invoice_lines ADD") :].partition("\n\n")[0])
    assert not {one.code for one in findings(company) if one.collection == "invoice_lines"} - {"tie-index"}


def test_an_index_that_cannot_be_used_does_not_count(company):
    execute(company, "DROP INDEX messages_user; CREATE INDEX ON messages (user_id) WHERE reply_to IS NULL")
    assert ("tie-index", "messages") in codes(findings(company))
    execute(company, "CREATE INDEX ON messages (body, user_id)")
    assert ("tie-index", "messages") in codes(findings(company))
    execute(company, "CREATE INDEX ON messages (user_id, body)")
    assert ("tie-index", "messages") not in codes(findings(company))


@pytest.mark.parametrize(("kind", "told"), [("json", True), ("jsonb", False)])
def test_a_document_that_cannot_be_looked_into_is_warned_of(company, kind, told):
    """One such row, whosever it is, would stop every batch; what the remedy makes refuses it at its source."""
    execute(company, f"ALTER TABLE call_notes ADD details {kind}")
    linked = {"column": "details", "path": ["author"], "identity": "email"}
    loaded = data_map(edit("call_notes", found_by=[linked], undated="erase"))
    found = [one for one in findings(company, loaded) if one.code == "json-text"]
    assert [one.collection for one in found] == ["call_notes"] * told
    for one in found:
        execute(company, one.remedy)
        assert ("json-text", "call_notes") not in codes(findings(company, loaded))
        with pytest.raises(psycopg.errors.UntranslatableCharacter):
            execute(company, r"""UPDATE call_notes SET details = '{"author": "\u0000"}'""")


@pytest.mark.parametrize(("kind", "told"), [("json", True), ("jsonb", False)])
def test_a_document_of_which_a_part_is_to_go_is_warned_of(company, kind, told):
    """What a tombstone takes out of it is looked for as well, in whosever row."""
    execute(company, f"ALTER TABLE users ADD details {kind}")

    def removed(document):
        users = document["stores"]["main"]["collections"]["users"]
        users["tombstone"]["details"] = {"remove": [["author"]]}

    found = [one for one in findings(company, data_map(removed)) if one.code == "json-text"]
    assert [one.collection for one in found] == ["users"] * told


def test_a_column_that_is_looked_through_is_told_once(company):
    execute(company, "ALTER TABLE call_notes ADD details jsonb, ADD more jsonb")
    links = [("details", ["author"]), ("details", ["reader"]), ("more", ["author"])]
    linked = [{"column": column, "path": path, "identity": "email"} for column, path in links]
    loaded = data_map(edit("call_notes", found_by=linked, undated="erase"))
    told = [one.message for one in findings(company, loaded) if one.code == "tie-scan"]
    assert [[column for column in ("details", "more") if column in one] for one in told] == [["details"], ["more"]]


REFERRED = "ALTER TABLE callers ADD referred_by bigint REFERENCES callers"


@pytest.mark.parametrize("statements", [REFERRED, REFERRED + " ON DELETE SET NULL"])
def test_a_person_to_whom_another_one_may_point_is_warned_of(company, statements):
    execute(company, statements)
    [found] = [one for one in findings(company) if one.code in {"self-reference", "cascade"}]
    assert (found.code, found.severity, found.collection) == ("self-reference", Severity.WARNING, "callers")
    assert "in one request" in found.remedy

    def below(document):  # it names itself as well: two persons, and nobody is erased
        callers = document["stores"]["main"]["collections"]["callers"]
        callers["found_by"].append({"column": "referred_by", "of": "callers.id"})
        callers["goes_with_any"] = {"reason": "the same person", "approved_by": "nobody"}

    linked = {one.code for one in findings(company, data_map(below))}
    assert "self-reference" in linked
    assert "several-people" not in linked


def test_a_person_who_is_overwritten_is_still_there_to_point_to(company):
    execute(company, "ALTER TABLE users ADD referred_by bigint REFERENCES users")
    assert "self-reference" not in {one.code for one in findings(company)}
