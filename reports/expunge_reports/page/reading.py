"""Bodies and shared documents as typed rows.

A receipt's signatures say who wrote a body, not that this version of the page knows its form. Each reader gives None
for a form it does not know, and keeps members it does not know as `further`: the page shows both generically.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from expunge_reports.page.members import Members, Reader, UnknownFormError


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


COPIES: Final = "copies"
PLAN: Final = "plan"


def kind(document: object) -> str | None:
    """Return what a shared document says it is."""
    found = document.get("kind") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def stores(value: object) -> tuple[Store, ...] | None:
    """Read the `stores` of a statement's body."""
    try:
        return Reader({"stores": value}).rows("stores", _store)
    except UnknownFormError:
        return None


def copies(document: object) -> Copies | None:
    """Read the document about backup copies."""
    try:
        reader = Reader(document)
        reader.text("kind")
        return Copies(reader.rows("listings", _listing), reader.rows("mayHoldTheRecords", _copy), reader.further)
    except UnknownFormError:
        return None


def plan(document: object) -> Plan | None:
    """Read the document about the plan."""
    try:
        reader = Reader(document)
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
    except UnknownFormError:
        return None


def _store(value: object) -> Store:
    reader = Reader(value)
    return Store(
        name=reader.text("store"),
        level=reader.text_or_none("level"),
        cutoff=reader.text_or_none("cutoff"),
        collections=reader.rows("collections", _collection),
        further=reader.further,
    )


def _collection(value: object) -> Collection:
    reader = Reader(value)
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
    reader = Reader(value)
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
    reader = Reader(value)
    return Listing(
        place=reader.text("place"),
        at=reader.text("at"),
        copies=reader.count("copies"),
        control=reader.text_or_none("control"),
        further=reader.further,
    )


def _planned(value: object) -> PlannedStore:
    reader = Reader(value)
    return PlannedStore(
        name=reader.text("store"),
        kind=reader.text("kind"),
        identity=reader.text_or_none("identity"),
        actions=reader.texts_by_name("collections"),
        further=reader.further,
    )


def _log(value: object) -> LogKept:
    reader = Reader(value)
    return LogKept(
        store=reader.text("store"),
        collection=reader.text("collection"),
        purpose=reader.text_or_none("purpose"),
        ground=reader.text_or_none("ground"),
        retention=reader.text_or_none("retention"),
        approved_by=reader.text_or_none("approvedBy"),
        further=reader.further,
    )
