"""Version rules: which versions below a subject's names are due, retained or newer. Pure.

A *record* is a version that is not a delete marker, a delete marker with no version left below it, or an unfinished
multipart upload (its parts are stored). Delete markers above versions are no records, but go with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from expunge_connectors.keyspace.template_rules import Tallies
from expunge_connectors.s3.found_versions import Entry, Found, Target, Upload


@dataclass(frozen=True, slots=True)
class Disposition:
    """What is to go below one target.

    Attributes:
        entries: In order: what lies deepest first, so that no removal shows what lay hidden.
        hide: Keys whose visible version goes while one that must stay lies below: they get a delete marker first.
        uploads: To be aborted.
    """

    entries: tuple[Entry, ...]
    hide: tuple[str, ...] = field(repr=False)
    uploads: tuple[Upload, ...]


def due(target: Target, moment: datetime, cutoff: datetime) -> bool:
    """Whether something of this time is part of the request (law 7)."""
    return target.certain or moment < cutoff


def by_key(entries: Iterable[Entry]) -> Mapping[str, Sequence[Entry]]:
    """Entries of each key, in the order of the listing: newest first."""
    grouped: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        grouped[entry.key].append(entry)
    return grouped


def tally(tallies: Tallies, found: Found, cutoff: datetime) -> None:
    """Add what was found below one target to the counts."""
    target = found.target
    for entries in by_key(found.entries).values():
        versions = [entry for entry in entries if not entry.marker]
        for entry in versions or entries[:1]:
            if not due(target, entry.modified, cutoff):
                tallies.add(target.number, target.collection, newer=1)
            elif (lock := found.locks.get(entry)) is not None:
                tallies.retain(target.number, target.collection, lock.until, lock.ground)
            else:
                tallies.add(target.number, target.collection, due=1)
    for upload in found.uploads:
        is_due = due(target, upload.initiated, cutoff)
        tallies.add(target.number, target.collection, due=int(is_due), newer=int(not is_due))


def classify(found: Found, cutoff: datetime) -> Disposition:
    """Decide what goes. What stays (locked, or newer than the cutoff) is not made visible by it."""
    going: list[Entry] = []
    hide: list[str] = []
    for key, entries in by_key(found.entries).items():
        goes = {entry for entry in entries if due(found.target, entry.modified, cutoff) and entry not in found.locks}
        stays = [entry for entry in entries if entry not in goes and not entry.marker]
        visible = next((entry for entry in entries if entry.latest), entries[0])
        if stays and visible in goes:
            if visible.marker:
                goes.discard(visible)
            else:
                hide.append(key)
        going.extend(entry for entry in reversed(entries) if entry in goes)
    uploads = tuple(upload for upload in found.uploads if due(found.target, upload.initiated, cutoff))
    return Disposition(tuple(going), tuple(hide), uploads)
