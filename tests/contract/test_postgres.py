"""Postgres takes the contract suite."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tenacity import wait_none
from tests.support.contract_maps import COMPANY, LOG, data_map

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.spec import PostgresConnection, PostgresSpec
from expunge_connectors.testing import (
    AgeContract,
    CutoffContract,
    DriftContract,
    LogContract,
    MemberContract,
    Person,
    RawRecords,
    ResolutionContract,
    StoreContract,
)
from expunge_demo.dev_servers import Endpoints

SCHEMA: LiteralString = """
CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text,
                    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE sessions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                       user_id bigint NOT NULL REFERENCES users, token text NOT NULL UNIQUE);
CREATE TABLE leads (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL,
                    created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL,
                     client_id bigint NOT NULL);
CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL REFERENCES users,
                    at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON sessions (user_id);
CREATE INDEX ON leads (lower(normalize(btrim(email::text), NFC)));
CREATE INDEX ON users (lower(normalize(btrim(email::text), NFC)));
CREATE INDEX ON orders (user_id);
CREATE INDEX ON audit (user_id);
"""
SPEC = {
    "connector": "postgres",
    "collections": {
        "users": {
            "table": "public.users",
            "data_type": "anchor",
            "owner": COMPANY,
            "person": "user_id",
            "found_by": [{"column": "id", "identity": "user_id"}, {"column": "email", "identity": "email"}],
            "created": "created_at",
            "yields": {"user_id": "id", "email": "email"},
            "tombstone": {"email": "'erased-' || id || '@erased.invalid'", "name": "NULL"},
        },
        "sessions": {
            "table": "public.sessions",
            "data_type": "account",
            "owner": COMPANY,
            "found_by": [{"column": "user_id", "of": "users.id"}],
            "yields": {"token": "token"},
        },
        "leads": {
            "table": "public.leads",
            "data_type": "account",
            "owner": COMPANY,
            "found_by": [{"column": "email", "identity": "email"}],
            "created": "created_at",
            "start": "created_at",
        },
        "orders": {
            "table": "public.orders",
            "data_type": "account",
            "owner": {"controller": "client", "column": "client_id"},
            "found_by": [{"column": "user_id", "identity": "user_id"}],
        },
        "audit": {"table": "public.audit", "start": "at", "log": LOG},
    },
}
TABLES = tuple(SPEC["collections"])


class PostgresHarness:
    store = "main"
    log = "audit"
    aged = "leads"
    scope = Scope("company")
    actions: Mapping[str, Action] = {"users": Action.TOMBSTONE, "sessions": Action.DELETE, "leads": Action.DELETE}
    member, other_member = Scope("client", "7"), Scope("client", "8")
    member_actions: Mapping[str, Action] = {"orders": Action.DELETE}
    member_owns, other_owns = frozenset({("orders", "1")}), frozenset({("orders", "2")})
    part: Mapping[str, Action] = {"sessions": Action.DELETE, "leads": Action.DELETE}

    def __init__(self, database: str, elsewhere: str) -> None:
        self.data_map = data_map({"main": PostgresSpec.model_validate(SPEC)})
        self.database, self.elsewhere = database, elsewhere
        self._execute(SCHEMA)
        self.first, self.second, self.bystander = (self._person(number) for number in (1, 2, 3))
        self._execute("INSERT INTO orders (user_id, client_id) VALUES (70000004, 7), (70000004, 8)")
        self.caller = Subject(4, frozenset({SubjectKey("user_id", "70000004")}))
        other = frozenset({SubjectKey("user_id", "70000004")})
        self.outsider = Person(Subject(4, other), other, {}, frozenset(), frozenset({"70000004"}))

    def _execute(self, statement: LiteralString, parameters: Mapping[str, object] | None = None) -> None:
        with psycopg.connect(self.database) as connection:
            connection.execute(statement, parameters)

    def _person(self, number: int) -> Person:
        user, email, token = f"7000000{number}", f"person{number}@mail.example", f"token-{number}"
        values = {"user": int(user), "email": email, "name": f"Name{number}", "token": token}
        before = self.raw()
        for statement in (
            "INSERT INTO users (id, email, name) VALUES (%(user)s, %(email)s, %(name)s)",
            "INSERT INTO sessions (user_id, token) VALUES (%(user)s, %(token)s)",
            "INSERT INTO leads (email) VALUES (upper(%(email)s)), (%(email)s)",
        ):
            self._execute(statement, values)
        owns = frozenset(set(self.raw()) - set(before))
        self._execute("INSERT INTO audit (user_id) VALUES (%(user)s)", values)
        given = frozenset({SubjectKey("user_id", user)})
        return Person(
            Subject(number, given),
            given | {SubjectKey("email", email), SubjectKey("token", token)},
            {"users": 1, "sessions": 1, "leads": 2},
            owns,
            frozenset({user, email, token, f"Name{number}"}),
        )

    def _store(self, url: str) -> PostgresStore:
        connection = PostgresConnection.model_validate({"url": url, "verification_wait_seconds": 5})
        return PostgresStore("main", self.data_map, connection, wait=wait_none())

    def build(self) -> PostgresStore:
        return self._store(self.database)

    def build_elsewhere(self) -> PostgresStore:
        return self._store(self.elsewhere)

    def build_unreachable(self) -> PostgresStore:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return self._store(f"postgresql://nobody@127.0.0.1:{free.getsockname()[1]}/none")

    def build_broken(self) -> PostgresStore:
        self._execute("ALTER TABLE leads RENAME TO leads_elsewhere")
        return self.build()

    def raw(self) -> RawRecords:
        found = {}
        with psycopg.connect(self.database) as connection:
            for table in TABLES:
                rows = connection.execute(
                    sql.SQL("SELECT id::text, t::text FROM {} t").format(sql.Identifier(table))
                ).fetchall()
                found |= {(table, row_id): row.encode() for row_id, row in rows}
        return found

    def add(self, person: Person) -> str:
        [user] = person.given.values("user_id")
        self._execute("INSERT INTO sessions (user_id, token) VALUES (%(user)s, 'late')", {"user": int(user)})
        return "sessions"

    def stranger(self, number: int) -> Subject:
        return Subject(number, frozenset({SubjectKey("user_id", "99"), SubjectKey("email", "none@mail.example")}))

    def add_nominated(self, number: int) -> Subject:
        email = f"shared{number}@mail.example"
        self._execute("INSERT INTO leads (email) VALUES (%(email)s)", {"email": email})
        return Subject(number, frozenset({SubjectKey("email", email)}))

    def add_aged(self, *, due: bool) -> tuple[Subject, str]:
        email = f"aged-{due}@mail.example".lower()
        before = self.raw()
        self._execute(
            "INSERT INTO leads (email, created_at) VALUES (%(email)s, now() - %(age)s)",
            {"email": email, "age": timedelta(days=40 if due else 0)},
        )
        [(_, name)] = set(self.raw()) - set(before)
        return Subject(7, frozenset({SubjectKey("email", email)})), name

    def overstay(self) -> str:
        self._execute("INSERT INTO audit (user_id, at) VALUES (70000001, now() - interval '100 days')")
        return "audit"


class TestPostgres(
    StoreContract, ResolutionContract, CutoffContract, MemberContract, LogContract, AgeContract, DriftContract
):
    @pytest.fixture
    def harness(self, database: str, servers: Endpoints) -> PostgresHarness:
        return PostgresHarness(database, servers.postgres_url)
