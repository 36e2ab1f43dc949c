"""Batches: models, states and queries of batches and chunks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope
from expunge_orchestrator.clock import parse
from expunge_orchestrator.errors import UnknownBatchError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.controllers import within
from expunge_orchestrator.ledger.states import BatchState, ChunkState
from expunge_orchestrator.rules import pipeline


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the ledger holds it. `plan` is described in `planning`."""

    id: int
    uid: str
    scope: Scope
    state: BatchState
    created_at: str
    map_digest: str
    plan: Mapping[str, Any]
    plan_digest: str
    pipeline: Sequence[str]
    settle_at: str | None
    requested_by: str | None
    cancelled: bool
    undisclosed: bool

    @property
    def data_types(self) -> frozenset[str] | None:
        """What the request is limited to; None: everything of the controller."""
        named = self.plan.get("data_types")
        return None if named is None else frozenset(named)

    @property
    def identities(self) -> dict[str, str]:
        """Store -> digest of its identity: those that are erased from, and those that only say who it is."""
        return {
            store: str(planned["identity"])
            for store, planned in {**self.plan["stores"], **self.plan.get("consulted", {})}.items()
        }

    @property
    def relations(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        """Store -> collection -> what it was when the plan was made."""
        found: Mapping[str, Mapping[str, Mapping[str, Any]]] = self.plan["relations"]
        return found

    @property
    def decided(self) -> Mapping[str, Any]:
        """What the data map decided when the plan was made (`rules.map_differences`)."""
        decided: Mapping[str, Any] = self.plan["decided"]
        return decided

    @property
    def actions(self) -> dict[str, dict[str, Action]]:
        """The approved actions: store -> collection -> action."""
        return {
            store: {name: Action(one["action"]) for name, one in planned["collections"].items()}
            for store, planned in self.plan["stores"].items()
        }


_THERE = tables.batch.c.state != BatchState.BUILDING.value
"""One that is being written is no batch yet."""

# Built once: a step of one person asks the ledger as often as a step of thousands.
_BY_UID = sa.select(tables.batch).where(tables.batch.c.uid == sa.bindparam("uid"), _THERE)
_OF_CHUNK = (
    sa.select(tables.batch)
    .join(tables.chunk, tables.chunk.c.batch_id == tables.batch.c.id)
    .where(tables.chunk.c.id == sa.bindparam("chunk"))
)
_IN_STATES = (
    sa.select(tables.batch)
    .where(tables.batch.c.state.in_(sa.bindparam("states", expanding=True)), _THERE)
    .order_by(tables.batch.c.id)
)
_DONE = (
    sa.select(tables.step_log.c.name, tables.step_log.c.at)
    .where(tables.step_log.c.chunk_id == sa.bindparam("chunk"))
    .order_by(tables.step_log.c.round)
)
_FIRST_DONE = (
    sa.select(tables.step_log.c.at)
    .where(tables.step_log.c.chunk_id == sa.bindparam("chunk"), tables.step_log.c.name == sa.bindparam("step"))
    .order_by(tables.step_log.c.round)
    .limit(1)
)
_ERASINGS = (
    sa.select(tables.step_log.c.chunk_id, tables.step_log.c.round, tables.step_log.c.step)
    .join(tables.chunk, tables.chunk.c.id == tables.step_log.c.chunk_id)
    .where(
        tables.step_log.c.name.in_(sa.bindparam("names", expanding=True)),
        tables.chunk.c.state != ChunkState.DONE.value,
    )
)
_ERASINGS_OF = _ERASINGS.where(tables.chunk.c.id == sa.bindparam("chunk"))


def batch_by_uid(connection: sa.Connection, uid: str) -> Batch:
    """The batch of that name.

    Raises:
        UnknownBatchError: There is none.
    """
    row = connection.execute(_BY_UID, {"uid": uid}).first()
    if row is None:
        raise UnknownBatchError(remedy="`expunge status` lists the batches of this ledger.")
    return _batch(row)


def uid_of(connection: sa.Connection, batch_id: int) -> str:
    """The name of a batch, one that is being written too."""
    return str(connection.execute(sa.select(tables.batch.c.uid).where(tables.batch.c.id == batch_id)).scalar_one())


def successor(connection: sa.Connection, batch: Batch) -> Batch | None:
    """The batch by which the request goes on whose plan this one was (ADR 11), the last of several; None: by this."""
    former, found = tables.batch.c.plan["replaces", "batch_id"].as_string(), batch
    replacing = sa.select(tables.batch).where(tables.batch.c.id > sa.bindparam("id"), former == sa.bindparam("uid"))
    while (row := connection.execute(replacing, {"id": found.id, "uid": found.uid}).first()) is not None:
        found = _batch(row)
    return None if found is batch else found


def batch_of_chunk(connection: sa.Connection, chunk_id: int) -> Batch:
    """The batch a chunk belongs to."""
    return _batch(connection.execute(_OF_CHUNK, {"chunk": chunk_id}).one())


def batches(connection: sa.Connection, states: Collection[BatchState] = tuple(BatchState)) -> list[Batch]:
    """The batches in one of these states, the oldest first."""
    rows = connection.execute(_IN_STATES, {"states": [one.value for one in states]})
    return [_batch(row) for row in rows]


def batches_by_id(connection: sa.Connection, ids: Collection[int]) -> list[Batch]:
    """The batches of these ids, the oldest first."""
    chosen = sa.select(tables.batch).where(tables.batch.c.id.in_(ids)).order_by(tables.batch.c.id)
    return [_batch(row) for row in connection.execute(chosen)]


def list_page(
    connection: sa.Connection, controllers: Sequence[Scope] | None, after: int | None, limit: int
) -> list[Batch]:
    """Batches, the newest first.

    Args:
        connection: Reads.
        controllers: Whose; None: everybody's.
        after: Only those older than this id; None: from the newest on.
        limit: How many at the most.
    """
    batch = tables.batch.c
    query = sa.select(tables.batch).where(_THERE).order_by(batch.id.desc()).limit(limit)
    if controllers is not None:
        query = query.where(within(batch.controller, batch.member, controllers))
    if after is not None:
        query = query.where(tables.batch.c.id < after)
    return [_batch(row) for row in connection.execute(query)]


def _batch(row: sa.Row[Any]) -> Batch:
    return Batch(
        id=row.id,
        uid=row.uid,
        scope=Scope(row.controller, row.member),
        state=BatchState(row.state),
        created_at=row.created_at,
        map_digest=row.map_digest,
        plan=row.plan,
        plan_digest=row.plan_digest,
        pipeline=row.pipeline,
        settle_at=row.settle_at,
        requested_by=row.requested_by,
        cancelled=row.cancelled_at is not None,
        undisclosed=row.undisclosed,
    )


class PlannedChunk(NamedTuple):
    """A chunk, with what its plan counted: store -> collection -> records; None: nothing was counted ahead."""

    id: int
    planned: Mapping[str, Mapping[str, int]] | None


def of_scope(scope: Scope) -> sa.ColumnElement[bool]:
    """The batch is one of this controller: another one's requests are nobody else's business."""
    return sa.and_(
        tables.batch.c.controller == scope.controller, tables.batch.c.member.is_not_distinct_from(scope.member)
    )


def planned_chunks(connection: sa.Connection, batch_id: int) -> list[PlannedChunk]:
    """The chunks of a batch."""
    chosen = sa.select(tables.chunk.c.id, tables.chunk.c.planned).where(tables.chunk.c.batch_id == batch_id)
    return [PlannedChunk(*row) for row in connection.execute(chosen)]


def last_done(connection: sa.Connection, chunk_id: int) -> dict[str, datetime]:
    """Step by name -> when it was last done for the chunk: in its last round, whatever the clocks of two hosts say."""
    return {row.name: parse(row.at) for row in connection.execute(_DONE, {"chunk": chunk_id})}


def first_done(connection: sa.Connection, chunk_id: int, step: str) -> datetime:
    """When a step that the chunk has behind it was done for the first time, of whatever rounds."""
    return parse(connection.execute(_FIRST_DONE, {"chunk": chunk_id, "step": step}).scalar_one())


class Erasing(NamedTuple):
    """A step that erased from a store, and is done."""

    chunk_id: int
    round: int
    step: int


def erasings(connection: sa.Connection, store: str, chunk_id: int | None = None) -> frozenset[Erasing]:
    """What was erased from a store, of a chunk or of every one that is not through."""
    names = [f"{verb}:{store}" for verb in (pipeline.ERASE, pipeline.RE_ERASE)]
    query = _ERASINGS if chunk_id is None else _ERASINGS_OF
    rows = connection.execute(query, {"names": names} | ({} if chunk_id is None else {"chunk": chunk_id}))
    return frozenset(Erasing(*row) for row in rows)


def verified_since_count(connection: sa.Connection, chunk_id: int) -> set[str]:
    """The stores that were verified since the chunk's people were last counted."""
    logged = tables.step_log.c
    counted = sa.select(sa.func.max(logged.round)).where(logged.chunk_id == chunk_id, logged.name == "recount")
    names = connection.scalars(
        sa.select(logged.name)
        .where(
            logged.chunk_id == chunk_id, logged.name.startswith("verify:"), logged.round >= counted.scalar_subquery()
        )
        .distinct()
    )
    return {name.removeprefix("verify:") for name in names}


def verified_at(done: Mapping[str, datetime], verb: str, told: datetime, before: datetime | None) -> datetime:
    """When the oldest of a chunk's latest verifications was made: one moment at which all stores had been asked.

    Not before an earlier look is told of, if a clock was set back since.

    Args:
        done: Its steps, of `last_done`.
        verb: What verified each store.
        told: When the statement is made that says so.
        before: When the last statement was made that told of an earlier look; None: there was none.
    """
    look = in_order(done, min(at for name, at in done.items() if name.startswith(f"{verb}:")), told)
    return look if before is None else max(look, before)


def in_order(done: Mapping[str, datetime], look: datetime, told: datetime) -> datetime:
    """A look as it is stated: not before the request was accepted nor after what tells of it, if a clock was set back.

    Args:
        done: The chunk's steps, of `last_done`.
        look: As its step was dated.
        told: When the statement is made, or what followed the look.
    """
    return max(done[pipeline.ACCEPT], min(look, told))
