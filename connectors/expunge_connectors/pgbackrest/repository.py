"""pgBackRest repository: what its objects are by their names, and its catalogue, read. Read-only.

Names are those of pgBackRest 2.55.1 (User Guide, and a repository that it made).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botocore.exceptions import BotoCoreError

from expunge_connectors.backup_catalogues import pgbackrest_info
from expunge_connectors.backup_catalogues.catalogue import Catalogue, CatalogueError, EncryptedError
from expunge_connectors.errors import TerminalError
from expunge_connectors.pgbackrest.spec import PgBackRestSpec
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.errors import NOT_THERE, RefusedError, translated
from expunge_connectors.s3_backups.bucket_reader import Line, listing

LABEL: Final = re.compile(r"\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?")
"""The label of a backup: when it was begun, on the tool's own clock; of a dependent one, after that of its full."""
CATALOGUE_FILES: Final = ("backup.info", "backup.info.copy")
_HISTORY = "backup.history/"
_SEGMENT = re.compile(r"(?P<archive>[^/]+)/(?:[0-9A-F]{16}/)?(?P<segment>[0-9A-F]{24})(?P<rest>[^/]*)")
_BACKUP_FILE = re.compile(r"\.[0-9A-F]{8}\.backup")
_TIMELINE_FILE = re.compile(r"(?:[^/]+/)?[0-9A-F]{8}\.history")
_ARCHIVE_INFO = ("archive.info", "archive.info.copy")
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a stanza's part of a repository: versions, each key's with its delete markers.

    Attributes:
        labels: Label -> what lies below it.
        segments: Archive -> segment -> its objects.
        history_files: Archive -> segment -> when the history file of the backup that starts there was stored first.
        unknown: What has no name that the tool gives.
        catalogue_files: Names of catalogue files that are there (not only older versions of them).
    """

    labels: Mapping[str, Sequence[Line]]
    segments: Mapping[str, Mapping[str, Sequence[Line]]]
    history_files: Mapping[str, Mapping[str, datetime]]
    unknown: Sequence[Line]
    catalogue_files: Collection[str]


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """The catalogue and the object that it was read from; or, in words, why there is none.

    Attributes:
        exists: There is a catalogue, also if it cannot be read.
    """

    catalogue: Catalogue | None
    key: str | None
    blocker: str | None = None
    exists: bool = True


def list_stanza(service: Service, spec: PgBackRestSpec) -> list[Line]:
    """Every version and delete marker of the stanza."""
    return [line for below in (spec.backups_below, spec.archive_below) for line in listing(service, spec.bucket, below)]


def sorted_out(lines: Sequence[Line], spec: PgBackRestSpec) -> Contents:
    """Tell what the objects are by their names. Pure."""
    sorting = _Sorting()
    held = {line.key for line in lines if not line.marker}
    for line in lines:
        if line.key not in held or (line.key.endswith("/") and not line.size):
            continue
        if line.key.startswith(spec.backups_below):
            sorting.add_to_backups(line, line.key.removeprefix(spec.backups_below))
        else:
            sorting.add_to_archive(line, line.key.removeprefix(spec.archive_below))
    return Contents(
        sorting.labels, sorting.segments, sorting.history, sorting.unknown, frozenset(sorting.catalogue_files)
    )


class _Sorting:
    """Contents in the making."""

    def __init__(self) -> None:
        self.labels: dict[str, list[Line]] = defaultdict(list)
        self.segments: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        self.history: dict[str, dict[str, datetime]] = defaultdict(dict)
        self.unknown: list[Line] = []
        self.catalogue_files: set[str] = set()

    def add_to_backups(self, line: Line, name: str) -> None:
        label, slash, _ = name.partition("/")
        if slash and LABEL.fullmatch(label):
            self.labels[label].append(line)
        elif line.marker or name.startswith(_HISTORY):  # manifests of old backups: names of files, and no data
            return
        elif name in CATALOGUE_FILES:
            self.catalogue_files |= {line.key} if line.latest else set()
        else:
            self.unknown.append(line)

    def add_to_archive(self, line: Line, name: str) -> None:
        found = _SEGMENT.fullmatch(name)
        if found is not None and not _BACKUP_FILE.fullmatch(found["rest"]):
            self.segments[found["archive"]][found["segment"]].append(line)
        elif line.marker or name in _ARCHIVE_INFO or _TIMELINE_FILE.fullmatch(name):
            return
        elif found is not None:
            seen = self.history[found["archive"]]
            seen[found["segment"]] = min(seen.get(found["segment"], line.modified), line.modified)
        else:
            self.unknown.append(line)


def read_catalogue(service: Service, spec: PgBackRestSpec) -> ReadCatalogue:
    """Read `backup.info`, or its copy where that one is not whole, as the tool does."""
    blocker = "there is no backup.info: the stanza is not there, or prefix or stanza in the data map are wrong"
    exists = False
    for name in CATALOGUE_FILES:
        key = f"{spec.backups_below}{name}"
        try:
            data = _read(service, spec.bucket, key)
        except RefusedError:
            return ReadCatalogue(None, None, "backup.info may not be read: grant s3:GetObject on it and on its .copy")
        if data is None:
            continue
        try:
            return ReadCatalogue(pgbackrest_info.read(data), key)
        except EncryptedError:
            words = (
                "backup.info is encrypted (repo-cipher-type), so neither its backups nor their ends are known here: ask"
                " `pgbackrest info`"
            )
            return ReadCatalogue(None, None, words)
        except CatalogueError as error:
            blocker, exists = f"{name} cannot be used: {error}", True
    return ReadCatalogue(None, None, blocker, exists)


def _read(service: Service, bucket: str, key: str) -> bytes | None:
    place = f"bucket {bucket}"
    answer = service.call(place, "get_object", absent=NOT_THERE, Bucket=bucket, Key=key)
    if answer is None:
        return None
    if int(answer.get("ContentLength", 0)) > _LARGEST:
        raise TerminalError(f"Store {service.name}, {place}: the catalogue is larger than {_LARGEST} bytes.")
    try:
        with answer["Body"] as body:
            return bytes(body.read())
    except (BotoCoreError, OSError) as error:
        raise translated(service.name, place, error) from None
