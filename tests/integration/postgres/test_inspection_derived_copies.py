"""Inspect: what the database does by itself with mapped rows, where it keeps copies, what the map does not reach."""

from __future__ import annotations

import secrets
from contextlib import closing

import psycopg
import pytest
from tests.support.postgres.company import checked, data_map, execute
from tests.support.postgres.inspection import codes, edit, findings, free
from tests.support.postgres.inspection import database as named
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import small_document

from expunge_connectors.contract import Severity
from expunge_connectors.postgres.inspection.triggers import targets

FUNCTION = "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {} RETURN NULL; END$$;"
INTO_LOG = FUNCTION.format("INSERT INTO public.access_log (ip, browser, url, status) VALUES ('::1', 'b', 'u', 1);")
INTO_OTHER = "CREATE TABLE history (id int);" + FUNCTION.format('/* UPDATE clients */ INSERT INTO "history" SELECT 1;')
FOREIGN = "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;"

ERRORS = [
    ("trigger-into-log", "messages", INTO_LOG + "CREATE TRIGGER t AFTER DELETE ON messages EXECUTE FUNCTION noted()"),
    (
        "trigger-into-log",
        "users",
        INTO_LOG + "CREATE TRIGGER t AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION noted()",
    ),
    ("trigger-writes", "messages", INTO_OTHER + "CREATE TRIGGER t AFTER DELETE ON messages EXECUTE FUNCTION noted()"),
    (
        "trigger-writes",
        "messages",
        FUNCTION.format("UPDATE users SET status = 'closed';")
        + "CREATE TRIGGER t AFTER DELETE ON messages EXECUTE FUNCTION noted()",
    ),
    (
        "trigger-writes",
        "users",
        FUNCTION.format("UPDATE users SET status = 'closed' WHERE client_id = NEW.client_id;")
        + "CREATE TRIGGER t AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION noted()",
    ),
    (
        "replica-identity-missing",
        "messages",
        "CREATE PUBLICATION p FOR TABLE messages; ALTER TABLE messages REPLICA IDENTITY NOTHING",
    ),
    (
        "foreign-partition",
        "call_notes",
        (
            "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"
            "CREATE USER MAPPING FOR PUBLIC SERVER far;"
            "CREATE FOREIGN TABLE far () INHERITS (call_notes) SERVER far"
        ),
    ),
    ("part-of-unmapped", "call_notes", "CREATE TABLE n (note text NOT NULL); ALTER TABLE call_notes INHERIT n"),
]


@pytest.mark.parametrize(("code", "collection", "statements"), ERRORS)
def test_errors(company, code, collection, statements):
    assert (code, collection) not in codes(findings(company))
    execute(company, statements)
    assert (code, collection) in codes(findings(company), Severity.ERROR)


WARNINGS = [
    (
        "trigger-into-unmapped",
        "messages",
        INTO_OTHER + "CREATE TRIGGER t AFTER INSERT ON messages EXECUTE FUNCTION noted()",
        "public.history",
    ),
    (
        "materialised-view",
        "messages",
        "CREATE VIEW v AS SELECT body FROM messages; CREATE MATERIALIZED VIEW mv AS SELECT * FROM v",
        "public.mv",
    ),
    ("foreign-table", None, FOREIGN + "CREATE FOREIGN TABLE f (a int) SERVER far", "public.f"),
    ("large-objects", None, "SELECT lo_create(0)", "pg_catalog.pg_largeobject"),
    ("untied-table", None, "CREATE TABLE logins (id int, user_id bigint)", "public.logins"),
    ("untied-table", None, 'CREATE SCHEMA "O"; CREATE TABLE "O".logins ("callerId" int)', "O.logins"),
    ("untied-column", "messages", "ALTER TABLE messages ADD caller_id bigint", "public.messages.caller_id"),
    ("published", "messages", "CREATE PUBLICATION p FOR TABLE messages", None),
    ("replica-identity-full", "messages", "ALTER TABLE messages REPLICA IDENTITY FULL", None),
    ("child-columns", "messages", "CREATE TABLE more (ip inet) INHERITS (messages)", None),
    (
        "event-trigger",
        None,
        (
            "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()"
        ),
        None,
    ),
    (
        "subscribed",
        "messages",
        (
            "CREATE SUBSCRIPTION s_{database} CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false);"
            "INSERT INTO pg_subscription_rel SELECT oid, 'messages'::regclass, 'r', NULL FROM pg_subscription"
        ),
        None,
    ),
]


