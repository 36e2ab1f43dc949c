"""Settling steps: review after the settling time, and erase again if something came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution import (
    hold_enforcement,
    poison_isolation,
    resolve_step,
    stores_followed,
)
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.execution.store_erasure import erase_in_store
from expunge_orchestrator.execution.verify_step import look_again, record_counts
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.items import Item, bulk_update, update_items
from expunge_orchestrator.rules import count_records, outcomes, pipeline, plan_limits_and_drift, successive_looks
from expunge_orchestrator.rules.count_records import CountRecord, Place
from expunge_orchestrator.rules.outcomes import Outcome
from expunge_orchestrator.rules.plan_limits_and_drift import CameBack
from expunge_orchestrator.rules.scope import restrict_to
from expunge_orchestrator.subjects import attributions, unread_values


def review(context: StepContext) -> StepWrite:
    """Look again in one store, after the settling time.

    A review that is repeated, because the chunk stopped after it, keeps what the earlier one found due: it may have
    been erased again since, and is to be told. Of people who are ended it is the last look.
    """
    if context.store not in context.actions:
        return lambda _connection: Transition()
    if context.ending and not context.mapped(context.store):
        counts = look_again(context, context.concluded, _last_looks(context.concluded))
        return record_counts(context, context.concluded, counts, "reverified")
    context.require_planned_store()
    context = context.following()
    counts = look_again(context, context.concluded, _last_looks(context.concluded))
    found = {
        item.id: successive_looks.max_due(counts[item.id], item.reviewed.get(context.store, {}))
        for item in context.concluded
        if item.id in counts
    }
    reviewed = record_counts(context, context.concluded, found, "reviewed")
    late = [] if context.ending else _unread_by_now(context)
    seen = record_counts(context, context.concluded, counts, "reverified") if context.ending else reviewed

    def write(connection: Transaction) -> Transition:
        reviewed(connection)
        update_items(connection, late)
        return seen(connection)

    return write


def _unread_by_now(context: StepContext) -> list[dict[str, Any]]:
    """Of whom the store tells values that nobody can read and that were not told before: what is known by now.

    A text that came late is found by no statement, so nothing of it is due; as in plan and answer, it is counted.
    """
    people = {item.id: item for item in context.concluded if item.sealed_keys is not None}
    if not people or not context.mapped(context.store):
        return []
    subjects = context.subjects(list(people.values()), to_look=True)
    store, cutoff = context.workspace.stores[context.store], context.cutoffs[context.store]
    told = unread_values.told(subjects, store.resolve(subjects, context.batch.scope, cutoff))
    return [
        {
            "id": number,
            "sealed_keys": context.sealed_with_unread(people[number], values),
            "unread": unread_values.by_place(context.unread(people[number]) | values),
        }
        for number, values in told.items()
        if not values <= context.unread(people[number])
    ]


def _last_looks(people: Sequence[Item]) -> dict[int, CountRecord]:
    """Item -> what the answer's verification saw, or a review since: what was erased again after that is not known."""
    return {item.id: successive_looks.last_seen(item.verified, item.reviewed) for item in people}


def re_resolve(context: StepContext) -> StepWrite:
    """For those of whom something came back: the keys that it leads to are durable before it is erased.

    And for those of whom it was said meanwhile whose the records under a value are (`subjects.attributions`).

    If it is nobody, the chunk settles at once. Nor is anything learnt of anybody while `check` shows an error: by a map
    that does not fit it may be somebody else's, and it is kept.
    """
    again = [] if context.ending else _looked_at_again(context)
    if not again:
        onward = pipeline.first(context.batch.pipeline, pipeline.SETTLE)
        return lambda _connection: Transition(step=onward)
    if (refused := _refused(context, again)) is not None:
        return refused
    return resolve_step.resolve_people(context.following(), again)


