"""Verification: finds what is left, by other requests than erasing. A 404 counts only beside a listing of the bucket.

Keys are asked for one by one (HeadObject), prefixes and names that are no path of a URL through ListObjectsV2, all of
them through listings of versions, whose entries are looked at one by one again. Whatever any of these shows is there. A
listing that several keys share is believed only if it is whole: one that is cut or set in the middle (which is how
erasing lists) is not used here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from expunge_connectors.contract import no_beat
from expunge_connectors.keyspace.template_rules import Tallies
from expunge_connectors.s3.client import UPLOAD_MARKERS, VERSION_MARKERS, Service
from expunge_connectors.s3.errors import NOT_THERE
from expunge_connectors.s3.found_versions import Entry, Found, ObjectLock, Target, Upload, shared_beginning
from expunge_connectors.s3.object_lock import lock_in_head, lockable
from expunge_connectors.s3.upload_aliases import UploadAliases, listed_from
from expunge_connectors.s3.xml_names import form_below, own_key, told_whole

GROUP = 100


def remaining(service: Service, targets: Sequence[Target], heads: Mapping[str, str]) -> Iterator[Found]:
    """What is left below each target, several at a time."""
    may_lock, clocks = LockableBuckets(service), Clocks(service)
    shown: dict[Target, list[Entry]] = {}
    with service.meanwhile(partial(_uploads, service, targets, heads)) as listed:
        for one in service.each(_neighbours(targets), lambda group: _together(service, group), no_beat):
            shown |= one
        uploads = listed.result()

    def look(target: Target) -> Found:
        place = f"collection {target.collection}"
        listed = shown[target] if target in shown else _versions(service, place, target)
        current = list(_current(service, place, target))
        otherwise = {(form_below(target, entry.key), entry.version) for entry in current} if current else set()
        seen = {
            (entry.key, entry.version): entry
            for entry in listed
            if told_whole(entry.key) or (entry.key, entry.version) not in otherwise  # listed under another key
        }
        for entry in current:
            seen.setdefault((entry.key, entry.version), entry)
        locks = {
            entry: lock
            for entry in seen.values()
            if not entry.marker
            and may_lock[target.bucket]
            and (lock := _lock(service, place, entry, clocks[target.bucket])) is not None
        }
        listed_here, rewritten = uploads.get(target.bucket, ()), UploadAliases(service, [target])
        here = tuple(upload for upload in listed_here if target.covers(upload.key))
        here += tuple(own for upload in listed_here for _, own in rewritten.owners(upload))
        return Found(target, tuple(seen.values()), here, locks)

    return service.each(targets, look, no_beat)


def count_left(tallies: Tallies, found: Found, cutoff: datetime) -> None:
    """Add what is left below one target: a version, a delete marker that stands alone, or an unfinished upload.

    What is due by its age is said here once more, by other code than the rules of erasing (law 1).
    """
    target = found.target
    before: dict[str, Entry] = {}  # the newest marker of each key that has no version
    with_versions = {entry.key for entry in found.entries if not entry.marker}
    left: list[tuple[datetime, ObjectLock | None]] = []
    for entry in found.entries:
        if not entry.marker:
            left.append((entry.modified, found.locks.get(entry)))
        elif entry.key not in with_versions and (
            entry.key not in before or entry.modified > before[entry.key].modified
        ):
            before[entry.key] = entry
    left += [(marker.modified, None) for marker in before.values()]
    left += [(upload.initiated, None) for upload in found.uploads]
    for moment, lock in left:
        if not target.certain and moment >= cutoff:
            tallies.add(target.number, target.collection, newer=1)
        elif lock is None:
            tallies.add(target.number, target.collection, due=1)
        else:
            tallies.retain(target.number, target.collection, lock.until, lock.ground)


class LockableBuckets(dict[str, bool]):
    """Bucket -> whether its versions can be locked, asked for where a version is left: most often none is."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def __missing__(self, bucket: str) -> bool:
        found = self[bucket] = lockable(self._service, bucket)
        return found


