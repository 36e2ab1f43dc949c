"""Writing: when the server refuses a row, its log says which constraint, and nothing of the row (law 5)."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.support.host_state import in_memory
from tests.support.postgres.company import CUTOFF, actions, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, shape

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError, TransientError
from expunge_connectors.postgres.errors import translated
from expunge_demo import dev_servers

TOMBSTONED = """
users:
  table: public.users
  person: user_id
  data_type: anchor
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: "'gone'"}
things: {table: public.things, found_by: [{column: user_id, of: users.id}]}
"""
RAISING = """
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'not %', OLD USING DETAIL = OLD.name, HINT = OLD.name; END $$;
"""
ON_UPDATE = "CREATE TRIGGER no BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION no()"
ALL_NAMES = "SCHEMA = OLD.name, TABLE = OLD.name, COLUMN = OLD.name, DATATYPE = OLD.name"


@pytest.fixture(scope="module")
def logging(servers):
    """Servers whose logs are files: a container's are not, so embedded ones stand in for it."""
    if servers.log_files:
        yield servers
        return
    with dev_servers.stack(in_memory()) as stack:
        yield stack.endpoints


@pytest.fixture
def logged(logging):
    """Yield (the URL of a new database, the log of its server)."""
    (log_file,) = [path for path in logging.log_files if path.name == "postgres.log"]
    name = f"logged_{secrets.token_hex(8)}"
    with psycopg.connect(logging.postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield urlsplit(logging.postgres_url)._replace(path=f"/{name}").geturl(), log_file
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("refusing", "state"),
    [
        ("ALTER TABLE users ADD UNIQUE (name); INSERT INTO users VALUES (2, 'gone', '{secret}')", "23505"),
        ("ALTER TABLE users ADD CHECK (name <> 'gone' OR other <> '{secret}')", "23514"),
        (RAISING + ON_UPDATE, "P0001"),
        (
            RAISING + "CREATE CONSTRAINT TRIGGER no AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION no()",
            "P0001",
        ),
        ("CREATE TABLE others (thing text REFERENCES things); INSERT INTO others VALUES ('{secret}')", "23503"),
    ],
    ids=["unique", "check", "trigger", "deferred trigger", "foreign key"],
)
def test_what_the_server_refuses_is_not_quoted_in_its_log(logged, refusing, state):
    assert_refused_without_a_value(logged, refusing, state)


def test_names_that_a_trigger_makes_of_values_are_not_passed_on(logged):
    names = RAISING.replace("DETAIL = ", f"CONSTRAINT = OLD.name, {ALL_NAMES}, DETAIL = ")
    assert_refused_without_a_value(logged, names + ON_UPDATE, "P0001")


def test_nor_are_such_names_beside_that_of_a_constraint(logged):
    named = f"ERRCODE = '23503', CONSTRAINT = 'users_pkey', {ALL_NAMES}"
    names = RAISING.replace("DETAIL = ", f"{named}, DETAIL = ")
    assert_refused_without_a_value(logged, names + ON_UPDATE, "23503.*users_pkey")


def assert_refused_without_a_value(logged, refusing, state):
    database, log_file = logged
    secret = f"qz{secrets.token_hex(8)}"
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, name text, other text);"
        "CREATE TABLE things (id text PRIMARY KEY, user_id int);"
        f"INSERT INTO users VALUES (1, '{secret}', '{secret}'); INSERT INTO things VALUES ('{secret}', 1);"
        + refusing.replace("{secret}", secret),
    )
    name = database.rpartition("/")[2]
    execute(database, f"ALTER DATABASE {name} SET log_error_verbosity = verbose")
    loaded = shape(TOMBSTONED)
    with opened(database, loaded) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match=state) as caught:
            store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert secret not in str(caught.value)
    assert execute(database, f"SELECT count(*) FROM users WHERE name = '{secret}'") == [(1,)]
    log = log_file.read_text(errors="replace")
    assert f"{state[:5]}: refused" in log
    assert secret not in log


@pytest.mark.parametrize("state", ["23503", "22000", "AB123"])
def test_what_a_function_of_theirs_raises_names_nothing(database: str, state: str) -> None:
    """It may raise while rows are read, too: a row policy's. A name is a text there, and a code any five characters."""
    raised = f"RAISE 'x' USING ERRCODE = '{state}', {ALL_NAMES}, CONSTRAINT = OLD.name".replace("OLD.name", "'secret'")
    with psycopg.connect(database) as connection, pytest.raises(TerminalError) as caught, translated("main"):
        connection.execute(f"DO $$ BEGIN {raised}; END $$")
    assert "secret" not in str(caught.value)
    assert (state in str(caught.value)) == (state != "AB123")


def test_a_lock_that_is_not_to_be_had_is_still_a_passing_matter(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a');"
        "CREATE TABLE things (id text PRIMARY KEY, user_id int)",
    )
    loaded = shape(TOMBSTONED)
    for setting, says in (
        ({"lock_timeout": "50ms"}, "a lock was not to be had"),
        ({"statement_timeout": "100ms"}, "cancelled or timed out"),
    ):
        with opened(database, loaded, **setting) as store, psycopg.connect(database) as other:
            [ada] = resolved(store, [subject(1, user_id="1")], ACME)
            other.execute("SELECT FROM users FOR UPDATE")
            with pytest.raises(TransientError, match=says):
                store.erase([ada], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
