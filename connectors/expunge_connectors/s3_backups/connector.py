"""S3 backup connector: every version below a prefix, when it expires, and what prevents that. Read-only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from tenacity.wait import wait_base

from expunge_config.datamap import BackupSpec, DataMap, Model
from expunge_connectors.contract import BackupCopy, CopyListing, Finding, StoreIdentity, no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.ttl_cache import TtlCache
from expunge_connectors.s3_backups.bucket_reader import Line, Observed, is_there, listing, observe, set_up
from expunge_connectors.s3_backups.bucket_versions import BucketState
from expunge_connectors.s3_backups.expiry_forecast import forecast
from expunge_connectors.s3_backups.inspection import findings
from expunge_connectors.s3_backups.spec import S3BackupsConnection, S3BackupsSpec

# A dump and an RDB file show the moment at which they began; files of these kinds are read while they are sent.
_READ_WHILE_SENT = frozenset({"basebackup", "objects"})


class S3Backups:
    """Copies below one prefix of one bucket. Needs the rights to list and to read configuration, and no other.

    Each version is a copy of its own, noncurrent ones included; delete markers hold no data and are none.
    """

    spec: ClassVar[type[BackupSpec]] = S3BackupsSpec
    connection: ClassVar[type[Model]] = S3BackupsConnection

    def __init__(self, name: str, data_map: DataMap, connection: Model, wait: wait_base | None = None) -> None:
        """Build the connector; nothing is contacted.

        Args:
            name: Name of the backup place in the data map.
            data_map: The whole map.
            connection: How to reach the service.
            wait: Pauses between attempts; tests make them instant.
        """
        spec = data_map.backup_places.get(name)
        if not isinstance(spec, S3BackupsSpec) or not isinstance(connection, S3BackupsConnection):
            raise TerminalError(f"Backup place {name} or its connection settings are not of the kind s3-backups.")
        self.name = name
        self._spec = spec
        self._service = Service(name, connection, wait)
        self._recent = TtlCache()

    def inspect(self) -> Sequence[Finding]:
        """Hold the declaration against the live bucket. Reads only."""
        self._recent.forget()
        return findings(self._service, self._spec)

    def identity(self) -> StoreIdentity:
        """The account, and the bucket with its creation date."""
        return self._identity_at()[0]

    def _identity_at(self) -> tuple[StoreIdentity, datetime]:
        parts, at = self._service.owned([self._spec.bucket])
        identity = StoreIdentity(self.name, "s3-backups", parts)
        self._recent.are_of(identity.digest)
        return identity, at

    def copies(self) -> CopyListing:
        """Every version below the prefix, with the date on which the storage may remove it, or what keeps it.

        Which versions there are is listed each time. What decides about the end of one (rules, locks, tags,
        replication) may be known from less than a minute ago.
        """
        bucket = self._spec.bucket
        service, recent = self._service, self._recent
        # The time before the listing: what is copied after the one may be missing from the other.
        identity, at = self._identity_at()
        bucket_is = recent.said("set up", partial(set_up, service, bucket))
        lines = listing(service, bucket, self._spec.prefix)
        control = self._control(lines)
        versions = [line for line in lines if line.key != self._spec.control]
        seen = observe(service, bucket, versions, bucket_is, recent)
        copies = tuple(self._copy(one, bucket_is.state, at) for one in seen)
        return CopyListing(self.name, identity.digest, at, copies, control, below=self._spec.prefix)

    def still_there(self, ids: Collection[str]) -> frozenset[str]:
        """Ask for each copy by its key and version; returns those that are there.

        What has no version is another kind of place's copy in the same bucket (ADR 34), and that one's to look for.
        """

        def look(copy_id: str) -> str | None:
            key, at, version = copy_id.rpartition("@")
            if not at:
                return copy_id
            return copy_id if is_there(self._service, self._spec.bucket, key, version) else None

        return frozenset(one for one in self._service.each(ids, look, no_beat) if one is not None)

    def close(self) -> None:
        """Give the connections back."""
        self._service.close()

    def _control(self, lines: Sequence[Line]) -> str | None:
        """What proves that this very listing looked at the right place: the declared object, or any other entry."""
        declared = self._spec.control
        if any(line.key == declared and line.latest and not line.marker for line in lines):
            return f"object {declared}"
        return "entries below the prefix" if any(line.key != declared for line in lines) else None

    def _copy(self, seen: Observed, state: BucketState, at: datetime) -> BackupCopy:
        version = seen.version
        end = forecast(version, state, timedelta(hours=self._spec.lag_hours), at)
        longest = timedelta(hours=self._spec.longest_run_hours)
        # Last-Modified of a multipart upload is its initiation: a file sent while it was read holds later data, too.
        sent_later = seen.multipart and self._spec.kind in _READ_WHILE_SENT
        return BackupCopy(
            place=self.name,
            store=self._spec.of,
            kind=self._spec.kind,
            id=f"{version.key}@{version.id}",
            taken_from=version.modified - longest,
            taken_until=version.modified + longest if sent_later else version.modified,
            status=end.status,
            due=end.due,
            expected_by=end.expected_by,
            ground=end.ground,
            blocker=end.blocker,
            size=version.size,
        )
