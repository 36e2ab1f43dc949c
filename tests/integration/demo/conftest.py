"""A small Calltrack in real servers, once before and once after an honest erasure, and cheap copies of both."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from tests.support.demo_erasure import ByHand
from tests.support.demo_world import World, clone, drop
from tests.support.servers import remove_bucket

from expunge_demo.calltrack import Company
from expunge_demo.calltrack.s3_objects import BACKUPS, EXPORTS, LOGS, RECORDINGS
from expunge_demo.dev_servers import Endpoints, binaries
from expunge_demo.ground_truth import snapshot
from expunge_demo.loader import load

REDIS_DATABASE = 11


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
