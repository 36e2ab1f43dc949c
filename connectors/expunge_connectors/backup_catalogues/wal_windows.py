"""WAL windows: the segments of an archive, cut where full backups start; each piece is a copy of its own. Pure.

A backup switches to a new segment when it starts: a segment from there on holds nothing that was written before. That
is the only lower bound there is: an idle server fills a segment for weeks, and archives it then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from expunge_connectors.backup_catalogues.catalogue import Backup, Catalogue

FIRST: Final = "0" * 24
"""Stands for the first segment of all: where the piece begins that no start of a backup bounds below."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The time since which WAL may have been written if nothing bounds it."""
_FIRST_POSTGRES: Final = datetime(1996, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of an archive.

    Attributes:
        start: Its first segment.
        stop: The first segment of the next piece; None: it is the last one, and goes on.
        begun_at: Nothing in it was written before.
        full: The full backup that starts it, if the catalogue has it.
    """

    start: str
    stop: str | None
    begun_at: datetime
    full: Backup | None


def windows(
    catalogue: Catalogue | None, archive_id: str, history_files: Mapping[str, datetime], longest_run: timedelta
) -> tuple[Window, ...]:
    """The pieces of one archive, in the order of their segments.

    Args:
        catalogue: Of the repository; None where it cannot be read.
        archive_id: The archive (`17-1`).
        history_files: Segment -> when the backup history file of the backup that starts there was stored. They cut
            what lies before the catalogue's first full: those backups were expired.
        longest_run: How long before that the backup may have been begun.
    """
    fulls = [
        (one.wal_start, one)
        for one in (() if catalogue is None else catalogue.fulls)
        if catalogue is not None and one.wal_start is not None and catalogue.archive_id(one.database) == archive_id
    ]
    first = min((start for start, _ in fulls), default=None)
    made = _system_made(catalogue, archive_id)
    cuts: dict[str, tuple[datetime, Backup | None]] = {FIRST: (made, None)}
    cuts |= {
        one: (max(made, at - longest_run), None) for one, at in history_files.items() if first is None or one < first
    }
    cuts |= {start: (one.start, one) for start, one in fulls}
    starts = sorted(cuts)
    # Names go on with time but where a timeline was left: then the earliest start from there on counts.
    begun = [min(cuts[later][0] for later in starts[place:]) for place in range(len(starts))]
    stops = (*starts[1:], None)
    return tuple(Window(start, stop, at, cuts[start][1]) for start, stop, at in zip(starts, stops, begun, strict=True))


def window_of(cut: Sequence[Window], segment: str) -> Window:
    """The piece that a segment is in."""
    return cut[bisect_right([one.start for one in cut], segment) - 1]


def any_within(segments: Iterable[str], cut: Sequence[Window], start: str) -> bool:
    """Whether any segment is there from one on until the next piece begins."""
    stop = next((one.start for one in cut if one.start > start), None)
    return any(start <= one and (stop is None or one < stop) for one in segments)


def _system_made(catalogue: Catalogue | None, archive_id: str) -> datetime:
    """When `initdb` made the database: the upper half of its identifier is that time."""
    for number, database in ({} if catalogue is None else catalogue.databases).items():
        if catalogue is not None and catalogue.archive_id(number) == archive_id:
            made = datetime.fromtimestamp((database.system_id >> 32) & 0xFFFFFFFF, UTC)
            oldest = min((one.start for one in catalogue.backups if one.database == number), default=None)
            plausible = made > _FIRST_POSTGRES and (oldest is None or made <= oldest)
            return made if plausible else EPOCH
    return EPOCH
