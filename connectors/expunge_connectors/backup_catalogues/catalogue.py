"""Catalogue: the backups that a tool keeps of one database cluster, as its own list has them (data)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CatalogueError(ValueError):
    """The bytes are no whole catalogue. The message says what is wrong, in words that name no value."""


class EncryptedError(CatalogueError):
    """The catalogue is encrypted."""


class Kind(StrEnum):
    """What a backup holds: everything, what changed since a full one, or what changed since any."""

    FULL = "full"
    DIFF = "diff"
    INCR = "incr"


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup.

    Attributes:
        label: Its name in the catalogue.
        start / stop: When it was begun and complete, in whole seconds of the database's clock.
        lsn_start / lsn_stop: Of the WAL that makes it consistent; None for one of a stopped server.
        wal_start / wal_stop: The segments of the same, as the archive names them.
        database: Number of the database (the cluster before or after an upgrade) in `Catalogue.databases`.
        parent: The backup without which it cannot be restored; None for a full one.
        references: Every backup whose files it needs.
        error: The tool found damaged pages in it.
    """

    label: str
    kind: Kind
    start: datetime
    stop: datetime
    lsn_start: str | None
    lsn_stop: str | None
    wal_start: str | None
    wal_stop: str | None
    database: int
    parent: str | None
    references: tuple[str, ...]
    error: bool

    @property
    def timeline(self) -> int | None:
        """The timeline on which it was taken."""
        return None if self.wal_start is None else int(self.wal_start[:8], 16)


@dataclass(frozen=True, slots=True)
class Database:
    """One database cluster: its version, and the number that `initdb` gave it."""

    version: str
    system_id: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The WAL of one database: first and last segment that is there."""

    id: str
    min: str
    max: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All backups that the tool lists, in the order in which they were begun."""

    backups: tuple[Backup, ...]
    databases: Mapping[int, Database]

    def archive_id(self, database: int) -> str:
        """What the tool calls the WAL archive of a database (`17-1`)."""
        return f"{self.databases[database].version}-{database}"

    @property
    def fulls(self) -> tuple[Backup, ...]:
        """The full backups."""
        return tuple(one for one in self.backups if one.kind is Kind.FULL)
