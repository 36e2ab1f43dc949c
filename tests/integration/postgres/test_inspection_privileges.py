"""Inspect: rights, too few and too many, and what the server writes down."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from tests.support.postgres.company import data_map, execute
from tests.support.postgres.inspection import ENOUGH, codes, database, edit, findings, terse
from tests.support.postgres.roles import role

from expunge_connectors.contract import Severity


@pytest.mark.parametrize(
    ("revoke", "collection", "named"),
    [
        ("REVOKE SELECT ON messages FROM {role}", "messages", "SELECT ON public.messages"),
        ("REVOKE DELETE ON messages FROM {role}", "messages", "DELETE ON public.messages"),
        ("REVOKE UPDATE (phone) ON users FROM {role}", "users", "UPDATE (phone) ON public.users"),
        ("REVOKE UPDATE (id) ON addresses FROM {role}", "addresses", "UPDATE (id) ON public.addresses"),
        ("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {role}", None, "temporary tables"),
        ("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC", None, "PL/pgSQL"),
    ],
)
def test_a_missing_right_is_named(company, revoke, collection, named):
    with role(company, *ENOUGH, revoke.replace("{database}", company.rpartition("/")[2])) as url:
        found = [one for one in findings(url) if one.code == "right-missing"]
    assert [(one.severity, one.collection) for one in found] == [(Severity.ERROR, collection)]
    assert named in found[0].message


def test_the_remedies_for_missing_rights_can_be_pasted(company):
    execute(company, 'ALTER TABLE messages RENAME TO "Mixed ""Messages"; ALTER TABLE users RENAME phone TO "Phone no"')

    def change(document):
        collections = document["stores"]["main"]["collections"]
        collections["messages"]["table"] = 'public.Mixed "Messages'
        users = collections["users"]
        users["tombstone"]["Phone no"] = users["tombstone"].pop("phone")
        users["yields"]["phone"] = users["found_by"][2]["column"] = "Phone no"

    loaded = data_map(change)
    nothing = f"REVOKE TEMPORARY ON DATABASE {database(company)} FROM PUBLIC"
    with role(company, nothing, "REVOKE USAGE ON SCHEMA public FROM PUBLIC") as url:
        missing = [one for one in findings(url, loaded) if one.code == "right-missing"]
        assert len(missing) > 20
        for one in missing:
            execute(company, one.remedy)
        assert [one for one in findings(url, loaded) if one.code.startswith("right-")] == []
        assert [one for one in findings(url, loaded) if one.code == "role-attributes"] == []


def test_what_a_tombstone_calls_and_the_role_may_not_is_granted_by_the_remedy(company):
    execute(
        company,
        """CREATE SCHEMA "My util"; CREATE FUNCTION "My util".mask(text) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT 'x' || length($1) $$; REVOKE EXECUTE ON FUNCTION "My util".mask FROM PUBLIC""",
    )

    def change(document):
        users = document["stores"]["main"]["collections"]["users"]
        users["tombstone"]["phone"] = '"My util".mask(id::text)'

    loaded = data_map(change)
    with role(company, *ENOUGH) as url:
        said = [one for one in findings(url, loaded) if one.severity is Severity.ERROR]
        assert {(one.code, one.collection) for one in said} == {("right-missing", "users")}
        [remedy] = {one.remedy for one in said}
        assert remedy.startswith('GRANT USAGE ON SCHEMA "My util" TO ')
        execute(company, remedy)
        assert [one for one in findings(url, loaded) if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    "called",
    [
        "ALTER TABLE users ADD CHECK (fine(phone))",
        "CREATE INDEX ON users (fine(phone))",
        "CREATE INDEX ON users (id) WHERE fine(phone)",
        "ALTER TABLE users ADD is_fine bool GENERATED ALWAYS AS (fine(phone)) STORED",
        "ALTER TABLE users ADD CHECK (phone ~~~ phone)",
        "CREATE DOMAIN number AS text CHECK (fine(VALUE)); ALTER TABLE users ALTER phone TYPE number",
    ],
)
def test_what_a_row_calls_that_is_overwritten_may_be_executed(company, called):
    execute(
        company,
        "CREATE FUNCTION fine(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;"
        "CREATE FUNCTION alike(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;"
        "CREATE OPERATOR ~~~ (FUNCTION = alike, LEFTARG = text, RIGHTARG = text);" + called,
    )
    with role(company, *ENOUGH) as url:
        assert [one for one in findings(url) if one.code == "right-missing"] == []
        execute(company, "REVOKE EXECUTE ON FUNCTION fine, alike FROM PUBLIC")
        [found] = [one for one in findings(url) if one.code == "right-missing"]
        assert (found.severity, found.collection) == (Severity.ERROR, "users")
        execute(company, found.remedy)
        assert [one for one in findings(url) if one.code == "right-missing"] == []


def test_what_a_domain_calls_matters_only_where_a_value_of_it_is_written(company):
    execute(
        company,
        "CREATE FUNCTION fine(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;"
        "REVOKE EXECUTE ON FUNCTION fine FROM PUBLIC; CREATE DOMAIN shade AS text CHECK (fine(VALUE));"
        "ALTER TABLE users ADD shade shade",
    )
    with role(company, *ENOUGH) as url:
        assert [one for one in findings(url) if one.code == "right-missing"] == []
        execute(company, "ALTER TABLE users ALTER phone TYPE shade")
        assert [one.collection for one in findings(url) if one.code == "right-missing"] == ["users"]


def test_what_values_are_compared_by_and_cast_to_may_be_used(company):
    execute(
        company,
        "CREATE EXTENSION citext; ALTER TABLE users ALTER email TYPE citext;"
        "CREATE TYPE colour AS ENUM ('red'); ALTER TABLE users ADD shade colour",
    )
    with role(company, *ENOUGH) as url:
        assert [one for one in findings(url) if one.code == "right-missing"] == []
        execute(
            company,
            "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;"
            "REVOKE USAGE ON TYPE citext, colour FROM PUBLIC",
        )
        found = {one.remedy.partition(" TO ")[0]: one for one in findings(url) if one.code == "right-missing"}
        assert found.keys() == {  # no statement names users.shade
            "GRANT EXECUTE ON FUNCTION public.citext_eq(public.citext,public.citext)",
            "GRANT USAGE ON TYPE public.citext",
        }
        for one in found.values():
            execute(company, one.remedy)
        assert [one for one in findings(url) if one.code == "right-missing"] == []


def test_types_in_a_schema_that_the_role_may_not_use_are_named(company):
    execute(
        company,
        "CREATE SCHEMA extra; CREATE EXTENSION citext SCHEMA extra; CREATE TYPE extra.colour AS ENUM ('red');"
        "CREATE DOMAIN mail AS extra.citext; ALTER TABLE users ALTER email TYPE mail, ADD shade extra.colour",
    )
    with role(company, *ENOUGH) as url:
        found = [one for one in findings(url) if one.code == "right-missing"]
        assert [one.severity for one in found] == [Severity.ERROR]
        # What no statement names (users.shade) needs none.
        assert "SCHEMA extra, in which the type of public.users.email is" in found[0].message
        execute(company, found[0].remedy)
        assert [one for one in findings(url) if one.code == "right-missing"] == []


def test_a_domain_in_such_a_schema_matters_only_where_it_is_written(company):
    execute(
        company,
        "CREATE SCHEMA extra; CREATE DOMAIN extra.mail AS text; ALTER TABLE callers ALTER phone TYPE extra.mail",
    )
    with role(company, *ENOUGH) as url:
        assert [one for one in findings(url) if one.code == "right-missing"] == []
        execute(company, "ALTER TABLE users ALTER phone TYPE extra.mail")
        assert [one.remedy.partition(" TO ")[0] for one in findings(url) if one.code == "right-missing"] == [
            'GRANT USAGE ON SCHEMA "extra"'
        ]


def test_a_server_that_quotes_all_names_changes_nothing(company):
    execute(company, f"ALTER DATABASE {database(company)} SET quote_all_identifiers = on")
    with role(company, *ENOUGH) as url:
        assert [one.code for one in findings(url) if one.severity is Severity.ERROR] == []


def test_too_many_rights_on_a_log_are_a_warning(company):
    with role(company, *ENOUGH, "GRANT INSERT, DELETE, UPDATE (url) ON access_log TO {role}") as url:
        found = [one for one in findings(url) if one.code == "right-excessive"]
    assert [(one.severity, one.collection) for one in found] == [(Severity.WARNING, "access_log")]
    assert "INSERT, UPDATE, DELETE on the log" in found[0].message


def test_row_level_security_blocks_a_role_that_it_applies_to(company):
    execute(company, "ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
    with role(company, *ENOUGH) as url:
        assert ("row-level-security", "messages") in codes(findings(url), Severity.ERROR)
    assert "row-level-security" not in {one.code for one in findings(company)}


def test_what_the_server_writes_down_is_said(company):
    name = company.rpartition("/")[2]
    execute(
        company,
        f"ALTER DATABASE {name} SET log_statement = 'mod';ALTER DATABASE {name} SET log_min_duration_statement = 1000;",
    )
    found = findings(company)
    assert ("statement-log", None) in codes(found, Severity.INFO)
    assert ("parameter-log", None) in codes(found, Severity.WARNING)
    execute(company, f"ALTER DATABASE {name} SET log_parameter_max_length = 0")
    assert "parameter-log" not in {one.code for one in findings(company)}


def test_a_session_that_may_only_read_is_an_error(company):
    execute(company, f"ALTER DATABASE {company.rpartition('/')[2]} SET default_transaction_read_only = on")
    assert ("read-only", None) in codes(findings(company), Severity.ERROR)


@pytest.mark.parametrize(
    ("grant", "collection", "named"),
    [
        ("GRANT TRUNCATE ON messages TO {role}", "messages", "TRUNCATE on public.messages"),
        ("GRANT INSERT (body) ON messages TO {role}", "messages", "INSERT on public.messages"),
        ("GRANT UPDATE (body) ON messages TO {role}", "messages", "UPDATE on public.messages"),
        ("GRANT DELETE ON users TO {role}", "users", "DELETE on public.users"),
        ("GRANT UPDATE ON users TO {role}", "users", "UPDATE on public.users"),
        ("GRANT UPDATE ON addresses TO {role}", "addresses", "UPDATE on public.addresses"),
    ],
)
def test_too_many_rights_on_data_are_a_warning_and_the_remedy_takes_them_away(company, grant, collection, named):
    with role(company, *ENOUGH) as url:
        assert "right-excessive" not in {one.code for one in findings(url)}
        execute(company, grant.replace("{role}", url.split("//")[1].partition(":")[0]))
        found = [one for one in findings(url) if one.code == "right-excessive"]
        assert [(one.severity, one.collection) for one in found] == [(Severity.WARNING, collection)]
        assert named in found[0].message
        execute(company, found[0].remedy)
        assert "right-excessive" not in {one.code for one in findings(url)}


def test_rights_on_tables_that_the_map_does_not_name(company):
    execute(company, 'CREATE SCHEMA "Other"; CREATE TABLE "Other"."t" (a int); GRANT USAGE ON SCHEMA "Other" TO PUBLIC')
    with role(company, *ENOUGH, 'GRANT SELECT ON "Other".t TO {role}') as url:
        assert "right-unmapped" not in {one.code for one in findings(url)}
        execute(company, f'GRANT UPDATE (a) ON "Other".t TO {url.split("//")[1].partition(":")[0]}')
        [found] = [one for one in findings(url) if one.code == "right-unmapped"]
        assert (found.severity, found.collection) == (Severity.WARNING, None)
        assert "Other.t" in found.message
        execute(company, found.remedy)
        assert "right-unmapped" not in {one.code for one in findings(url)}


def test_attributes_of_the_role_that_it_never_uses(company):
    with role(company, *ENOUGH, "ALTER ROLE {role} CREATEROLE CREATEDB") as url:
        [found] = [one for one in findings(url) if one.code == "role-attributes"]
        assert found.severity is Severity.WARNING
        execute(company, found.remedy)
        assert "role-attributes" not in {one.code for one in findings(url)}


@pytest.mark.parametrize(
    ("code", "severity", "setting"),
    [
        ("error-log", Severity.WARNING, "log_error_verbosity = 'verbose'"),
        ("error-parameter-log", Severity.WARNING, "log_parameter_max_length_on_error = 100"),
        ("parameter-log", Severity.WARNING, "log_min_duration_sample = 100"),
        ("parameter-log", Severity.WARNING, "log_transaction_sample_rate = 0.1"),
        ("parameter-log", Severity.WARNING, "log_statement = 'all'"),
        ("plan-log", Severity.WARNING, "auto_explain.log_min_duration = 100"),
        ("audit-log", Severity.WARNING, "pgaudit.log_parameter = 'on'"),
        ("statement-statistics", Severity.INFO, "pg_stat_statements.track = 'top'"),
    ],
)
def test_what_else_the_server_writes_down(company, code, severity, setting):
    terse(company)
    assert code not in {one.code for one in findings(company)}
    execute(company, f"ALTER DATABASE {database(company)} SET {setting}")
    assert (code, None) in codes(findings(company), severity)


def test_what_an_accepted_trigger_needs_is_neither_missing_nor_too_much(company):
    execute(
        company,
        "CREATE TABLE totals (n int); CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN UPDATE totals SET n = n - 1; RETURN NULL; END';"
        "CREATE TRIGGER t AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION counted()",
    )
    accepted = {"trigger": "t", "writes": ["public.totals"], "reason": "made up", "approved_by": "nobody"}
    loaded = data_map(edit("messages", triggers_ok=[accepted]))

    def rights(url):
        return [one for one in findings(url, loaded) if one.code.startswith("right-")]

    with role(company, *ENOUGH) as url:
        name = urlsplit(url).username
        [missing] = rights(url)
        assert (missing.code, missing.severity, missing.collection) == ("right-missing", Severity.ERROR, "messages")
        assert "public.totals" in missing.message
        execute(company, f"GRANT UPDATE (n) ON totals TO {name}")
        assert rights(url) == []
        execute(company, f"REVOKE UPDATE (n) ON totals FROM {name}; {missing.remedy.partition(';')[0]}")
        assert rights(url) == []
        execute(company, "ALTER FUNCTION counted SECURITY DEFINER")
        assert [one.code for one in rights(url)] == ["right-unmapped"]
        execute(company, f"REVOKE ALL ON totals FROM {name}")
        assert rights(url) == []
        execute(
            company,
            "CREATE OR REPLACE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER"
            " AS 'BEGIN PERFORM other(); RETURN NULL; END'",
        )
        assert [(one.code, one.severity) for one in rights(url)] == [("right-missing", Severity.WARNING)]
        execute(
            company,
            "CREATE OR REPLACE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN IF TG_OP = ''INSERT'' THEN UPDATE totals SET n = n + 1; END IF; RETURN NULL; END'",
        )
        assert [(one.code, one.severity) for one in rights(url)] == [("right-missing", Severity.WARNING)]
        execute(company, "ALTER TABLE messages DISABLE TRIGGER t")
        assert rights(url) == []


def test_a_mapped_table_that_an_accepted_trigger_writes_may_be_written(company):
    execute(
        company,
        "CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE users SET client_id = client_id"
        " WHERE id = OLD.user_id; RETURN NULL; END';"
        "CREATE TRIGGER t AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION counted()",
    )
    accepted = {"trigger": "t", "writes": ["public.users"], "reason": "made up", "approved_by": "nobody"}
    with role(company, *ENOUGH, "GRANT UPDATE ON users TO {role}") as url:
        assert ("right-excessive", "users") in codes(findings(url))
        assert "right-excessive" not in {
            one.code for one in findings(url, data_map(edit("messages", triggers_ok=[accepted])))
        }
