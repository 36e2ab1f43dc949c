"""Listing before erasing: versions by range of names (`range_listing`), uploads by collection, locks by version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain

from expunge_connectors.contract import Heartbeat
from expunge_connectors.errors import ConnectorError
from expunge_connectors.s3.client import UPLOAD_MARKERS, Service
from expunge_connectors.s3.errors import NotSupportedError
from expunge_connectors.s3.found_versions import Found, Target, Upload
from expunge_connectors.s3.object_lock import lock_of, lockable
from expunge_connectors.s3.range_listing import entries_by_target
from expunge_connectors.s3.ttl_cache import TtlCache
from expunge_connectors.s3.upload_aliases import UploadAliases, listed_from


def uploads_below(service: Service, place: str, bucket: str, prefix: str) -> Iterator[Upload]:
    """Unfinished multipart uploads; none where the service does not know them."""
    try:
        for page in service.pages(place, "list_multipart_uploads", UPLOAD_MARKERS, Bucket=bucket, Prefix=prefix):
            for one in page.get("Uploads", []):
                yield Upload(bucket, one["Key"], one["UploadId"], one["Initiated"])
    except NotSupportedError:
        return


def uploads_by_target(
    service: Service, targets: Sequence[Target], heads: Mapping[str, str]
) -> Mapping[Target, tuple[Upload, ...]]:
    """Unfinished uploads of each target: one listing per collection (there are few of them), not one per key."""
    places: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in targets:
        places[target.collection, target.bucket].append(target)
    found: dict[Target, tuple[Upload, ...]] = {}
    for (collection, bucket), wanted in places.items():
        exact: dict[str, list[Target]] = defaultdict(list)
        for target in wanted:
            exact[target.name].append(target)
        below = [target for target in wanted if target.is_prefix]
        rewritten = UploadAliases(service, wanted)
        hits: dict[Target, list[Upload]] = defaultdict(list)
        for upload in uploads_below(service, f"collection {collection}", bucket, listed_from(heads[collection])):
            for target, own in rewritten.owners(upload):
                hits[target].append(own)
            owners = [target for target in exact.get(upload.key, []) if not target.is_prefix]
            for target in (*owners, *(one for one in below if one.covers(upload.key))):
                hits[target].append(upload)
        found |= {target: tuple(uploads) for target, uploads in hits.items()}
    return found


def search(
    service: Service,
    targets: Sequence[Target],
    heads: Mapping[str, str],
    beat: Heartbeat,
    recent: TtlCache | None = None,
) -> Iterator[Found]:
    """What is there below each target, in no particular order, many names a request.

    A bucket that is not there refuses its listing, so that "nothing there" is never said of a wrong place.

    Args:
        service: Is asked.
        targets: What is looked for.
        heads: The literal beginning of every name, per collection.
        beat: Called between requests.
        recent: May know whether a bucket can lock versions; None: that is asked.
    """
    if not targets:
        return
    known = TtlCache() if recent is None else recent

    def ask_locks() -> tuple[dict[str, bool], dict[str, datetime]]:
        locks = {
            bucket: known.said(("lockable", bucket), partial(lockable, service, bucket))
            for bucket in sorted({target.bucket for target in targets})
        }
        return locks, {bucket: service.clock(bucket) for bucket, locking in locks.items() if locking}

    def weighed(found: Found) -> Found:
        """The same with what keeps each version: a request or three for each."""
        at = clocks[found.target.bucket]
        locked = {
            entry: lock
            for entry in found.entries
            if not entry.marker and (lock := lock_of(service, entry, at)) is not None
        }
        return replace(found, locks=locked)

    lockables: list[Found] = []
    with (
        service.meanwhile(ask_locks) as asked,
        service.meanwhile(partial(uploads_by_target, service, targets, heads)) as listed,
    ):
        entries_of = entries_by_target(service, targets, beat)
        try:
            first = next(entries_of)
        except ConnectorError:
            asked.result()  # of a bucket that is missing this error names the bucket
            raise
        (locks, clocks), uploads = asked.result(), listed.result()
        for target, entries in chain([first], entries_of):
            found = Found(target, entries, uploads.get(target, ()), {})
            if locks[target.bucket]:
                lockables.append(found)
            else:
                yield found
    yield from service.each(lockables, weighed, beat)
