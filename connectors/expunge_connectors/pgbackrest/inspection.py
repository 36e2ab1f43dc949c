"""`check`: compares a declared pgBackRest repository with the live one. Read-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from expunge_connectors.backup_catalogues.pgbackrest_retention import tool_ends
from expunge_connectors.contract import CopyStatus, Finding, Severity
from expunge_connectors.pgbackrest.repository import ReadCatalogue, read_catalogue
from expunge_connectors.pgbackrest.spec import PgBackRestSpec
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.inspection import NO_LIFECYCLE, NO_REPLICATION, BucketFindings
from expunge_connectors.s3.lifecycle_rules import enabled_rules


def findings(service: Service, spec: PgBackRestSpec) -> Sequence[Finding]:
    """All findings about one repository.

    Raises:
        TransientError: The service does not answer.
    """
    bucket = BucketFindings(service, spec.bucket)
    closed = bucket.closed()
    return [closed] if closed is not None else list(_open(service, spec, bucket))


def _open(service: Service, spec: PgBackRestSpec, bucket: BucketFindings) -> Iterator[Finding]:
    read = read_catalogue(service, spec)
    if read.catalogue is None and not read.exists:
        yield bucket.note(
            Severity.ERROR,
            "pgbackrest-no-catalogue",
            f"stanza {spec.stanza}: {read.blocker}.",
            "Correct bucket, prefix or stanza in the data map.",
        )
    elif read.catalogue is None:
        yield bucket.note(
            Severity.WARNING,
            "pgbackrest-catalogue-unread",
            f"stanza {spec.stanza}: {read.blocker}. No copy in it has a day, and none is seen gone.",
            "Give the right to read it; a damaged one is written anew by the next backup. An encrypted one stays so:"
            " follow its backups by hand with `pgbackrest info`.",
        )
    if spec.retention is None:
        yield bucket.note(
            Severity.WARNING,
            "pgbackrest-no-retention",
            f"no retention is declared for stanza {spec.stanza}, so no copy in it has a day.",
            "Declare `retention` in the data map, as the tool's settings have it.",
        )
    if spec.schedule is None:
        yield bucket.note(
            Severity.WARNING,
            "pgbackrest-no-schedule",
            f"no schedule is declared for stanza {spec.stanza}, so no copy in it has a day.",
            "Declare `schedule` in the data map, as the tool is run.",
        )
    yield from _against_catalogue(service, spec, bucket, read)
    yield from _kept_by_the_bucket(bucket)


def _against_catalogue(
    service: Service, spec: PgBackRestSpec, bucket: BucketFindings, read: ReadCatalogue
) -> Iterator[Finding]:
    """Whether the declaration agrees with what is there."""
    if read.catalogue is None or spec.retention is None or spec.schedule is None or not read.catalogue.backups:
        return
    pace = spec.schedule.pace(timedelta(hours=spec.lag_hours))
    ends = tool_ends(read.catalogue, spec.retention.policy, pace, service.clock(spec.bucket))
    end = ends[read.catalogue.backups[-1].label]
    if end.status is CopyStatus.NEVER:
        yield bucket.note(
            Severity.WARNING,
            "pgbackrest-backups-stopped",
            f"stanza {spec.stanza}: {end.blocker}.",
            "Have backups made again, or run `pgbackrest expire`; until then every copy stays.",
        )
    elif end.status is CopyStatus.UNKNOWN:
        yield bucket.note(
            Severity.WARNING,
            "pgbackrest-retention-differs",
            f"stanza {spec.stanza}: {end.blocker}.",
            "Declare what repo-retention-full, -full-type and -diff say, or mend what keeps expire from its work.",
        )


def _kept_by_the_bucket(bucket: BucketFindings) -> Iterator[Finding]:
    """Versions and replicas outlive what the tool deletes."""
    versioning, unknown = bucket.ask("versioning", "get_bucket_versioning")
    yield from unknown
    if "Status" in (versioning or {}):
        answer, unknown = bucket.ask("the lifecycle configuration", "get_bucket_lifecycle_configuration", NO_LIFECYCLE)
        yield from unknown
        if not unknown and not any(rule.noncurrent_days is not None for rule in enabled_rules(answer or {})):
            yield bucket.note(
                Severity.WARNING,
                "pgbackrest-versions-stay",
                "it keeps versions, and no rule ends them: what pgBackRest deletes is hidden and stays for ever.",
                "Add a rule with NoncurrentVersionExpiration.",
            )
    replication, unknown = bucket.ask("replication", "get_bucket_replication", NO_REPLICATION)
    yield from unknown
    if replication is not None:
        yield bucket.note(
            Severity.WARNING,
            "backups-replicated",
            "copies are replicated; every destination keeps them by rules of its own.",
            "Declare every destination bucket as a backup place.",
        )
