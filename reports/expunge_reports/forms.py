"""Forms of statement bodies and shared documents, as typed models; a field is the JSON member of its name in camelCase.

A receipt's signatures say who wrote a body, not that this version knows its form. `read` gives None for
another form than is declared here, and keeps members that are not declared as `further`: the page shows both
generically. A member whose field has a default may be absent.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, date, datetime, time
from functools import cache, partial
from types import UnionType
from typing import Any, Final, NamedTuple, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from expunge_reports import json_fields
from expunge_reports.errors import MalformedError

_DAY: Final = len("2026-11-29")

Time = NewType("Time", str)
"""A text that is a time with its zone: what gives none is no form that is known."""

Day = NewType("Day", str)
"""A text that is a day, `2026-11-29`."""

Members = Mapping[str, object]
_Form = TypeVar("_Form")
_Reader = Callable[[object, str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One collection of a statement. A count is None if it is not stated."""

    collection: str
    outcome: str
    found: int
    due: int
    retained: int | None = None
    gone: int | None = None
    newer: int | None = None
    ambiguous: int | None = None
    unread: int | None = None
    ground: str | None = None
    until: Day | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One store of a statement."""

    store: str
    level: str | None = None
    cutoff: Time | None = None
    collections: tuple[Collection, ...]
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvidence:
    """How the controller knows that it is the person."""

    kind: str = "not stated"
    checked_at: str | None = None
    reference: str | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCopy:
    """One backup copy, or so many that are stated together: these have no `id`.

    `taken_between` is the interval in which their data was read, empty if not stated.
    """

    place: str
    status: str
    store: str | None = None
    kind: str | None = None
    id: str | None = None
    copies: int = 1
    taken_between: tuple[Time, ...] = ()
    due: Time | None = None
    expected_by: Time | None = None
    ground: str | None = None
    blocker: str | None = None
    further: Members

    @property
    def last_day(self) -> str | None:
        """When it ends as stated, or None if its status or its members give no day."""
        return (self.expected_by or self.due) if self.status == "due" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One look at one place with backup copies; `of` is the store that is copied, or `ledger`."""

    place: str
    of: str | None = None
    at: Time
    copies: int
    control: str | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCopies:
    """The document about backup copies."""

    kind: str
    listings: tuple[Listing, ...]
    may_hold_the_records: tuple[BackupCopy, ...]
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLeftAlone:
    """One log that is not erased on request."""

    store: str
    collection: str
    purpose: str | None = None
    ground: str | None = None
    retention: str | None = None
    approved_by: str | None = None
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
    identity: str | None = None
    collections: Mapping[str, str] = field(default_factory=dict)
    backup_places: tuple[str, ...] = ()
    no_backups: NoBackups | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The document about the plan; `data_types` maps `store.collection` to its data type."""

    kind: str
    operator: str | None = None
    contact: str | None = None
    software: str | None = None
    data_map: str | None = None
    plan_digest: str | None = None
    stores: tuple[PlannedStore, ...]
    logs_left_alone: tuple[LogLeftAlone, ...] = ()
    data_types: Mapping[str, str] = field(default_factory=dict)
    limited_to: tuple[str, ...] | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """That a clock was extended, once."""

    last_day: Day
    at: Time | None = None
    reason: str | None = None
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

    clock: str
    ground: str | None = None
    received_at: Time | None = None
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
    time_zone: str | None = None
    calendar: Calendar | None = None
    business_days: int | None = None
    statute: str | None = None
    clocks: tuple[Clock, ...]
    first: str | None = None
    answer_by: Time
    warning: str | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftPlace:
    """A place in which a search found what no map explains."""

    store: str
    place: str
    records: int
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSearch:
    """What a search without a map found of the person, or why there was none."""

    searched: str
    at: Time | None = None
    left: tuple[LeftPlace, ...] = ()
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What every statement says of a request."""

    controller: str
    data_types: tuple[str, ...] | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Body):
    """That it was received."""

    received_at: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Body):
    """That nothing was erased, and why."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReErased(Body):
    """What happened in the stores, and when that was seen."""

    verified_at: Time
    stores: tuple[Store, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(ReErased):
    """What became of the request."""

    outcome: str
    counted_at: Time | None = None
    blind_search: BlindSearch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHold(ReErased):
    """What a hold keeps."""

    outcome: str
    reason: str
    until: Day | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Body):
    """That nothing due came back."""

    verified_at: Time
    due: int
    ambiguous: int | None = None
    blind_search: BlindSearch | None = None


BODIES: Final[Mapping[str, type[Body]]] = {
    "accepted": Accepted,
    "extended": Body,
    "erased": Answer,
    "partially-erased": Answer,
    "not-found": Answer,
    "on-hold": OnHold,
    "re-erased": ReErased,
    "settled": Settled,
    "denied": Ended,
    "cancelled": Ended,
}
"""Event -> the form of its body; of the others none is known."""

Document = BackupCopies | Deadlines | Plan
AnyDocument = TypeVar("AnyDocument", BackupCopies, Deadlines, Plan)

_DOCUMENTS: Final[Mapping[str, type[Document]]] = {"copies": BackupCopies, "deadlines": Deadlines, "plan": Plan}


def document(value: object) -> Document | None:
    """Read a shared document as the kind that it says it is."""
    return read(_DOCUMENTS[cast("Any", value)["kind"]], value) if is_document(value) else None


def is_document(value: object) -> bool:
    """Whether a shared document says that it is of one of the kinds above."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind in _DOCUMENTS


