"""Kept gone: what a law kept of people whose requests ended is looked for once its day is over, and stated to be gone.

The keys that lead there were kept for this (ADR 8). A sweep deletes by age, whoever the rows are of; this look says it
of the one person, in the series of their request, and then these keys are destroyed, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from expunge_connectors.contract import Counts, RecordCounts, Subject
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator import backup_copies, store_calls
from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger import closable_people, kept_keys
from expunge_orchestrator.ledger.batch_cutoffs import cutoffs_of
from expunge_orchestrator.ledger.batches import Batch, batches_by_id
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.kept_keys import KeptUntil
from expunge_orchestrator.receipts import request_facts, shared_documents, statement_bodies, statement_issuer
from expunge_orchestrator.receipts.statement_issuer import StatementDraft
from expunge_orchestrator.rules import count_records, map_differences, owed
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.workspace import Workspace

_AT_ONCE = 500
_AGAIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Look:
    """A batch's people of whom everything that is kept has had its day, with the stores in which it was."""

    batch: Batch
    people: Sequence[KeptUntil]
    cutoffs: Mapping[str, datetime]


class Looked(NamedTuple):
    """Of how many people what was kept is stated to be gone, and of how many it is there, or not known for certain."""

    gone: int
    left: int


def state_gone(workspace: Workspace) -> Looked:
    """Look for what had to go by today, and state of whom it is all gone.

    Of whom something is there still, or that is not known for certain, nothing is said; they are looked at again
    tomorrow: this map leads there otherwise than their request's, the store is another one, or built otherwise, or
    cannot be asked, or a place of backups cannot.

    Raises:
        StoreClockError: A clock is wrong by days: nobody knows whose day is over. Nothing was looked for.
    """
    today, after, stated, left = now().date(), 0, 0, 0
    while looks := _next(workspace, today, after):
        if not after:
            store_calls.require_clocks(workspace.stores, workspace.settings.stores_at_once)
        after = max(one.item_id for look in looks for one in look.people)
        seen = now()
        gone = [(look, _gone(workspace, look)) for look in looks]
        done: set[int] = set()
        if any(people for _, people in gone):
            try:
                stated += _state(workspace, [(look.batch, people) for look, people in gone if people], seen)
                done = {one.item_id for _, people in gone for one in people}
            except ConnectorError:  # a place of backups cannot be listed: which copies there are is not known
                pass
        rest = [one.item_id for look in looks for one in look.people if one.item_id not in done]
        with workspace.ledger.begin() as connection:
            kept_keys.put_off_look(connection, rest, today + _AGAIN)
        left += len(rest)
    return Looked(stated, left)


def _next(workspace: Workspace, today: date, after: int) -> list[_Look]:
    with reading(workspace.ledger) as connection:
        found = kept_keys.due_for_look(connection, today, after, _AT_ONCE)
        known = {one.id: one for one in batches_by_id(connection, {one.batch_id for one in found})}
        return [
            _Look(known[number], list(people), cutoffs_of(connection, number))
            for number, people in groupby(sorted(found, key=lambda one: one.batch_id), lambda one: one.batch_id)
        ]


def _gone(workspace: Workspace, look: _Look) -> list[KeptUntil]:
    """Of whom the kept keys lead to everything that was kept, and to nothing any more."""
    differences = map_differences.differences(look.batch.decided, workspace.data_map)
    cipher = ItemCipher(workspace.keys.wrapping)
    asked = {one.item_id: one for one in look.people if all(reached for _, _, reached in one.places)}
    subjects = {number: _subject(cipher, one) for number, one in asked.items()}
    for number, one in subjects.items():
        if any(member_proof.unmark(key) != key for key in one.keys):  # where it leads depends on whose the rows are
            del asked[number]
    there: set[int] = set()
    for store in sorted({store for one in asked.values() for store, _, _ in one.places}):
        people = {number: names for number, one in asked.items() if (names := _names(one, store))}
        try:
            seen = _seen(workspace, look, store, [subjects[number] for number in people])
        except ConnectorError:
            seen = None
        unseen = map_differences.unseen(differences, store, workspace.data_map) if seen is not None else frozenset()
        planned = look.batch.decided["stores"].get(store, {})
        there |= {
            number
            for number, names in people.items()
            if seen is None
            or names & unseen
            or any(_is_there(seen[number].get(name)) for name in names)
            or any(_was_moved(one, name in planned) for name, one in seen[number].items() if name not in names)
        }
    return [one for number, one in asked.items() if number not in there]


def _seen(workspace: Workspace, look: _Look, name: str, subjects: Sequence[Subject]) -> Counts | None:
    """What the store says of people; None: it is not the one, or not built as it was, when they were erased from it."""
    store, planned = workspace.stores.get(name), look.batch.identities.get(name)
    if store is None or name not in look.cutoffs or store.identity().digest != planned:
        return None
    if store_calls.changed_relations(store, look.batch.relations.get(name, {}), look.batch.scope):
        return None
    return store.verify(subjects, look.batch.scope, look.cutoffs[name])


def _names(one: KeptUntil, store: str) -> frozenset[str]:
    return frozenset(name for of, name, _ in one.places if of == store)


def _is_there(seen: RecordCounts | None) -> bool:
    """Newer ones as well: a copy that was put back may be dated by when that was done."""
    return seen is None or bool(seen.due or seen.retained or seen.ambiguous or seen.newer)


def _was_moved(seen: RecordCounts, planned: bool) -> bool:  # noqa: FBT001 - of one place
    """What was kept may stand elsewhere by now: in what is new in the map anything, else what was not to be there."""
    return bool(seen.due) or count_records.kept_for_a_time(seen) or (not planned and _is_there(seen))


def _subject(cipher: ItemCipher, one: KeptUntil) -> Subject:
    opened = cipher.open(one.wrapped_key, Sealed.RESIDUAL_KEYS, one.series, one.sealed_keys)
    keys = member_proof.accepted(opened)
    return Subject(one.item_id, keys, at_home=member_proof.at_home(opened))


def _state(workspace: Workspace, gone: Iterable[tuple[Batch, Sequence[KeptUntil]]], seen: datetime) -> int:
    """State it and destroy the keys, of those whom no later request took up meanwhile."""
    listings, missing = backup_copies.observe_with_missing(workspace.backups, workspace.ledger)
    at, number = now(), 0
    openable_until = backup_copies.last_day_of_ledger(listings, at, missing)
    with workspace.ledger.begin() as connection:
        backup_copies.record(connection, listings)
        for batch, people in gone:
            held = backup_copies.possibly_containing(listings, dict.fromkeys(batch.actions, at), missing)
            document = shared_documents.copies_document(listings, held, workspace.data_map)
            cited = statement_issuer.store_document(connection, document)
            still_open = owed.places(0, backup_copies.outstanding(held))
            contact_kept = request_facts.contact_kept(connection, batch)
            left = kept_keys.take(connection, [one.item_id for one in people])
            drafts = []
            for one in people:
                if one.item_id in left:
                    places = sorted(f"{store}.{name}" for store, name, _ in one.places)
                    body = statement_bodies.kept_gone(
                        batch, places, seen, cited, contact_kept=contact_kept, openable_until=openable_until
                    )
                    drafts.append(StatementDraft(one.item_id, one.series, "kept-gone", one.subjects, body, still_open))
            if drafts:
                statement_issuer.issue(connection, workspace.keys, drafts, at)
            unclear = statement_issuer.leaving_something(connection, [one.series for one in people])
            over = [one.item_id for one in people if one.item_id in left and one.series not in unclear]
            closable_people.note_nothing_left(connection, over, seen)
            number += len(drafts)
    return number
