"""The steps that erase: each calls stores first, then hands back what to write in one fenced transaction.

Every step is harmless when it runs twice: stores answer the same, and the ledger takes each step's writes once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Any

import sqlalchemy as sa

from expunge_connectors.contract import Counts, RecordCounts
from expunge_orchestrator import backup_copies, store_calls
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import concurrent_requests, hold_enforcement, operator_end, poison_isolation
from expunge_orchestrator.execution.sameness import require_planned_store
from expunge_orchestrator.execution.step_context import MAX_ROUNDS, StepContext, StepWrite, Transition
from expunge_orchestrator.execution.store_erasure import erase_in_store
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import ChunkState, counted_at, verified_at, verified_since_count
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item, bulk_update, update_items
from expunge_orchestrator.receipts import request_facts, statement_bodies, statement_issuer
from expunge_orchestrator.receipts.outcome_bodies import OutcomeBodies
from expunge_orchestrator.rules import outcomes, pipeline, plan_limits_and_drift
from expunge_orchestrator.rules.outcomes import CountRecord, Result
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_orchestrator.rules.scope import restrict_to
from expunge_orchestrator.subjects import residual_keys
from expunge_reports.statement import NOTHING_OPEN

_ON = Transition()


def accept(context: StepContext) -> StepWrite:
    """State that the request was taken in, before anything is done."""
    at = now()

    def write(connection: sa.Connection) -> Transition:
        received = request_facts.request_facts(connection, context.batch)
        documents = statement_bodies.shared_at_receipt(context.batch, received, context.workspace.data_map)
        body = statement_bodies.accepted(
            context.batch, received, [statement_issuer.store_document(connection, one) for one in documents]
        )
        drafts = [
            statement_issuer.StatementDraft(item.id, item.series, "accepted", item.subjects, body)
            for item in context.active
        ]
        statement_issuer.issue(connection, context.workspace.keys, drafts, at)
        return _ON

    return write


def recount(context: StepContext) -> StepWrite:
    """Count at the cutoff, durably, before anything is deleted: the receipt's numbers come from here.

    In a further round what was found before, and what the last verification saw, is still found: the record grows.
    """
    found: dict[int, dict[str, Any]] = {item.id: {} for item in context.active}
    due: dict[str, Counter[str]] = {}
    people, actions = context.active, context.actions
    subjects = {store: context.subjects(people, store) for store in actions}
    answers = store_calls.gather(
        subjects,
        lambda store: context.workspace.stores[store].count(
            subjects[store], context.batch.scope, context.cutoffs[store]
        ),
        context.workspace.settings.stores_at_once,
    )
    for store, answer in answers.items():
        collections = actions[store]
        counts = restrict_to(answer, context.batch.actions[store])
        for number, record in found.items():
            record[store] = outcomes.pack(counts.get(number, {}), collections)
        due[store] = Counter()
        for tallies in counts.values():
            due[store].update({name: tally.due for name, tally in tallies.items()})

    if context.touched:
        with reading(context.workspace.ledger) as connection:
            asked = verified_since_count(connection, context.chunk_id)
        found = {
            item.id: outcomes.merge_counts(
                item.found, {store: item.verified[store] for store in asked & item.verified.keys()}, found[item.id]
            )
            for item in context.active
        }

    def write(connection: sa.Connection) -> Transition:
        update_items(connection, [{"id": number, "found": record} for number, record in found.items()])
        if context.touched:
            return _ON
        planned = connection.scalar(sa.select(tables.chunk.c.planned).where(tables.chunk.c.id == context.chunk_id))
        more = plan_limits_and_drift.drifted(planned or due, due, context.workspace.data_map.limits.drift_percent)
        most = max((outcomes.all_due(record) for record in found.values()), default=0)
        more += plan_limits_and_drift.exceeds_approved(
            context.workspace.data_map.limits, context.batch.plan.get("mostPerPerson", most), most
        )
        if not more:
            return _ON
        return Transition(
            step=pipeline.first(context.batch.pipeline, pipeline.RECOUNT),
            state=ChunkState.FAILED,
            failure=f"recount: more is there than was planned ({', '.join(more)}); nothing of this chunk was deleted."
            f" Plan anew: expunge cancel {context.batch.uid}, then plan these people again."[:500],
        )

    return write


def erase(context: StepContext) -> StepWrite:
    """Delete or tombstone what is due in one store, after making sure that it is the store of the plan.

    Only people of whom the recount saw something due here that no hold keeps: what appears of others is seen by the
    verification, counted in the next round, and erased then, so that nobody ends as not found of whom something was
    erased.
    """
    if context.store not in context.actions:
        return lambda _connection: _ON
    require_planned_store(context)

    def due(item: Item, names: Container[str]) -> bool:
        found = outcomes.due_places({context.store: item.found.get(context.store, {})})
        return any(name in names for _, name in found)

    groups = hold_enforcement.groups_by_allowed_actions(context, context.active)
    erase_in_store(context, ((names, [item for item in people if due(item, names)]) for names, people in groups))
    return lambda _connection: _ON


def verify(context: StepContext) -> StepWrite:
    """Ask one store again, by other statements: what is still there?"""
    if context.store not in context.actions:
        return lambda _connection: _ON
    require_planned_store(context)
    counts = context.workspace.stores[context.store].verify(
        context.subjects(context.active), context.batch.scope, context.cutoffs[context.store]
    )
    return record_counts(context, context.active, counts, "verified")


def conclude(context: StepContext) -> StepWrite:
    """Say for each person what happened; go back for another round while something due is left."""
    actions = context.actions
    others, left_before = concurrent_requests.unfinished(context, context.active)
    judged = {
        item.id: concurrent_requests.downgrade(
            outcomes.lines(actions, item.found, item.verified), others.get(item.id, ())
        )
        for item in context.active
    }
    results = {number: outcomes.result(lines) for number, lines in judged.items()}
    unfinished = [item for item in context.active if results[item.id] is Result.FAILED]
    kept = hold_enforcement.explained(context, judged, unfinished)
    waiting = {one.item.id for one in kept}
    failed = [item for item in unfinished if item.id not in waiting]
    concurrent_requests.wait_for_running(others, failed)
    left = operator_end.ended_people(context, judged, failed)
    over = {one.item.id for one in left}
    failed = [item for item in failed if item.id not in over]
    if failed and context.repeats + 1 < MAX_ROUNDS and not context.ending:
        again = pipeline.first(context.batch.pipeline, pipeline.RESOLVE)
        return lambda _connection: Transition(step=again)
    at = now()
    listings = backup_copies.observe(context.workspace.backups, context.workspace.ledger)
    held = backup_copies.possibly_containing(listings, dict.fromkeys(context.batch.actions, at))
    owed = backup_copies.outstanding(held)
    document = statement_bodies.copies_document(listings, held)
    grounds = grounds_of(context.workspace.data_map)
    normalisers = sorted({one.normaliser for one in context.workspace.data_map.identities.values()})

    def write(connection: sa.Connection) -> Transition:
        backup_copies.record(connection, listings)
        cited = statement_issuer.store_document(connection, document)
        verified = verified_at(connection, context.chunk_id, pipeline.VERIFY)
        counted = counted_at(connection, context.chunk_id)
        conclusions = OutcomeBodies(
            context.batch,
            cutoffs=context.cutoffs,
            grounds=grounds,
            map_digest=context.workspace.map_digest,
            normalisers=normalisers,
            counted=counted,
            at=verified,
            context=[cited, *_extended(connection, context)],
        )
        drafts, ended = [], []
        denied = _denied_before(connection, context.chunk_id)
        for item in context.items:
            if item.outcome == Result.AMBIGUOUS and item.id not in denied:
                drafts.append(_draft(item, "denied", statement_bodies.denied(context.batch, item.reason or "")))
            elif item.id in results and results[item.id] is not Result.FAILED:
                result = results[item.id]
                still_open = owed if result is not Result.NOT_FOUND else NOTHING_OPEN
                told = conclusions.body(judged[item.id], result)
                drafts.append(
                    statement_issuer.StatementDraft(item.id, item.series, result.value, item.subjects, told, still_open)
                )
                ended.append({"id": item.id, "outcome": result.value, "reason": None})
        done = [item for item in context.active if results[item.id] is not Result.FAILED]
        residual_keys.end(connection, concurrent_requests.finished(context, done, left_before))
        statement_issuer.issue(connection, context.workspace.keys, drafts, at)
        operator_end.state_ended(connection, context, left, at=at, seen=verified, cited=cited, copies=owed)
        why = {
            item.id: f"{statement_bodies.failure(judged[item.id])[: 500 - len(named)]}{named}"
            for item in failed
            for named in [concurrent_requests.describe(others.get(item.id, ()))[:400]]
        }
        ended += [
            {"id": number, "outcome": Result.FAILED.value, "reason": reason[:500]} for number, reason in why.items()
        ]
        bulk_update(connection, ended)
        aside = hold_enforcement.park(connection, context, kept, cited, at, verified)
        if aside is not None:
            return aside
        ended_here = poison_isolation.split_off(
            connection, context, [one.item for one in left], Transition(state=ChunkState.DONE)
        )
        return (
            ended_here
            or poison_isolation.split_failed(connection, context, failed, pipeline.RESOLVE, _said(context, why))
            or Transition(state=ChunkState.WAITING)
        )

    return write


def _extended(connection: sa.Connection, context: StepContext) -> list[str]:
    """The deadlines once more, where they were extended: it may have been after they were stated."""
    received = request_facts.request_facts(connection, context.batch)
    if received.deadlines is None or not received.extended:
        return []
    return [statement_issuer.store_document(connection, dict(received.deadlines))]


def _said(context: StepContext, why: Mapping[int, str]) -> str:
    """What a chunk says of those who failed."""
    return f"{len(why)} of {len(context.items)} people: {'; '.join(sorted(set(why.values())))}"


def _denied_before(connection: sa.Connection, chunk_id: int) -> set[int]:
    """The people of a chunk who were told already that they are ambiguous."""
    return set(
        connection.scalars(
            sa.select(tables.statement.c.item_id)
            .join(tables.item, tables.item.c.id == tables.statement.c.item_id)
            .where(tables.item.c.chunk_id == chunk_id, tables.statement.c.event == "denied")
        )
    )


def record_counts(context: StepContext, items: list[Item], counts: Counts, column: str) -> StepWrite:
    """Add one store's counts to a count record of each item: those of the collections that the chunk is for."""
    names = context.actions[context.store]

    def recorded(before: CountRecord, seen: Mapping[str, RecordCounts]) -> dict[str, Any]:
        return {**before, context.store: outcomes.pack(seen, names)}

    about = restrict_to(counts, context.batch.actions[context.store])
    rows = [{"id": item.id, column: recorded(getattr(item, column), about.get(item.id, {}))} for item in items]

    def write(connection: sa.Connection) -> Transition:
        bulk_update(connection, rows)
        return _ON

    return write


def _draft(item: Item, event: str, body: Mapping[str, object]) -> statement_issuer.StatementDraft:
    return statement_issuer.StatementDraft(item.id, item.series, event, item.subjects, body)
