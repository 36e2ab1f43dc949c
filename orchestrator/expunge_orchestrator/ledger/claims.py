"""Claims: the next step of a chunk is taken under a new epoch, and finished by the latest claim alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import RUNNABLE, ChunkState

# Built once: a step of one person asks the ledger as often as a step of thousands.
_ITS_BATCH = tables.batch.c.id == tables.chunk.c.batch_id
_WITHDRAWING = ChunkState.WITHDRAWING.value
_TAKE = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), sa.exists().where(_ITS_BATCH, RUNNABLE))
    .values(
        epoch=tables.chunk.c.epoch + 1,
        state=sa.case((tables.chunk.c.state == _WITHDRAWING, _WITHDRAWING), else_=ChunkState.RUNNING.value),
    )
    .returning(
        tables.chunk.c.state,
        tables.chunk.c.epoch,
        tables.chunk.c.step,
        tables.chunk.c.rounds,
        tables.chunk.c.repeats,
        tables.chunk.c.ending,
        tables.chunk.c.asked,
        sa.select(tables.batch.c.cancelled_at).where(_ITS_BATCH).scalar_subquery().label("cancelled_at"),
    )
)
_STOOD = sa.select(tables.chunk.c.step, tables.chunk.c.state, tables.chunk.c.ending).where(
    tables.chunk.c.id == sa.bindparam("chunk")
)
_RESUMED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), sa.exists().where(_ITS_BATCH, RUNNABLE))
    .values(step=sa.bindparam("again"), rounds=tables.chunk.c.rounds + 1)
)

# Attempts are over when the step that failed is passed, not when one before it is done again on the way there.
_OWNED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), tables.chunk.c.epoch == sa.bindparam("held"))
    .values(
        attempts=sa.case(
            (sa.func.coalesce(tables.chunk.c.stuck_at, -1) > sa.bindparam("passed"), tables.chunk.c.attempts), else_=0
        ),
        not_before=None,
        failure=None,
    )
    .returning(tables.chunk.c.bisection_id)
)
_LOGGED = sa.insert(tables.step_log)
_MOVED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("step", "rounds", "repeats", "state", "failure")})
)
# Whoever waits was ended as anybody, if at all: what comes back by the settling check is erased again.
_MOVED_TO_WAIT = _MOVED.values(settle_at=sa.bindparam("new_settle_at"), ending=False)
_ASK = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), tables.chunk.c.epoch == sa.bindparam("held"))
    .values(asked=sa.bindparam("new_asked"))
    .returning(sa.select(tables.batch.c.cancelled_at).where(_ITS_BATCH).scalar_subquery())
)
_NOTED = (
    sa.update(tables.chunk)
    .where(tables.chunk.c.id == sa.bindparam("chunk"), tables.chunk.c.epoch == sa.bindparam("held"))
    .values(asked=None)
)
_TOUCH = sa.update(tables.item).where(tables.item.c.id.in_(sa.bindparam("people", expanding=True))).values(touched=True)


class Taken(NamedTuple):
    """A chunk whose next step was taken.

    Attributes:
        asked: An erasing step whose store was asked, or was about to be, and that noted nothing of what it removed.
        cancelled_at: When its batch was cancelled.
    """

    state: str
    epoch: int
    step: int
    rounds: int
    repeats: int
    ending: bool
    asked: str | None
    cancelled_at: str | None


class Stood(NamedTuple):
    """Where a chunk stands that nobody is at work on."""

    step: int
    state: str
    ending: bool


class Owned(NamedTuple):
    """A chunk whose step is finished by its latest claim: in which search for a person it is a piece."""

    bisection_id: int | None


def take(connection: sa.Connection, chunk_id: int) -> Taken | None:
    """Take the next step of a chunk under a new epoch. None: it may not run now."""
    row = connection.execute(_TAKE, {"chunk": chunk_id}).first()
    return None if row is None else Taken(*row)


def stood(connection: sa.Connection, chunk_id: int) -> Stood:
    """Where a chunk stands."""
    return Stood(*connection.execute(_STOOD, {"chunk": chunk_id}).one())


def go_back(connection: sa.Connection, chunk_id: int, step: int) -> None:
    """Let a chunk that may run go on from an earlier step, in a further round."""
    connection.execute(_RESUMED, {"chunk": chunk_id, "again": step})


def own(connection: sa.Connection, chunk_id: int, epoch: int, step: int) -> Owned | None:
    """Finish a step under this epoch. None: another claim was faster, and nothing may be written."""
    row = connection.execute(_OWNED, {"chunk": chunk_id, "held": epoch, "passed": step}).first()
    return None if row is None else Owned(*row)


def move(connection: sa.Connection, chunk_id: int, values: dict[str, Any], settle_at: str | None) -> None:
    """Move an owned chunk on: `step`, `rounds`, `repeats`, `state`, `failure`; until when it waits, if it does."""
    blanks = {"chunk": chunk_id, **{f"new_{name}": value for name, value in values.items()}}
    if settle_at is None:
        connection.execute(_MOVED, blanks)
    else:
        connection.execute(_MOVED_TO_WAIT, blanks | {"new_settle_at": settle_at})


def log_step(connection: sa.Connection, chunk_id: int, done: dict[str, Any]) -> None:
    """Note a finished step: `round`, `step`, `name`, `epoch`."""
    connection.execute(_LOGGED, {"chunk_id": chunk_id, **done, "at": stamp(now())})


class Asked(NamedTuple):
    """A chunk that is still claimed under the epoch: when its batch was cancelled, if it was."""

    cancelled_at: str | None


def ask(connection: sa.Connection, chunk_id: int, epoch: int, step: str) -> Asked | None:
    """Note that the store of this erasing step is about to be asked. None: another claim is at work."""
    row = connection.execute(_ASK, {"chunk": chunk_id, "held": epoch, "new_asked": step}).first()
    return None if row is None else Asked(*row)


def noted(connection: sa.Connection, chunk_id: int, epoch: int) -> None:
    """Say that it is noted in this transaction what the store removed that was asked.

    Nothing changes under an older epoch: what a later claim asks for is its own to note.
    """
    connection.execute(_NOTED, {"chunk": chunk_id, "held": epoch})


def touch(connection: sa.Connection, people: list[int]) -> None:
    """Note that a store is about to be asked to erase these people (items)."""
    connection.execute(_TOUCH, {"people": people})
