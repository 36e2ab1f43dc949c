"""Forms of what statements cite: plan, deadlines, backup copies, what was searched."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, cast

from expunge_reports.errors import MalformedError
from expunge_reports.forms import form_reader
from expunge_reports.forms.form_reader import NO_NAMES, Digest, Interval, Members, Names
from expunge_reports.forms.stated_time import Day, Time

LEDGER: Final = "ledger"
"""What a place has copies of that has them of the operator's ledger, and of no store."""

Action = Literal["delete", "tombstone", "retain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCopy:
    """One backup copy, or so many that are stated together: these have no `id`.

    `taken_between` is the interval in which their data was read.
    """

    place: str
    status: Literal["due", "overdue", "held", "never", "conditional", "unknown"]
    store: str
    kind: str
    id: str | None = None
    copies: int = 1
    taken_between: Interval
    due: Time | None
    expected_by: Time | None
    ground: str | None
    blocker: str | None
    further: Members

    @property
    def last_day(self) -> str | None:
        """When it ends as stated, or None if its status or its members give no day."""
        return (self.expected_by or self.due) if self.status == "due" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One look at one place with backup copies; `of` is the store that is copied, or `ledger`.

    `at` is of the operator's clock, `storage_at` of the storage's own.
    """

    place: str
    of: str
    at: Time
    storage_at: Time
    copies: int
    control: str | None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneCopy:
    """One backup copy that was looked for and not there, twice; or so many that are stated together, without `id`.

    `gone_at` is when the last of them was, by the storage's clock.
    """

    place: str
    store: str
    kind: str
    id: str | None = None
    copies: int = 1
    taken_between: Interval
    gone_at: Time
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCopies:
    """The document about backup copies; `seen_gone`, where a request is closed: those that it had to wait for."""

    kind: str
    listings: tuple[Listing, ...]
    may_hold_the_records: tuple[BackupCopy, ...]
    seen_gone: tuple[GoneCopy, ...] = ()
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLeftAlone:
    """One log that is not erased on request."""

    store: str
    collection: str
    purpose: str
    ground: str
    retention: str
    approved_by: str
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBackups:
    """That no backup copies of a store are made."""

    reason: str
    approved_by: str
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStore:
    """One store of the plan; `collections` maps each to its action, `backup_places` has the places with its copies."""

    store: str
    kind: str
    identity: Digest
    collections: Mapping[str, Action]
    backup_places: Names = NO_NAMES
    no_backups: NoBackups | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The document about the plan; `data_types` maps `store.collection` to its data type."""

    kind: str
    operator: str
    contact: str
    software: str
    data_map: Digest
    plan_digest: Digest
    stores: tuple[PlannedStore, ...]
    logs_left_alone: tuple[LogLeftAlone, ...]
    data_types: Mapping[str, str]
    limited_to: Names | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """That a clock was extended, once."""

    last_day: Day
    at: Time
    reason: str
    ground: str | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class DayNotCounted:
    """A holiday or a closing day within a count of business days."""

    day: Day
    name: str
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One clock of a request."""

    clock: Literal["promise", "statute", "confirmation"]
    ground: str
    received_at: Time
    last_day: Day
    due_at: Time
    moved_from: Day | None = None
    not_counted: tuple[DayNotCounted, ...] = ()
    extended_to: Time | None = None
    extension: Extension | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Whose public holidays are not counted."""

    country: str | None = None
    subdivision: str | None = None
    source: str | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The document about deadlines."""

    kind: str
    received_at: Time
    controller_received_at: Time | None = None
    time_zone: str
    calendar: Calendar
    business_days: int | None = None
    statute: str | None = None
    clocks: tuple[Clock, ...]
    first: str
    answer_by: Time
    warning: str | None = None
    further: Members

    def __post_init__(self) -> None:
        """Require a clock."""
        if not self.clocks:
            raise MalformedError("there are deadlines and no clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNotSearched:
    """One place that was not searched, or not as a whole, and why."""

    place: str
    why: str
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedStore:
    """One store that was searched without the map.

    `places` and `records` were read, by the store's clock from `at` on; `more_not_searched` places are not named.
    """

    store: str
    source: str
    at: Time
    places: int
    records: int
    not_searched: tuple[PlaceNotSearched, ...]
    more_not_searched: int = 0
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many people were searched for, of how many that waited, and what they were chosen by."""

    people: int
    of: int
    seed: str
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedStores:
    """The document about a search without the map. Without a `sample` everybody who waited was searched for."""

    kind: str
    at: Time
    sample: Sample | None = None
    stores: tuple[SearchedStore, ...]
    stores_not_searched: Names = NO_NAMES
    further: Members

    @property
    def places(self) -> int:
        """How many places were read in all stores."""
        return sum(one.places for one in self.stores)

    @property
    def gaps(self) -> int:
        """How many places, and stores, were not searched, or not as a whole."""
        places = sum(len(one.not_searched) + one.more_not_searched for one in self.stores)
        return places + len(self.stores_not_searched)


Document = BackupCopies | Deadlines | Plan | SearchedStores
AnyDocument = TypeVar("AnyDocument", BackupCopies, Deadlines, Plan, SearchedStores)

DOCUMENTS: Final[Mapping[str, type[Document]]] = {
    "blind-search": SearchedStores,
    "copies": BackupCopies,
    "deadlines": Deadlines,
    "plan": Plan,
}


def document(value: object) -> Document | None:
    """Read a shared document as the kind that it says it is."""
    return form_reader.read(DOCUMENTS[cast("Any", value)["kind"]], value) if is_document(value) else None


def kind_of(value: object) -> str | None:
    """Return the kind that a shared document says it is of; None if it says none."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def is_document(value: object) -> bool:
    """Whether a shared document says that it is of one of the kinds above."""
    return kind_of(value) in DOCUMENTS
