"""The three stores seen without Expunge: plain SQL, Redis and S3 calls, with all rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
from psycopg import sql
from tests.support.installation import CompanyStack
from tests.support.servers import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKETS = ("calltrack-recordings", "calltrack-exports", "calltrack-logs", "calltrack-backups")

Contents = Mapping[str, frozenset[Any]]
"""Table, kind of key or bucket -> everything in it. Two of them are equal when nothing changed."""


@dataclass(frozen=True, slots=True)
class StoreInspector:
    """Looks into the stores of a company, and changes them as other programs would."""

    calltrack: CompanyStack
    s3: S3Client = field(repr=False)

    @contextmanager
    def postgres(self) -> Iterator[psycopg.Connection]:
        """A superuser's connection in autocommit mode, to the company's database."""
        with psycopg.connect(self.calltrack.stack.endpoints.postgres_url, autocommit=True) as connection:
            yield connection

    @contextmanager
    def redis(self) -> Iterator[redis.Redis]:
        """A client with every right."""
        with redis.Redis.from_url(self.calltrack.stack.endpoints.redis_url) as client:
            yield client

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has any."""
        with self.postgres() as connection:
            cursor = connection.execute(statement, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description is not None else []

    def one(self, statement: str, *parameters: object) -> Any:
        """The only value that a statement answers."""
        ((value,),) = self.sql(statement, *parameters)
        return value

    def contents(self) -> Contents:
        """Every row, key and object version. What is volatile by nature (times to live) is left out."""
        return {**self._rows(), **self._keys(), **self._objects()}

    def _rows(self) -> dict[str, frozenset[Any]]:
        with self.postgres() as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return {
                f"table {name}": frozenset(
                    row
                    for (row,) in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name)))
                )
                for (name,) in tables
            }

    def _keys(self) -> dict[str, frozenset[Any]]:
        found: set[tuple[bytes, ...]] = set()
        with self.redis() as client, client.pipeline(transaction=False) as many:
            # Asking for keys by their type takes a third of the time of asking each key for its type.
            names = [(name, kind) for kind in READ for name in client.scan_iter(count=5000, _type=kind)]
            others = set(client.scan_iter(count=5000)) - {name for name, _ in names}
            assert not others, f"{len(others)} keys have another type, or came just now"
            for name, kind in names:
                READ[kind](many, name)
            for (name, _), value in zip(names, many.execute(), strict=True):
                found.update(_parts(name, value))
        return {"keys": frozenset(found)}

    def _objects(self) -> dict[str, frozenset[Any]]:
        return {f"bucket {bucket}": frozenset(self.versions(bucket)) for bucket in BUCKETS}

    def versions(self, bucket: str, prefix: str = "") -> list[tuple[str, str, str, int]]:
        """Key, version, ETag and size of everything below a prefix, delete markers too."""
        found = []
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            found += [(one["Key"], one["VersionId"], one["ETag"], one["Size"]) for one in page.get("Versions", [])]
            found += [(one["Key"], one["VersionId"], "marker", 0) for one in page.get("DeleteMarkers", [])]
        return found


# How to read a whole key; the company has no keys of another type.
READ: Mapping[str, Callable[[Any, bytes], object]] = {
    "string": lambda many, name: many.get(name),
    "hash": lambda many, name: many.hgetall(name),
    "set": lambda many, name: many.smembers(name),
    "zset": lambda many, name: many.zrange(name, 0, -1, withscores=True),
}


def _parts(name: bytes, value: Any) -> Iterator[tuple[bytes, ...]]:
    if isinstance(value, bytes):
        yield name, value
    elif isinstance(value, dict):
        yield from ((name, field_name, content) for field_name, content in value.items())
    elif isinstance(value, set):
        yield from ((name, member) for member in value)
    else:
        yield from ((name, member, str(score).encode()) for member, score in value)


def changed(before: Contents, after: Contents) -> dict[str, tuple[int, int]]:
    """Place -> (gone, new), for places that are not as they were."""
    return {
        place: (len(before.get(place, frozenset()) - now), len(now - before.get(place, frozenset())))
        for place, now in after.items()
        if before.get(place, frozenset()) != now
    } | {place: (len(was), 0) for place, was in before.items() if place not in after}


@pytest.fixture(scope="session")
def inspector(calltrack: CompanyStack) -> Iterator[StoreInspector]:
    """The session's company, seen without Expunge."""
    with s3_client(calltrack.stack.endpoints) as client:
        yield StoreInspector(calltrack, client)
