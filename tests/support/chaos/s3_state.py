"""Objects and unfinished uploads of the world: kept, and put back where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.chaos import store_snapshot
from tests.support.chaos.extra_records import VAULT, begin_upload
from tests.support.chaos.store_snapshot import StoreSnapshot, Thing

from expunge_demo.calltrack.s3_objects import EXPORTS, RECORDINGS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ERASED_FROM = (RECORDINGS, EXPORTS, VAULT)
WRITTEN = (*ERASED_FROM, store_snapshot.UPLOADS)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object. `kept`: the lock or hold that it has, as `put_object` wants it."""

    body: bytes = field(repr=False)
    kept: Mapping[str, Any]


Objects = Mapping[Thing, Sequence[Version]]
"""Bucket and key -> versions, oldest first."""


def kept(s3: S3Client) -> Objects:
    """Every version of every object that can be erased."""
    return dict(_versions(s3))


def _versions(s3: S3Client) -> Iterator[tuple[Thing, list[Version]]]:
    for bucket in ERASED_FROM:
        page = s3.list_object_versions(Bucket=bucket)
        assert not page["IsTruncated"]
        found: dict[str, list[Version]] = {}
        for one in page.get("Versions", []):  # newest first
            answer: Any = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            with answer["Body"] as body:
                locks = {name: answer[name] for name in store_snapshot.LOCKS if name in answer}
                found.setdefault(one["Key"], []).insert(0, Version(body.read(), locks))
        yield from (((bucket, key), versions) for key, versions in found.items())


def put_back(s3: S3Client, objects: Objects, picture: StoreSnapshot) -> StoreSnapshot:
    """Make S3 look as in the picture again. What does look so is not written. Returns what it looks like then."""
    content: dict[Thing, Any] = {}
    writing: dict[Thing, Any] = {}
    for place in store_snapshot.STORED:
        there: dict[Thing, Any] = {}
        written: dict[Thing, Any] = {}
        store_snapshot.look(s3, place, there, written)
        if place in WRITTEN and (apart := list(_apart(there, picture, place))):
            for key, wanted in apart:
                if place == store_snapshot.UPLOADS:
                    _put_uploads_back(s3, key, wanted or 0)
                else:
                    _put_versions_back(s3, place, key, objects.get((place, key), ()), wanted or ())
            there, written = {}, {}
            store_snapshot.look(s3, place, there, written)
        content |= there
        writing |= written
    return StoreSnapshot(content, writing)


def _apart(there: Mapping[Thing, Any], picture: StoreSnapshot, place: str) -> Iterator[tuple[str, Any]]:
    """Keys of one place that do not look as in the picture, with how they look there; None: not at all."""
    wanted = {thing: value for thing, value in picture.content.items() if thing[0] == place}
    for thing in sorted(there.keys() | wanted.keys()):
        if there.get(thing) != wanted.get(thing):
            yield thing[1], wanted.get(thing)


def _put_versions_back(s3: S3Client, bucket: str, key: str, versions: Sequence[Version], wanted: Sequence[Any]) -> None:
    page = s3.list_object_versions(Bucket=bucket, Prefix=key)
    for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
        if one["Key"] == key:
            name: Any = {"Bucket": bucket, "Key": key, "VersionId": one["VersionId"]}
            s3.delete_object(**name, **({"BypassGovernanceRetention": True} if bucket == VAULT else {}))
    for version in versions:
        s3.put_object(Bucket=bucket, Key=key, Body=version.body, **version.kept)
    if (True, "marker", "") in wanted:
        s3.delete_object(Bucket=bucket, Key=key)


def _put_uploads_back(s3: S3Client, key: str, number: int) -> None:
    for one in s3.list_multipart_uploads(Bucket=EXPORTS, Prefix=key).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=EXPORTS, Key=one["Key"], UploadId=one["UploadId"])
    for _ in range(number):
        begin_upload(s3, key)
