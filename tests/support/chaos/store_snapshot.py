"""Pictures of all three stores, taken by hand: what is there, and whether what looks the same was written again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import redis
from psycopg import sql
from tests.support.chaos.extra_records import VAULT

from expunge_demo.calltrack.s3_objects import BACKUPS, EXPORTS, LOGS, RECORDINGS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKETS = (RECORDINGS, EXPORTS, LOGS, BACKUPS, VAULT)
UPLOADS = f"uploads to {EXPORTS}"
STORED = (*BUCKETS, UPLOADS)
LOCKS = ("ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus")

Thing = tuple[str, str]
"""Place and name: a table and a row's text, "redis" and a key, a bucket (or uploads to it) and an object's key."""


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """Everything in the stores.

    Attributes:
        content: Thing -> its content. For rows the text says it all; for objects sizes, ETags, locks and markers of all
            versions; for unfinished uploads their number; for keys type, value (lists in order, a stream's entries
            with their ids) and whether they expire.
        writing: Thing -> what changes when it is written again though its content stays: a row's place and
            transaction, an object's version ids and times, an upload's id and time.
    """

    content: Mapping[Thing, Any]
    writing: Mapping[Thing, Any]

    def differences(self, other: StoreSnapshot) -> list[str]:
        """Where the contents differ, without values."""
        places = {thing[0] for thing in self.content.keys() | other.content.keys()}
        found = []
        for place in sorted(places):
            mine = {thing: value for thing, value in self.content.items() if thing[0] == place}
            theirs = {thing: value for thing, value in other.content.items() if thing[0] == place}
            if mine != theirs:
                missing, extra = len(theirs.keys() - mine.keys()), len(mine.keys() - theirs.keys())
                altered = sum(mine[thing] != theirs[thing] for thing in mine.keys() & theirs.keys())
                found.append(f"{place}: {missing} missing, {extra} too many, {altered} altered")
        return found

    def rewritten_since(self, before: StoreSnapshot) -> list[str]:
        """Things whose content is the same as before and which were written all the same."""
        return sorted(
            {
                thing[0]
                for thing, value in before.content.items()
                if self.content.get(thing) == value and self.writing.get(thing) != before.writing.get(thing)
            }
        )


def take(postgres_url: str, client: redis.Redis, stored: StoreSnapshot) -> StoreSnapshot:
    """Look at everything but S3, and put that to what S3 looks like."""
    content: dict[Thing, Any] = {}
    writing: dict[Thing, Any] = {}
    _rows(postgres_url, content, writing)
    _keys(client, content)
    return StoreSnapshot({**content, **stored.content}, {**writing, **stored.writing})


def stored(s3: S3Client) -> StoreSnapshot:
    """Look at S3 alone."""
    content: dict[Thing, Any] = {}
    writing: dict[Thing, Any] = {}
    for place in STORED:
        look(s3, place, content, writing)
    return StoreSnapshot(content, writing)


def look(s3: S3Client, place: str, content: dict[Thing, Any], writing: dict[Thing, Any]) -> None:
    """Look at one place in S3."""
    if place == UPLOADS:
        _uploads(s3, content, writing)
    else:
        _objects(s3, place, content, writing)


def _rows(url: str, content: dict[Thing, Any], writing: dict[Thing, Any]) -> None:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(
                sql.SQL("SELECT t::text, t.ctid::text, t.xmin::text FROM {} AS t").format(sql.Identifier(table))
            )
            for text, place, transaction in rows:
                assert (table, text) not in content
                content[table, text] = ()
                writing[table, text] = (place, transaction)


def _keys(client: redis.Redis, content: dict[Thing, Any]) -> None:
    names = sorted(client.scan_iter(count=1000))
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.type(name)
            pipeline.pttl(name)
        answers = pipeline.execute()
        kinds = [kind.decode() for kind in answers[::2]]
        expiring = [life > 0 for life in answers[1::2]]
        for name, kind in zip(names, kinds, strict=True):
            match kind:
                case "string":
                    pipeline.get(name)
                case "hash":
                    pipeline.hgetall(name)
                case "set":
                    pipeline.smembers(name)
                case "zset":
                    pipeline.zrange(name, 0, -1, withscores=True)
                case "list":
                    pipeline.lrange(name, 0, -1)
                case "stream":
                    pipeline.xrange(name)
                case _:
                    raise AssertionError(kind)
        values = pipeline.execute()
    for name, kind, expires, value in zip(names, kinds, expiring, values, strict=True):
        content["redis", name.decode()] = (kind, value, expires)


def _objects(s3: S3Client, bucket: str, content: dict[Thing, Any], writing: dict[Thing, Any]) -> None:
    """Look at one bucket, all versions of everything, each with what keeps it where something can."""
    versions: defaultdict[str, list[Any]] = defaultdict(list)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in page.get("Versions", []):
            kept = _locks(s3, bucket, one["Key"], one["VersionId"]) if bucket == VAULT else []
            seen = (one["IsLatest"], one["Size"], one["ETag"], *kept)
            versions[one["Key"]].append((seen, (one["VersionId"], one["LastModified"])))
        for marker in page.get("DeleteMarkers", []):
            versions[marker["Key"]].append(((marker["IsLatest"], "marker", ""), (marker["VersionId"],)))
    for key, found in versions.items():
        content[bucket, key] = sorted(seen for seen, _ in found)
        writing[bucket, key] = sorted(written for _, written in found)


def _locks(s3: S3Client, bucket: str, key: str, version: str) -> list[str]:
    """What keeps a version, and until when."""
    head: Any = s3.head_object(Bucket=bucket, Key=key, VersionId=version)
    return [str(head.get(name, "")) for name in LOCKS]


def _uploads(s3: S3Client, content: dict[Thing, Any], writing: dict[Thing, Any]) -> None:
    """Look at the unfinished uploads of exports: how many there are of each key. No call changes a single part."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    page = s3.list_multipart_uploads(Bucket=EXPORTS)
    assert not page["IsTruncated"]
    for one in page.get("Uploads", []):
        found[one["Key"]].append((one["UploadId"], one["Initiated"]))
    for key, several in found.items():
        content[UPLOADS, key] = len(several)
        writing[UPLOADS, key] = sorted(several)