def re_count(context: StepContext) -> StepWrite:
    """What their late keys lead to is found by now, durably, before it is erased: the review did not know of it.

    What would be erased again is held against what was found, as each round is against the plan: nobody approved the
    rest. Of whom it is too much fails; the others settle.
    """
    again = [] if context.ending else [item for item in _looked_at_again(context) if item.reason is None]
    if not again:
        return lambda _connection: Transition()
    context = context.following()
    rows: dict[int, dict[str, Any]] = {item.id: {"id": item.id, "reviewed": dict(item.reviewed)} for item in again}
    due: dict[int, Counter[Place]] = {item.id: Counter() for item in again}
    last = _last_looks(again)
    for store, names in context.actions.items():
        here = replace(context, store=store)
        here.require_planned_store()
        may_go = hold_enforcement.groups_by_allowed_actions(here, again)
        allowed = {item.id: actions for actions, people in may_go for item in people}
        for number, seen in restrict_to(look_again(here, again, last), context.batch.actions[store]).items():
            record = rows[number]["reviewed"]
            record[store] = count_records.pack(successive_looks.max_due(seen, record.get(store, {})), names)
            for name in seen.keys() & allowed.get(number, {}).keys():
                due[number][store, name] += seen[name].due
    came = {item.id: CameBack.of(item.found, last[item.id], due[item.id]) for item in again}
    planned = context.batch.plan.get("max_records_per_person", 0)
    too_much = plan_limits_and_drift.unapproved(context.workspace.data_map.limits, planned, came)

    def write(connection: Transaction) -> Transition:
        bulk_update(connection, [row for number, row in rows.items() if number not in too_much])
        if not too_much:
            return Transition()
        why = (
            f"settling: more came back than was found ({'; '.join(sorted(set(too_much.values())))}); it stays."
            f" `expunge end {context.batch.uid}` states it; then plan these people again."
        )
        failed = poison_isolation.failed_at(context, pipeline.REVIEW, why)
        return poison_isolation.split_off(connection, context, list(too_much), failed) or Transition()

    return write


def re_erase(context: StepContext) -> StepWrite:
    """Erase again, only for people of whom the review found something due anywhere.

    Not for those whose identifiers lead to somebody else by now: the resolution has said so in their reason. Nor while
    `check` shows an error: the settling check may have begun in spite of what a stranger's rows say.
    """
    again = [] if context.ending else [item for item in with_residue(context) if item.reason is None]
    if not again or context.store not in context.actions:
        return lambda _connection: Transition()
    context.require_planned_store()
    if (refused := _refused(context, again)) is not None:
        return refused
    context = context.following()
    note = erase_in_store(context, hold_enforcement.groups_by_allowed_actions(context, again))

    def write(connection: Transaction) -> Transition:
        note(connection)
        return Transition()

    return write


def _refused(context: StepContext, people: Sequence[Item]) -> StepWrite | None:
    """While `check` shows an error these people fail in a chunk of their own, which looks again when it is taken up."""
    try:
        stores_followed.refuse_errors(context.workspace, context.batch)
    except FindingsError as error:
        why = f"settling: what came back is not erased again. {error}"
    else:
        return None

    def write(connection: Transaction) -> Transition:
        failed = poison_isolation.failed_at(context, pipeline.REVIEW, why)
        return poison_isolation.split_off(connection, context, [one.id for one in people], failed) or Transition()

    return write


def re_verify(context: StepContext) -> StepWrite:
    """Verify after erasing again, for the same people."""
    again = [] if context.ending else with_residue(context)
    if not again or context.store not in context.actions:
        return lambda _connection: Transition()
    context.require_planned_store()
    context = context.following()
    return record_counts(context, again, look_again(context, again, _last_looks(again)), "reverified")


def _looked_at_again(context: StepContext) -> list[Item]:
    """Those with residue, and those of whom two people said whose a value is."""
    residue = {item.id for item in with_residue(context)}

    def known() -> dict[int, frozenset[SubjectKey]]:
        subjects = (context.subject(item) for item in context.concluded if item.sealed_keys is not None)
        return {one.number: one.keys | one.unclear | (one.refused or frozenset()) for one in subjects}

    said = attributions.decided(context.workspace, context.batch.scope, known)
    return [item for item in context.concluded if item.id in residue or item.id in said]


def with_residue(context: StepContext) -> list[Item]:
    """People of whom the review found something due, or whom some store left out of its answer."""
    return [
        item
        for item in context.concluded
        if any(line.outcome is Outcome.FAILED for line in outcomes.lines(context.actions, item.reviewed, item.reviewed))
    ]
