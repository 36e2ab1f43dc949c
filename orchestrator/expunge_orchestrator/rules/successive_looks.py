"""Successive looks: what the count records of several looks at one person's records come to. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.rules.count_records import (
    DROPPED_EMPTY,
    TABLE_DROPPED,
    UNSEEN_EMPTY,
    CountRecord,
    Place,
    is_dropped,
    unpack,
)

Values = tuple[object, ...]
"""What a count record says of one collection."""


def last_seen(*records: CountRecord | None) -> dict[str, dict[str, list[object]]]:
    """What the last look at each collection saw: of several records, in the order in which they were taken."""
    seen: dict[str, dict[str, list[object]]] = {}
    for record in records:
        for store, collections in (record or {}).items():
            seen[store] = {**seen.get(store, {}), **collections}
    return seen


def merge_counts(found: CountRecord, verified: CountRecord, counted: CountRecord) -> dict[str, dict[str, list[object]]]:
    """The count record of a further round, or of the settling check: what was ever found, and what came since.

    A lower bound: a record that is replaced by another between two looks counts once, and one that is retained at one
    look and due at the next is one record.

    Args:
        found: What earlier rounds found.
        verified: What was there at the verification since the last count; stores that were not asked since are absent.
        counted: What is there now.
    """
    merged = {store: dict(collections) for store, collections in counted.items()}
    for store, collections in found.items():
        seen, now = verified.get(store, {}), merged.setdefault(store, {})
        for name, earlier in collections.items():
            now[name] = list(_grown(tuple(earlier), _values(seen.get(name)), _values(now.get(name))))
    # In the order of the earlier record: what did not change is written as it was.
    return {store: dict(sorted(merged[store].items())) for store in [*found, *(counted.keys() - found.keys())]}


@lru_cache(maxsize=4096)  # a chunk has thousands, and few that differ
def _grown(found: Values, verified: Values | None, counted: Values | None) -> Values:
    due, retained, *rest = found
    assert isinstance(due, int)
    assert isinstance(retained, int)
    every = due + retained
    seen_due = seen = 0
    if verified is not None:
        seen_due, seen = _due_and_all(verified)
        due, every = max(due, seen_due), max(every, seen)
    if counted is not None:
        rest = [*counted[2:-1], _never_theirs(found, verified, counted, seen)]
        now_due, now = _due_and_all(counted)
        if verified is None:
            due, every = max(due, now_due), max(every, now)
        else:
            due, every = due + max(0, now_due - seen_due), every + max(0, now - seen)
    due = min(due, every)
    return (due, every - due, *rest)


def _never_theirs(found: Values, verified: Values | None, counted: Values, seen: int) -> int:
    """How many of those ambiguous now are none of those found: others that became so are, and are there.

    They were ambiguous from the start; or are more than became so of what the verification had `seen` there still.
    """
    before, now = _ambiguous(found), _ambiguous(counted)
    if verified is None:
        return min(before, now)
    came = now - max(before, _ambiguous(verified)) - seen
    return min(before, now) + max(0, came)


def without_others(
    record: Mapping[str, list[object]], kept: Mapping[str, RecordCounts], both: Mapping[str, RecordCounts]
) -> dict[str, list[object]]:
    """A count record of one store without what is others' by now, and stays: nothing of that was erased.

    What is ambiguous by now, and was when it was counted, was not counted as the person's.

    Args:
        record: What was counted by all keys.
        kept: What is there now by the keys that are followed still.
        both: What is there now by these and by those that are others'.
    """
    nothing = RecordCounts()
    return {name: _without(values, kept.get(name, nothing), both.get(name, nothing)) for name, values in record.items()}


def _without(values: list[object], kept: RecordCounts, both: RecordCounts) -> list[object]:
    due, retained, *rest = values
    assert isinstance(due, int)
    assert isinstance(retained, int)
    unclear = max(0, both.ambiguous - kept.ambiguous - _ambiguous(values))
    stays = max(0, both.due + both.retained - kept.due - kept.retained + unclear)
    still_retained = min(retained, stays, max(0, both.retained - kept.retained))
    return [max(0, due - stays + still_retained), retained - still_retained, *rest]


def due_by_now(found: CountRecord, verified: CountRecord, counted: CountRecord) -> dict[str, dict[str, list[object]]]:
    """What there was to erase of one person, with what is gone by now: per collection one number, of those due.

    Args: as those of `merge_counts`. Unlike there, what the verification saw and what is not there now is not counted:
    nobody erased it.
    """
    return {
        store: {
            name: [now + max(0, earlier - (seen if store in verified else now))]
            for name, values in collections.items()
            for now, earlier, seen in [
                (_due(values), _due(found.get(store, {}).get(name)), _due(verified.get(store, {}).get(name)))
            ]
        }
        for store, collections in counted.items()
    }


def found_of(found: CountRecord, seen: CountRecord, erased: Container[Place]) -> CountRecord:
    """What was found of one person, as it is stated beside what was `seen` last.

    Where no store removed anything of the person (not `erased`), what is not there any more went by itself, or is there
    under another name: the last look counts, as the next round's would. So nothing of it is stated as erased,
    tombstoned or gone. Nobody looks into a table that was dropped.
    """
    anew = [
        {store: {name: values}}
        for store, collections in seen.items()
        for counted in [found.get(store, {})]
        for name, values in collections.items()
        if values != counted.get(name) and (store, name) not in erased and TABLE_DROPPED not in values
    ]
    return last_seen(found, *anew) if anew else found  # a chunk has thousands of people, of whom mostly nothing changed


def found_where(found: CountRecord, erased: Container[Place]) -> dict[str, dict[str, list[object]]]:
    """What was found of one person where a store removed something: what is not there any more was found still.

    Everywhere else it is counted anew.
    """
    return {
        store: {name: values for name, values in collections.items() if (store, name) in erased}
        for store, collections in found.items()
    }


def max_due(seen: Mapping[str, RecordCounts], earlier: Mapping[str, list[object]]) -> dict[str, RecordCounts]:
    """What is seen now, with as much due as there was in an earlier record of the same store, if that was more."""
    if not earlier:
        return dict(seen)
    before = unpack(earlier)
    return {
        name: one if is_dropped(one) else replace(one, due=max(one.due, before.get(name, one).due))
        for name, one in seen.items()
    }


def out_of_reach(
    last: Mapping[str, list[object]], *, dropped: Iterable[str], unseen: Iterable[str]
) -> dict[str, RecordCounts]:
    """What is recorded of one person in collections that nobody can look into any more.

    What the last look saw to be gone stays so. Absent are those that nobody can look into and that were not seen empty.

    Args:
        last: The last look at the store: a count record of its collections.
        dropped: Whose table is gone, with what was in it.
        unseen: The others.
    """
    empty = {name for name, one in unpack(last).items() if _seen_empty(one)}
    return {name: RecordCounts(ground=DROPPED_EMPTY if name in empty else TABLE_DROPPED) for name in dropped} | {
        name: RecordCounts(ground=UNSEEN_EMPTY) for name in unseen if name in empty
    }


def _seen_empty(last: RecordCounts) -> bool:
    return last.ground != TABLE_DROPPED and last.due + last.retained + last.ambiguous == 0


def _values(values: list[object] | None) -> Values | None:
    return None if values is None else tuple(values)


def _due(values: Sequence[object] | None) -> int:
    return 0 if values is None else _due_and_all(values)[0]


def _ambiguous(values: Sequence[object]) -> int:
    *_, ambiguous = values
    assert isinstance(ambiguous, int)
    return ambiguous


def _due_and_all(values: Sequence[object]) -> tuple[int, int]:
    due, retained, *_ = values
    assert isinstance(due, int)
    assert isinstance(retained, int)
    return due, due + retained
