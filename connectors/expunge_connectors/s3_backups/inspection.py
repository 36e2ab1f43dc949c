"""`check`: compares a declared backup place with the live bucket. Read-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from expunge_connectors.contract import Finding, Severity
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.inspection import NO_LIFECYCLE, NO_REPLICATION, BucketFindings
from expunge_connectors.s3.lifecycle_rules import enabled_rules
from expunge_connectors.s3_backups.spec import S3BackupsSpec


def findings(service: Service, spec: S3BackupsSpec) -> Sequence[Finding]:
    """All findings about one place.

    Raises:
        TransientError: The service does not answer.
    """
    bucket = BucketFindings(service, spec.bucket)
    closed = bucket.closed()
    return [closed] if closed is not None else list(_open(service, spec, bucket))


def _open(service: Service, spec: S3BackupsSpec, bucket: BucketFindings) -> Iterator[Finding]:
    versioning, unknown = bucket.ask("versioning", "get_bucket_versioning")
    yield from unknown
    if (versioning or {}).get("MFADelete") == "Enabled":
        yield bucket.note(
            Severity.WARNING,
            "backups-mfa-delete",
            "MFA delete is on: lifecycle rules do not work, so no copy has a date.",
            "Have somebody with the device delete old copies, and declare the schedule.",
        )
    yield from _rules(spec, bucket, versioned="Status" in (versioning or {}))
    replication, unknown = bucket.ask("replication", "get_bucket_replication", NO_REPLICATION)
    yield from unknown
    if replication is not None:
        yield bucket.note(
            Severity.WARNING,
            "backups-replicated",
            "copies are replicated; every destination keeps them by rules of its own.",
            "Declare every destination bucket as a backup place.",
        )
    if spec.control is not None:
        place = f"bucket {spec.bucket}"
        page = service.must(place, "list_objects_v2", Bucket=spec.bucket, Prefix=spec.control, MaxKeys=1)
        if not any(one["Key"] == spec.control for one in page.get("Contents", [])):
            yield bucket.note(
                Severity.ERROR,
                "backups-control-missing",
                f"the control object {spec.control} is not there, so an empty listing proves nothing.",
                "Put it back, or correct bucket or `control` in the data map.",
            )
    else:
        yield bucket.note(
            Severity.INFO,
            "backups-no-control",
            "no control object is declared: once the last copy is gone, nothing proves that this is the right place.",
            "Put a small object below the prefix and name it as `control`.",
        )


def _rules(spec: S3BackupsSpec, bucket: BucketFindings, *, versioned: bool) -> Iterator[Finding]:
    answer, unknown = bucket.ask("the lifecycle configuration", "get_bucket_lifecycle_configuration", NO_LIFECYCLE)
    yield from unknown
    if unknown:
        return
    rules = [
        rule
        for rule in enabled_rules(answer or {})
        if rule.prefix.startswith(spec.prefix) or spec.prefix.startswith(rule.prefix)
    ]
    if not any(rule.days is not None or rule.date is not None for rule in rules):
        yield bucket.note(
            Severity.WARNING,
            "backups-never-expire",
            "no enabled lifecycle rule expires anything below the prefix.",
            "Add a rule, or have the backup tool delete old copies; until then they stay for ever.",
        )
    elif versioned and not any(rule.noncurrent_days is not None for rule in rules):
        yield bucket.note(
            Severity.WARNING,
            "backups-expire-current-only",
            "rules expire current versions only: on this versioned bucket copies are hidden and stay for ever.",
            "Add a rule with NoncurrentVersionExpiration.",
        )
