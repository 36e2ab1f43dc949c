"""Poison isolation: bisects a failing chunk until the one person it fails on is alone.

The search is bounded (ADR 6): where nobody passes, the store is the reason and not a person, and the search ends.
Everything it does is one fenced ledger transaction at a time: a kill leaves either the whole chunk or its two halves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution.step_context import StepContext, Transition
from expunge_orchestrator.ledger import Transaction, bisections, chunks, items
from expunge_orchestrator.ledger.chunks import LONGEST_FAILURE, Chunk
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules import pipeline

LONGEST_PAUSE = 8
"""The pause before another attempt doubles so many times."""

_ALMOST = 40
"""So many failures are enough to call it everywhere, where not one piece in ten passes."""


def is_store_failure(people: int, failures: int, passes: int) -> bool:
    """Whether a step fails whoever it is tried on, so that the store is the reason.

    Down to one person it takes about log2(people) failures; as many again, on the largest pieces that are left, without
    one pass leave no person to blame.
    """
    if passes == 0:
        return failures > 2 * people.bit_length()
    return failures >= _ALMOST and failures > 10 * passes


def queue_priority(depth: int, people: int | None, failures: int | None, passes: int | None) -> int:
    """The place of a chunk in its batch's queue, the smallest number first.

    Pieces of a search come before whole chunks, the smallest first; when they have come down to one person without a
    single pass, the largest first, because these say soonest whether it fails everywhere.
    """
    if people is None or failures is None:
        return 0
    return depth - 1000 if not passes and failures > people.bit_length() else -1000 - depth


def taken_up_before(begun: datetime, moment: datetime, patience: timedelta) -> datetime:
    """A run takes up people who were put off to a time before this.

    Whose time had come when it began: it does not wait for others. In a run that does not come to rest, who was put off
    since is taken up all the same, so long after their time had come.
    """
    return max(begun, moment - patience)


def isolate(context: StepContext, epoch: int, step: int, why: str, *, put_off: bool = False) -> None:
    """After a failure that will repeat itself: halve the chunk, or call its one person failed, or end the search.

    Args:
        context: The step that failed.
        epoch: Of the chunk.
        step: Its number.
        why: What went wrong, in words.
        put_off: It passes by itself one day: who is found, and a chunk in which nobody passes, is tried again later.
    """
    people = context.concluded if step > pipeline.first(context.batch.pipeline, pipeline.CONCLUDE) else context.active
    with context.workspace.ledger.begin() as connection:
        row = chunks.update_claimed(connection, context.chunk_id, epoch, {"failure": why[:LONGEST_FAILURE]})
        if row is None:
            return
        stopped = _put_off(context, row, step, why) if put_off else _failed(row, why)
        if not pipeline.is_per_person(context.batch.pipeline[step]):
            _stop(connection, [context.chunk_id], stopped)
            return
        if len(people) <= 1 and row.bisection_id is None:
            _set_apart(connection, context, people, stopped)
            return
        search, all_over = _failed_again(connection, row.bisection_id, context, step, len(people))
        if all_over:
            _give_up(connection, search, context.chunk_id, stopped)
        elif len(people) <= 1:
            _set_apart(connection, context, people, stopped)
        else:
            _halve(connection, context, row, people, search)


def passed(connection: Transaction, chunk_id: int, search: int | None, step: int) -> None:
    """A piece has passed a step: if it is the one that was searched, the piece leaves the search."""
    if search is None:
        return
    if bisections.count_pass(connection, search, step):
        chunks.update(connection, [chunk_id], {"bisection_id": None})


def _failed_again(
    connection: Transaction, search: int | None, context: StepContext, step: int, people: int
) -> tuple[int, bool]:
    """Count a failure in its search, or begin one; returns the search, and whether it is over."""
    if search is None:
        return bisections.begin(connection, context.batch.id, step, people), False
    found = bisections.count_failure(connection, search)
    over = found.everywhere or is_store_failure(found.people, found.failures, found.passes)
    if over:
        bisections.end(connection, search)
    return search, over


@dataclass(frozen=True, slots=True)
class _Stopped:
    """What becomes of a chunk at which a search ends.

    Attributes:
        row: The chunk as it was.
        values: What it is then.
        failed: Its people have failed; otherwise they are tried again.
    """

    row: Chunk
    values: Mapping[str, Any]
    why: str
    failed: bool


def _failed(row: Chunk, why: str) -> _Stopped:
    return _Stopped(row, {"state": ChunkState.FAILED.value, "step": row.step}, why, failed=True)


def _put_off(context: StepContext, row: Chunk, step: int, why: str) -> _Stopped:
    """Until a later run takes it up: this one does not wait for it."""
    settings = context.workspace.settings
    values = {
        "state": ChunkState.READY.value,
        "step": row.step,
        "attempts": settings.max_attempts,
        "stuck_at": step,
        "not_before": stamp(now() + settings.retry_pause * 2**LONGEST_PAUSE),
        "bisection_id": None,
    }
    return _Stopped(row, values, why, failed=False)


def _give_up(connection: Transaction, search: int, chunk_id: int, stopped: _Stopped) -> None:
    """It fails everywhere: every piece stops, those that run now by themselves."""
    pieces = [one for one in bisections.ready_pieces(connection, search) if one != chunk_id]
    said = f"{stopped.why} It fails on everybody it was tried on: no single person is the reason."
    _stop(connection, [chunk_id, *pieces], replace(stopped, why=said))


def _stop(connection: Transaction, ids: Sequence[int], stopped: _Stopped) -> None:
    """Chunks that failed stay at their step; those that are put off go back to where this one does."""
    values = {"state": ChunkState.FAILED.value} if stopped.failed else stopped.values
    chunks.update(connection, ids, {**values, "failure": stopped.why[:LONGEST_FAILURE]})


def _set_apart(connection: Transaction, context: StepContext, people: Sequence[Item], stopped: _Stopped) -> None:
    """The person is found. Others in the chunk, who have their outcome already, go on without them."""
    if stopped.failed:
        items.blame(connection, [item.id for item in people], stopped.why)
    if not people or len(context.items) == len(people):
        _stop(connection, [context.chunk_id], stopped)
        return
    chunks.split(
        connection,
        stopped.row,
        [item.id for item in people],
        {**stopped.values, "failure": stopped.why[:LONGEST_FAILURE]},
    )
    chunks.update(
        connection, [context.chunk_id], {"state": ChunkState.READY.value, "failure": None, "bisection_id": None}
    )


def failed_at(context: StepContext, verb: str, why: str) -> Transition:
    """Fail, to be taken up at a verb."""
    return Transition(pipeline.first(context.batch.pipeline, verb), ChunkState.FAILED, why[:LONGEST_FAILURE])


def split_off(
    connection: Transaction, context: StepContext, people: Sequence[int], onward: Transition
) -> Transition | None:
    """Let people (items) go another way than the others of the step's chunk, in a chunk of their own.

    That chunk is what the step's own would be by the same transition.

    Returns:
        The way, if they are all that is left in the chunk itself; None if it goes on with the others.
    """
    if not people:
        return None
    row = chunks.get(connection, context.chunk_id)
    if chunks.count_people(connection, row.id) == len(people):
        return onward
    step = row.step if onward.step is None else onward.step
    back = onward.step is not None and onward.step <= row.step
    values = {"step": step, "state": onward.state.value, "failure": onward.failure}
    chunks.split(connection, row, people, {**values, "rounds": row.rounds + back, "repeats": row.repeats + back})
    return None


def _halve(connection: Transaction, context: StepContext, row: Chunk, people: Sequence[Item], search: int) -> None:
    common = {
        "state": ChunkState.READY.value,
        "step": row.step,
        "depth": row.depth + 1,
        "bisection_id": search,
        "attempts": 0,
        "not_before": None,
        "failure": row.failure,
    }
    chunks.split(connection, row, [item.id for item in people[len(people) // 2 :]], common)
    chunks.update(connection, [context.chunk_id], common)