@pytest.mark.parametrize(("code", "collection", "statements", "place"), WARNINGS)
def test_warnings_and_where_the_map_says_that_the_place_is_free(company, code, collection, statements, place):
    assert (code, collection) not in codes(findings(company))
    execute(company, statements.replace("{database}", named(company)))
    try:
        found = [one for one in findings(company) if one.code == code]
        assert [(one.severity, one.collection) for one in found] == [(Severity.WARNING, collection)]
        assert found[0].remedy
        if place is not None:
            assert "unmapped_ok" in found[0].remedy
            assert code not in {one.code for one in findings(company, data_map(free(place)))}
            assert code in {one.code for one in findings(company, data_map(free(f"{place}x")))}
    finally:
        if code == "subscribed":
            name = f"s_{named(company)}"
            with closing(psycopg.connect(company, autocommit=True)) as connection:
                connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
                connection.execute(f"DROP SUBSCRIPTION {name}")


@pytest.mark.parametrize(
    "statements",
    [
        # For rows that come, into a log: nothing that we do fires it.
        INTO_LOG + "CREATE TRIGGER t AFTER INSERT ON messages EXECUTE FUNCTION noted()",
        # Somebody has thought about us.
        INTO_LOG
        + "CREATE TRIGGER t AFTER DELETE ON messages FOR EACH ROW WHEN (current_user <> 'expunge')"
        + " EXECUTE FUNCTION noted()",
        # A mapped table, for rows that come.
        FUNCTION.format("UPDATE users SET status = 'closed';")
        + "CREATE TRIGGER t AFTER INSERT ON messages EXECUTE FUNCTION noted()",
        # Switched off.
        INTO_LOG
        + "CREATE TRIGGER t AFTER DELETE ON messages EXECUTE FUNCTION noted(); ALTER TABLE messages DISABLE TRIGGER t",
    ],
)
def test_triggers_that_write_nothing_of_consequence(company, statements):
    execute(company, statements)
    assert not {"trigger-into-log", "trigger-writes", "trigger-into-unmapped"} & {one.code for one in findings(company)}


def test_an_accepted_trigger_is_no_error_and_one_that_is_not_there_is_noticed(company):
    execute(company, INTO_OTHER + "CREATE TRIGGER t AFTER DELETE ON messages EXECUTE FUNCTION noted()")
    accepted = {"trigger": "t", "writes": ["public.history"], "reason": "made up", "approved_by": "nobody"}

    def found(*entries):
        return codes(findings(company, data_map(edit("messages", triggers_ok=list(entries)))))

    assert {("trigger-writes", "messages"), ("trigger", "messages")} <= found()
    assert not {"trigger-writes", "trigger", "trigger-unknown"} & {code for code, _ in found(accepted)}
    assert ("trigger-writes", "messages") in found({**accepted, "writes": ["public.clients"]})
    assert ("trigger-unknown", "messages") in found({**accepted, "trigger": "T"})


HISTORY = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}], undated: erase,
  triggers_ok: [{trigger: kept, writes: [public.history], reason: keeps a history, approved_by: nobody}]}
