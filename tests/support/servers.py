"""Real servers for tests: given by the environment, from docker/compose.yaml, or (the default) embedded.

- `EXPUNGE_TEST_POSTGRES_URL`, `EXPUNGE_TEST_REDIS_URL` and `EXPUNGE_TEST_S3_ENDPOINT`, `_S3_ACCESS_KEY`,
  `_S3_SECRET_KEY`: all five or none. Tests create and drop databases and buckets there and empty one Redis database.
- `pytest --servers=docker`: containers, through pytest-docker.
- otherwise `expunge_demo.dev_servers`: three programs from wheels, ready in a second.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import boto3
import botocore.session
import psycopg
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.utils import parse_timestamp
from psycopg import sql
from tests.support.host_state import in_memory

from expunge_demo import dev_servers
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

VARIABLES = {
    "postgres_url": "EXPUNGE_TEST_POSTGRES_URL",
    "redis_url": "EXPUNGE_TEST_REDIS_URL",
    "s3_endpoint": "EXPUNGE_TEST_S3_ENDPOINT",
    "s3_access_key": "EXPUNGE_TEST_S3_ACCESS_KEY",
    "s3_secret_key": "EXPUNGE_TEST_S3_SECRET_KEY",
}
TEST_REDIS_DATABASE = 9
CONTAINER_SECONDS = 120.0
AHEAD = 3
"""So many buckets are made before they are asked for."""


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Endpoints]:
    """Yield how to reach Postgres, Redis/Valkey and S3, one set for the whole session (and xdist worker)."""
    given = {name: os.environ[variable] for name, variable in VARIABLES.items() if variable in os.environ}
    if given:
        missing = [variable for name, variable in VARIABLES.items() if name not in given]
        if missing:
            pytest.fail(f"some servers are given by the environment, so these must be too: {', '.join(missing)}")
        yield Endpoints(
            given["postgres_url"],
            given["redis_url"],
            given["s3_endpoint"],
            given["s3_access_key"],
            given["s3_secret_key"],
        )
    elif request.config.getoption("--servers") == "docker":
        yield _containers(request)
    else:
        with dev_servers.stack(in_memory()) as stack:
            yield stack.endpoints


@pytest.fixture(scope="session")
def docker_compose_file(pytestconfig: pytest.Config) -> str:
    """Tell pytest-docker which file to start."""
    return str(pytestconfig.rootpath / "docker" / "compose.yaml")


def _containers(request: pytest.FixtureRequest) -> Endpoints:
    address: str = request.getfixturevalue("docker_ip")
    services: Any = request.getfixturevalue("docker_services")
    # The same variables, with the same defaults, as in docker/compose.yaml.
    password = os.environ.get("EXPUNGE_COMPOSE_PASSWORD", "expunge-test")
    access_key = os.environ.get("EXPUNGE_COMPOSE_S3_ACCESS_KEY", "expunge-test")
    secret_key = os.environ.get("EXPUNGE_COMPOSE_S3_SECRET_KEY", "expunge-test-secret")
    endpoints = Endpoints(
        postgres_url=f"postgresql://postgres:{password}@{address}:{services.port_for('postgres', 5432)}/postgres",
        redis_url=f"redis://:{password}@{address}:{services.port_for('valkey', 6379)}/0",
        s3_endpoint=f"http://{address}:{services.port_for('s3', 8333)}",
        s3_access_key=access_key,
        s3_secret_key=secret_key,
    )
    services.wait_until_responsive(lambda: _answers(endpoints), timeout=CONTAINER_SECONDS, pause=0.2)
    return endpoints


def _answers(endpoints: Endpoints) -> bool:
    try:
        psycopg.connect(endpoints.postgres_url, connect_timeout=2).close()
        with redis.Redis.from_url(endpoints.redis_url, socket_timeout=2) as client:
            client.ping()
        with s3_client(endpoints, attempts=0) as client:
            client.list_buckets()
    except (psycopg.Error, redis.RedisError, ClientError, OSError):
        return False
    except Exception as error:  # botocore's connection errors share no base with its others
        if type(error).__module__.startswith("botocore"):
            return False
        raise
    return True


@contextmanager
def fresh_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a copy of a server's database, dropped afterwards with whatever still hangs on it."""
    name = f"test_{secrets.token_hex(8)}"
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server_url, autocommit=True) as admin:
        # Copying files is the fastest way where nothing is flushed to the disk, and the slowest where it is.
        flushed = admin.execute("SHOW fsync").fetchone()
        strategy = sql.SQL("STRATEGY file_copy" if flushed == ("off",) else "")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template), strategy))
    try:
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            hanging = admin.execute(
                "SELECT FROM pg_prepared_xacts WHERE database = %(name)s"
                " UNION ALL SELECT FROM pg_replication_slots WHERE database = %(name)s",
                {"name": name},
            )
            if hanging.fetchone() is not None:
                _release(url)
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _release(url: str) -> None:
    """End prepared transactions and logical slots: they forbid the drop, and only a session inside may end them."""
    with psycopg.connect(url, autocommit=True) as inside:
        for (gid,) in inside.execute(
            "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
        ).fetchall():
            inside.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
        inside.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE database = current_database() AND NOT active"
        )


