"""Law 1: only a verification that saw nothing due is success."""

from __future__ import annotations

from datetime import date

import pytest

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.receipts import collection_lines
from expunge_orchestrator.rules.count_records import TABLE_DROPPED, is_dropped, pack, unpack
from expunge_orchestrator.rules.outcomes import Outcome, Result, lines, outcome_of, result, summary, with_gone
from expunge_orchestrator.rules.successive_looks import (
    due_by_now,
    found_of,
    found_where,
    max_due,
    merge_counts,
    out_of_reach,
    without_others,
)

NOTHING = RecordCounts()


@pytest.mark.parametrize(
    ("action", "found", "verified", "expected"),
    [
        (Action.DELETE, RecordCounts(due=3), NOTHING, Outcome.ERASED),
        (Action.TOMBSTONE, RecordCounts(due=1), NOTHING, Outcome.TOMBSTONED),
        (Action.RETAIN, RecordCounts(retained=2), RecordCounts(retained=2), Outcome.RETAINED),
        (Action.RETAIN, RecordCounts(due=1, retained=2), RecordCounts(retained=2), Outcome.RETAINED),
        (Action.DELETE, RecordCounts(due=1), RecordCounts(newer=1), Outcome.ERASED),
        (Action.DELETE, NOTHING, NOTHING, Outcome.NOT_FOUND),
        (Action.DELETE, RecordCounts(due=3), RecordCounts(due=1), Outcome.FAILED),
        (Action.DELETE, NOTHING, RecordCounts(due=1), Outcome.FAILED),
        (Action.DELETE, RecordCounts(due=3), None, Outcome.FAILED),
        (Action.DELETE, NOTHING, None, Outcome.FAILED),
    ],
)
def test_judgement(action: Action, found: RecordCounts, verified: RecordCounts | None, expected: Outcome) -> None:
    assert outcome_of(action, found, verified) is expected


def test_a_collection_that_nobody_counted_is_failed() -> None:
    actions = {"main": {"users": Action.DELETE}}
    packed = {"main": pack({"users": NOTHING})}
    assert lines(actions, {}, packed)[0].outcome is Outcome.FAILED
    assert lines(actions, packed, {})[0].outcome is Outcome.FAILED
    assert lines(actions, packed, packed)[0].outcome is Outcome.NOT_FOUND


def test_retained_is_never_plain_erased() -> None:
    actions = {"main": {"a": Action.DELETE, "b": Action.RETAIN}}
    found = {"main": pack({"a": RecordCounts(due=1), "b": RecordCounts(retained=1)})}
    left = {"main": pack({"a": NOTHING, "b": RecordCounts(retained=1)})}
    assert result(lines(actions, found, left)) is Result.PARTIALLY_ERASED


def test_counts_survive_packing() -> None:
    tallies = {"a": RecordCounts(1, 2, 3, date(2030, 1, 31), "object-lock"), "b": RecordCounts()}
    assert unpack(pack(tallies)) == tallies


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"erased": 3}, Result.ERASED),
        ({"erased": 3, "not-found": 1}, Result.ERASED),
        ({"erased": 499, "ambiguous": 1}, Result.PARTIALLY_ERASED),
        ({"erased": 1, "partially-erased": 1}, Result.PARTIALLY_ERASED),
        ({"not-found": 2}, Result.NOT_FOUND),
        ({"ambiguous": 2}, Result.AMBIGUOUS),
        ({"ambiguous": 1, "not-found": 1}, Result.AMBIGUOUS),
        ({"failed": 1}, Result.FAILED),
    ],
)
def test_a_batch_is_called_erased_only_if_everybody_found_was(results: dict[str, int], expected: Result) -> None:
    assert summary(results) is expected


def test_a_repeated_review_keeps_what_was_due() -> None:
    earlier = pack({"messages": RecordCounts(due=2), "users": RecordCounts(due=0), "gone": RecordCounts(due=5)})
    seen = {"messages": RecordCounts(newer=1), "users": RecordCounts(due=1), "new": RecordCounts(due=3)}
    assert max_due(seen, earlier) == {
        "messages": RecordCounts(due=2, newer=1),
        "users": RecordCounts(due=1),
        "new": RecordCounts(due=3),
    }
    assert max_due(seen, {}) == seen


