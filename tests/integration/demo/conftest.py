"""A small Calltrack in real servers, once before and once after an honest erasure, and cheap copies of both."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from tests.fixtures.servers import remove_bucket
from tests.integration.demo.by_hand import ByHand

from expunge_config.examples.calltrack import Company
from expunge_config.examples.calltrack.s3_objects import BACKUPS, EXPORTS, LOGS, RECORDINGS
from expunge_orchestrator.demo.loader import Loaded, load
from expunge_orchestrator.demo.oracle import Erased, Snapshot, snapshot
from expunge_orchestrator.dev_servers import Endpoints, binaries

REDIS_DATABASE = 11


@dataclass(frozen=True)
class World:
    """A loaded company.

    Attributes:
        places: The stores; the database is the untouched one.
        erased_url: A copy of the database in which `erased` was carried out by hand, as in the other two stores.
        before / after: Snapshots around that erasure.
    """

    company: Company
    places: Endpoints
    loaded: Loaded
    erased: Erased
    erased_url: str
    before: Snapshot
    after: Snapshot
    by_hand: ByHand

    @contextmanager
    def copy(self, url: str) -> Iterator[Endpoints]:
        """Yield the places with a throw-away copy of a database."""
        name = f"copy_{secrets.token_hex(6)}"
        copied = clone(self.admin_url, url, name)
        try:
            yield replace(self.places, postgres_url=copied)
        finally:
            drop(self.admin_url, name)

    @property
    def admin_url(self) -> str:
        return urlsplit(self.places.postgres_url)._replace(path="/postgres").geturl()


def clone(admin_url: str, url: str, name: str) -> str:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        source = sql.Identifier(urlsplit(url).path.lstrip("/"))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def drop(admin_url: str, name: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def pg_dump() -> Path:
    return binaries.locate().postgres / "pg_dump"


@pytest.fixture(scope="module")
def places(servers: Endpoints) -> Iterator[Endpoints]:
    """Yield empty stores of this module's own."""
    name = f"demo_{secrets.token_hex(6)}"
    with psycopg.connect(servers.postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    redis_url = urlsplit(servers.redis_url)._replace(path=f"/{REDIS_DATABASE}").geturl()
    yield replace(
        servers,
        postgres_url=urlsplit(servers.postgres_url)._replace(path=f"/{name}").geturl(),
        redis_url=redis_url,
    )
    drop(servers.postgres_url, name)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


@pytest.fixture(scope="module")
def world(places: Endpoints, pg_dump: Path, s3) -> Iterator[World]:
    company = Company(seed=7, people=250, now=datetime.now(UTC))
    try:
        loaded = load(company, places, pg_dump)
        before = snapshot(places)
        by_hand = ByHand.of(company)
        admin_url = urlsplit(places.postgres_url)._replace(path="/postgres").geturl()
        erased_name = f"erased_{secrets.token_hex(6)}"
        erased_url = clone(admin_url, places.postgres_url, erased_name)
        by_hand.erase_rows(erased_url)
        by_hand.erase_keys(places.redis_url)
        by_hand.erase_objects(s3)
        after = snapshot(replace(places, postgres_url=erased_url))
        yield World(company, places, loaded, by_hand.erased, erased_url, before, after, by_hand)
        drop(admin_url, erased_name)
    finally:
        for bucket in (RECORDINGS, EXPORTS, LOGS, BACKUPS):
            remove_bucket(s3, bucket)
