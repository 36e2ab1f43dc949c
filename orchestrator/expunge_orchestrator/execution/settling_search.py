"""Settling search: one blind pass over the stores for everybody whose settling check is due (ADR 21).

It runs beside the runner and not in it: reading everything may take hours, and erasing does not wait for that. What it
finds of a person is written down with the person, for one settling check. A pass that is killed leaves nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.contract import Subject
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.blind_search import BlindSearch, search_subjects
from expunge_orchestrator.clock import now, parse, stamp
from expunge_orchestrator.errors import LedgerBusyError
from expunge_orchestrator.execution import stores_followed
from expunge_orchestrator.execution.step_context import StepContext, Transition, workspace_following
from expunge_orchestrator.ledger import Transaction, chunks, open_chunks
from expunge_orchestrator.ledger.batches import Batch, batches_by_id
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.items import Item, bulk_update, items_of_chunk
from expunge_orchestrator.ledger.runner_lock import search_lock
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import shared_documents, statement_issuer
from expunge_orchestrator.rules import blind_findings, pipeline
from expunge_orchestrator.rules.blind_findings import BlindFinding, Searched
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.outcomes import REVIEWED
from expunge_orchestrator.subjects import followed_keys, member_proof
from expunge_orchestrator.workspace import Workspace


def wanted(workspace: Workspace, batch: Batch) -> bool:
    """Whether the settling checks of a batch wait for a search. What a limited request did not ask for stays."""
    return workspace.settings.search.every is not None and batch.data_types is None


def longest_wait(workspace: Workspace, batch: Batch) -> timedelta:
    """So long a settling check of a batch that is due may wait for the next pass."""
    every = workspace.settings.search.every
    return every if every is not None and wanted(workspace, batch) else timedelta(0)


def search_due(workspace: Workspace, told_to_stop: Callable[[], bool] = lambda: False) -> int:
    """Search for everybody whose settling check is due, if it is time for a pass; returns for how many people.

    Told to stop, or where another process searches, it does nothing. What was not searched is no failure: it is said.

    Raises:
        ConnectorError: A store as a whole cannot be searched. The checks go on waiting, and why is written down.
        FindingsError: `check` would show an error that keeps all of these checks waiting.
    """
    with reading(workspace.ledger) as connection:
        if not _is_time(connection, workspace):
            return 0
    with suppress(LedgerBusyError), search_lock(workspace.ledger):
        with reading(workspace.ledger) as connection:
            waiting = _waiting(connection, workspace) if _is_time(connection, workspace) else {}
            found = batches_by_id(connection, sorted({one.id for one in waiting.values()}))
        fit, refused = stores_followed.fit_to_settle(workspace, found) if found else ([], None)
        chosen = {chunk: batch for chunk, batch in waiting.items() if batch.id in fit}
        if not chosen:
            if refused is not None:
                raise refused
            return 0
        try:
            return _search(workspace, chosen, told_to_stop)
        except ConnectorError as error:
            _note_refused(workspace, list(chosen), error)
            raise
    return 0


def _is_time(connection: Transaction, workspace: Workspace) -> bool:
    every = workspace.settings.search.every
    if every is None or not open_chunks.any_due_to_search(connection):
        return False
    last = open_chunks.last_search(connection)
    return last is None or parse(last) + every <= now()


def _waiting(connection: Transaction, workspace: Workspace) -> dict[int, Batch]:
    """Chunk -> batch, of those whose check is due and waits for a search."""
    rows = [one for one in open_chunks.due_to_settle(connection) if one.unsearched]
    of = {one.id: one for one in batches_by_id(connection, sorted({row.batch_id for row in rows}))}
    return {row.id: of[row.batch_id] for row in rows if wanted(workspace, of[row.batch_id])}


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass, before it begins.

    Attributes:
        people: Everybody who waits for it, by item.
        members: For which member of a controller, by item.
        added: Item -> (store, collection) that came into the map since the plan.
        chosen: Those who are searched for.
        seed: What they were chosen by.
    """

    at: datetime
    people: Mapping[int, Item]
    members: Mapping[int, str | None]
    added: Mapping[int, frozenset[Place]]
    chosen: Sequence[Subject]
    seed: str


def _search(workspace: Workspace, of: Mapping[int, Batch], told_to_stop: Callable[[], bool]) -> int:
    settings = workspace.settings.search
    begun = _begun(workspace, of)
    effort = Effort(
        None if settings.run_for is None else settings.run_for.total_seconds(),
        settings.share / 100,
        told_to_stop=told_to_stop,
    )
    found = search_subjects(
        workspace.stores,
        workspace.data_map,
        begun.chosen,
        effort=effort,
        at_once=workspace.settings.stores_at_once,
        done=lambda _stores: None,
    )
    if told_to_stop():
        return 0  # it is not known what it would have found
    with workspace.ledger.begin() as connection:
        _record(connection, begun, found, list(of))
    return len(begun.people)


