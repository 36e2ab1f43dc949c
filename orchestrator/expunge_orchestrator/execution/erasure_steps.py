"""Erasure steps (accept, recount, erase): each calls stores, then returns one fenced ledger write.

Every step is harmless when it runs twice: stores answer the same, and the ledger takes each step's writes once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from expunge_orchestrator import store_calls
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import hold_enforcement, poison_isolation
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.execution.store_erasure import erase_in_store
from expunge_orchestrator.ledger import Transaction, chunks
from expunge_orchestrator.ledger.batches import verified_since_count
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item, update_items
from expunge_orchestrator.receipts import acceptance, shared_documents, statement_issuer
from expunge_orchestrator.rules import count_records, pipeline, plan_limits_and_drift, successive_looks
from expunge_orchestrator.rules.scope import restrict_to

_ON = Transition()


def accept(context: StepContext) -> StepWrite:
    """State that the request was taken in, before anything is done."""
    at = now()

    def write(connection: Transaction) -> Transition:
        data_map = context.workspace.data_map
        plan = statement_issuer.store_document(connection, shared_documents.plan_document(context.batch, data_map))
        drafts = acceptance.drafts(connection, context.batch, data_map, context.active, plan)
        statement_issuer.issue(connection, context.workspace.keys, drafts, at)
        return _ON

    return write


def recount(context: StepContext) -> StepWrite:
    """Count at the cutoff, durably, before anything is deleted: the receipt's numbers come from here.

    In a further round what was found before, and what the last verification saw, is still found where a store removed
    something: the record grows. Everywhere else it is counted anew: what is not there any more went by itself, or is
    there under another name. In every round all of it is held against the plan: what was learnt since may lead to more.
    """
    found: dict[int, dict[str, Any]] = {item.id: {} for item in context.active}
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
            record[store] = count_records.pack(counts.get(number, {}), collections)
    by_now = dict(found)
    begun = [item for item in context.active if item.erased]
    if begun:
        with reading(context.workspace.ledger) as connection:
            asked = verified_since_count(connection, context.chunk_id)
        for item in begun:
            verified = {store: item.verified[store] for store in asked & item.verified.keys()}
            earlier = successive_looks.found_where(item.found, item.erased)
            by_now[item.id] = successive_looks.due_by_now(earlier, verified, found[item.id])
            found[item.id] = successive_looks.merge_counts(earlier, verified, found[item.id])

    due = count_records.due_by_place(by_now.values())
    most = max(map(count_records.all_due, by_now.values()), default=0)

    def write(connection: Transaction) -> Transition:
        planned = chunks.get(connection, context.chunk_id).planned
        more = plan_limits_and_drift.drifted(planned or due, due, context.workspace.data_map.limits.drift_percent)
        more += plan_limits_and_drift.exceeds_approved(
            context.workspace.data_map.limits, context.batch.plan.get("max_records_per_person", most), most
        )
        if not (more and context.touched):  # nobody erases what is found and not told: a later count begins anew
            update_items(connection, [{"id": number, "found": record} for number, record in found.items()])
        if not more:
            return _ON
        kept, way = ("nothing of this chunk was deleted", "cancel") if not context.touched else ("it stays", "end")
        said = f"recount: more is there than was planned ({', '.join(more)}); {kept}."
        remedy = f" Plan anew: expunge {way} {context.batch.uid}, then plan these people again."
        return poison_isolation.failed_at(context, pipeline.RECOUNT, f"{said}{remedy}")

    return write


def erase(context: StepContext) -> StepWrite:
    """Delete or tombstone what is due in one store, after making sure that it is the store of the plan.

    Only people of whom the recount saw something due here that no hold keeps: what appears of others is seen by the
    verification, counted in the next round, and erased then, so that nobody ends as not found of whom something was
    erased.
    """
    if context.store not in context.actions:
        return lambda _connection: _ON

    def due(item: Item, names: Collection[str]) -> bool:
        counted = item.found.get(context.store, {})
        return any(values[0] and name in names for name, values in counted.items())

    allowed = hold_enforcement.groups_by_allowed_actions(context, context.active)
    groups = [(names, [item for item in people if due(item, names)]) for names, people in allowed]
    if not any(people for _, people in groups):
        return lambda _connection: _ON
    context.require_planned_store()
    context.require_planned_relations(context.store)
    note = erase_in_store(context, groups)

    def write(connection: Transaction) -> Transition:
        note(connection)
        return _ON

    return write
