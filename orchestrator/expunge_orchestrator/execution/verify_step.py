"""Verify step: ask a store again, by other statements, what is still there of each person.

It writes down what it saw; what that means for the person is decided by `rules.outcomes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expunge_connectors.contract import Counts, RecordCounts, Subject
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.batches import verified_since_count
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item, bulk_update
from expunge_orchestrator.rules.count_records import CountRecord, pack
from expunge_orchestrator.rules.scope import restrict_to
from expunge_orchestrator.rules.successive_looks import out_of_reach
from expunge_orchestrator.subjects import followed_keys, unclear_counts


def verify(context: StepContext) -> StepWrite:
    """Ask one store again, by other statements: what is still there?"""
    if context.store not in context.actions:
        return lambda _connection: Transition()
    if context.ending and context.mapped(context.store):
        context.require_planned_store()
        context = context.following()
    elif not context.ending:
        context.require_planned_store()
        context.require_planned_relations(context.store)
    last = _last_looks(context) if context.changed_collections(context.store) else {}
    return record_counts(context, context.active, look_again(context, context.active, last), "verified")


def _last_looks(context: StepContext) -> dict[int, CountRecord]:
    """What an earlier verification saw of each person: one that was made since the last count, none other."""
    with reading(context.workspace.ledger) as connection:
        asked = verified_since_count(connection, context.chunk_id)
    return {item.id: item.verified for item in context.active} if context.store in asked else {}


def look_again(context: StepContext, people: Sequence[Item], last: Mapping[int, CountRecord]) -> Counts:
    """What the step's store says of people now; of a context that is `following` where that may be.

    Of people who are ended, a collection that cannot be looked into any more counts as not looked at; all of the
    store's do where it cannot be asked because of that. What the last look saw to be gone stays so, there and in a
    table that was dropped.

    Args:
        context: The step.
        people: Whom it asks about.
        last: Item -> what the last look saw; who has none is left out.
    """
    unseen, dropped = context.out_of_sight(context.store), context.dropped(context.store)
    counts: Counts = {item.id: {} for item in people}
    if context.mapped(context.store):
        try:
            counts = _due_of_them(context, people)
        except TerminalError:
            if not context.ending or not unseen:
                raise
    if not unseen and not dropped:
        return counts
    return {
        number: {name: one for name, one in seen.items() if name not in unseen | dropped}
        | out_of_reach(last.get(number, {}).get(context.store, {}), dropped=dropped - unseen, unseen=unseen)
        for number, seen in counts.items()
    }


def _due_of_them(context: StepContext, people: Sequence[Item]) -> Counts:
    """What is seen of people. What is due under a key that somebody else has since is ambiguous."""
    subjects = context.subjects(people, to_look=True)
    counts = _seen(context, subjects)
    some = {number for number, tallies in counts.items() for tally in tallies.values() if tally.due}
    again = context.given_again(some, people)
    if not again:
        return counts
    others = followed_keys.without_given_again([one for one in subjects if one.number in again], again)
    rest = _seen(context, others)
    # A row that such a key leads to is not erased, though another key of the person's led there as well.
    keys = {one.number: again[one.number] & one.keys for one in subjects if one.number in again}
    under = _seen(context, [Subject(number, followed) for number, followed in keys.items()])
    told = {
        one.number: unclear_counts.as_ambiguous(counts[one.number], rest[one.number], under[one.number])
        for one in others
    }
    return {**counts, **told}


def _seen(context: StepContext, subjects: Sequence[Subject]) -> Counts:
    """What the store says, with what is under keys that are not followed and under which it counts nothing."""
    store, scope, cutoff = context.workspace.stores[context.store], context.batch.scope, context.cutoffs[context.store]
    counts = store.verify(subjects, scope, cutoff)
    return unclear_counts.with_unclear(
        context.store, subjects, counts, context.workspace, lambda asked: store.verify(asked, scope, cutoff)
    )


def record_counts(context: StepContext, items: list[Item], counts: Counts, column: str) -> StepWrite:
    """Add one store's counts to a count record of each item: those of the collections that the chunk is for."""
    names = context.actions[context.store]

    def recorded(before: CountRecord, seen: Mapping[str, RecordCounts]) -> dict[str, Any]:
        return {**before, context.store: pack(seen, names)}

    about = restrict_to(counts, context.batch.actions[context.store])
    rows = [{"id": item.id, column: recorded(getattr(item, column), about.get(item.id, {}))} for item in items]

    def write(connection: Transaction) -> Transition:
        bulk_update(connection, rows)
        return Transition()

    return write
