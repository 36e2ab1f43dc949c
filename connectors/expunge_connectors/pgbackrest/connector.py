"""pgBackRest connector: the backups of one stanza in S3 and their WAL, each with its end. Read-only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import ClassVar

from tenacity.wait import wait_base

from expunge_config.datamap import BackupSpec, DataMap, Model
from expunge_connectors.backup_catalogues.wal_windows import any_within
from expunge_connectors.contract import CopyListing, Finding, StoreIdentity
from expunge_connectors.errors import TerminalError
from expunge_connectors.pgbackrest.copies import UNRECOGNISED, Seen, copies_of, cut_archive
from expunge_connectors.pgbackrest.inspection import findings
from expunge_connectors.pgbackrest.repository import (
    LABEL,
    Contents,
    ReadCatalogue,
    list_stanza,
    read_catalogue,
    sorted_out,
)
from expunge_connectors.pgbackrest.spec import PgBackRestConnection, PgBackRestSpec
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.ttl_cache import TtlCache
from expunge_connectors.s3_backups.bucket_reader import is_there, listing, set_up


class PgBackRest:
    """One stanza of a repository. Needs the rights to list, to read configuration and `backup.info`, and no other."""

    spec: ClassVar[type[BackupSpec]] = PgBackRestSpec
    connection: ClassVar[type[Model]] = PgBackRestConnection

    def __init__(self, name: str, data_map: DataMap, connection: Model, wait: wait_base | None = None) -> None:
        """Build the connector; nothing is contacted.

        Args:
            name: Name of the backup place in the data map.
            data_map: The whole map.
            connection: How to reach the service.
            wait: Pauses between attempts; tests make them instant.
        """
        spec = data_map.backup_places.get(name)
        if not isinstance(spec, PgBackRestSpec) or not isinstance(connection, PgBackRestConnection):
            raise TerminalError(f"Backup place {name} or its connection settings are not of the kind pgbackrest.")
        self.name = name
        self._spec = spec
        self._service = Service(name, connection, wait)
        self._recent = TtlCache()

    def inspect(self) -> Sequence[Finding]:
        """Hold the declaration against the live repository. Reads only."""
        self._recent.forget()
        return findings(self._service, self._spec)

    def identity(self) -> StoreIdentity:
        """The account, and the bucket with its creation date: the same storage as for places of single objects."""
        parts, _ = self._service.owned([self._spec.bucket])
        return StoreIdentity(self.name, "s3-backups", parts)

    def copies(self) -> CopyListing:
        """Every backup of the stanza, and every piece of its WAL, with its end or what stands in the way."""
        service, spec = self._service, self._spec
        # The time before the listing, and the listing before the catalogue: a backup that is removed meanwhile is in
        # the one, one that is complete meanwhile in the other.
        parts, at = service.owned([spec.bucket])
        identity = StoreIdentity(self.name, "s3-backups", parts)
        self._recent.are_of(identity.digest)
        bucket = self._recent.said("set up", partial(set_up, service, spec.bucket))
        contents, read = self._read()
        found = copies_of(self.name, Seen(spec, contents, read, bucket, at))
        control = _control(contents, read)
        return CopyListing(self.name, identity.digest, at, found, control, below=spec.prefix)

    def still_there(self, ids: Collection[str]) -> frozenset[str]:
        """Look for each copy anew: in the catalogue, and for any object or version that belongs to it.

        What is another stanza's is for that one's place to say: it counts as there.
        """
        contents, read = self._read()
        if _control(contents, read) is None:
            return frozenset(ids)
        return frozenset(one for one in ids if self._there(one, contents, read))

    def close(self) -> None:
        """Give the connections back."""
        self._service.close()

    def _read(self) -> tuple[Contents, ReadCatalogue]:
        contents = sorted_out(list_stanza(self._service, self._spec), self._spec)
        return contents, read_catalogue(self._service, self._spec)

    def _there(self, copy_id: str, contents: Contents, read: ReadCatalogue) -> bool:
        service, spec = self._service, self._spec
        label = copy_id.removeprefix(spec.backups_below)
        if label != copy_id and LABEL.fullmatch(label):
            listed = any(one.label == label for one in (() if read.catalogue is None else read.catalogue.backups))
            lines = () if listed else listing(service, spec.bucket, f"{copy_id}/")
            return listed or label in contents.labels or any(not line.marker for line in lines)
        archive, _, start = copy_id.removeprefix(spec.archive_below).partition("/")
        if copy_id.startswith(spec.archive_below) and "@" not in copy_id:
            cut = cut_archive(spec, contents, read, archive)
            return any_within(contents.segments.get(archive, {}), cut, start)
        if copy_id == f"{spec.prefix}{spec.stanza}/{UNRECOGNISED}":
            return bool(contents.unknown)
        key, at, version = copy_id.rpartition("@")
        # A place of the type s3-backups knew the objects of this repository by key and version.
        return not at or is_there(service, spec.bucket, key, version)


def _control(contents: Contents, read: ReadCatalogue) -> str | None:
    """What proves that listing and catalogue were those of this stanza: the file that was read, in the listing."""
    return f"object {read.key}" if read.key in contents.catalogue_files else None
