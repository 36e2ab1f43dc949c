"""Found versions: a name of a subject, and what is there below it. What becomes of it: `version_rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Target:
    """One name of one subject: a key, or everything below a prefix.

    Attributes:
        certain: Due at any age; otherwise only what was last modified before the cutoff.
    """

    number: int
    collection: str
    bucket: str
    name: str = field(repr=False)
    is_prefix: bool
    certain: bool

    def covers(self, key: str) -> bool:
        """Whether an object of this key belongs to the subject."""
        return key.startswith(self.name) if self.is_prefix else key == self.name


@dataclass(frozen=True, slots=True)
class Entry:
    """One version or delete marker, as listed."""

    bucket: str
    key: str = field(repr=False)
    version: str
    marker: bool
    latest: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """One unfinished multipart upload."""

    bucket: str
    key: str = field(repr=False)
    id: str
    initiated: datetime


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """Why a version cannot go now, with all that stands in the way. `until` is None where no date ends it."""

    ground: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """What is there below one target."""

    target: Target
    entries: tuple[Entry, ...]
    uploads: tuple[Upload, ...]
    locks: Mapping[Entry, ObjectLock]


def shared_beginning(first: str, last: str) -> str:
    """What the first and the last of some sorted names, and so all of them, begin with."""
    pairs = zip(first, last, strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
