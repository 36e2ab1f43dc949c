"""Outcomes per collection and results per person, from what was found and what verification saw. Pure.

Here it is decided whether nothing of a person remains (`outcome_of`, `result`). `execution.verify_step` only
looks; `execution.conclude_step` states what follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.count_records import CountRecord, Place


class Outcome(StrEnum):
    """Of one subject in one collection (DESIGN, Words)."""

    ERASED = "erased"
    TOMBSTONED = "tombstoned"
    RETAINED = "retained"
    NOT_FOUND = "not-found"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    DROPPED = "dropped"
    """The whole collection was dropped, and not by us, before a look saw that nothing of the person was left in it."""
    LEFT = "left"
    """Still there: an operator ended the request, because the store refused to erase it; or an earlier one."""


class Result(StrEnum):
    """Of one subject as a whole: also the event of the statement that says so."""

    ERASED = "erased"
    PARTIALLY_ERASED = "partially-erased"
    NOT_FOUND = "not-found"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    ON_HOLD = "on-hold"
    CANCELLED = "cancelled"


REVIEWED = (Result.ERASED, Result.PARTIALLY_ERASED, Result.NOT_FOUND)
"""People whose erasure is looked at again at settling time."""


class LeftoverReason(NamedTuple):
    """Why something due is left in a collection, in words without values, and what helps; nothing more is known: ""."""

    said: str
    remedy: str = ""


class CollectionOutcome(NamedTuple):
    """One collection of one subject: what was found, what is there now, and what that means.

    A chunk has thousands of them, all short-lived: a tuple is made five times as fast as a frozen dataclass.

    Attributes:
        left_before: How many records an earlier request left there, as that one last saw them; neither `found` nor
            `verified` counts them, and some may be among those.
        unseen: Nobody looked there any more: `verified` is what was ever found, as if it were there.
        gone_before: How many records a statement, or a look, before says are gone: they stay so.
    """

    store: str
    collection: str
    action: Action
    found: RecordCounts
    verified: RecordCounts | None
    outcome: Outcome
    left_before: int = 0
    unseen: bool = False
    gone_before: int = 0


def summary(results: Mapping[str, int]) -> Result:
    """What may be said of a whole batch, from the number of people per result.

    `erased` only if it is true of everybody who was found; one person ambiguous or partly retained among many makes it
    `partially-erased`.
    """
    present = {Result(name) for name, number in results.items() if number}
    if not present & {Result.ERASED, Result.PARTIALLY_ERASED}:
        return next((one for one in (Result.FAILED, Result.AMBIGUOUS) if one in present), Result.NOT_FOUND)
    return Result.ERASED if present <= {Result.ERASED, Result.NOT_FOUND} else Result.PARTIALLY_ERASED


def lines(
    actions: Mapping[str, Mapping[str, Action]], found: CountRecord, verified: CountRecord
) -> list[CollectionOutcome]:
    """One line per collection of the scope. A collection that nobody looked at is FAILED, never "nothing there".

    Lines that say the same are mostly one object: a chunk has thousands, and few that differ.
    """
    result: list[CollectionOutcome] = []
    for store, collections in actions.items():
        seen, left = found.get(store, {}), verified.get(store, {})
        for name, action in collections.items():
            before, after = seen.get(name), left.get(name)
            result.append(_line(store, name, action, tuple(before or ()), tuple(after or ())))
    return result


@lru_cache(maxsize=4096)
def _line(
    store: str, name: str, action: Action, found: tuple[object, ...], verified: tuple[object, ...]
) -> CollectionOutcome:
    before = count_records.tally(*found) if found else None
    after = count_records.tally(*verified) if verified else None
    if before is not None and after is not None and after.ground == count_records.UNSEEN_EMPTY:
        gone = before.due + before.retained
        return CollectionOutcome(store, name, action, before, None, Outcome.FAILED, gone_before=gone)
    outcome = Outcome.FAILED if before is None else outcome_of(action, before, after)
    if before is not None and after is not None and after.due + after.retained > before.due + before.retained:
        before = replace(before, due=after.due, retained=after.retained)  # what the verification saw is found by that
    return CollectionOutcome(store, name, action, before or RecordCounts(), after, outcome)


def with_gone(lines: Sequence[CollectionOutcome], gone: Mapping[Place, int]) -> list[CollectionOutcome]:
    """The lines with what a statement before says is gone (`gone`: (store, collection) -> how many records).

    What is there beside it was found as well: it came since, or may have (what is ambiguous).
    """
    if not gone:
        return list(lines)
    return [
        _with_gone(line, gone[line.store, line.collection]) if gone.get((line.store, line.collection)) else line
        for line in lines
    ]


def _with_gone(line: CollectionOutcome, gone: int) -> CollectionOutcome:
    here = RecordCounts() if line.verified is None else line.verified
    missing = max(0, gone + here.due + here.retained - line.found.due - line.found.retained)
    whole = line.outcome is Outcome.DROPPED and gone >= line.found.due + line.found.retained
    return line._replace(
        found=replace(line.found, due=line.found.due + missing),
        outcome=_emptied(line.action) if whole or line.outcome is Outcome.NOT_FOUND else line.outcome,
        gone_before=max(gone, line.gone_before),
    )


def outcome_of(action: Action, found: RecordCounts, verified: RecordCounts | None) -> Outcome:
    """The outcome in one collection. Only a verification that saw nothing due is success (law 1)."""
    if verified is not None and verified.ground == count_records.TABLE_DROPPED:
        return Outcome.DROPPED
    if verified is None or verified.due > 0:
        return Outcome.FAILED
    if verified.retained > 0:
        return Outcome.RETAINED
    if verified.ambiguous > 0:
        return Outcome.AMBIGUOUS
    if found.due == 0 and found.retained == 0:
        return Outcome.NOT_FOUND
    return _emptied(action)


def _emptied(action: Action) -> Outcome:
    return Outcome.TOMBSTONED if action is Action.TOMBSTONE else Outcome.ERASED


def result(judged: Iterable[CollectionOutcome]) -> Result:
    """The result for the whole person.

    What is retained or left, may be somebody else's, or went with a dropped table is never called plain erased.
    """
    outcomes = [line.outcome for line in judged]
    if Outcome.FAILED in outcomes:
        return Result.FAILED
    if not {Outcome.RETAINED, Outcome.AMBIGUOUS, Outcome.DROPPED, Outcome.LEFT}.isdisjoint(outcomes):
        return Result.PARTIALLY_ERASED
    if all(one is Outcome.NOT_FOUND for one in outcomes):
        return Result.NOT_FOUND
    return Result.ERASED
