"""Backup copies: records in the ledger when each copy was seen, and when it was observed gone (law 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from expunge_config.datamap import LEDGER
from expunge_connectors.contract import (
    BackupConnector,
    BackupCopy,
    ConfirmsCopies,
    CopyListing,
    CopyStatus,
)
from expunge_orchestrator.clock import exact, now, parse, stamp
from expunge_orchestrator.ledger import Ledger, Transaction, copies
from expunge_orchestrator.ledger.database import reading, serialise_writers
from expunge_orchestrator.rules import gone_copies
from expunge_orchestrator.rules.stated_copies import as_stated
from expunge_reports.statement import OpenCopies


def observe(backups: Mapping[str, BackupConnector], ledger: Ledger | None = None) -> list[CopyListing]:
    """List every place. A place that cannot be listed raises: its copies are not "none".

    Args:
        backups: The places.
        ledger: Knows the copies that were seen before; without it nothing is said to be gone.
    """
    listings = [_listed(connector) for connector in backups.values()]
    if ledger is None:
        return listings
    return [_looked_for(backups[one.place], one, ledger) for one in listings]


def observe_place(connector: BackupConnector, ledger: Ledger) -> CopyListing:
    """List one place, and look for what was seen there before.

    Raises:
        ConnectorError: It cannot be listed, or a copy not be asked for.
    """
    return _looked_for(connector, _listed(connector), ledger)


def observe_with_missing(
    backups: Mapping[str, BackupConnector], ledger: Ledger
) -> tuple[list[CopyListing], list[MissingCopy]]:
    """List every place, and name what was seen before and is neither listed nor gone."""
    listings = observe(backups, ledger)
    return listings, unseen(listings, ledger)


def _listed(connector: BackupConnector) -> CopyListing:
    begun = now()
    listing = connector.copies()
    judged = tuple(standing(copy, listing.at) for copy in listing.copies)
    return replace(listing, copies=judged, begun_at=begun)


def standing(copy: BackupCopy, at: datetime) -> BackupCopy:
    """The copy as it stands at a time at which it was seen: after the last day that its rule left it, it is overdue."""
    overdue = copy.expected_by is not None and copy.expected_by < at
    return replace(copy, status=CopyStatus.OVERDUE) if overdue else copy


def _looked_for(connector: BackupConnector, listing: CopyListing, ledger: Ledger) -> CopyListing:
    """Name the copies that are missed: listings were seen to leave out what is there, so each is asked for by itself.

    Of those of one id that are copies of two stores the one that was missed last decides.
    """
    if listing.control is None:
        return listing
    with reading(ledger) as connection:
        known = copies.known(connection, listing.identity)
    before: dict[str, datetime | None] = {}
    for key, at in known.items():
        first = before.get(key.copy_id, at)
        before[key.copy_id] = None if at is None or first is None else max(at, first)
    missed = {one for one in before if one.startswith(listing.below)} - {copy.id for copy in listing.copies}
    if missed and isinstance(connector, ConfirmsCopies):
        missed -= connector.still_there(sorted(missed))
    return replace(listing, missed=frozenset(missed), gone=gone_copies.gone(missed, before, listing.at))


@dataclass(frozen=True, slots=True)
class MissingCopy:
    """A copy that was seen before, is in no listing of today, and was never seen to be gone: it counts as there.

    `why`: whether today's listings could have shown it.
    """

    place: str
    store: str
    kind: str
    id: str
    last_seen: str
    taken_from: datetime
    taken_until: datetime
    ground: str
    why: str

    @property
    def stated(self) -> BackupCopy:
        """As it is stated beside those of a listing: it may still be there, and nothing says until when."""
        return BackupCopy(
            place=self.place,
            store=self.store,
            kind=self.kind,
            id=self.id,
            taken_from=self.taken_from,
            taken_until=self.taken_until,
            status=CopyStatus.UNKNOWN,
            due=None,
            expected_by=None,
            ground=self.ground,
            blocker=self.why,
            size=0,
        )


def unseen(listings: Sequence[CopyListing], ledger: Ledger) -> list[MissingCopy]:
    """What the ledger knows and these listings (of `observe` with the same ledger) neither show nor call gone.

    So do copies in a place that the map does not name any more, or that is another one by now; not those that are
    listed under another name or prefix of their place.
    """
    listed = {key for listing in listings for key in _by_key(listing)}
    gone = {(listing.identity, copy_id) for listing in listings for copy_id in listing.gone}
    with reading(ledger) as connection:
        rows = copies.not_seen_gone(connection)
    return [
        MissingCopy(
            row.place,
            row.store,
            row.kind,
            row.copy_id,
            row.last_seen,
            parse(row.taken_from),
            parse(row.taken_until),
            row.ground,
            _why_unseen(row, listings),
        )
        for row in rows
        if row.key not in listed and (row.identity, row.copy_id) not in gone
    ]


def _why_unseen(row: copies.SeenCopy, listings: Sequence[CopyListing]) -> str:
    day = row.last_seen[:10]
    where_it_was = [one for one in listings if one.identity == row.identity and row.copy_id.startswith(one.below)]
    if any(copy.id == row.copy_id for listing in where_it_was for copy in listing.copies):
        return f"Listed as a copy of another store since the data map was changed, last seen as one of this {day}"
    if where_it_was and row.missed_at is not None:
        return f"Not there at {row.missed_at}, last seen {day}; gone is what a second look an hour later misses, too"
    if where_it_was:
        return f"Not in the listing, last seen {day}, and not found to be gone by two looks an hour apart"
    if any(one.place == row.place for one in listings):
        return f"The data map's place of this name is another one by now: last seen {day}, and not looked for since"
    return f"The data map names this place no more: last seen {day}, and not looked for since"


def _by_key(listing: CopyListing) -> dict[copies.CopyKey, BackupCopy]:
    return {copies.CopyKey(listing.identity, copy.store, copy.id): copy for copy in listing.copies}


def record(connection: Transaction, listings: Iterable[CopyListing]) -> None:
    """Note what was seen, and what was looked for and not there, once or twice (law 8)."""
    serialise_writers(connection)  # a worker and `expunge run-due` may see a new copy in the same moment
    for listing in listings:
        seen_at = stamp(listing.at)
        known = copies.known(connection, listing.identity)
        again: list[tuple[copies.CopyKey, dict[str, object]]] = []
        for key, copy in _by_key(listing).items():
            values = _values(copy, seen_at)
            if key in known:
                again.append((key, values))
            else:
                copies.insert(connection, key, seen_at, values)
        copies.see_again(connection, again)
        copies.miss(connection, [key for key in known if key.copy_id in listing.missed], seen_at)
        copies.see_gone(connection, [key for key in known if key.copy_id in listing.gone], seen_at)


def _values(copy: BackupCopy, seen_at: str) -> dict[str, object]:
    return {
        "place": copy.place,
        "kind": copy.kind,
        "taken_from": stamp(copy.taken_from),
        "taken_until": stamp(copy.taken_until),
        "status": copy.status.value,
        "due": copy.due and stamp(copy.due),
        "expected_by": copy.expected_by and stamp(copy.expected_by),
        "ground": copy.ground,
        "blocker": copy.blocker,
        "last_seen": seen_at,
        "missed_at": None,
        "observed_gone_at": None,
    }


def possibly_containing(
    listings: Iterable[CopyListing], cutoffs: Mapping[str, datetime], missing: Iterable[MissingCopy] = ()
) -> list[BackupCopy]:
    """Copies that may hold the erased people: their reading began before the erasure in their store ended.

    `cutoffs` maps store -> the moment after which nothing of the people was left there. B4.1: unless a copy is known to
    have been taken later, it counts as holding them. Of the storage's clock and ours the later one decides. Those of
    `missing` (see `unseen`) were all seen before, and so count, too. One that two places list is one copy.
    """
    listed = {
        key: copy
        for listing in listings
        for key, copy in _by_key(listing).items()
        if copy.store in cutoffs and copy.taken_from <= max(cutoffs[copy.store], listing.at)
    }
    return [*listed.values(), *(one.stated for one in missing if one.store in cutoffs)]


def last_day_of_ledger(
    listings: Iterable[CopyListing], at: datetime, missing: Iterable[MissingCopy] = ()
) -> date | None:
    """By when the last copy of the ledger itself is expected to be gone; None: one has no day, or none is known."""
    held = possibly_containing(listings, {LEDGER: at}, missing)
    days = [
        copy.expected_by.astimezone(UTC).date() for copy in held if copy.status is CopyStatus.DUE and copy.expected_by
    ]
    return max(days) if days and len(days) == len(held) else None


def outstanding(copies: Sequence[BackupCopy]) -> OpenCopies:
    """How many copies are left, and when those of them go that have a time to come, as they are stated."""
    due = [
        (one.last.expected_by, one.number)
        for one in as_stated(copies)
        if one.last.status is CopyStatus.DUE and one.last.expected_by is not None
    ]
    days = [day for day, _ in due]
    without = len(copies) - sum(number for _, number in due)
    return OpenCopies(len(copies), without, min(days, default=None), max(days, default=None))


def as_statement(copies: Iterable[BackupCopy]) -> list[dict[str, object]]:
    """Copies as receipts state them: one by one with their names, or so many of one kind that end alike."""
    return [
        {name: value for name, value in _row(one.last).items() if name != "id"} | {"copies": one.number}
        if one.grouped
        else _row(one.last)
        for one in as_stated(list(copies))
    ]


def listed(copies: Iterable[BackupCopy]) -> list[dict[str, object]]:
    """Copies as the operator is told of them: every one by its name."""
    return [_row(copy) for copy in sorted(copies, key=lambda one: (one.place, one.id))]


def _row(copy: BackupCopy) -> dict[str, object]:
    return {
        "place": copy.place,
        "store": copy.store,
        "kind": copy.kind,
        "id": copy.id,
        "takenBetween": [exact(copy.taken_from), exact(copy.taken_until)],
        "status": copy.status.value,
        "due": copy.due and stamp(copy.due),
        "expectedBy": copy.expected_by and stamp(copy.expected_by),
        "ground": copy.ground,
        "blocker": copy.blocker,
    }