@pytest.mark.parametrize(
    ("found", "verified", "counted", "expected"),
    [
        (RecordCounts(due=2), None, RecordCounts(due=1), (2, 0)),  # not verified since: the one may be one of the two
        (RecordCounts(due=2), RecordCounts(due=0), RecordCounts(due=1), (3, 0)),  # both were gone: this one came since
        (RecordCounts(due=2), RecordCounts(due=1), RecordCounts(due=1), (2, 0)),
        (RecordCounts(due=2), RecordCounts(due=1), RecordCounts(due=3), (4, 0)),
        (RecordCounts(), RecordCounts(due=1), RecordCounts(due=1), (1, 0)),
        (
            RecordCounts(retained=1),
            RecordCounts(retained=1),
            RecordCounts(due=1),
            (1, 0),
        ),  # one record, kept and then due
        (RecordCounts(retained=1), None, RecordCounts(due=1), (1, 0)),
        (RecordCounts(due=1), RecordCounts(retained=1), RecordCounts(due=1), (1, 0)),
        (RecordCounts(due=1, retained=2), RecordCounts(retained=2), RecordCounts(retained=2), (1, 2)),
        (RecordCounts(due=3), RecordCounts(due=0), RecordCounts(), (3, 0)),
        (RecordCounts(due=1), None, None, (1, 0)),
    ],
)
def test_what_was_found_grows_by_what_came_since(
    found: RecordCounts, verified: RecordCounts | None, counted: RecordCounts | None, expected: tuple[int, int]
) -> None:
    def record(one: RecordCounts | None) -> dict[str, dict[str, list[object]]]:
        return {} if one is None else {"main": pack({"a": one})}

    (values,) = merge_counts(record(found), record(verified), record(counted))["main"].values()
    assert tuple(values[:2]) == expected


def test_what_became_ambiguous_between_two_rounds_is_not_gone() -> None:
    """The record is there: the second count saw it as the verification before did."""
    due, unclear = ({"main": pack({"a": one})} for one in (RecordCounts(due=1), RecordCounts(ambiguous=1)))
    (line,) = lines({"main": {"a": Action.DELETE}}, merge_counts(due, unclear, unclear), unclear)
    assert "gone" not in collection_lines.in_collection(line, {}, None)


@pytest.mark.parametrize(
    ("verified", "counted", "after", "gone"),
    [
        (RecordCounts(), RecordCounts(due=1, ambiguous=1), RecordCounts(ambiguous=1), 2),
        (RecordCounts(), RecordCounts(due=1, ambiguous=1), RecordCounts(ambiguous=2), 1),
        (RecordCounts(due=1), RecordCounts(ambiguous=1), RecordCounts(ambiguous=1), 0),
        (RecordCounts(due=1), RecordCounts(due=1, ambiguous=1), RecordCounts(ambiguous=1), 0),
        (RecordCounts(ambiguous=1), RecordCounts(due=1, ambiguous=1), RecordCounts(ambiguous=1), 1),
    ],
)
def test_what_is_ambiguous_beside_late_records_hides_none_that_went(
    verified: RecordCounts, counted: RecordCounts, after: RecordCounts, gone: int
) -> None:
    """A stranger's row that holds her address came together with a late one of hers, which is erased again."""
    found, *looks = ({"main": pack({"a": one})} for one in (RecordCounts(due=1), verified, counted, after))
    (line,) = lines({"main": {"a": Action.DELETE}}, merge_counts(found, looks[0], looks[1]), looks[2])
    assert collection_lines.gone(line) == gone


@pytest.mark.parametrize(
    ("counted", "kept", "both", "expected"),
    [
        (RecordCounts(due=2), NOTHING, NOTHING, (2, 0)),
        (RecordCounts(due=2), NOTHING, RecordCounts(due=1), (1, 0)),
        (RecordCounts(due=2), RecordCounts(due=1), RecordCounts(due=2), (1, 0)),
        (RecordCounts(due=1), NOTHING, RecordCounts(due=2), (0, 0)),
        (RecordCounts(due=1, retained=1), NOTHING, RecordCounts(retained=1), (1, 0)),
        (RecordCounts(due=1, retained=1), RecordCounts(retained=1), RecordCounts(due=1, retained=1), (0, 1)),
        (RecordCounts(due=1), NOTHING, RecordCounts(ambiguous=1), (0, 0)),
        (RecordCounts(due=1, ambiguous=1), NOTHING, RecordCounts(ambiguous=1), (1, 0)),
    ],
)
def test_what_is_others_and_stays_was_not_found(
    counted: RecordCounts, kept: RecordCounts, both: RecordCounts, expected: tuple[int, int]
) -> None:
    """Of a record that is ambiguous by now, it was counted as the person's only if it was not ambiguous then."""
    (values,) = without_others(pack({"a": counted}), {"a": kept}, {"a": both}).values()
    assert tuple(values[:2]) == expected


def test_what_a_verification_saw_is_found_by_that() -> None:
    actions = {"main": {"a": Action.DELETE}}
    (line,) = lines(actions, {"main": pack({"a": RecordCounts()})}, {"main": pack({"a": RecordCounts(due=1)})})
    assert (line.found.due, line.outcome) == (1, Outcome.FAILED)


