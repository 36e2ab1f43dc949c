"""`check`: compares the data map with live buckets. Read-only.

Services that only resemble S3 answer NotImplemented to some questions: then the matter is unknown, never fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.errors import TerminalError, TransientError
from expunge_connectors.keyspace.nested_names import nested
from expunge_connectors.keyspace.template_rules import overlaps
from expunge_connectors.keyspace.unnormalised_names import unknown_spellings
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.errors import NotSupportedError, RefusedError
from expunge_connectors.s3.object_lock import NO_LOCK
from expunge_connectors.s3.spec import S3Spec
from expunge_connectors.s3.targets import overlapping

NO_LIFECYCLE = ("NoSuchLifecycleConfiguration",)
NO_REPLICATION = ("ReplicationConfigurationNotFoundError",)


def findings(service: Service, data_map: DataMap, spec: S3Spec) -> Sequence[Finding]:
    """All findings about one store.

    Raises:
        TransientError: The service does not answer.
    """
    data = {objects.bucket for objects in spec.collections.values() if objects.log is None}
    named = ((name, objects, objects.template.namespace) for name, objects in spec.collections.items())
    found = [
        *_overlaps(service.name, spec),
        *overlaps(service.name, data_map, spec.namings()),
        *nested(service.name, data_map, spec.namings(), spec.undivided),
        *unknown_spellings(service.name, data_map, named),
    ]
    for bucket in dict.fromkeys(objects.bucket for objects in spec.collections.values()):
        here = BucketFindings(service, bucket)
        if (closed := here.closed()) is not None:
            found.append(closed)
        elif bucket in data:
            found += here.about_data()
    return found


def _overlaps(store: str, spec: S3Spec) -> Iterator[Finding]:
    """Data templates that begin where a log begins, judged by their literal beginning."""
    for name, objects in spec.collections.items():
        if objects.log is not None:
            continue
        head = objects.template.head
        for log_name, log in spec.collections.items():
            open_to_log = log.bucket == objects.bucket and log.prefix is not None and log.prefix.startswith(head)
            if log.log is not None and (overlapping(objects, head, log) or open_to_log):
                yield Finding(
                    Severity.ERROR,
                    "s3-log-overlap",
                    store,
                    name,
                    f"Names of this collection can fall into the log {log_name}, which must be left alone.",
                    "Keep logs and data below different prefixes, or in different buckets.",
                )


class BucketFindings:
    """Questions to one bucket, each answered by findings."""

    def __init__(self, service: Service, bucket: str) -> None:
        self._service = service
        self._bucket = bucket

    def note(self, severity: Severity, code: str, message: str, remedy: str) -> Finding:
        """A finding about this bucket."""
        return Finding(severity, code, self._service.name, None, f"Bucket {self._bucket}: {message}", remedy)

    def closed(self) -> Finding | None:
        """An error if the bucket is missing or closed to us.

        Raises:
            TransientError: The service does not answer.
        """
        name, rights = self._service.name, "rights (s3:ListBucket, s3:ListBucketVersions)"
        message, remedy = "it is not there, or not open to these keys.", f"Check name, account, endpoint and {rights}."
        unset = f"There are no settings for {name}, so AWS was asked, with this machine's own keys."
        prefix = f"EXPUNGE_STORES__{name.upper()}__"
        given = f"Give {prefix}ENDPOINT_URL, {prefix}ACCESS_KEY_ID and {prefix}SECRET_ACCESS_KEY"
        try:
            self._service.clock(self._bucket)
        except TerminalError:
            if self._service.unset:
                message, remedy = (
                    f"{message} {unset}",
                    f"{given}; or, if it is at AWS, check name, account and {rights}.",
                )
            return self.note(Severity.ERROR, "s3-bucket", message, remedy)
        except TransientError as error:
            if self._service.unset:
                raise TransientError(f"{error.message} {unset}", remedy=f"{given}.") from None
            raise
        return None

    def about_data(self) -> Iterator[Finding]:
        """What a bucket's configuration means for erasing objects in it."""
        versioning, unknown = self.ask("versioning", "get_bucket_versioning")
        yield from unknown
        state = str((versioning or {}).get("Status", "off")) if not unknown else "unknown"
        yield self.note(
            Severity.INFO,
            "s3-versioning",
            f"versioning is {state.lower()}.",
            "Nothing to do: all versions and delete markers are erased.",
        )
        if (versioning or {}).get("MFADelete") == "Enabled":
            yield self.note(
                Severity.ERROR,
                "s3-mfa-delete",
                "versions can only be deleted with a second factor (MFA delete).",
                "Switch MFA delete off for this bucket, or erase its versions by hand.",
            )
        yield from self.lifecycle(versioned=state != "off")
        yield from self.replication()
        yield from self.access_log()
        lock, unknown = self.ask("Object Lock", "get_object_lock_configuration", NO_LOCK)
        yield from unknown
        if lock is not None:
            yield self.note(
                Severity.INFO,
                "s3-object-lock",
                "Object Lock is on: locked versions are counted as retained until their date.",
                "Nothing to do: a receipt names the lock and its date.",
            )

    def lifecycle(self, *, versioned: bool) -> Iterator[Finding]:
        """Rules that look like deletion and leave the bytes."""
        answer, unknown = self.ask("the lifecycle configuration", "get_bucket_lifecycle_configuration", NO_LIFECYCLE)
        yield from unknown
        rules = [rule for rule in (answer or {}).get("Rules", []) if rule.get("Status") == "Enabled"]
        current = any({"Days", "Date"} & set(rule.get("Expiration", {})) for rule in rules)
        noncurrent = any("NoncurrentVersionExpiration" in rule for rule in rules)
        if versioned and current and not noncurrent:
            yield self.note(
                Severity.WARNING,
                "s3-expires-current-only",
                "lifecycle rules expire current versions only: with versioning this hides objects and keeps them.",
                "Add a rule with NoncurrentVersionExpiration.",
            )

    def replication(self) -> Iterator[Finding]:
        """Copies that are made elsewhere and do not follow deletions of versions."""
        answer, unknown = self.ask("replication", "get_bucket_replication", NO_REPLICATION)
        yield from unknown
        if answer is not None:
            yield self.note(
                Severity.WARNING,
                "s3-replicated",
                "objects are replicated to other buckets; deletions of versions are not.",
                "Declare every destination as a store or a backup place of its own.",
            )

    def access_log(self) -> Iterator[Finding]:
        """Access logs that record the keys of what is erased."""
        answer, unknown = self.ask("server access logging", "get_bucket_logging")
        yield from unknown
        if answer is not None and "LoggingEnabled" in answer:
            yield self.note(
                Severity.WARNING,
                "s3-access-log",
                "server access logs record the keys of every request, also of ours.",
                "Keep keys free of direct identifiers, and declare the log with its retention.",
            )

    def ask(
        self, what: str, operation: str, absent: Sequence[str] = ()
    ) -> tuple[Mapping[str, Any] | None, Sequence[Finding]]:
        """(answer or None for "there is none", a finding if it is not known)."""
        try:
            return self._service.call(f"bucket {self._bucket}", operation, absent=absent, Bucket=self._bucket), ()
        except NotSupportedError:
            return None, [
                self.note(
                    Severity.INFO,
                    "s3-unknown",
                    f"{what}: unknown, the service does not answer this question.",
                    "Look at the service yourself.",
                )
            ]
        except RefusedError:
            return None, [
                self.note(
                    Severity.INFO,
                    "s3-unknown",
                    f"{what}: unknown, we may not ask ({operation}).",
                    "Give the role this right, or look at the bucket yourself.",
                )
            ]
