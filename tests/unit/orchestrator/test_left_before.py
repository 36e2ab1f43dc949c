"""What an earlier request left stands beside what this one saw, and changes none of its counts."""

from __future__ import annotations

import pytest

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.receipts import collection_lines
from expunge_orchestrator.rules.count_records import DROPPED_EMPTY, TABLE_DROPPED
from expunge_orchestrator.rules.other_requests import LeftBefore, as_left
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome

NEWS = ("main", "news")


@pytest.mark.parametrize(
    ("was", "told"),
    [
        (Outcome.NOT_FOUND, Outcome.LEFT),
        (Outcome.ERASED, Outcome.LEFT),
        (Outcome.TOMBSTONED, Outcome.LEFT),
        (Outcome.FAILED, Outcome.FAILED),
        (Outcome.RETAINED, Outcome.RETAINED),
        (Outcome.AMBIGUOUS, Outcome.AMBIGUOUS),
    ],
)
def test_it_is_told_whatever_this_one_saw(was: Outcome, told: Outcome) -> None:
    line = CollectionOutcome(*NEWS, Action.DELETE, RecordCounts(due=10), RecordCounts(), was)
    (after,) = as_left([line], [LeftBefore("b1", {NEWS: 11}), LeftBefore("b2", {NEWS: 2})])
    assert after == line._replace(outcome=told, left_before=11)
    assert collection_lines.left([after]) == [NEWS]


@pytest.mark.parametrize(
    ("ground", "was"),
    [(TABLE_DROPPED, Outcome.DROPPED), (TABLE_DROPPED, Outcome.ERASED), (DROPPED_EMPTY, Outcome.ERASED)],
)
def test_nothing_is_left_of_a_table_that_was_dropped(ground: str, was: Outcome) -> None:
    """Whether or not it was seen empty, or stated as erased, before."""
    line = CollectionOutcome(*NEWS, Action.DELETE, RecordCounts(due=2), RecordCounts(ground=ground), was)
    assert as_left([line], [LeftBefore("b1", {NEWS: 11})]) == [line]


def test_what_this_one_erased_is_not_counted_as_there() -> None:
    """Of eleven letters that the earlier request saw this one erased ten."""
    line = CollectionOutcome(*NEWS, Action.DELETE, RecordCounts(due=10), RecordCounts(), Outcome.ERASED)
    (after,) = as_left([line], [LeftBefore("b1", {NEWS: 11})])
    told = collection_lines.in_collection(after, {}, None)
    assert (told["found"], told["due"], told["leftBefore"]) == (10, 0, 11)
