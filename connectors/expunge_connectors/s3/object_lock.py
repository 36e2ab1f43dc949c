"""S3 Object Lock: retention dates and legal holds of versions. What they mean for a request: `version_rules`.

GOVERNANCE is not bypassed: whoever locked the version decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from expunge_connectors.s3.client import Service
from expunge_connectors.s3.errors import NOT_THERE, NotSupportedError, RefusedError
from expunge_connectors.s3.found_versions import Entry, ObjectLock

# "There is no such lock", in AWS's words and in SeaweedFS's.
NO_LOCK = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NoSuchObjectLegalHold")


def lockable(service: Service, bucket: str) -> bool:
    """Whether versions in this bucket can be locked. Where we may not ask, they can."""
    try:
        answer = service.call(f"bucket {bucket}", "get_object_lock_configuration", absent=NO_LOCK, Bucket=bucket)
    except NotSupportedError:
        return False
    except RefusedError:
        return True
    return answer is not None


def lock_in_head(head: Mapping[str, Any], at: datetime) -> ObjectLock | None:
    """What keeps a version, as its headers say. They are absent, too, where we may not see them."""
    until: datetime | None = head.get("ObjectLockRetainUntilDate")
    there = {
        "event-hold": head.get("ObjectLockEventHold") == "ON",
        "legal-hold": head.get("ObjectLockLegalHoldStatus") == "ON",
        "object-lock": until is not None and until > at,
    }
    grounds = [ground for ground, stands in there.items() if stands]
    day = until.astimezone(UTC) if until is not None and grounds == ["object-lock"] else None
    return ObjectLock("+".join(grounds), day) if grounds else None


def lock_of(service: Service, entry: Entry, at: datetime) -> ObjectLock | None:
    """What keeps a version now: by its headers, and where these are silent, by asking for each kind of lock."""
    place = f"bucket {entry.bucket}"
    name = {"Bucket": entry.bucket, "Key": entry.key, "VersionId": entry.version}
    head = service.call(place, "head_object", absent=(*NOT_THERE, "400"), **name)
    if head is not None and (lock := lock_in_head(head, at)) is not None:
        return lock
    absent = (*NO_LOCK, *NOT_THERE, "InvalidRequest")
    legal = service.call(place, "get_object_legal_hold", absent=absent, **name) or {}
    retention = service.call(place, "get_object_retention", absent=absent, **name) or {}
    return lock_in_head(
        {
            "ObjectLockLegalHoldStatus": legal.get("LegalHold", {}).get("Status"),
            "ObjectLockRetainUntilDate": retention.get("Retention", {}).get("RetainUntilDate"),
        },
        at,
    )
