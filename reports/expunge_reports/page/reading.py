"""Bodies and shared documents as typed rows.

A receipt's signatures say who wrote a body, not that this version of the page knows its form. Each reader gives None
for a form it does not know, and keeps members it does not know as `further`: the page shows both generically.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

Members = Mapping[str, object]
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of a statement. A count is None if it is not stated."""

    name: str
    outcome: str
    found: int | None
    due: int | None
    retained: int | None
    newer: int | None
    ground: str | None
    until: str | None
    further: Members


@dataclass(frozen=True, slots=True)
class Store:
    """One store of a statement."""

    name: str
    level: str | None
    cutoff: str | None
    collections: tuple[Collection, ...]
    further: Members


@dataclass(frozen=True, slots=True)
class Copy:
    """One backup copy; `taken` is the interval in which its data was read, empty if not stated."""

    place: str
    status: str
    store: str | None
    kind: str | None
    id: str | None
    taken: tuple[str, ...]
    due: str | None
    expected_by: str | None
    ground: str | None
    blocker: str | None
    further: Members


@dataclass(frozen=True, slots=True)
class Listing:
    """One look at one place."""

    place: str
    at: str
    copies: int
    control: str | None
    further: Members


@dataclass(frozen=True, slots=True)
class Copies:
    """What a document says of backup copies."""

    listings: tuple[Listing, ...]
    held: tuple[Copy, ...]
    further: Members


@dataclass(frozen=True, slots=True)
class LogKept:
    """One log left alone on purpose."""

    store: str
    collection: str
    purpose: str | None
    ground: str | None
    retention: str | None
    approved_by: str | None
    further: Members


@dataclass(frozen=True, slots=True)
class PlannedStore:
    """One store of the plan; `actions` maps collection to action."""

    name: str
    kind: str
    identity: str | None
    actions: Mapping[str, str]
    further: Members


@dataclass(frozen=True, slots=True)
class Plan:
    """What all requests of a batch share; `data_types` maps `store.collection` to its data type."""

    operator: str | None
    contact: str | None
    software: str | None
    data_map: str | None
    digest: str | None
    stores: tuple[PlannedStore, ...]
    logs: tuple[LogKept, ...]
    data_types: Mapping[str, str]
    further: Members


class _UnknownFormError(Exception):
    """A member has another type than this page knows."""


class _Reader:
    """Takes members out of one object; what nobody took is `further`."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise _UnknownFormError
        self._left: dict[str, object] = dict(value)

    @property
    def further(self) -> Members:
        return self._left

    def text(self, name: str) -> str:
        found = self._left.pop(name, None)
        if not isinstance(found, str):
            raise _UnknownFormError
        return found

    def text_or_none(self, name: str) -> str | None:
        found = self._left.pop(name, None)
        if found is not None and not isinstance(found, str):
            raise _UnknownFormError
        return found

    def count(self, name: str) -> int:
        found = self.count_or_none(name)
        if found is None:
            raise _UnknownFormError
        return found

    def count_or_none(self, name: str) -> int | None:
        found = self._left.pop(name, None)
        if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
            raise _UnknownFormError
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_Reader({"text": item}).text("text") for item in self._list(name, required=False))

    def texts_by_name(self, name: str) -> Mapping[str, str]:
        found = self._left.pop(name, {})
        if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
            raise _UnknownFormError
        return found

    def rows(self, name: str, read: Callable[[object], _Row], *, required: bool = True) -> tuple[_Row, ...]:
        return tuple(read(item) for item in self._list(name, required=required))

    def _list(self, name: str, *, required: bool) -> Iterable[object]:
        found = self._left.pop(name, None if required else [])
        if not isinstance(found, list):
            raise _UnknownFormError
        return found


COPIES: Final = "copies"
PLAN: Final = "plan"


def kind(document: object) -> str | None:
    """Return what a shared document says it is."""
    found = document.get("kind") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def stores(value: object) -> tuple[Store, ...] | None:
    """Read the `stores` of a statement's body."""
    try:
        return _Reader({"stores": value}).rows("stores", _store)
    except _UnknownFormError:
        return None


def copies(document: object) -> Copies | None:
    """Read the document about backup copies."""
    try:
        reader = _Reader(document)
        reader.text("kind")
        return Copies(reader.rows("listings", _listing), reader.rows("mayHoldTheRecords", _copy), reader.further)
    except _UnknownFormError:
        return None


def plan(document: object) -> Plan | None:
    """Read the document about the plan."""
    try:
        reader = _Reader(document)
        reader.text("kind")
        return Plan(
            operator=reader.text_or_none("operator"),
            contact=reader.text_or_none("contact"),
            software=reader.text_or_none("software"),
            data_map=reader.text_or_none("dataMap"),
            digest=reader.text_or_none("planDigest"),
            stores=reader.rows("stores", _planned),
            logs=reader.rows("logsLeftAlone", _log, required=False),
            data_types=reader.texts_by_name("dataTypes"),
            further=reader.further,
        )
    except _UnknownFormError:
        return None


def _store(value: object) -> Store:
    reader = _Reader(value)
    return Store(
        name=reader.text("store"),
        level=reader.text_or_none("level"),
        cutoff=reader.text_or_none("cutoff"),
        collections=reader.rows("collections", _collection),
        further=reader.further,
    )


def _collection(value: object) -> Collection:
    reader = _Reader(value)
    return Collection(
        name=reader.text("collection"),
        outcome=reader.text("outcome"),
        found=reader.count_or_none("found"),
        due=reader.count_or_none("due"),
        retained=reader.count_or_none("retained"),
        newer=reader.count_or_none("newer"),
        ground=reader.text_or_none("ground"),
        until=reader.text_or_none("until"),
        further=reader.further,
    )


def _copy(value: object) -> Copy:
    reader = _Reader(value)
    return Copy(
        place=reader.text("place"),
        status=reader.text("status"),
        store=reader.text_or_none("store"),
        kind=reader.text_or_none("kind"),
        id=reader.text_or_none("id"),
        taken=reader.texts("takenBetween"),
        due=reader.text_or_none("due"),
        expected_by=reader.text_or_none("expectedBy"),
        ground=reader.text_or_none("ground"),
        blocker=reader.text_or_none("blocker"),
        further=reader.further,
    )


def _listing(value: object) -> Listing:
    reader = _Reader(value)
    return Listing(
        place=reader.text("place"),
        at=reader.text("at"),
        copies=reader.count("copies"),
        control=reader.text_or_none("control"),
        further=reader.further,
    )


def _planned(value: object) -> PlannedStore:
    reader = _Reader(value)
    return PlannedStore(
        name=reader.text("store"),
        kind=reader.text("kind"),
        identity=reader.text_or_none("identity"),
        actions=reader.texts_by_name("collections"),
        further=reader.further,
    )


def _log(value: object) -> LogKept:
    reader = _Reader(value)
    return LogKept(
        store=reader.text("store"),
        collection=reader.text("collection"),
        purpose=reader.text_or_none("purpose"),
        ground=reader.text_or_none("ground"),
        retention=reader.text_or_none("retention"),
        approved_by=reader.text_or_none("approvedBy"),
        further=reader.further,
    )