history: {table: public.history, found_by: [{column: email, identity: email}]}
"""


@pytest.mark.parametrize(
    ("dated", "link", "refused"),
    [
        ({"created": "at"}, {}, True),
        ({"undated": "keep"}, {}, True),
        ({"undated": "erase"}, {}, False),
        ({"created": "at"}, {"column": "user_id", "identity": "user_id"}, False),
    ],
)
def test_a_copy_that_an_accepted_trigger_makes_would_count_as_newer(
    database: str, dated: dict[str, str], link: dict[str, str], *, refused: bool
) -> None:
    execute(
        database,
        "CREATE TABLE users (id text PRIMARY KEY, email text);"
        "CREATE TABLE history (id serial, user_id text, email text, at timestamptz NOT NULL DEFAULT now());"
        "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO history (user_id, email) VALUES (old.id, old.email); RETURN old; END $$;"
        "CREATE TRIGGER kept BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION kept()",
    )
    document = small_document(HISTORY)
    history = document["stores"]["main"]["collections"]["history"]
    history |= dated
    history["found_by"] += [link] if link else []
    found = codes(findings(database, checked(document)), Severity.ERROR)
    assert (("trigger-copies", "users") in found) == refused


def test_a_publication_without_deletions_keeps_rows_for_good_and_the_remedy_works(company):
    execute(company, "CREATE PUBLICATION \"P\" FOR TABLE messages WITH (publish = 'insert')")
    [found] = [one for one in findings(company) if one.code == "published"]
    assert "for good" in found.message
    execute(company, found.remedy.partition(";")[0])
    [found] = [one for one in findings(company) if one.code == "published"]
    assert "for good" not in found.message


def test_a_materialised_view_can_be_refreshed_as_it_is_written(company):
    execute(company, "CREATE MATERIALIZED VIEW mv AS SELECT id, body FROM messages; CREATE UNIQUE INDEX ON mv (id)")
    [found] = [one for one in findings(company) if one.code == "materialised-view"]
    execute(company, found.remedy.partition(";")[0])


def test_a_replication_slot_that_nobody_reads(company):
    slot = f"s_{secrets.token_hex(6)}"
    assert "replication-slot" not in {one.code for one in findings(company)}
    execute(company, f"SELECT pg_create_physical_replication_slot('{slot}', true)")
    try:
        [found] = [one for one in findings(company) if one.code == "replication-slot"]
        assert found.severity is Severity.WARNING
        assert slot in found.message
        execute(company, found.remedy.partition(": ")[2])
        assert "replication-slot" not in {one.code for one in findings(company)}
    finally:
        execute(
            company, f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name='{slot}'"
        )


def test_a_role_without_rights_may_ask_all_of_it(company):
    execute(company, "CREATE PUBLICATION p FOR TABLE messages; CREATE TABLE logins (user_id bigint)")
    with role(company, "GRANT USAGE ON SCHEMA public TO {role}") as url:
        assert {"published", "untied-table", "right-missing"} <= {one.code for one in findings(url)}


def test_a_column_that_the_map_uses_is_not_a_guess(company):
    execute(company, "ALTER TABLE messages ADD caller_id bigint")
    loaded = data_map(edit("messages", yields={"caller_id": "caller_id"}))
    assert "untied-column" not in {one.code for one in findings(company, loaded)}


def test_targets_of_a_functions_source():
    tables = [("public", "a"), ("x", "a"), ("public", "B c"), ("public", "old")]
    source = """
        -- DELETE FROM old
        insert into x.a select 1; UPDATE ONLY "B c" SET a = 1; perform 'select'; MERGE INTO nothing USING a;
    """
    assert targets(source, tables) == {"x.a", "public.B c"}
    assert targets("TRUNCATE a", tables) == {"public.a", "x.a"}
    assert targets("DROP TABLE IF EXISTS x.a; DROP TABLE pg_temp.a", tables) == {"x.a"}
    assert (
        targets("lo_manage", tables)
        == targets("PERFORM pg_catalog.lo_unlink(OLD.o)", [])
        == {"pg_catalog.pg_largeobject"}
    )


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("public.clients", set()),
        ("public.clients.name", set()),
        ("public.messages", {("unmapped-ok-mapped", "messages")}),
        ("public.nothing", {("unmapped-ok-unknown", None)}),
        ("public.clients.nothing", {("unmapped-ok-unknown", None)}),
    ],
)
def test_declarations_are_held_against_the_database(company, place, expected):
    found = codes(findings(company, data_map(free(place))))
    assert {one for one in found if one[0].startswith("unmapped-ok")} == expected
