"""Backup connectors: the one verb of a place where copies are kept, and what a listing says of each copy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from expunge_config.datamap import BackupSpec, DataMap, Model
from expunge_connectors.contract.findings import Finding
from expunge_connectors.contract.stores import StoreIdentity
from expunge_connectors.errors import TerminalError


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


class CopyStatus(StrEnum):
    """What is known of the end of a backup copy. Only an observation makes it GONE.

    OVERDUE is our own judgement, and no connector's: its days have passed, and it was seen after them.
    """

    DUE = "due"
    OVERDUE = "overdue"
    NEVER = "never"
    HELD = "held"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"


OBJECTS = "objects"
"""Kind of copies that are single objects of a store, named by their keys: nobody but the operator is told these."""


LONGEST_COPY_ID, LONGEST_KIND, LONGEST_WORDS = 2100, 40, 500
"""Bytes of a copy's id (S3: a key and a version id of 1,024 each), characters of its kind and of words about it."""


@dataclass(frozen=True, slots=True)
class BackupCopy:
    """One copy of a store's data, as seen in a listing. Words that are too long are cut, names are refused.

    Attributes:
        id: Stable name of the copy within its place (for S3: key@version).
        taken_from / taken_until: The data in it was read in this interval (unknown edge: widest).
        due: Day-and-time after which the storage may remove it; a prediction. None unless status is DUE.
        expected_by: `due` + the allowance for lag; later than that it is overdue.
        ground: The rule that says so ("lifecycle rule dumps-30d: expires 30 days after creation").
        blocker: For NEVER, HELD, CONDITIONAL, UNKNOWN: what stands in the way, in words a reader can act on.
    """

    place: str
    store: str
    kind: str
    id: str
    taken_from: datetime
    taken_until: datetime
    status: CopyStatus
    due: datetime | None
    expected_by: datetime | None
    ground: str
    blocker: str | None
    size: int

    def __post_init__(self) -> None:
        """Keep the bounds of who records it, wherever the texts come from."""
        if len(self.id.encode()) > LONGEST_COPY_ID or len(self.kind) > LONGEST_KIND:
            raise TerminalError(
                f"Backup place {self.place} has a copy whose id is longer than {LONGEST_COPY_ID} bytes,"
                f" or its kind than {LONGEST_KIND} characters."
            )
        object.__setattr__(self, "ground", _cut(self.ground))
        object.__setattr__(self, "blocker", self.blocker and _cut(self.blocker))


@dataclass(frozen=True, slots=True)
class CopyListing:
    """All copies of one place at one moment.

    Attributes:
        identity: Digest of the storage's identity (account, bucket), in which an id names one copy: whatever the map
            calls the place, only a listing of the same storage can say that a copy is gone.
        control: What proves that the listing looked at the right place (law 8), e.g. the bucket's own marker or any
            other entry in the same listing; None if the listing proves nothing, and then absence is no evidence.
        at: When, by the storage's own clock: its rules end copies by that one.
        missed: Copies that were known before, are not in the listing and, where the place can be asked
            (`ConfirmsCopies`), not there by name either. Only who keeps the list of known copies can say; else empty.
        gone: Those of `missed` that an earlier look missed, too: one look may err, two an hour apart do not (law 8).
        begun_at: When the listing was begun, by the clock of the caller, who alone can say; else None.
        below: What the ids of all copies begin with that the listing could show, as a prefix in the bucket: of others
            in the same storage it says nothing.
    """

    place: str
    identity: str
    at: datetime
    copies: tuple[BackupCopy, ...]
    control: str | None
    missed: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    begun_at: datetime | None = None
    below: str = ""


@runtime_checkable
class BackupConnector(Protocol):
    """One backup place of the data map. It has one verb and no right to delete."""

    name: str

    def inspect(self) -> Sequence[Finding]:
        """Hold the declaration against the live place. Reads only."""
        ...

    def identity(self) -> StoreIdentity:
        """Say what the storage of this place is: the same for all places in it."""
        ...

    def copies(self) -> CopyListing:
        """List every copy with its due date and ground, or with what keeps it."""
        ...

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
        ...


@runtime_checkable
class ConfirmsCopies(Protocol):
    """A backup place in which a copy can be looked for by its id: a listing may leave out what is there (law 8)."""

    def still_there(self, ids: Collection[str]) -> frozenset[str]:
        """Ask for each copy by itself; returns those that are there."""
        ...


class BackupType(Protocol):
    """What an entry point of the group `expunge.backups` names: a class that makes backup connectors."""

    spec: ClassVar[type[BackupSpec]]
    connection: ClassVar[type[Model]]

    def __call__(self, name: str, data_map: DataMap, connection: Model) -> BackupConnector:
        """Build the connector of backup place `name`. No I/O."""
        ...
