"""Holds in the ledger: the rows, the keyed hashes by which each knows its people, and whom it covers (ADR 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from expunge_connectors.contract import Scope
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.controllers import within
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules.effective_holds import Hold

_AT_ONCE = 500

_HOLD = tables.hold.c
# Built once: they are asked for every step.
_IN_FORCE = (
    sa.select(tables.hold)
    .where(_HOLD.lifted_at.is_(None), sa.or_(_HOLD.until.is_(None), _HOLD.until >= sa.bindparam("day")))
    .order_by(_HOLD.id)
)
_CONCERNING = _IN_FORCE.where(
    sa.or_(
        _HOLD.controller.is_(None),
        sa.and_(
            _HOLD.controller == sa.bindparam("of"),
            sa.or_(_HOLD.member.is_(None), _HOLD.member == sa.bindparam("of_member")),
        ),
    )
)


class Tag(NamedTuple):
    """A keyed hash of a value by which a hold knows people; `weak`: of a value that can pass on."""

    tag: bytes
    hold_id: int
    weak: bool
    namespace: str


class RunningStep(NamedTuple):
    """A step that runs at this moment: in which chunk of whose batch, and its name."""

    chunk_id: int
    batch: str
    scope: Scope
    step: str


def insert(connection: sa.Connection, row: Mapping[str, Any]) -> int:
    """A hold. Returns its number."""
    return int(connection.execute(sa.insert(tables.hold).values(**row).returning(tables.hold.c.id)).scalar_one())


def insert_tags(connection: sa.Connection, hold_id: int, tags: Mapping[bytes, str]) -> None:
    """By what a hold knows the people for whom it is placed: tag -> namespace."""
    rows = [{"tag": tag, "hold_id": hold_id, "namespace": namespace} for tag, namespace in sorted(tags.items())]
    if rows:
        connection.execute(sa.insert(tables.hold_tag), rows)


def lift(connection: sa.Connection, uid: str, actor: str, informed_on: date | None) -> bool:
    """End a hold. False: there is none of that name in force."""
    return bool(
        connection.execute(
            sa.update(tables.hold)
            .where(tables.hold.c.uid == uid, tables.hold.c.lifted_at.is_(None))
            .values(lifted_at=stamp(now()), lifted_by=actor, informed_on=informed_on and informed_on.isoformat())
        ).rowcount
    )


def in_force(connection: sa.Connection, day: date, scope: Scope | None) -> list[Hold]:
    """The holds that are in force on a day, the oldest first; with a scope, those under which its requests can fall."""
    asked: dict[str, str | None] = {"day": day.isoformat()}
    if scope is not None:
        asked |= {"of": scope.controller, "of_member": scope.member}
    query = _IN_FORCE if scope is None else _CONCERNING
    return [_hold(row) for row in connection.execute(query, asked).mappings()]


def find(connection: sa.Connection, uid: str) -> Hold | None:
    """The hold of that name, in force or not."""
    found = connection.execute(sa.select(tables.hold).where(tables.hold.c.uid == uid)).mappings().first()
    return None if found is None else _hold(found)


def page(
    connection: sa.Connection, controllers: Sequence[Scope] | None, after: int | None, limit: int, day: date | None
) -> list[Hold]:
    """Holds, the newest first.

    Args:
        connection: Reads.
        controllers: Whose; None: everybody's.
        after: Only those older than this id; None: from the newest on.
        limit: How many at the most.
        day: Only those in force on it; None: every one that there ever was.
    """
    hold = tables.hold.c
    query = sa.select(tables.hold).order_by(hold.id.desc()).limit(limit)
    if controllers is not None:
        query = query.where(within(hold.controller, hold.member, controllers))
    if day is not None:
        query = query.where(hold.lifted_at.is_(None), sa.or_(hold.until.is_(None), hold.until >= day.isoformat()))
    if after is not None:
        query = query.where(hold.id < after)
    return [_hold(found) for found in connection.execute(query).mappings()]


def matching_items(
    connection: sa.Connection, chunk_id: int, hold_ids: Collection[int], persons: Collection[str]
) -> list[tuple[int, int]]:
    """(hold, item) for the people of a chunk whom these holds know by any tag of theirs."""
    ours, tag, proof = tables.suppression.c, tables.hold_tag.c, tables.suppression.alias("proof")
    proven = sa.exists().where(proof.c.item_id == ours.item_id, proof.c.namespace.in_(persons))
    found = connection.execute(
        sa.select(tag.hold_id, tables.item.c.id)
        .join(tables.suppression, ours.tag == tag.tag)
        .join(tables.item, tables.item.c.id == ours.item_id)
        .where(tables.item.c.chunk_id == chunk_id, tag.hold_id.in_(hold_ids), sa.or_(~tag.weak, ~proven))
        .distinct()
        .order_by(tag.hold_id, tables.item.c.id)
    )
    return [(hold_id, item_id) for hold_id, item_id in found]


def tags_of(connection: sa.Connection, hold_ids: Collection[int]) -> list[Tag]:
    """By what these holds know their people."""
    tag = tables.hold_tag.c
    query = sa.select(tag.tag, tag.hold_id, tag.weak, tag.namespace).where(tag.hold_id.in_(hold_ids))
    return [Tag(bytes(row.tag), row.hold_id, bool(row.weak), row.namespace) for row in connection.execute(query)]


def how_many_tags(connection: sa.Connection, hold_ids: Collection[int]) -> int:
    """By how many tags these holds know their people: more, once they have learnt."""
    query = sa.select(sa.func.count()).select_from(tables.hold_tag).where(tables.hold_tag.c.hold_id.in_(hold_ids))
    return int(connection.execute(query).scalar_one())


def learn(connection: sa.Connection, tags: Iterable[Tag]) -> None:
    """Let holds know people by these as well; what they know already stays as it is."""
    if learnt := [one._asdict() for one in tags]:
        connection.execute(_insert(connection).on_conflict_do_nothing(), learnt)


def learn_from_items(
    connection: sa.Connection, hold_ids: Collection[int], items: Iterable[int], persons: Collection[str]
) -> None:
    """Let these holds know by every tag that the ledger has of them those of the people (items) whom they hold.

    Nothing is learnt of people who are known by a weak tag: a shared address would lead on from one to the next.
    """
    people = sorted(set(items))
    for start in range(0, len(people), _AT_ONCE):
        known, theirs = tables.suppression.alias("known"), tables.suppression.alias("theirs")
        learnt = (
            sa.select(theirs.c.tag, tables.hold_tag.c.hold_id, theirs.c.namespace.not_in(persons), theirs.c.namespace)
            .select_from(theirs)
            .join(known, known.c.item_id == theirs.c.item_id)
            .join(tables.hold_tag, tables.hold_tag.c.tag == known.c.tag)
            .where(
                theirs.c.item_id.in_(people[start : start + _AT_ONCE]),
                tables.hold_tag.c.hold_id.in_(hold_ids),
                ~tables.hold_tag.c.weak,
            )
            .distinct()
        )
        connection.execute(
            _insert(connection).from_select(["tag", "hold_id", "weak", "namespace"], learnt).on_conflict_do_nothing()
        )


def open_or_left(connection: sa.Connection, hold_id: int, controller: str | None, member: str | None) -> Sequence[int]:
    """Whom a hold knows (items) of requests that are open or have left something; of this controller, if it names one.

    No member: of every member.
    """
    tag, batch, left = tables.hold_tag.c, tables.batch.c, sa.select(tables.residual_keys.c.item_id)
    known = sa.select(tables.suppression.c.item_id).join(tables.hold_tag, tag.tag == tables.suppression.c.tag)
    query = (
        sa.select(tables.item.c.id)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .where(
            sa.or_(tables.item.c.wrapped_key.is_not(None), tables.item.c.id.in_(left)),
            tables.item.c.id.in_(known.where(tag.hold_id == hold_id)),
        )
    )
    if controller is not None:
        query = query.where(batch.controller == controller)
        if member is not None:
            query = query.where(batch.member == member)
    return connection.scalars(query).all()


def running_steps(connection: sa.Connection) -> list[RunningStep]:
    """The steps that run at this moment."""
    found = connection.execute(
        sa.select(
            tables.chunk.c.id,
            tables.chunk.c.step,
            *(tables.batch.c[name] for name in ("uid", "controller", "member", "pipeline")),
        )
        .join(tables.batch, tables.batch.c.id == tables.chunk.c.batch_id)
        .where(tables.chunk.c.state == ChunkState.RUNNING.value)
    )
    return [RunningStep(row.id, row.uid, Scope(row.controller, row.member), row.pipeline[row.step]) for row in found]


def _insert(connection: sa.Connection) -> Any:  # noqa: ANN401 - each dialect has an insert of its own
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(tables.hold_tag)


def _hold(row: sa.RowMapping) -> Hold:
    days = {name: date.fromisoformat(row[name]) if row[name] else None for name in ("until", "informed_on")}
    return Hold(**{**row, **days})
