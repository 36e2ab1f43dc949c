"""Bucket reader: bucket settings, versions below a prefix, and their locks. Read-only.

What may not be read is unknown (None), which is not the same as absent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.s3.client import VERSION_MARKERS, Answer, Service
from expunge_connectors.s3.errors import NOT_THERE, NotSupportedError, RefusedError
from expunge_connectors.s3.inspection import NO_LIFECYCLE
from expunge_connectors.s3.lifecycle_rules import enabled_rules
from expunge_connectors.s3.object_lock import NO_LOCK, lockable
from expunge_connectors.s3.ttl_cache import TtlCache
from expunge_connectors.s3_backups.bucket_versions import BucketState, Newer, Protection, Version, Versioning


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the listing: a version or a delete marker."""

    key: str
    version: str
    marker: bool
    latest: bool
    modified: datetime
    size: int
    multipart: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """A version that is not a delete marker, with all that decides about its end."""

    version: Version
    multipart: bool


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a bucket may do with a version beside its lifecycle rules; where we may not ask, it does."""

    locks: bool
    replicates: bool


@dataclass(frozen=True, slots=True)
class SetUp:
    """How a bucket is set up."""

    state: BucketState
    keeps: Keeping


@dataclass(frozen=True, slots=True)
class Marks:
    """What hangs on one version and decides about its end; None where it may not be read."""

    tags: Mapping[str, str] | None
    protection: Protection | None
    replication: str | None


def _known(service: Service, operation: str, absent: Sequence[str] = (), **arguments: str) -> tuple[bool, Answer]:
    """(whether the answer is known, the answer; empty for "there is none")."""
    try:
        return True, service.call(f"bucket {arguments['Bucket']}", operation, absent=absent, **arguments) or {}
    except (RefusedError, NotSupportedError):
        return False, {}


def bucket_state(service: Service, bucket: str) -> BucketState:
    """Versioning and lifecycle rules."""
    versioning_known, versioning = _known(service, "get_bucket_versioning", Bucket=bucket)
    rules_known, rules = _known(service, "get_bucket_lifecycle_configuration", NO_LIFECYCLE, Bucket=bucket)
    state = str(versioning.get("Status", "off")).lower()
    return BucketState(
        versioning=Versioning(state) if versioning_known else None,
        mfa_delete=versioning.get("MFADelete") == "Enabled",
        rules=enabled_rules(rules) if rules_known else None,
    )


def listing(service: Service, bucket: str, prefix: str) -> list[Line]:
    """Every version and delete marker below the prefix.

    SeaweedFS leaves names out where one page ends and the next begins (see `s3.range_listing.uncertain`); its listing
    of current objects does not. So where there are several pages, names that only that one shows are listed one by one.
    """
    pages = list(_versions(service, bucket, prefix))
    lines = [line for page in pages for line in _lines(page)]
    if len(pages) > 1:
        shown = {line.key for line in lines}
        hidden = {name for name in _names(service, bucket, prefix) if name not in shown}
        lines += [
            line
            for name in sorted(hidden)
            for page in _versions(service, bucket, name)
            for line in _lines(page)
            if line.key == name
        ]
    return lines


def is_there(service: Service, bucket: str, key: str, version: str) -> bool:
    """Ask for one version by its name."""
    name = {"Bucket": bucket, "Key": key, "VersionId": version}
    try:
        return service.call(f"bucket {bucket}", "head_object", absent=NOT_THERE, **name) is not None
    except TerminalError:
        # Without the right to read versions, or where their key is the customer's: in a listing of this one name.
        pages = _versions(service, bucket, key)
        return any((line.key, line.version) == (key, version) for page in pages for line in _lines(page))


def _versions(service: Service, bucket: str, prefix: str) -> Iterator[Answer]:
    return service.pages(f"bucket {bucket}", "list_object_versions", VERSION_MARKERS, Bucket=bucket, Prefix=prefix)


def _names(service: Service, bucket: str, prefix: str) -> Iterator[str]:
    markers = {"NextContinuationToken": "ContinuationToken"}
    for page in service.pages(f"bucket {bucket}", "list_objects_v2", markers, Bucket=bucket, Prefix=prefix):
        yield from (one["Key"] for one in page.get("Contents", []))


def _lines(page: Answer) -> Iterator[Line]:
    """The versions and delete markers of one page."""
    for kind in ("Versions", "DeleteMarkers"):
        for one in page.get(kind, []):
            yield Line(
                one["Key"],
                one["VersionId"],
                kind == "DeleteMarkers",
                bool(one["IsLatest"]),
                one["LastModified"].astimezone(UTC),
                int(one.get("Size", 0)),
                "-" in str(one.get("ETag", "")),
            )


def set_up(service: Service, bucket: str) -> SetUp:
    """Ask for its rules, whether it can lock versions, and whether it replicates them."""

    def keeping() -> Keeping:
        return Keeping(lockable(service, bucket), _replicates(service, bucket))

    with service.meanwhile(keeping) as keeps:
        return SetUp(bucket_state(service, bucket), keeps.result())


def observe(
    service: Service, bucket: str, lines: Sequence[Line], bucket_is: SetUp, recent: TtlCache
) -> Iterator[Observed]:
    """Each version with its tags, lock, replication status and place among the versions of its key.

    Tags, locks and replication are asked for unless that was done recently, for this very version.
    """
    tagged, keeps = any(rule.tags for rule in bucket_is.state.rules or ()), bucket_is.keeps

    def question(line: Line) -> Hashable:
        # Where a bucket has no versions, another object may stand there under the same name.
        return line.key, line.version, line.modified, line.size, tagged, keeps

    def look(line: Line) -> Marks:
        name = {"Bucket": bucket, "Key": line.key, "VersionId": line.version}
        head_known, head = _known(service, "head_object", (*NOT_THERE, "400"), **name)
        replication = str(head.get("ReplicationStatus", ""))
        return Marks(
            tags=_tags(service, name) if tagged else {},
            protection=_protection(service, name, head if head_known else {}) if keeps.locks else Protection(),
            # Without the right to HEAD (which is the right to read) a bucket that does not replicate is believed.
            replication=replication if head_known or not keeps.replicates else None,
        )

    by_key: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_key[line.key].append(line)
    in_order = [one for versions in by_key.values() for one in placed(versions)]
    marks: dict[Line, Marks] = {}
    for line, _, _ in in_order:
        if (known := recent.get(question(line))) is not None:
            marks[line] = known
    unknown = [line for line, _, _ in in_order if line not in marks]
    for line, found in zip(unknown, service.each(unknown, look, no_beat), strict=True):
        marks[line] = recent.put(question(line), found)
    for line, since, newer in in_order:
        version = Version(
            key=line.key,
            id=line.version,
            modified=line.modified,
            size=line.size,
            tags=marks[line].tags,
            noncurrent_since=since,
            newer=tuple(Newer(ended, one.size, marks[one].tags) for one, ended in newer),
            protection=marks[line].protection,
            replication=marks[line].replication,
        )
        yield Observed(version, line.multipart)


def placed(
    lines: Sequence[Line],
) -> Iterator[tuple[Line, datetime | None, tuple[tuple[Line, datetime], ...]]]:
    """Versions of one key, each with the time since when it is noncurrent, and its newer ones with theirs."""
    newest_first = sorted(lines, key=lambda line: (not line.latest, -line.modified.timestamp()))
    ended: list[tuple[Line, datetime]] = []  # newer noncurrent versions, the newest first
    successor: Line | None = None
    for line in newest_first:
        since = None if successor is None else successor.modified
        if not line.marker:
            yield line, since, tuple(reversed(ended))
            if since is not None:
                ended.append((line, since))
        successor = line


def _replicates(service: Service, bucket: str) -> bool:
    known, answer = _known(service, "get_bucket_replication", ("ReplicationConfigurationNotFoundError",), Bucket=bucket)
    return not known or bool(answer)


def _tags(service: Service, name: Mapping[str, str]) -> Mapping[str, str] | None:
    known, answer = _known(service, "get_object_tagging", NOT_THERE, **name)
    return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])} if known else None


def _protection(service: Service, name: Mapping[str, str], head: Mapping[str, Any]) -> Protection | None:
    """Lock and holds, each asked for: HEAD leaves out what we may not see. Of an event hold nothing else tells.

    Args:
        service: Where it is.
        name: Of the version.
        head: Its headers; empty if they could not be read.
    """
    absent = (*NO_LOCK, *NOT_THERE)
    retention_known, retention = _known(service, "get_object_retention", absent, **name)
    legal_known, legal = _known(service, "get_object_legal_hold", absent, **name)
    if not (retention_known and legal_known):
        return None
    holds = [
        words
        for words, status in (
            ("legal hold", legal.get("LegalHold", {}).get("Status")),
            ("event hold", head.get("ObjectLockEventHold")),
        )
        if status == "ON"
    ]
    return Protection(retention.get("Retention", {}).get("RetainUntilDate"), tuple(holds), _event_hold_unknown(head))


def _event_hold_unknown(head: Mapping[str, Any]) -> str | None:
    if not head:
        return "whether an event hold is on could not be read (HeadObject)"
    if any(head.get(f"ObjectLockEventHoldDuration{unit}") for unit in ("Days", "Years")):
        return "its event hold was released, and its lock goes on from a day that nothing tells"
    return None
