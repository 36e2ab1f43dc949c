"""The level of a store: stated where something of the person went there, and nowhere else."""

from __future__ import annotations

import pytest

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.receipts import collection_lines
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome

ONE, NONE = RecordCounts(1), RecordCounts()
KEPT = RecordCounts(0, 1, ground="A court")


def line(outcome: Outcome, found: RecordCounts, seen: RecordCounts, name: str = "calls") -> CollectionOutcome:
    return CollectionOutcome("main", name, Action.DELETE, found, seen, outcome)


ERASED = line(Outcome.ERASED, ONE, NONE)
EMPTIED = line(Outcome.TOMBSTONED, ONE, NONE)


@pytest.mark.parametrize("first", [ERASED, EMPTIED])
def test_a_store_in_which_something_went_has_a_level(first: CollectionOutcome) -> None:
    lines = [line(Outcome.RETAINED, KEPT, KEPT, "invoices"), first]
    [stated] = collection_lines.by_store(lines, {}, {})
    assert stated["level"] == "deleted"


@pytest.mark.parametrize(
    "only",
    [
        line(Outcome.RETAINED, KEPT, KEPT),
        line(Outcome.LEFT, ONE, ONE),
        line(Outcome.NOT_FOUND, NONE, NONE),
        line(Outcome.DROPPED, ONE, NONE),
        line(Outcome.AMBIGUOUS, NONE, RecordCounts(ambiguous=1)),
    ],
    ids=lambda one: one.outcome.value,
)
def test_any_other_store_has_none(only: CollectionOutcome) -> None:
    [stated] = collection_lines.by_store([only], {}, {})
    assert "level" not in stated
