"""Closed requests: a request is closed once nothing of the person is left, in a store or in a backup copy (ADR 33).

It takes no identifiers, which are destroyed by then: a moment for each person and a span for each copy decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from expunge_config.datamap import LEDGER, DataMap
from expunge_connectors.contract import CopyListing
from expunge_orchestrator.clock import now, parse, stamp
from expunge_orchestrator.copy_tracking.refresh import Refreshed
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import Transaction, closable_people, copies
from expunge_orchestrator.ledger.batches import Batch, batches_by_id
from expunge_orchestrator.ledger.closable_people import ClosablePerson
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger_check import require_log_in_sync
from expunge_orchestrator.receipts import shared_documents, statement_bodies, statement_issuer
from expunge_orchestrator.receipts.statement_issuer import StatementDraft
from expunge_orchestrator.rules import copy_horizons
from expunge_orchestrator.workspace import Workspace
from expunge_reports.consistency import STORES_DIFFER
from expunge_reports.counted_copies import copies_forgotten
from expunge_reports.forms import form_reader
from expunge_reports.forms.shared_documents import BackupCopies, GoneCopy

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Due:
    """A batch of which people can be closed.

    Attributes:
        until: of whom nothing was left by then.
        document: what is cited: these listings, and the copies that were seen to be gone.
        gone: these, as they are read in the document. Of whom an earlier statement counts another one, nothing is said.
        ledger_followed: copies of the ledger are among them.
    """

    batch: Batch
    until: datetime
    document: Mapping[str, object]
    gone: Sequence[GoneCopy]
    ledger_followed: bool


def close_due(workspace: Workspace, looked: Refreshed) -> int:
    """State `closed` of everybody of whom it is true by these looks; returns of how many people.

    Raises:
        LedgerBehindError: The ledger is older than its log.

    Args:
        workspace: Its ledger has noted the looks.
        looked: At every place, just now. Where one that matters could not be listed, or proves nothing, nobody closes.
    """
    listings = {one.place: one for one in looked.listings if one.control is not None and one.begun_at is not None}
    with reading(workspace.ledger) as connection:
        if not closable_people.batches_of(connection, 0, 1):
            return 0
        earliest = copies.earliest_not_gone(connection)
    require_log_in_sync(workspace.ledger, read_log(workspace.settings, workspace.data_map.operator, workspace.keys))
    number = after = 0
    while True:
        with reading(workspace.ledger) as connection:
            waiting = batches_by_id(connection, closable_people.batches_of(connection, after, _AT_ONCE))
        if not waiting:
            return number
        for batch in waiting:
            if (due := _due(workspace, batch, listings, earliest)) is not None:
                number += _close(workspace, due)
        after = waiting[-1].id


def _due(
    workspace: Workspace, batch: Batch, listings: Mapping[str, CopyListing], earliest: Mapping[str, datetime]
) -> _Due | None:
    """The part of a batch that may be closed; None: a place that matters was not listed, or has no control."""
    of = {*batch.actions, LEDGER}
    places = _places(batch, workspace.data_map)
    if not places <= listings.keys():
        return None
    needed = [listings[one] for one in sorted(places)]
    times = [one.begun_at for one in needed if one.begun_at is not None] or [now()]
    until = copy_horizons.horizon((at for store, at in earliest.items() if store in of), times)
    if until is None:
        return None
    since = stamp(parse(batch.created_at) - STORES_DIFFER - timedelta(seconds=1))
    with reading(workspace.ledger) as connection:
        if not closable_people.of_batch(connection, batch.id, until, 0, 1):
            return None
        gone = copies.seen_gone(connection, set(batch.actions), since)
    document = shared_documents.closing_document(needed, gone, workspace.data_map)
    read = form_reader.required(BackupCopies, document, "the list of copies")
    of_ledger = any(workspace.data_map.backup_places[one].of == LEDGER for one in places)
    return _Due(batch, until, document, read.seen_gone, of_ledger)


def _places(batch: Batch, data_map: DataMap) -> set[str]:
    """The places with copies of its stores, as planned and as the map has them now, and of the ledger."""
    planned = {
        place
        for store in batch.actions
        for place in batch.plan["stores"].get(store, {}).get("copies", {}).get("backupPlaces", ())
    }
    return planned | {place for store in (*batch.actions, LEDGER) for place in data_map.places_of(store)}


def _close(workspace: Workspace, due: _Due) -> int:
    number = after = 0
    while True:
        with workspace.ledger.begin() as connection:
            people = closable_people.of_batch(connection, due.batch.id, due.until, after, _AT_ONCE)
            if not people:
                return number
            counted = statement_issuer.copies_listed(connection, [one.series for one in people])
            whole = [one for one in people if not any(copies_forgotten(counted[one.series], due.gone))]
            taken = closable_people.take(connection, [one.item_id for one in whole])
            _state(workspace, connection, due, [one for one in whole if one.item_id in taken])
        number += len(taken)
        after = people[-1].item_id


def _state(workspace: Workspace, connection: Transaction, due: _Due, people: Sequence[ClosablePerson]) -> None:
    """Nothing is kept in the ledger where nobody is closed: the next look makes another document."""
    if not people:
        return
    cited = statement_issuer.store_document(connection, due.document)
    drafts = [
        StatementDraft(
            one.item_id,
            one.series,
            "closed",
            one.subjects,
            statement_bodies.closed(due.batch, one.nothing_left_at, cited, ledger_followed=due.ledger_followed),
        )
        for one in people
    ]
    statement_issuer.issue(connection, workspace.keys, drafts, now())
