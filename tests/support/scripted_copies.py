"""Scripted copies: a place whose copies are there from one moment until another, and a clock that is moved.

No storage keeps dumps for forty days within a test; what its real lifecycle does is tested elsewhere, on real servers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from expunge_connectors.contract import BackupCopy, CopyListing, CopyStatus, Finding, StoreIdentity
from expunge_connectors.errors import TransientError
from expunge_orchestrator import clock

DAY = timedelta(days=1)
_REAL = clock.now


@dataclass(slots=True)
class MovedClock:
    """The orchestrator's clock, so much ahead of the real one."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The time."""
        return _REAL() + self.ahead


@contextmanager
def moved_clock() -> Iterator[MovedClock]:
    """Everybody who asks the orchestrator's clock asks this one."""
    moved = MovedClock()
    holders = [one for one in list(sys.modules.values()) if getattr(one, "now", None) is _REAL]
    for one in holders:
        one.now = moved.now  # type: ignore[attr-defined]
    try:
        yield moved
    finally:
        for one in holders:
            one.now = _REAL  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Scripted:
    """A copy: when it was begun, and how long it is there; None: for ever. `kind`: objects are stated in groups."""

    name: str
    begun: datetime
    stays: timedelta | None
    kind: str = "pg_dump"


@dataclass(slots=True)
class ScriptedPlace:
    """A place of copies as its script has them at the clock's time. It is down, or proves nothing, where told to."""

    name: str
    of: str
    clock: MovedClock
    script: Sequence[Scripted]
    control: str | None = "object README"
    down: bool = False
    hidden: set[str] = field(default_factory=set)
    storage: str = ""

    def inspect(self) -> Sequence[Finding]:
        """Nothing is noticed."""
        return []

    def identity(self) -> StoreIdentity:
        """Of its storage's name, which is mostly its own."""
        return StoreIdentity(self.name, "scripted", {"name": self.storage or self.name})

    def copies(self) -> CopyListing:
        """What is there."""
        if self.down:
            raise TransientError(f"Store {self.name} is down.")
        at = self.clock.now()
        there = [
            one
            for one in self.script
            if one.begun <= at and (one.stays is None or at < one.begun + one.stays) and one.name not in self.hidden
        ]
        return CopyListing(self.name, self.identity().digest, at, tuple(map(self._copy, there)), self.control)

    def _copy(self, one: Scripted) -> BackupCopy:
        ends = None if one.stays is None else one.begun + one.stays
        return BackupCopy(
            place=self.name,
            store=self.of,
            kind=one.kind,
            id=one.name,
            taken_from=one.begun,
            taken_until=one.begun + timedelta(minutes=5),
            status=CopyStatus.NEVER if ends is None else CopyStatus.DUE,
            due=ends,
            expected_by=None if ends is None else ends + DAY,
            ground="script",
            blocker=None if ends is not None else "no rule",
            size=1,
        )

    def close(self) -> None:
        """Nothing is open."""
