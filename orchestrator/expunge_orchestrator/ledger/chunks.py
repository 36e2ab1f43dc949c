"""Chunks in the ledger: read, written, and split. A chunk is a frozen range of a batch's people, the unit of work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.states import ChunkState

LONGEST_FAILURE = tables.LONGEST_REASON
"""Characters of `failure`."""

_CARRIED_ON = ("batch_id", "rounds", "repeats", "planned", "ending", "asked")
"""What a piece takes over from the chunk that it was cut from."""


class Chunk(NamedTuple):
    """A row, in the order of the table's columns.

    Attributes:
        epoch: The fencing token: every claim takes a new one.
        rounds: How often it was gone back, or taken up; `repeats`: since it was last taken up.
        stuck_at: The step that `attempts` are counted for.
        depth: How often it was split in search of the person on whom a step fails; `bisection_id`: in which search.
        planned: What the plan counted: store -> collection -> due.
        ending: An operator ends its people where they are; nothing more is erased.
        asked: An erasing step whose store was asked, or was about to be, until what it removed is noted.
    """

    id: int
    batch_id: int
    state: str
    step: int
    epoch: int
    rounds: int
    attempts: int
    not_before: str | None
    failure: str | None
    settle_at: str | None
    repeats: int
    depth: int
    bisection_id: int | None
    stuck_at: int | None
    planned: Mapping[str, Mapping[str, int]] | None
    ending: bool
    asked: str | None


def get(connection: sa.Connection, chunk_id: int) -> Chunk:
    """The chunk of that number."""
    return Chunk._make(connection.execute(sa.select(tables.chunk).where(tables.chunk.c.id == chunk_id)).one())


def of_batch(
    connection: sa.Connection, batch_id: int, states: Collection[ChunkState] = tuple(ChunkState), *, lock: bool = False
) -> list[Chunk]:
    """The chunks of a batch in one of these states; locked until this transaction ends, where that is wanted."""
    query = sa.select(tables.chunk).where(
        tables.chunk.c.batch_id == batch_id, tables.chunk.c.state.in_([state.value for state in states])
    )
    return [Chunk._make(row) for row in connection.execute(query.with_for_update() if lock else query)]


def lock_in_state(connection: sa.Connection, chunk_id: int, state: ChunkState) -> Chunk | None:
    """The chunk, locked until this transaction ends. None: it is in another state by now."""
    query = sa.select(tables.chunk).where(tables.chunk.c.id == chunk_id, tables.chunk.c.state == state.value)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else Chunk._make(row)


def count_people(connection: sa.Connection, chunk_id: int) -> int:
    """How many people are in it."""
    people = sa.select(sa.func.count()).select_from(tables.item).where(tables.item.c.chunk_id == chunk_id)
    return int(connection.execute(people).scalar_one())


def update(connection: sa.Connection, ids: Collection[int], values: Mapping[str, Any]) -> None:
    """Write these columns of chunks in which no step runs, or whose step the caller has claimed."""
    connection.execute(sa.update(tables.chunk).where(tables.chunk.c.id.in_(ids)).values(**values))


def update_claimed(connection: sa.Connection, chunk_id: int, epoch: int, values: Mapping[str, Any]) -> Chunk | None:
    """Write these columns of a chunk that is claimed under this epoch. None: a later claim was made meanwhile."""
    row = connection.execute(
        sa.update(tables.chunk)
        .where(tables.chunk.c.id == chunk_id, tables.chunk.c.epoch == epoch)
        .values(**values)
        .returning(*tables.chunk.c)
    ).first()
    return None if row is None else Chunk._make(row)


def get_claimed(connection: sa.Connection, chunk_id: int, epoch: int) -> Chunk | None:
    """The chunk, if it is still claimed under this epoch."""
    query = sa.select(tables.chunk).where(tables.chunk.c.id == chunk_id, tables.chunk.c.epoch == epoch)
    row = connection.execute(query).first()
    return None if row is None else Chunk._make(row)


def count_attempt(connection: sa.Connection, chunk_id: int, epoch: int, step: int, failure: str) -> int | None:
    """One attempt at a step failed; it may be tried again. Returns how many did. None: a later claim was made."""
    attempts: int | None = connection.scalar(
        sa.update(tables.chunk)
        .where(tables.chunk.c.id == chunk_id, tables.chunk.c.epoch == epoch)
        .values(
            attempts=tables.chunk.c.attempts + 1,
            stuck_at=sa.case((tables.chunk.c.stuck_at > step, tables.chunk.c.stuck_at), else_=step),
            state=ChunkState.READY.value,
            failure=failure[:LONGEST_FAILURE],
        )
        .returning(tables.chunk.c.attempts)
    )
    return attempts


def make_ready(connection: sa.Connection, batch_id: int) -> None:
    """Let the chunks of a plan be taken: its batch begins."""
    connection.execute(
        sa.update(tables.chunk)
        .where(tables.chunk.c.batch_id == batch_id, tables.chunk.c.state == ChunkState.PLANNED.value)
        .values(state=ChunkState.READY.value)
    )


def take_up_put_off(connection: sa.Connection, batch_id: int, attempts: int, moment: str) -> None:
    """Let those be tried at once that were put off beyond this moment after so many attempts."""
    chunk = tables.chunk.c
    put_off = (
        chunk.batch_id == batch_id,
        chunk.state == ChunkState.READY.value,
        chunk.attempts >= attempts,
        chunk.not_before > moment,
    )
    connection.execute(sa.update(tables.chunk).where(*put_off).values(not_before=None))


def restart(connection: sa.Connection, chunk_id: int, step: int, *, ending: bool) -> None:
    """Let a chunk run again from a step on, as if it had not stopped."""
    connection.execute(
        sa.update(tables.chunk)
        .where(tables.chunk.c.id == chunk_id)
        .values(
            state=ChunkState.READY.value,
            step=step,
            attempts=0,
            stuck_at=None,
            not_before=None,
            rounds=tables.chunk.c.rounds + 1,
            repeats=0,
            bisection_id=None,
            ending=ending,
        )
    )


def note_waiting(connection: sa.Connection, ids: Collection[int], why: str) -> None:
    """Say why chunks go on waiting for their settling check, of those that wait."""
    chunk = tables.chunk.c
    said = why[:LONGEST_FAILURE]
    connection.execute(
        sa.update(tables.chunk)
        .where(chunk.id.in_(ids), chunk.state == ChunkState.WAITING.value, chunk.failure.is_distinct_from(said))
        .values(failure=said)
    )


def split(connection: sa.Connection, chunk: Chunk, people: Sequence[int], values: Mapping[str, Any]) -> int:
    """Move people (items) of a chunk to a new one, with all that was logged for them; returns the new chunk."""
    carried = {name: getattr(chunk, name) for name in _CARRIED_ON}
    fresh: dict[str, Any] = {"epoch": 0, "attempts": 0, "depth": chunk.depth}
    made: int = connection.execute(
        sa.insert(tables.chunk).values(**{**carried, **fresh, **values}).returning(tables.chunk.c.id)
    ).scalar_one()
    connection.execute(sa.update(tables.item).where(tables.item.c.id.in_(people)).values(chunk_id=made))
    logged = tables.step_log.c
    connection.execute(
        sa.insert(tables.step_log).from_select(
            ["chunk_id", "round", "step", "name", "epoch", "at"],
            sa.select(sa.literal(made), logged.round, logged.step, logged.name, logged.epoch, logged.at).where(
                logged.chunk_id == chunk.id
            ),
        )
    )
    return made
