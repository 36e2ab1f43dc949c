"""A database is restored from before an erasure: who was erased is found again, and nobody else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from pydantic import SecretStr
from tests.support.chaos.template_databases import copy
from tests.support.cli import CliRunner
from tests.support.data_map_text import document_of, write_document
from tests.support.fork_server import ForkServer
from tests.support.holds import place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Endpoints, Keyspace

from expunge_config.errors import UsageError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.restores import replay_plans, returned_people
from expunge_orchestrator.restores.replay_plans import ReplayPlan

COLLECTIONS = """
users: {{table: public.users, person: user_id, yields: {{user_id: id, email: email}}, {created} data_type: {users},
  found_by: [{{column: id, identity: user_id}}, {{column: email, identity: email}}]}}
orders: {{table: public.orders, found_by: [{{column: user_id, identity: user_id}}]}}
tastes: {{table: public.tastes, data_type: extra, found_by: [{{column: user_id, identity: user_id}}]}}
invoices: {{table: public.invoices, data_type: kept, found_by: [{{column: user_id, identity: user_id}}],
  start: made_at}}
"""
CREATED = "created: created_at,"
VISITS = {"key": "visits:{user_id}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
SCHEMA = """
CREATE TABLE users (id serial PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (id int PRIMARY KEY, user_id int);
CREATE TABLE tastes (id int PRIMARY KEY, user_id int);
CREATE TABLE invoices (id int PRIMARY KEY, user_id int, made_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON orders (user_id); CREATE INDEX ON tastes (user_id); CREATE INDEX ON invoices (user_id);
CREATE INDEX ON users (email);
INSERT INTO users (email, created_at) SELECT n || '@x.example', '2025-01-01' FROM generate_series(1, 9) n;
INSERT INTO orders SELECT n, n FROM generate_series(1, 9) n;
INSERT INTO tastes SELECT n, n FROM generate_series(1, 9) n;
INSERT INTO invoices SELECT n, n FROM generate_series(1, 9) n;
"""
KEYS = {"users": "id", "orders": "user_id", "tastes": "user_id", "invoices": "user_id"}
ERASED = "user_id\n1\n2\n3\n"
SIGNED_UP = "INSERT INTO users (email) VALUES ('late@x.example') RETURNING id"


@dataclass(frozen=True, slots=True)
class Shop:
    """An installation beside a database that can be put back to how it was saved."""

    installation: Installation
    database: str
    server: str
    keyspace: Keyspace
    environment: dict[str, str] = field(repr=False)

    def save(self) -> None:
        """Take a copy of the whole database."""
        self._copy(self._name, self._saved)

    def restore(self) -> None:
        """Put the copy in its place: its sequences go back as well."""
        self.installation.close()
        self._copy(self._saved, self._name)

    def drop_saved(self) -> None:
        """Leave nothing behind."""
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._saved)))

    def erase(self, csv: str, **limited: Any) -> None:
        """Erase people, and check that nothing due is left."""
        batch = self.installation.plan(csv, "acme", **limited)
        assert self.installation.erase(batch).state is BatchState.ERASED, self.installation.failures(batch)

    def look(self) -> list[ReplayPlan]:
        """Look who is back, and plan it."""
        workspace = self.installation.workspace
        found = returned_people.find(workspace, "main", lambda _read: None)
        return replay_plans.make(workspace, found, lambda _done: None)

    def replay(self) -> None:
        """Carry out what a look planned."""
        for one in self.look():
            if one.batch is not None:
                done = self.installation.erase(one.batch)
                assert done.state is BatchState.ERASED, self.installation.failures(one.batch)

    def rows(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        return {name: left(self.database, name, "*") for name in KEYS}

    @property
    def _name(self) -> str:
        return urlsplit(self.database).path[1:]

    @property
    def _saved(self) -> str:
        return f"{self._name}_saved"

    def _copy(self, source: str, target: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as admin:
            copy(admin, source, target)


def counts(one: ReplayPlan) -> tuple[int, int, int, int]:
    """How many are back, as they were left, made later, unclear."""
    return len(one.found.back), one.found.nothing_due, one.found.later, one.found.unclear


@pytest.fixture
def make_shop(  # noqa: PLR0917 - a fixture names what it stands on
    request: pytest.FixtureRequest,
    database: str,
    servers: Endpoints,
    keyspace: Keyspace,
    calltrack: CompanyStack,
    tmp_path: Path,
) -> Iterator[Shop]:
    users, created = getattr(request, "param", ("gone", CREATED))
    execute(database, SCHEMA)
    document = small_document(COLLECTIONS.format(users=users, created=created))
    document["data_types"]["extra"] = deepcopy(document["data_types"]["gone"])
    document["stores"]["cache"] = {"connector": "redis", "collections": {"visits": VISITS}}
    if users == "anchor":
        document["stores"]["main"]["collections"]["users"]["tombstone"] = {"email": "NULL"}
    if not created:
        document["stores"]["main"]["collections"]["users"]["undated"] = "erase"
    path = write_document(tmp_path / "datamap.yaml", document)
    home = tmp_path / "expunge"
    stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
    settings = {
        **calltrack.environment(home),
        "EXPUNGE_DATA_MAP": str(path),
        "EXPUNGE_STORES__MAIN__URL": database,
        "EXPUNGE_STORES__CACHE__URL": keyspace.url,
    }
    environment = {
        name: value
        for name, value in settings.items()
        if not name.startswith("EXPUNGE_STORES__")
        or name in {"EXPUNGE_STORES__MAIN__URL", "EXPUNGE_STORES__CACHE__URL"}
    }
    with fresh_installation(calltrack, home, data_map=path, stores=stores) as installation:
        made = Shop(installation, database, servers.postgres_url, keyspace, environment)
        yield made
        made.drop_saved()


def test_who_was_erased_is_found_again_and_goes_again_and_nobody_else(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    [late] = execute(shop.database, SIGNED_UP)[0]
    shop.erase(f"{ERASED}{late}\n")
    as_erased = shop.rows()
    assert shop.look() == []
    shop.restore()
    [stranger] = execute(shop.database, SIGNED_UP.replace("late", "stranger"))[0]
    assert stranger == late
    shop.keyspace.client.set(f"visits:{stranger}", "x")
    [everything] = shop.look()
    assert everything.found.reach.data_types is None
    assert counts(everything) == (3, 0, 1, 0)
    assert everything.batch is not None
    assert everything.batch.plan["people"] == 3
    shop.replay()
    theirs = [row for row in shop.rows()["users"] if row[0] == stranger]
    assert [row[1] for row in theirs] == ["stranger@x.example"]
    assert {**shop.rows(), "users": [row for row in shop.rows()["users"] if row[0] != stranger]} == as_erased
    assert shop.keyspace.client.get(f"visits:{stranger}") == b"x"
    assert [counts(one) for one in shop.look()] == [(0, 0, 1, 0)]


def test_a_customer_who_stays_and_asked_for_less_is_in_no_plan(make_shop: Shop) -> None:
    """What is due of theirs may have been made after the request: the age of their own record says nothing of it."""
    shop = make_shop
    shop.save()
    shop.erase("user_id\n4\n", data_types={"extra"})
    assert [counts(one) for one in shop.look()] == [(0, 1, 0, 0)]
    execute(shop.database, "INSERT INTO tastes VALUES (44, 4)")
    for restored in (False, True):
        [one] = shop.look()
        assert (counts(one), one.batch) == ((0, 0, 0, 1), None)
        if not restored:
            shop.restore()


@pytest.mark.parametrize("make_shop", [("anchor", CREATED)], indirect=True)
def test_a_tombstone_is_nobody_back_and_the_row_that_it_was_made_of_is(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    shop.erase(ERASED)
    as_erased = shop.rows()
    assert [counts(one) for one in shop.look()] == [(0, 3, 0, 0)]
    shop.restore()
    assert [counts(one) for one in shop.look()] == [(3, 0, 0, 0)]
    shop.replay()
    assert shop.rows() == as_erased


@pytest.mark.parametrize("make_shop", [("gone", "")], indirect=True)
def test_of_records_without_a_time_it_is_not_told_whether_they_are_back(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    shop.erase(ERASED)
    shop.restore()
    before = shop.rows()
    [one] = shop.look()
    assert counts(one) == (0, 0, 0, 3)
    assert one.batch is None
    assert shop.rows() == before


def test_a_stranger_of_the_day_of_the_erasure_is_not_told_apart_and_not_planned(make_shop: Shop) -> None:
    shop = make_shop
    execute(shop.database, "ALTER TABLE users ALTER created_at TYPE date, ALTER created_at SET DEFAULT now()")
    shop.save()
    [late] = execute(shop.database, SIGNED_UP)[0]
    shop.erase(f"{ERASED}{late}\n")
    shop.restore()
    [stranger] = execute(shop.database, SIGNED_UP.replace("late", "stranger"))[0]
    assert stranger == late
    assert [counts(one) for one in shop.look()] == [(3, 0, 0, 1)]


def test_nobody_is_back_of_whom_nothing_was_erased_yet(make_shop: Shop) -> None:
    shop = make_shop
    assert shop.look() == []
    shop.installation.plan(ERASED, "acme")
    assert shop.look() == []
    place(shop.installation, [frozenset({SubjectKey("user_id", "5")})])
    batch = shop.installation.plan("user_id\n5\n", "acme")
    assert shop.installation.erase(batch).state is BatchState.ON_HOLD
    assert shop.look() == []


def test_who_was_not_there_when_they_asked_is_back_after_a_restore(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    execute(shop.database, "".join(f"DELETE FROM {name} WHERE {key} = 8;" for name, key in KEYS.items()))
    as_deleted = shop.rows()
    shop.erase("user_id\n8\n")
    assert shop.look() == []
    shop.restore()
    assert [counts(one) for one in shop.look()] == [(1, 0, 0, 0)]
    shop.replay()
    assert {**shop.rows(), "invoices": as_deleted["invoices"]} == as_deleted


def test_of_whom_only_what_the_law_keeps_was_left_when_they_asked_is_back_after_a_restore(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    others = {name: key for name, key in KEYS.items() if name != "invoices"}
    execute(shop.database, "".join(f"DELETE FROM {name} WHERE {key} = 8;" for name, key in others.items()))
    as_deleted = shop.rows()
    shop.erase("user_id\n8\n")
    assert shop.look() == []
    shop.restore()
    assert [counts(one) for one in shop.look()] == [(1, 0, 0, 0)]
    shop.replay()
    assert shop.rows() == as_deleted


def test_a_narrower_request_of_whom_the_number_was_given_to_is_not_passed_over(make_shop: Shop) -> None:
    shop = make_shop
    shop.erase("user_id\n3\n")
    execute(shop.database, SIGNED_UP.replace("users (email) VALUES (", "users (id, email) VALUES (3, "))
    execute(shop.database, "INSERT INTO tastes VALUES (33, 3)")
    shop.save()
    shop.erase("user_id\n3\n", data_types={"extra"})
    shop.restore()
    assert [counts(one) for one in shop.look()] == [(0, 0, 1, 0), (0, 0, 0, 1)]


def test_of_a_data_type_that_the_map_lost_it_is_not_told_whether_it_is_back(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    shop.erase("user_id\n4\n", data_types={"extra"})
    shop.restore()
    workspace = shop.installation.workspace
    path = workspace.settings.data_map
    assert path is not None
    path.write_text(path.read_text().replace("extra", "renamed"))
    shop.installation.close()
    assert [counts(one) for one in shop.look()] == [(0, 0, 0, 1)]


def test_whose_batch_was_killed_after_it_erased_is_back_after_a_restore(
    make_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """The process ends here."""

    def killed(*_args: object, **_named: object) -> None:
        raise KilledError

    shop = make_shop
    shop.save()
    batch = shop.installation.plan(ERASED, "acme")
    with monkeypatch.context() as patched:
        patched.setattr(type(shop.installation.workspace.stores["main"]), "verify", killed)
        with pytest.raises(KilledError):
            shop.installation.erase(batch)
    as_erased = shop.rows()
    assert len(as_erased["users"]) == 6
    shop.restore()
    assert [counts(one) for one in shop.look()] == [(3, 0, 0, 0)]
    shop.replay()
    assert shop.rows() == as_erased


def test_a_store_without_persons_is_refused(make_shop: Shop) -> None:
    with pytest.raises(UsageError, match="do not say who is a person"):
        returned_people.find(make_shop.installation.workspace, "cache", lambda _read: None)
    with pytest.raises(UsageError, match="no such store"):
        returned_people.find(make_shop.installation.workspace, "other", lambda _read: None)


def test_the_command_lets_the_application_start_only_when_nobody_is_back(
    make_shop: Shop, tmp_path: Path, fork_server: ForkServer
) -> None:
    shop = make_shop
    cli = CliRunner(tmp_path, shop.environment, fork_server)
    shop.save()
    shop.erase(ERASED)
    shop.installation.close()
    assert cli.run("replay", "main").code == 0
    shop.restore()
    said = cli.run("replay", "main", "--json")
    assert said.code == 17, said.err
    [one] = json.loads(said.out)["requests"]
    assert (one["controller"], one["back"], one["nothing_due"], one["later"], one["unclear"]) == ("acme", 3, 0, 0, 0)
    shown = cli.run("replay", "main")
    assert shown.code == 17
    assert "x.example" not in shown.output + said.output
    assert "expunge erase" in shown.output
    assert cli.run("erase", one["batch_id"], "--confirm", one["plan_digest"]).code == 0
    assert cli.run("replay", "main").code == 0


def test_a_store_of_another_name_at_the_time_is_unclear_and_not_nobody(make_shop: Shop) -> None:
    shop = make_shop
    shop.save()
    shop.erase(ERASED)
    shop.restore()
    with shop.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.delete(tables.cutoff).where(tables.cutoff.c.store == "main"))
    [one] = shop.look()
    assert (counts(one), one.batch) == ((0, 0, 0, 3), None)


def test_collections_to_which_no_person_leads_are_named(make_shop: Shop) -> None:
    shop = make_shop
    assert returned_people.not_looked_at(shop.installation.workspace, "main") == []
    path = shop.installation.settings.data_map
    assert path is not None
    document = document_of(path)
    document["identities"]["cid"] = {"kind": "person", "normaliser": "exact/1"}
    document["stores"]["main"]["collections"]["tastes"]["found_by"] = [{"column": "user_id", "identity": "cid"}]
    write_document(path, document)
    shop.installation.close()
    assert returned_people.not_looked_at(shop.installation.workspace, "main") == ["tastes"]
    del document["stores"]["main"]["collections"]["users"]["person"]
    write_document(path, document)
    shop.installation.close()
    with pytest.raises(UsageError, match="do not say who is a person"):
        shop.look()
