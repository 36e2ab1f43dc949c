"""`locate`: what is held of a person, and where: counts, data types and grounds, never a value. Read-only.

The base of an access request (GDPR Art. 15(1): purposes, categories, how long, and why). What was not looked into is
said as such: logs, other controllers' records, and what is in backup copies. Whatever cannot be asked raises: "not
looked at" is never "nothing held" (law 4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from expunge_config.datamap import DataMap, DataType, LogDeclaration, Operator
from expunge_config.errors import InputError
from expunge_connectors.contract import BackupCopy, Counts, RecordCounts, Scope, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_orchestrator import backup_copies
from expunge_orchestrator.backup_copies import MissingCopy
from expunge_orchestrator.execution import concurrent_requests
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.retention_grounds import Grounds, ground_of, grounds_of
from expunge_orchestrator.rules.scope import collections_in, logs_in
from expunge_orchestrator.subjects.lookup import SubjectLookup, look_up
from expunge_orchestrator.workspace import Workspace

MAX_PEOPLE = 100
"""An access request is one person's; for sums over many there are plans."""


class LocateResult(StrEnum):
    """What can be said of one person."""

    HELD = "held"
    NOT_FOUND = "not-found"
    AMBIGUOUS = "ambiguous"
    INCOMPLETE = "incomplete"
    """There may be more than was found: a request that began to erase is not done."""


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """One collection that was looked into, as the map has it.

    Attributes:
        found_by: Where its records are and how they belong to a person, in words; empty if its connector does not say.
    """

    store: str
    collection: str
    data_type: str
    found_by: tuple[str, ...]

    @property
    def name(self) -> str:
        """`store.collection`."""
        return f"{self.store}.{self.collection}"


@dataclass(frozen=True, slots=True)
class PersonRecords:
    """One person in one collection.

    Attributes:
        records: How many are this person's.
        kept: How many of them a request for erasure would leave as of now.
        until: Last day of those, if one can be named.
        ground: Why they are kept.
        unsure: Further records that only an identifier led to which can pass on to somebody else, and that the person's
            own keys do not vouch for, newer ones and ambiguous ones: somebody has to look whose they are. Not among
            `records`.
    """

    info: CollectionInfo
    records: int
    kept: int
    until: date | None
    ground: str | None
    unsure: int

    @property
    def empty(self) -> bool:
        """Looked for and not there."""
        return not (self.records or self.unsure)


@dataclass(frozen=True, slots=True)
class PersonLocation:
    """One person of the list.

    Attributes:
        number: Place in the list, from 1.
        ambiguity: Why it is nobody certain; then nothing is counted.
        per_collection: Every collection of the scope, those that hold nothing too; empty where ambiguous.
        unfollowed: So many identifiers in the records lead to other people as well, and were not followed.
        unfinished: Batch -> places in which it left something: requests about perhaps the same person that began to
            erase and are not done, or were ended. What led to the rest may be gone.
    """

    number: int
    ambiguity: str | None
    per_collection: tuple[PersonRecords, ...]
    unfollowed: int
    unfinished: Mapping[str, frozenset[Place]]

    @property
    def answer(self) -> LocateResult:
        """In one word."""
        if self.ambiguity is not None:
            return LocateResult.AMBIGUOUS
        if self.unfinished:
            return LocateResult.INCOMPLETE
        return LocateResult.NOT_FOUND if all(one.empty for one in self.per_collection) else LocateResult.HELD


@dataclass(frozen=True, slots=True)
class LogNotice:
    """What is left alone as a log: not looked into, so it may hold something."""

    store: str
    collection: str
    declared: LogDeclaration


@dataclass(frozen=True, slots=True)
class OtherController:
    """A controller whose records were not looked into: it is to be asked itself.

    Attributes:
        controller: `calltrack`; `client:<id>` for the members of one kind, without the one that asks.
    """

    controller: str
    name: str
    data_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """The whole answer.

    Attributes:
        looked_at: Store -> its own clock when it was looked at.
        collections: Every collection that was looked into.
        data_types: Those of the collections: purpose, categories, how long, and what a request for erasure would do.
        logs: All of the map; they belong to no controller.
        copies: Backup copies of these stores that may hold what is or was there, as listed now.
        unseen_copies: Copies known from before that the listings neither show nor prove gone.
        unproven_places: Backup places whose listing has no positive control: what it does not show may be there.
        without_backups: Stores of which the map says that no copies are made.
    """

    scope: Scope
    operator: Operator
    looked_at: Mapping[str, datetime]
    people: tuple[PersonLocation, ...]
    collections: tuple[CollectionInfo, ...]
    data_types: Mapping[str, DataType]
    logs: tuple[LogNotice, ...]
    copies: tuple[BackupCopy, ...] = field(repr=False)
    unseen_copies: tuple[MissingCopy, ...] = field(repr=False)
    unproven_places: tuple[str, ...]
    without_backups: tuple[str, ...]
    others: tuple[OtherController, ...]