def collection(stated: Mapping[str, object]) -> Collection:
    """Return one collection of a statement that is about to be made."""
    return cast("Collection", _reader(Collection)(stated, "the collection"))


def moment(text: str | None) -> datetime | None:
    """Return a stated time; None if none is stated, or what is stated is none. A day ends with its last second, UTC."""
    if text is None:
        return None
    try:
        if len(text) == _DAY:
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: year 1 or 9999 moved over the edge by its zone
        return None


def read(form: type[_Form], value: object) -> _Form | None:
    """Read a value as one of the forms above, or as a tuple of one."""
    try:
        return cast("_Form", _reader(cast("Any", form))(value, "the value"))
    except MalformedError:
        return None


@cache
def _reader(hint: Any) -> _Reader:  # noqa: ANN401 - a type as it is annotated
    if hint in _LEAVES:
        return _LEAVES[hint]
    if get_origin(hint) in {Union, UnionType}:
        return partial(_optional, _reader(get_args(hint)[0]))
    if get_origin(hint) is tuple:
        return partial(_rows, _reader(get_args(hint)[0]))
    hints = get_type_hints(hint)
    members = {
        one.name: _Member(
            name=re.sub(r"_(\w)", lambda matched: matched[1].upper(), one.name),
            reader=_reader(hints[one.name]),
            required=one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(hint)
        if one.name != "further"
    }
    return partial(_record, hint, members)


class _Member(NamedTuple):
    name: str
    reader: _Reader
    required: bool


def _record(form: Callable[..., object], members: Mapping[str, _Member], value: object, what: str) -> object:
    left = dict(json_fields.members(value, what))
    given = {
        name: member.reader(left.pop(member.name, None), member.name)
        for name, member in members.items()
        if member.required or member.name in left
    }
    return form(**given, further=left)


def _optional(reader: _Reader, value: object, what: str) -> object:
    return None if value is None else reader(value, what)


def _rows(reader: _Reader, value: object, what: str) -> object:
    return tuple(reader(one, what) for one in json_fields.sequence(value, what))


def _texts_by_name(value: object, what: str) -> object:
    return {name: json_fields.text(one, what) for name, one in json_fields.members(value, what).items()}


def _stated(value: object, what: str) -> object:
    return _moment(value, what, is_day=False)


def _day(value: object, what: str) -> object:
    return _moment(value, what, is_day=True)


def _moment(value: object, what: str, *, is_day: bool) -> str:
    text = json_fields.text(value, what)
    if (len(text) == _DAY) != is_day or moment(text) is None:
        raise MalformedError(f"{what} is no {'day' if is_day else 'time with its zone'}")
    return text


_LEAVES: Final[Mapping[Any, _Reader]] = {
    Time: _stated,
    Day: _day,
    str: json_fields.text,
    int: json_fields.integer,  # what is below 0 is for the rules to say
    Mapping[str, str]: _texts_by_name,
}