@pytest.fixture
def database(servers: Endpoints) -> Iterator[str]:
    """Yield the URL of a fresh Postgres database."""
    with fresh_database(servers.postgres_url) as url:
        yield url


@dataclass(frozen=True, slots=True)
class Keyspace:
    """An empty Redis database of its own number; `client` answers in bytes."""

    url: str
    client: redis.Redis


@pytest.fixture
def keyspace(servers: Endpoints) -> Iterator[Keyspace]:
    """Yield a Redis database that is empty at the start and emptied after the test."""
    url = urlsplit(servers.redis_url)._replace(path=f"/{TEST_REDIS_DATABASE}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        try:
            yield Keyspace(url, client)
        finally:
            client.flushdb()


@contextmanager
def s3_client(endpoints: Endpoints, attempts: int = 3) -> Iterator[S3Client]:
    """Run a boto3 client for the `with` block."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    # botocore has dateutil guess at every date: more than half of the time of a long listing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    client = boto3.Session(botocore_session=session).client(
        "s3",
        endpoint_url=endpoints.s3_endpoint,
        aws_access_key_id=endpoints.s3_access_key,
        aws_secret_access_key=endpoints.s3_secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": attempts}),
    )
    try:
        yield client
    finally:
        client.close()


@cache
def _descriptions() -> Loader:
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader


def _moment(told: str) -> datetime:
    try:
        return datetime.fromisoformat(told)  # as in listings
    except ValueError:
        return parse_timestamp(told)  # as in headers


@pytest.fixture(scope="session")
def s3(servers: Endpoints) -> Iterator[S3Client]:
    """Yield a boto3 client of the S3 server."""
    with s3_client(servers) as client:
        yield client


class BucketFactory(Protocol):
    """Makes buckets."""

    def __call__(self, *, versioning: bool = False, object_lock: bool = False) -> str:
        """Make a fresh bucket and return its name; `object_lock` implies versioning."""
        ...


@pytest.fixture(scope="session")
def ready_buckets(s3: S3Client) -> Iterator[Callable[[], str]]:
    """Buckets whose first object was written: SeaweedFS takes 0.2 s for that, so it is done ahead, while tests run."""

    def prepared() -> str:
        name = f"test-{secrets.token_hex(8)}"
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="first", Body=b"x")
        s3.delete_object(Bucket=name, Key="first")
        return name

    with ThreadPoolExecutor(1) as ahead:
        waiting: deque[Future[str]] = deque()

        def take() -> str:
            while len(waiting) <= AHEAD:
                waiting.append(ahead.submit(prepared))
            return waiting.popleft().result()

        yield take
        for one in waiting:
            s3.delete_bucket(Bucket=one.result())


@pytest.fixture
def bucket(s3: S3Client, ready_buckets: Callable[[], str]) -> Iterator[BucketFactory]:
    """Yield a factory of buckets, which are emptied and deleted after the test.

    What COMPLIANCE mode protects cannot be deleted by anybody: such a bucket stays until its server goes.
    """
    made: list[str] = []

    def make(*, versioning: bool = False, object_lock: bool = False) -> str:
        if object_lock:
            name = f"test-{secrets.token_hex(8)}"
            s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        else:
            name = ready_buckets()
        made.append(name)
        if versioning:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    yield make
    for name in made:
        remove_bucket(s3, name)


def remove_bucket(s3: S3Client, name: str) -> None:
    """Delete a bucket with all versions, markers and unfinished uploads, lifting holds and GOVERNANCE locks."""
    for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    protected = False
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not entries:
            continue
        objects: list[ObjectIdentifierTypeDef] = [
            {"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries
        ]
        answer = s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
        for refused in answer.get("Errors", []):
            protected |= not _delete_locked(s3, name, refused["Key"], refused["VersionId"])
    for one in s3.list_objects_v2(Bucket=name).get("Contents", []):  # listed under another key, see `s3/xml_names`
        s3.delete_object(Bucket=name, Key=one["Key"])
    if not protected:
        s3.delete_bucket(Bucket=name)


def _delete_locked(s3: S3Client, name: str, key: str, version: str) -> bool:
    try:
        s3.put_object_legal_hold(Bucket=name, Key=key, VersionId=version, LegalHold={"Status": "OFF"})
        s3.delete_object(Bucket=name, Key=key, VersionId=version, BypassGovernanceRetention=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another process does, and fail loudly when it does not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds:.0f} s")
        time.sleep(0.02)