def _begun(workspace: Workspace, of: Mapping[int, Batch]) -> _Pass:
    at, seed = now(), secrets.token_hex(16)
    people: dict[int, Item] = {}
    members: dict[int, str | None] = {}
    added: dict[int, frozenset[Place]] = {}
    of_batch: dict[int, tuple[Batch, list[Item]]] = {}
    with reading(workspace.ledger) as connection:
        for chunk, batch in of.items():
            waiting = [one for one in items_of_chunk(connection, chunk) if one.outcome in REVIEWED]
            people |= {one.id: one for one in waiting}
            members |= {one.id: batch.scope.member for one in waiting}
            new = blind_findings.added_since(batch.scope, workspace.data_map, batch.actions)
            added |= dict.fromkeys((one.id for one in waiting), new)
            of_batch.setdefault(batch.id, (batch, []))[1].extend(waiting)
    every = [one.series for one in people.values()]
    sampled = frozenset(blind_findings.sample(every, workspace.settings.search.people, seed))
    chosen: list[Subject] = []
    for batch, waiting in of_batch.values():
        chosen += _subjects(workspace, batch, [one for one in waiting if one.series in sampled])
    return _Pass(at, people, members, added, chosen, seed)


def _subjects(workspace: Workspace, batch: Batch, people: Sequence[Item]) -> list[Subject]:
    """The people by their accepted keys, but for those that another person holds by now.

    Nor by what a client gave without proof of a record of its own: whether it stands anywhere is not its to know.
    """
    seal = ItemCipher(workspace.keys.wrapping)
    subjects = []
    for item in people:
        assert item.wrapped_key is not None
        assert item.sealed_keys is not None
        keys = seal.open(item.wrapped_key, Sealed.KEYS, item.series, item.sealed_keys)
        subjects.append(
            Subject(item.id, member_proof.proven(keys), member_proof.refused(keys), member_proof.shared(keys))
        )
    changed = stores_followed.changed(workspace, batch)
    following = workspace_following(workspace, changed, batch.scope) if changed else workspace
    return followed_keys.without_claimed_anywhere(subjects, batch.scope, following)


def _record(connection: Transaction, begun: _Pass, found: BlindSearch, of: Sequence[int]) -> None:
    """Write down what was found, with those who still wait: who was ended or cancelled meanwhile needs it no more."""
    sampled = None if len(begun.chosen) == len(begun.people) else (len(begun.chosen), len(begun.people), begun.seed)
    document = statement_issuer.store_document(connection, shared_documents.search_document(found, begun.at, sampled))
    places = sum(report.places for report in found.reports)
    gaps = sum(len(report.gaps) for report in found.reports) + len(found.unsearchable)
    findings = [one for report in found.reports for one in report.findings]
    searched_for = {one.number for one in begun.chosen}
    rows: list[dict[str, object]] = []
    for number in open_chunks.still_waiting(connection, of):
        if number not in begun.people:
            continue
        how = Searched.NOT_IN_SAMPLE if number not in searched_for else Searched.NO_VALUES
        common = BlindFinding(how, stamp(begun.at), document)
        if values := found.values.get(number, 0):
            common = BlindFinding(Searched.SEARCHED, common.at, document, values, places, gaps)
        one = blind_findings.of_person(number, findings, common, begun.members[number], begun.added[number])
        rows.append({"id": number, "searched": one.packed()})
    bulk_update(connection, rows)
    open_chunks.note_search(connection, stamp(begun.at), document.removeprefix("sha256:"))


def _note_refused(workspace: Workspace, waiting: Sequence[int], why: ConnectorError) -> None:
    """Write down why they go on waiting though their time has come: so that it is seen, and they can be ended."""
    with workspace.ledger.begin() as connection:
        chunks.note_waiting(connection, waiting, f"settling check not begun: blind search: {why}")


def to_wait_for_search(context: StepContext) -> Transition | None:
    """Where a chunk goes of which somebody was not searched for yet: back, to wait for the next pass."""
    if context.ending or not wanted(context.workspace, context.batch):
        return None
    if all(item.searched is not None for item in context.concluded):
        return None
    return Transition(pipeline.first(context.batch.pipeline, pipeline.REVIEW), ChunkState.WAITING, settles_at_once=True)


def findings_of(context: StepContext, people: Iterable[Item]) -> dict[int, BlindFinding]:
    """Item -> what the search found; of those who were not searched for, why. Nobody, where no search is wanted."""
    if context.workspace.settings.search.every is None:
        return {item.id: item.searched for item in people if item.searched is not None}
    limited = context.batch.data_types is not None
    unsearched = BlindFinding(Searched.LIMITED if limited else Searched.ENDED)
    return {item.id: item.searched or unsearched for item in people}


def forget(connection: Transaction, items: Sequence[int]) -> None:
    """A finding serves one settling check: these people wait for another."""
    if items:
        bulk_update(connection, [{"id": number, "searched": None} for number in items])