def test_what_there_was_to_erase_is_what_is_gone_by_now_and_what_is_due() -> None:
    def record(due: int) -> dict[str, dict[str, list[object]]]:
        return {"main": {"notes": [due, 0, 0, None, None, 0]}}

    def by_now(found: int, verified: int | None, counted: int) -> int:
        seen = {} if verified is None else record(verified)
        (number,) = due_by_now(record(found), seen, record(counted))["main"]["notes"]
        assert isinstance(number, int)
        return number

    assert due_by_now({}, {}, record(3)) == {"main": {"notes": [3]}}
    assert by_now(5, 0, 4) == 9, "five are gone, and four came"
    assert by_now(5, 2, 2) == 5, "three are gone"
    assert by_now(5, None, 2) == by_now(2, None, 5) == 5, "not verified since"
    assert by_now(1, 20, 5) == 5, "what came and went by itself was erased by nobody"


def test_found_is_what_was_seen_last_where_no_store_removed_anything() -> None:
    """A key that expired by itself is neither erased nor gone; what nobody looked at stays as it was counted."""
    found = {"cache": {"keys": [3, 0, 0, None, None, 0]}, "main": {"a": [1, 0, 0, None, None, 0]}}
    seen = {"cache": {"keys": [1, 0, 0, None, None, 0]}}
    assert found_of(found, seen, {("cache", "keys")}) == found
    assert found_of(found, seen, ()) == {**found, **seen}
    dropped = {"cache": {"keys": [0, 0, 0, None, TABLE_DROPPED, 0]}}
    assert found_of(found, dropped, ()) == found, "nobody looks into a table that was dropped"


def test_only_where_something_was_removed_a_further_round_counts_what_is_not_there_any_more() -> None:
    found = {"main": {"a": [2, 0, 0, None, None, 0], "b": [2, 0, 0, None, None, 0]}}
    counted = {"main": {"a": [1, 0, 0, None, None, 0], "b": [1, 0, 0, None, None, 0]}}
    earlier = found_where(found, {("main", "a")})
    assert merge_counts(earlier, {}, counted) == {"main": {"a": found["main"]["a"], "b": counted["main"]["b"]}}


@pytest.mark.parametrize(
    ("found", "seen", "told"),
    [
        (RecordCounts(due=1), RecordCounts(ambiguous=1), (Outcome.AMBIGUOUS, 1, 1)),
        (RecordCounts(), RecordCounts(), (Outcome.ERASED, 1, 1)),
        (RecordCounts(due=1), RecordCounts(retained=1), (Outcome.RETAINED, 2, 1)),
        (RecordCounts(due=3), RecordCounts(), (Outcome.ERASED, 3, 3)),
        (RecordCounts(due=1), RecordCounts(ground=TABLE_DROPPED), (Outcome.ERASED, 1, 1)),
        (RecordCounts(due=2), RecordCounts(ground=TABLE_DROPPED), (Outcome.DROPPED, 2, 1)),
    ],
)
def test_what_is_stated_as_gone_stays_gone(
    found: RecordCounts, seen: RecordCounts, told: tuple[Outcome, int, int]
) -> None:
    """One was stated; what is there now was found beside it, and what is ambiguous may have been there before."""
    [line] = with_gone(lines({"main": {"a": Action.DELETE}}, record_of(found), record_of(seen)), {("main", "a"): 1})
    assert (line.outcome, line.found.due + line.found.retained, collection_lines.gone(line)) == told


def record_of(one: RecordCounts) -> dict[str, dict[str, list[object]]]:
    return {"main": pack({"a": one})}


@pytest.mark.parametrize(
    ("last", "dropped", "unseen"),
    [
        (None, (Outcome.DROPPED, 0), (Outcome.FAILED, 0)),
        (RecordCounts(), (Outcome.ERASED, 2), (Outcome.FAILED, 2)),
        (RecordCounts(newer=1), (Outcome.ERASED, 2), (Outcome.FAILED, 2)),
        (RecordCounts(due=1), (Outcome.DROPPED, 0), (Outcome.FAILED, 0)),
        (RecordCounts(retained=1), (Outcome.DROPPED, 0), (Outcome.FAILED, 0)),
        (RecordCounts(ambiguous=1), (Outcome.DROPPED, 0), (Outcome.FAILED, 0)),
        (RecordCounts(ground=TABLE_DROPPED), (Outcome.DROPPED, 0), (Outcome.FAILED, 0)),
    ],
)
def test_what_the_last_look_saw_to_be_gone_stays_so(
    last: RecordCounts | None, dropped: tuple[Outcome, int], unseen: tuple[Outcome, int]
) -> None:
    """Two were found; by now nobody can look there. A second attempt at the look says the same."""
    record = {} if last is None else pack({"a": last})
    for lost, told in (({"dropped": ["a"], "unseen": []}, dropped), ({"dropped": [], "unseen": ["a"]}, unseen)):
        once = pack(out_of_reach(record, **lost))
        for seen in (once, pack(out_of_reach(once, **lost))):
            [line] = lines({"main": {"a": Action.DELETE}}, record_of(RecordCounts(due=2)), {"main": seen})
            assert (line.outcome, collection_lines.gone(line)) == told
            assert is_dropped(line.verified) == (lost["dropped"] == ["a"])
