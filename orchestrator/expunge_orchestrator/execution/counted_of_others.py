"""Counted of others: what was counted as a person's, and was said to be others' before it was erased (ADR 18).

It stays, under a key that is not followed any more, so no later look sees it: by its count it would seem to have gone.
In the transaction that lets the key go it is taken off the counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from expunge_connectors.contract import Counts, Subject, SubjectKey
from expunge_orchestrator import store_calls
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules import successive_looks
from expunge_orchestrator.rules.count_records import CountRecord
from expunge_orchestrator.rules.resolution_answers import Resolved
from expunge_orchestrator.rules.scope import restrict_to
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.subjects.planned_keys import Keys, without


def taken_off(
    context: StepContext, people: Sequence[Item], answers: Mapping[int, Resolved], keys_of: Keys
) -> list[dict[str, Any]]:
    """The new count records (`update_items`) of those of these people who lose a key to others.

    What an answer was stated by stays as it is: there nothing due was left, whosever it was.

    Args:
        context: Of the step that lets the keys go.
        people: Of whom something may be erased already.
        answers: What was decided of their values, by item.
        keys_of: Their keys, with those that are others'.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    subjects = {item.id: _with_and_without(context, item, answers[item.id], keys_of[item.id]) for item in people}
    losing = {number: (kept, both) for number, (kept, both) in subjects.items() if kept.keys != both.keys}
    if not losing:
        return []
    kept, both = ([one[place] for one in losing.values()] for place in (0, 1))
    counts = store_calls.gather(
        context.actions,
        lambda store: (_count(context, store, kept), _count(context, store, both)),
        context.workspace.settings.stores_at_once,
    )
    return [
        {"id": item.id} | {name: _without(getattr(item, name), item.id, counts) for name in _columns(item)}
        for item in people
        if item.id in losing
    ]


def _with_and_without(
    context: StepContext, item: Item, answer: Resolved, keys: frozenset[SubjectKey]
) -> tuple[Subject, Subject]:
    """The person by the keys that are followed still, and by these with those that were until now."""
    kept = Subject(item.id, without(keys, answer.others | answer.of_another), answer.refused)
    before = context.unsealed(item) if answer.others else kept.keys
    return kept, replace(kept, keys=kept.keys | (before - without(before, answer.others)))


def _columns(item: Item) -> tuple[str, ...]:
    return ("found", "verified") if item.outcome is None else ("reviewed",)


def _without(record: CountRecord, number: int, counts: Mapping[str, tuple[Counts, Counts]]) -> dict[str, Any]:
    lowered = {
        store: successive_looks.without_others(record[store], kept.get(number, {}), both.get(number, {}))
        for store, (kept, both) in counts.items()
        if store in record
    }
    return {**record, **lowered}


def _count(context: StepContext, store: str, subjects: list[Subject]) -> Counts:
    scope = context.batch.scope
    told = member_proof.visible_to(store, subjects, scope, context.workspace.data_map)
    counts = context.workspace.stores[store].count(told, scope, context.cutoffs[store])
    return restrict_to(counts, context.batch.actions[store])