class Clocks(dict[str, datetime]):
    """Bucket -> the service's time, asked for where a version that is left may be locked until some date."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def __missing__(self, bucket: str) -> datetime:
        found = self[bucket] = self._service.clock(bucket)
        return found


def _neighbours(targets: Sequence[Target]) -> list[Sequence[Target]]:
    """Keys of one collection in one folder, some dozens at a time."""
    folders: dict[tuple[str, str, str], list[Target]] = defaultdict(list)
    for target in targets:
        if not target.is_prefix:
            folders[target.collection, target.bucket, target.name.rpartition("/")[0]].append(target)
    for group in folders.values():
        group.sort(key=lambda target: target.name)
    return [
        group[start : start + GROUP]
        for group in folders.values()
        for start in range(0, len(group), GROUP)
        if len(group) > 1
    ]


def _together(service: Service, group: Sequence[Target]) -> dict[Target, list[Entry]]:
    """What one listing shows of each key; nothing at all if it does not show everything there is."""
    bucket, place = group[0].bucket, f"collection {group[0].collection}"
    page = service.must(
        place,
        "list_object_versions",
        Bucket=bucket,
        Prefix=shared_beginning(group[0].name, group[-1].name),
        MaxKeys=2 * GROUP,
    )
    if page.get("IsTruncated"):
        return {}
    found: dict[str, list[Entry]] = defaultdict(list)
    for kind in ("Versions", "DeleteMarkers"):
        for one in page.get(kind, []):
            if not told_whole(one["Key"]):  # it may be any of several keys
                return {}
            found[one["Key"]].append(_entry(bucket, one["Key"], one, marker=kind == "DeleteMarkers"))
    return {target: found[target.name] for target in group}


def _versions(service: Service, place: str, target: Target) -> Iterator[Entry]:
    for page in service.pages(place, "list_object_versions", VERSION_MARKERS, Bucket=target.bucket, Prefix=target.name):
        further = False
        for kind in ("Versions", "DeleteMarkers"):
            for one in page.get(kind, []):
                if (key := own_key(target, one["Key"])) is not None:
                    yield _entry(target.bucket, key, one, marker=kind == "DeleteMarkers")
                else:
                    further = True
        if further:  # past the key: longer keys that begin with it
            return


def _current(service: Service, place: str, target: Target) -> Iterator[Entry]:
    """What plain readers see."""
    if not target.is_prefix and is_path(target.name):
        head = service.call(place, "head_object", absent=NOT_THERE, Bucket=target.bucket, Key=target.name)
        if head is not None:
            yield _entry(target.bucket, target.name, head)
        return
    markers = {"NextContinuationToken": "ContinuationToken"}
    for page in service.pages(place, "list_objects_v2", markers, Bucket=target.bucket, Prefix=target.name):
        keys = [one for one in page.get("Contents", []) if target.covers(one["Key"])]
        for one in keys:
            head = None
            if is_path(one["Key"]):
                head = service.call(place, "head_object", absent=NOT_THERE, Bucket=target.bucket, Key=one["Key"])
            yield _entry(target.bucket, one["Key"], one if head is None else head)
        if len(keys) < len(page.get("Contents", [])):  # past the key: longer keys that begin with it
            return


def is_path(name: str) -> bool:
    """The name can stand in a URL as it is: no part of it is `.` or `..`, which services refuse or take for steps.

    AWS (S3 user guide, Naming Amazon S3 objects) refuses a name that leads above its bucket.
    """
    return not {".", ".."} & set(name.split("/"))


def _entry(bucket: str, key: str, answer: Mapping[str, Any], *, marker: bool = False) -> Entry:
    version = answer.get("VersionId") or "null"
    return Entry(bucket, key, version, marker, bool(answer.get("IsLatest", True)), answer["LastModified"])


def _lock(service: Service, place: str, entry: Entry, at: datetime) -> ObjectLock | None:
    head = service.call(
        place, "head_object", absent=NOT_THERE, Bucket=entry.bucket, Key=entry.key, VersionId=entry.version
    )
    return None if head is None else lock_in_head(head, at)


def _uploads(service: Service, targets: Sequence[Target], heads: Mapping[str, str]) -> Mapping[str, set[Upload]]:
    places = {(target.bucket, listed_from(heads[target.collection])): target.collection for target in targets}
    found: dict[str, set[Upload]] = {}  # a set: one head may be part of another
    for (bucket, head), collection in places.items():
        for page in service.pages(
            f"collection {collection}", "list_multipart_uploads", UPLOAD_MARKERS, Bucket=bucket, Prefix=head
        ):
            found.setdefault(bucket, set()).update(
                Upload(bucket, one["Key"], one["UploadId"], one["Initiated"]) for one in page.get("Uploads", [])
            )
    return found
