"""Residual places: where something is left of people, and whether the keys that are kept lead there (ADR 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome
from expunge_orchestrator.subjects import residual_keys
from expunge_orchestrator.subjects.residual_keys import ResidualPlace


def reached_by_kept_keys(
    context: StepContext, people: Sequence[Item], lines: Mapping[int, Sequence[CollectionOutcome]]
) -> dict[int, list[ResidualPlace]]:
    """Item -> where something is left of these people or kept for a time, and whether the kept keys lead there.

    The stores are asked once more, by these keys alone: what only an e-mail led to is not found by them. A store that
    cannot be asked answers nothing: a later request judges by the data map, which says what leads there.
    """
    if not people:
        return {}
    context = context.following()
    data_map = context.workspace.data_map
    left = {
        item.id: {
            (line.store, line.collection): line.verified
            for line in lines[item.id]
            if line.verified is not None and (_left_here(line) or count_records.kept_for_a_time(line.verified))
        }
        for item in people
    }
    found: dict[int, Mapping[Place, RecordCounts]] = {item.id: {} for item in people}
    for store in sorted({store for places in left.values() for store, _ in places}):
        theirs = [item for item in people if any(one == store for one, _ in left[item.id])]
        if context.out_of_sight(store):
            continue
        subjects = [
            replace(one, keys=residual_keys.lasting(one.keys, data_map))
            for one in context.subjects(theirs, store, to_look=True)
        ]
        counts = context.workspace.stores[store].verify(subjects, context.batch.scope, context.cutoffs[store])
        for number, tallies in counts.items():
            found[number] = {**found[number], **{(store, name): one for name, one in tallies.items()}}
    return {
        number: [
            ResidualPlace(*place, reached=_records(found[number].get(place)) >= _records(seen))
            for place, seen in places.items()
        ]
        for number, places in left.items()
    }


def _left_here(line: CollectionOutcome) -> bool:
    """Whether this request left something: to what an earlier one left, that one's keys lead."""
    assert line.verified is not None
    return line.outcome is Outcome.LEFT and (line.verified.due > 0 or not line.left_before)


def _records(seen: RecordCounts | None) -> int:
    return 0 if seen is None else seen.due + seen.retained
