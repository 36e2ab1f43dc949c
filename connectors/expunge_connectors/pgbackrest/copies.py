"""Copies of a repository: its backups and the pieces of its WAL, each with its end or what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from expunge_connectors.backup_catalogues.catalogue import Backup
from expunge_connectors.backup_catalogues.pgbackrest_retention import End, tool_ends, wal_end, without_day
from expunge_connectors.backup_catalogues.wal_windows import EPOCH, Window, window_of, windows
from expunge_connectors.contract import BackupCopy, CopyStatus
from expunge_connectors.pgbackrest.bucket_end import HIDDEN, in_bucket
from expunge_connectors.pgbackrest.repository import Contents, ReadCatalogue
from expunge_connectors.pgbackrest.spec import PgBackRestSpec
from expunge_connectors.s3_backups.bucket_reader import Line, SetUp

CLOCKS: Final = timedelta(hours=1)
"""Between the clocks of database and storage."""
_ZONES: Final = timedelta(hours=14)
"""A label is in the tool's own zone, of which nothing tells: the farthest one is so far ahead of UTC."""
UNRECOGNISED: Final = "unrecognised"
_TYPES: Final = {"F": "full", "D": "diff", "I": "incr"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a stanza found: its declaration, objects, catalogue and bucket, and the time of the listing."""

    spec: PgBackRestSpec
    contents: Contents
    read: ReadCatalogue
    bucket: SetUp
    at: datetime

    @property
    def lag(self) -> timedelta:
        """Allowance for what is late."""
        return timedelta(hours=self.spec.lag_hours)


@dataclass(frozen=True, slots=True)
class _Found:
    """A copy before its end is looked at closely: what it is, since when, and when the tool removes it."""

    kind: str
    id: str
    taken_from: datetime
    taken_until: datetime
    end: End
    lines: Sequence[Line]


def copies_of(place: str, seen: Seen) -> tuple[BackupCopy, ...]:
    """Every copy in the stanza."""
    spec, contents, read, at = seen.spec, seen.contents, seen.read, seen.at
    policy = None if spec.retention is None else spec.retention.policy
    pace = None if spec.schedule is None else spec.schedule.pace(seen.lag)
    ends = {} if read.catalogue is None else tool_ends(read.catalogue, policy, pace, at)
    found = [*_backups(seen, ends), *_wal(seen, ends)]
    if contents.unknown:
        blocker = (
            f"{len(contents.unknown)} objects have no name that pgBackRest gives: whoever put them there removes them"
        )
        end = without_day(CopyStatus.UNKNOWN, blocker)
        found.append(
            _Found("pgbackrest other", f"{spec.prefix}{spec.stanza}/{UNRECOGNISED}", EPOCH, at, end, contents.unknown)
        )
    return tuple(_copy(place, one, seen) for one in found)


def label_begun(label: str) -> datetime:
    """The earliest time that a label may mean."""
    try:
        named = datetime.strptime(label.rpartition("_")[2][:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        return named - _ZONES
    except (ValueError, OverflowError):
        return EPOCH


def _backups(seen: Seen, ends: Mapping[str, End]) -> Iterator[_Found]:
    spec, contents, read, at = seen.spec, seen.contents, seen.read, seen.at
    listed: Mapping[str, Backup] = {} if read.catalogue is None else {one.label: one for one in read.catalogue.backups}
    for label in sorted({*listed, *contents.labels}):
        backup, lines = listed.get(label), contents.labels.get(label, ())
        kind, copy_id = f"pgbackrest {_TYPES.get(label[-1:], 'full')}", f"{spec.backups_below}{label}"
        if backup is not None:
            yield _Found(kind, copy_id, backup.start - CLOCKS, backup.stop + CLOCKS, ends[label], lines)
            continue
        begun = label_begun(label)
        until = max(begun, *(line.modified for line in lines if not line.marker))
        words = "it is not in backup.info: unfinished, or left behind by expire; the next backup or expire removes it"
        current = any(line.latest and not line.marker for line in lines)
        blocker = read.blocker or (words if current else None)
        end = HIDDEN if blocker is None else without_day(CopyStatus.UNKNOWN, blocker)
        yield _Found(kind, copy_id, begun, max(until, at if current else until), end, lines)


def _wal(seen: Seen, ends: Mapping[str, End]) -> Iterator[_Found]:
    spec, contents, read, at = seen.spec, seen.contents, seen.read, seen.at
    known = {} if read.catalogue is None else {one: read.catalogue.archive_id(one) for one in read.catalogue.databases}
    for archive in sorted(contents.segments):
        cut = cut_archive(spec, contents, read, archive)
        pieces: dict[Window, list[Line]] = {}
        for segment, lines in sorted(contents.segments[archive].items()):
            pieces.setdefault(window_of(cut, segment), []).extend(lines)
        for window, lines in pieces.items():
            following = next((one.begun_at for one in cut if one.start == window.stop), at)
            # A segment is archived after it was written, and may have been while the next backup began.
            until = max(window.begun_at, following, *(line.modified for line in lines if not line.marker))
            copy_id = f"{spec.archive_below}{archive}/{window.start}"
            current = any(line.latest and not line.marker for line in lines)
            if not current:
                end = HIDDEN
            elif read.catalogue is None:
                end = without_day(CopyStatus.UNKNOWN, read.blocker or "the catalogue could not be read")
            elif not any(known[one.database] == archive for one in read.catalogue.fulls):
                blocker = "no full backup of this database is in the catalogue: nothing tells when its WAL goes"
                end = without_day(CopyStatus.UNKNOWN, blocker)
            else:
                end = wal_end(read.catalogue, ends, window.full, at)
            yield _Found("pgbackrest wal", copy_id, window.begun_at - CLOCKS, until + CLOCKS, end, lines)


def cut_archive(spec: PgBackRestSpec, contents: Contents, read: ReadCatalogue, archive: str) -> tuple[Window, ...]:
    """The pieces of one archive."""
    history = contents.history_files.get(archive, {})
    return windows(read.catalogue, archive, history, timedelta(hours=spec.longest_run_hours))


def _copy(place: str, found: _Found, seen: Seen) -> BackupCopy:
    end = in_bucket(found.end, found.lines, seen.bucket, seen.lag, seen.at)
    early, late = found.taken_from, found.taken_until
    return BackupCopy(
        place=place,
        store=seen.spec.of,
        kind=found.kind,
        id=found.id,
        taken_from=max(EPOCH, early),
        taken_until=max(early, late),
        status=end.status,
        due=end.due,
        expected_by=end.expected_by,
        ground=end.ground,
        blocker=end.blocker,
        size=sum(line.size for line in found.lines if not line.marker),
    )