def locate(workspace: Workspace, people: Collection[frozenset[SubjectKey]], scope: Scope) -> Location:
    """Look for people in every collection of the scope, as of now. Stores and ledger are only read.

    Args:
        workspace: The stores, the map and the ledger.
        people: The identifiers of each, in order; at most `MAX_PEOPLE`.
        scope: For whom the request speaks: other controllers' records are not looked into.

    Raises:
        InputError: There are too many people.
        FindingsError: `check` would show an error.
        ConnectorError: A store or a backup place cannot be asked, or does not answer for a collection.
    """
    if len(people) > MAX_PEOPLE:
        raise InputError(
            f"The list names {len(people)} people; `locate` answers for {MAX_PEOPLE} at most.",
            remedy="Divide the list; `expunge plan` counts over many people.",
        )
    workspace.refuse_errors(scope)
    data_map = workspace.data_map
    seen = look_up(dict(enumerate(people, start=1)), workspace, scope)
    collections = tuple(collection_infos(scope, data_map))
    listings = backup_copies.observe(workspace.backups, workspace.ledger)
    stores = frozenset(seen.cutoffs)
    return Location(
        scope=scope,
        operator=data_map.operator,
        looked_at=seen.cutoffs,
        people=tuple(_people(seen, collections, grounds_of(data_map))),
        collections=collections,
        data_types={name: data_map.data_types[name] for name in sorted({info.data_type for info in collections})},
        logs=tuple(LogNotice(*one) for one in logs_in(data_map)),
        copies=tuple(backup_copies.possibly_containing(listings, seen.cutoffs)),
        unseen_copies=tuple(one for one in backup_copies.unseen(listings, workspace.ledger) if one.store in stores),
        unproven_places=tuple(
            one.place for one in listings if one.control is None and data_map.backup_places[one.place].of in stores
        ),
        without_backups=tuple(sorted(one for one in stores if not data_map.places_of(one))),
        others=tuple(others_than(scope, data_map)),
    )


def collection_infos(scope: Scope, data_map: DataMap) -> Iterator[CollectionInfo]:
    """Every collection of the controller."""
    for store, specs in collections_in(scope, data_map).items():
        for name, spec in specs.items():
            yield CollectionInfo(store, name, str(spec.data_type), tuple(spec.found_by_text()))


def others_than(scope: Scope, data_map: DataMap) -> Iterator[OtherController]:
    """The controllers of whose records the map knows and for whom this request does not speak."""
    for name, controller in data_map.controllers.items():
        specs = [spec for ones in collections_in(Scope(name), data_map).values() for spec in ones.values()]
        if not specs or (name == scope.controller and not controller.many):
            continue
        label = name if not controller.many else f"{name}:<{'other id' if name == scope.controller else 'id'}>"
        yield OtherController(label, controller.name, tuple(sorted({str(spec.data_type) for spec in specs})))


def _people(seen: SubjectLookup, collections: Sequence[CollectionInfo], grounds: Grounds) -> Iterator[PersonLocation]:
    counts: dict[str, Counts] = seen.counts()
    begun = concurrent_requests.started(seen.workspace, seen.scope, {one.number: one.keys for one in seen.subjects})
    for number, resolved in seen.resolved.items():
        if resolved.ambiguity is not None:
            yield PersonLocation(number, resolved.ambiguity, (), 0, {})
            continue
        unfinished = dict(begun.get(number, {}))
        for one in seen.left.get(number, ()):
            if places := one.doubtful if one.proven else one.doubtful_without:
                unfinished[one.batch] = unfinished.get(one.batch, frozenset()) | places
        per_collection = (person_records(info, _tally(counts, number, info), grounds) for info in collections)
        yield PersonLocation(number, None, tuple(per_collection), resolved.unfollowed, unfinished)


def _tally(counts: Mapping[str, Counts], number: int, info: CollectionInfo) -> RecordCounts:
    tally = counts[info.store].get(number, {}).get(info.collection)
    if tally is None:
        raise TerminalError(f"{info.name}: the store did not say what it holds there.")
    return tally


def person_records(info: CollectionInfo, tally: RecordCounts, grounds: Grounds) -> PersonRecords:
    """What a tally as of now says to somebody who asks what is held."""
    return PersonRecords(
        info,
        records=tally.due + tally.retained,
        kept=tally.retained,
        until=tally.until,
        ground=ground_of(tally, info.store, info.collection, grounds) if tally.retained else None,
        unsure=tally.newer + tally.ambiguous,
    )
