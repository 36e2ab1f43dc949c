"""A small company on real servers that can be put back to an earlier state in a moment, and what is asked of it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
from tests.support.chaos import extra_records, ledger_backends, s3_state, store_snapshot, template_databases
from tests.support.chaos.ledger_backends import LedgerServer
from tests.support.chaos.s3_state import Objects
from tests.support.chaos.store_snapshot import StoreSnapshot
from tests.support.chaos.template_databases import named
from tests.support.host_state import in_memory

from expunge_config.settings import Settings, load_settings
from expunge_connectors.contract import Adoptable
from expunge_connectors.registry import installed
from expunge_demo import dev_servers, loader, scenario
from expunge_demo.calltrack import Company
from expunge_demo.calltrack.s3_objects import EXPORTS
from expunge_demo.dev_servers import Endpoints
from expunge_demo.endpoints import s3_client
from expunge_demo.ground_truth import Erased, Snapshot, snapshot
from expunge_orchestrator.clock import now
from expunge_orchestrator.installation_setup import initialise
from expunge_orchestrator.planning import planner
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import Workspace, load_map, opened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PEOPLE = 40
SEED = 5
DATABASE = "chaos"
# The number is part of the database's identity, which the plan is bound to.
DATABASE_OID = 20_000
ORIGIN = "postgres"
JUDGED = "15"
"""Number of the Redis database that the judge looks at."""


@dataclass(frozen=True, slots=True)
class Request:
    """Whom somebody asks to erase.

    Attributes:
        people: The list, CSV.
        erased: Who of them has to be gone in the end.
        in_between: Account holder for whom a message arrives between erasing and verifying: a second round.
        afterwards: Account holder for whom things arrive in all three stores before the settling check.
        chunk: People in a chunk.
        data_types: What it is limited to.
    """

    name: str
    controller: str
    people: str = field(repr=False)
    erased: Erased
    in_between: int | None = None
    afterwards: int | None = None
    chunk: int = 3
    data_types: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """A state that runs start from.

    Attributes:
        template: Database to copy.
        keys: Redis key -> milliseconds to live (0: for ever) and its DUMP.
        objects: Only buckets that are erased from.
        picture: What the stores look like.
        home: Ledger, keys and log, to copy.
        ledger: State of the ledger's server, if it has one; None for an empty database.
    """

    template: str
    keys: Mapping[bytes, tuple[int, bytes]] = field(repr=False)
    objects: Objects = field(repr=False)
    picture: StoreSnapshot = field(repr=False)
    home: Path
    ledger: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """The servers. `endpoints` lead to the database that runs work in, `role_url` too, as Expunge's own role.

    `data_map`: the company's, with what it keeps besides. `ledger`: where ledgers are, if they are not in the
    installations' homes.
    """

    stack: dev_servers.Stack
    endpoints: Endpoints
    role_url: str
    admin_url: str = field(repr=False)
    client: redis.Redis = field(repr=False)
    s3: S3Client = field(repr=False)
    directory: Path
    company: Company
    data_map: Path
    ledger: LedgerServer | None = None

    def requests(self) -> tuple[Request, Request]:
        """One of the company for account holders, one of a client for callers.

        Account holders 2 and 3 share a home and are in different chunks: the address goes with the last of them.
        Holder 10 has exports, old and young invoices and an opt-out; 1 is online. The second line disagrees
        with itself.
        """
        mails = {ident: self.company.holder(ident).user.email for ident in (2, 3, 5)}
        holders = f"email,user_id\n{mails[2]},\n{mails[5]},6\n,10\n{mails[3]},\n,1\n"
        assert {self.company.caller(ident).row.client_id for ident in (2, 8)} == {42}
        return (
            Request(
                "holders", "calltrack", holders, Erased(users=frozenset({1, 2, 3, 10})), in_between=10, afterwards=1
            ),
            Request("callers", "client:42", "caller_id\n2\n999999\n8\n", Erased(callers=frozenset({2, 8}))),
        )

    def environment(self, home: Path) -> dict[str, str]:
        """The settings of an installation in `home`."""
        loaded = loader.Loaded(self.role_url, self.role_url, 0, 0, 0, ())
        return {
            **scenario.settings_for(self.endpoints, loaded, home),
            "EXPUNGE_DATA_MAP": str(self.data_map),
            "EXPUNGE_KEYS_DIR": str(home / "keys"),  # an installation is copied as one directory
            "EXPUNGE_ALLOW_KEYS_BESIDE_LEDGER": "true",
            "EXPUNGE_CHUNK_SIZE": "3",
            "EXPUNGE_SETTLING": "PT0S",
            "EXPUNGE_INSPECTION_HOLDS": "PT1H",  # one look a process, or the points would depend on the machine
            "EXPUNGE_STORES_AT_ONCE": "1",  # or on which of two stores is faster
            "EXPUNGE_RETRY_PAUSE": "PT0.05S",
            **({} if self.ledger is None else {"EXPUNGE_LEDGER_URL": ledger_backends.for_expunge(self.ledger.url)}),
        }

    def settings(self, home: Path) -> Settings:
        """The same for this process."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(home).items():
                patch.setenv(name, value)
            return load_settings()

    @contextmanager
    def workspace(self, home: Path) -> Iterator[Workspace]:
        """The installation in `home`, opened in this process."""
        with opened(self.settings(home), installed()) as workspace:
            yield workspace

    def picture(self) -> StoreSnapshot:
        """What everything looks like now."""
        return store_snapshot.take(self.endpoints.postgres_url, self.client, store_snapshot.stored(self.s3))

    def snapshot(self) -> Snapshot:
        """What the judge sees, who knows the example's kinds of keys alone: in a copy that has no others."""
        url = named(self.endpoints.redis_url, JUDGED)
        with redis.Redis.from_url(url) as copy, self.client.pipeline(transaction=False) as pipeline:
            for name in self.client.scan_iter(count=1000):
                if not extra_records.is_sundry(name):
                    pipeline.copy(name, name, destination_db=int(JUDGED))
            try:
                pipeline.execute()
                return snapshot(replace(self.endpoints, redis_url=url))
            finally:
                copy.flushdb()

    def save(self, name: str, home: Path) -> Start:
        """Keep the present state of the stores and an installation."""
        template = f"start_{self.directory.name}_{name}"
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            template_databases.copy(admin, DATABASE, template)
        kept = self.directory / name
        shutil.copytree(home, kept)
        if self.ledger is not None:
            self.ledger.save(template)
        return Start(template, dict(_dumped(self.client)), s3_state.kept(self.s3), self.picture(), kept, template)

    def restore(self, start: Start, home: Path) -> StoreSnapshot:
        """Put everything back and copy the installation; returns what everything looks like then."""
        shutil.copytree(start.home, home, dirs_exist_ok=True)
        if self.ledger is not None:
            self.ledger.put_back(start.ledger)
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            template_databases.copy(admin, start.template, DATABASE, DATABASE_OID)
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.flushdb()
            for name, (life, value) in start.keys.items():
                pipeline.restore(name, life, value)
            pipeline.execute()
        stored = s3_state.put_back(self.s3, start.objects, start.picture)
        before = store_snapshot.take(self.endpoints.postgres_url, self.client, stored)
        assert before.differences(start.picture) == []
        return before

    def plan(self, request: Request) -> tuple[Start, str, str]:
        """Found an installation and plan the request; returns the start, and the batch's name and digest."""
        home = self.directory / f"{request.name}-planning"
        if self.ledger is not None:
            self.ledger.found(home)
        settings = self.settings(home).model_copy(update={"chunk_size": request.chunk})
        initialise(settings, load_map(settings, installed()).operator, now())
        with opened(settings, installed()) as workspace:
            for store in workspace.stores.values():
                if isinstance(store, Adoptable):
                    store.adopt()
            people = read_people(io.BytesIO(request.people.encode()), workspace.data_map)
            scope = parse_scope(request.controller, workspace.data_map)
            batch = planner.create_plan(workspace, people, scope, lambda _done: None, request.data_types)
        return self.save(f"{request.name}_erase", home), batch.uid, batch.plan_digest

    def arrive_late(self, holder: int) -> None:
        """Write to somebody whose erasure was stated, in all three stores."""
        with psycopg.connect(self.endpoints.postgres_url) as connection:
            connection.execute(
                "INSERT INTO messages (id, user_id, body, created_at) OVERRIDING SYSTEM VALUE"
                " VALUES (900002, %s, 'late', '2026-01-02T00:00:00Z')",
                (holder,),
            )
        self.client.set(f"cache:user:{holder}", "late")
        self.s3.put_object(Bucket=EXPORTS, Key=f"users/{holder}/late.csv", Body=b"late")
        extra_records.arrive_late(self.client, self.s3, holder)


@contextmanager
def built(directory: Path) -> Iterator[World]:
    """Start servers and load the company."""
    with dev_servers.stack(in_memory()) as stack:
        # The company is loaded into the default database; runs work in copies of it.
        company = Company(seed=SEED, people=PEOPLE, now=datetime.now(UTC))
        loaded = loader.load(company, stack.endpoints, stack.programs.postgres / "pg_dump")
        url = stack.endpoints.postgres_url
        endpoints = replace(stack.endpoints, postgres_url=named(url, DATABASE))
        admin_url = named(url, "template1")
        with psycopg.connect(admin_url, autocommit=True) as admin:
            template_databases.copy(admin, ORIGIN, DATABASE, DATABASE_OID)
        s3 = s3_client(endpoints)
        try:
            with redis.Redis.from_url(endpoints.redis_url) as client:
                extra_records.load(client, s3)
                data_map = directory / "datamap.yaml"
                extra_records.write_map(data_map)
                role_url = named(loaded.postgres_url, DATABASE)
                yield World(stack, endpoints, role_url, admin_url, client, s3, directory, company, data_map)
        finally:
            s3.close()


def _dumped(client: redis.Redis) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
    for name in client.scan_iter():
        yield name, (max(0, client.pttl(name)), client.dump(name))
