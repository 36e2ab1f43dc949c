"""Outcome facts: what both steps that end people gather for the decision (ADR 29). No outcome is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.holds.kept_collections import KeptCollections
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.effective_holds import EffectiveHold
from expunge_orchestrator.rules.outcome_decision import ChunkFacts, PersonFacts
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_orchestrator.rules.scope import types_of


def of_chunk(context: StepContext, known: Mapping[int, PersonFacts], *, another_round: bool = False) -> ChunkFacts:
    """What is known of a chunk: what its step knows of each person, with holds and an operator's end.

    Args:
        context: Of the step.
        known: Item -> what the step itself knows of the person.
        another_round: Of whom something due is left may be erased again.
    """
    people, keeping = dict(known), hold_enforcement.kept_collections(context)
    for item in context.items:
        if item.id in known and (item.id in context.held or context.ending):
            people[item.id] = _with_holds(context, item, known[item.id], keeping)
    return ChunkFacts(
        actions=context.actions,
        grounds=grounds_of(context.workspace.data_map),
        people=people,
        unseen=context.following().any_out_of_sight if context.ending else frozenset(),
        another_round=another_round,
    )


def _with_holds(context: StepContext, item: Item, known: PersonFacts, keeping: KeptCollections) -> PersonFacts:
    hold, forbidden = context.held.get(item.id), False
    kept: dict[Place, EffectiveHold] = {}
    if hold is not None:
        forbidden = hold.on_types(types_of(context.batch.scope, context.workspace.data_map))
        for store, name in count_records.due_places(known.seen):
            if (on_it := keeping.in_store(store, hold).get(name)) is not None:
                kept[store, name] = on_it
    looks = (item.found, item.verified, item.reviewed, item.reverified)
    return replace(known, hold=hold, kept=kept, may_end=context.ending and not forbidden, looks=looks)
