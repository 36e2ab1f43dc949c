"""Inspect: times without a zone are read as UTC, and who fills them may mean another one."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, execute, opened, resolved, subject
from tests.support.postgres.inspection import database as name
from tests.support.postgres.inspection import findings
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, shape

from expunge_connectors.contract import Severity, no_beat
from expunge_connectors.errors import StructureChangedError

MAP = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
optouts: {table: public.optouts, found_by: [{column: email, identity: email}], created: "made at"}
bills: {table: public.bills, data_type: kept, found_by: [{column: u, of: users.id}], start: due}
"""
TABLES = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE optouts (id int PRIMARY KEY, email text NOT NULL, "made at" {0} NOT NULL DEFAULT now());
CREATE TABLE bills (id int PRIMARY KEY, u int, due {1} NOT NULL DEFAULT now());
"""
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def said(url, loaded=None):
    return [one for one in findings(url, loaded or shape(MAP)) if one.code == "local-time"]


@pytest.mark.parametrize(
    ("created", "start", "zone", "found"),
    [
        ("timestamp", "timestamptz", "America/New_York", {"optouts": ERROR}),
        ("date", "date", "Asia/Tokyo", {"optouts": ERROR, "bills": WARNING}),
        ("timestamptz", "timestamp(0)", "Europe/London", {"bills": ERROR}),
        ("timestamptz", "timestamptz", "America/New_York", {}),
        ("timestamp", "date", "Etc/UTC", {}),
        ("timestamp", "date", "utc", {}),
    ],
)
def test_a_time_without_a_zone_in_a_database_with_another_zone_than_utc(database, created, start, zone, found):
    execute(database, TABLES.format(created, start) + f"ALTER DATABASE {name(database)} SET timezone = '{zone}'")
    assert {one.collection: one.severity for one in said(database)} == found


def test_the_remedy_can_be_pasted(database):
    execute(database, TABLES.format("timestamp", "timestamptz"))
    execute(database, f"ALTER DATABASE {name(database)} SET timezone = 'America/New_York'")
    execute(database, "INSERT INTO optouts VALUES (1, 'a', '2026-01-01 12:00')")
    [one] = said(database)
    assert "America/New_York" in one.message
    execute(database, one.remedy.partition(";")[0])
    assert said(database) == []
    assert execute(database, "SELECT \"made at\" AT TIME ZONE 'UTC' FROM optouts")[0][0].hour == 17


def test_a_zone_of_a_role_that_writes_the_table(database):
    execute(database, TABLES.format("timestamp", "timestamptz"))
    with role(database, "GRANT SELECT ON optouts TO {role}", "ALTER ROLE {role} SET timezone = 'Asia/Tokyo'") as url:
        writer = execute(url, "SELECT CURRENT_USER")[0][0]
        assert said(database) == []
        execute(database, f"GRANT INSERT ON optouts TO {writer}")
        [one] = said(database)
        assert (one.severity, one.collection) == (ERROR, "optouts")
        assert "Asia/Tokyo" in one.message
        assert writer in one.message


def test_a_zone_of_our_own_hides_the_servers(database):
    execute(database, TABLES.format("timestamp", "timestamptz"))
    with role(database, "ALTER ROLE {role} SET timezone = 'UTC'") as url:
        assert [(one.severity, one.collection) for one in said(url)] == [(INFO, "optouts")]
        execute(database, f"ALTER DATABASE {name(database)} SET timezone = 'UTC'")
        assert said(url) == []
    execute(database, f"ALTER DATABASE {name(database)} SET timezone = 'Asia/Tokyo'")
    with role(database, "ALTER ROLE {role} SET timezone = 'UTC'") as url:
        assert [one.severity for one in said(url)] == [ERROR]


def test_no_time_matters_where_no_identifier_is_re_used(database):
    execute(database, TABLES.format("timestamptz", "timestamptz"))
    execute(database, "ALTER TABLE users ADD made timestamp NOT NULL DEFAULT now()")
    execute(database, f"ALTER DATABASE {name(database)} SET timezone = 'Asia/Tokyo'")
    assert said(database, shape(MAP.replace("person: user_id", "person: user_id, created: made"))) == []


def test_a_step_does_not_begin_where_the_zone_was_changed(database):
    execute(database, TABLES.format("timestamp", "timestamptz") + "INSERT INTO users VALUES (1)")
    loaded = shape(MAP)
    with opened(database, loaded) as store:
        assert [one for one in store.inspect() if one.severity is ERROR] == []
        one = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, f"ALTER DATABASE {name(database)} SET timezone = 'Asia/Tokyo'")
        with pytest.raises(StructureChangedError, match=r"optouts \(time zone\)"):
            store.erase(one, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
