"""Elsewhere: other requests about the same people that are not finished, so that nobody is told too much (law 1).

A request that erased a person's rows and stopped before the objects took the way to these with it: whoever asks again
finds nothing there, and "not found" would be untrue. So a collection in which another request found something, and has
not verified that it is gone, is not done for this request either. One that was cancelled half-way left keys to what it
left; this one takes them over, unless it cannot be shown to be of the same person (`leftovers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from expunge_connectors.contract import Scope, SubjectKey
from expunge_connectors.errors import TransientError
from expunge_orchestrator import leftovers, standing
from expunge_orchestrator.execution.context import Context
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.records import RUNNING, ChunkState, Item
from expunge_orchestrator.leftovers import Leftover, Place
from expunge_orchestrator.outcomes import Line, Outcome, Record, Result
from expunge_orchestrator.tags import Tagger
from expunge_orchestrator.workspace import Workspace

_OPEN = (Result.FAILED, Result.ON_HOLD)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Another request about the same person.

    Attributes:
        batch: Its batch's uid.
        running: It is at work at this moment, and may be finished soon.
        places: (store, collection) in which it found something of which nobody saw that it is gone.
    """

    batch: str
    running: bool
    places: frozenset[tuple[str, str]]


def unfinished(
    context: Context, people: Sequence[Item]
) -> tuple[dict[int, list[Unfinished]], Mapping[int, Sequence[Leftover]]]:
    """Item -> other requests of the same controller about the same person that left something, for those with any.

    Of what cancelled ones left (the second answer), that counts which this request has not taken over, or cannot be
    sure of. They are looked up last: a request that is cancelled in between is seen at work or among them.
    """
    found = _at_work_or_failed(context, people)
    left = leftovers.of_people(
        context.workspace, context.batch.scope, ((item.id, context.unsealed(item)) for item in people)
    )
    for item in people:
        for one in left.get(item.id, ()):
            places = one.doubtful if _taken(context, item, one) else one.places
            if places:
                found.setdefault(item.id, []).append(Unfinished(one.batch, running=False, places=places))
    return found, left


def finished(context: Context, people: Sequence[Item], left: Mapping[int, Sequence[Leftover]]) -> list[Leftover]:
    """What these people's requests have taken over of what was `left`: it has come to an end with them.

    Not where a request for some data types only has not looked at every place in which something was left.
    """
    looked_at = {(store, name) for store, collections in context.batch.actions.items() for name in collections}
    return [
        one
        for item in people
        for one in left.get(item.id, ())
        if one.places <= looked_at and _taken(context, item, one)
    ]


def _taken(context: Context, item: Item, one: Leftover) -> bool:
    return one.proven and set(map(standing.plain, one.keys)) <= set(map(standing.plain, context.unsealed(item)))


def _at_work_or_failed(context: Context, people: Sequence[Item]) -> dict[int, list[Unfinished]]:
    """Item -> other requests about the same person that began to erase and are not done, for those that have any.

    The same person: a person key in common or, where either knows none, any key in common.
    """
    persons = sorted(leftovers.person_identities(context.workspace))
    asked = {item.id for item in people}
    found: dict[int, dict[int, Unfinished]] = {}
    others = _others(context.chunk_id, persons).where(leftovers.of_scope(context.batch.scope))
    with reading(context.workspace.ledger) as connection:
        for row in connection.execute(others):
            if row.asked in asked and (places := _left(row.found or {}, row.verified or {})):
                one = Unfinished(row.uid, _at_work(row.state, row.chunk_state), places)
                found.setdefault(row.asked, {})[row.id] = one
    return {number: list(ones.values()) for number, ones in found.items()}


def begun(
    workspace: Workspace, scope: Scope, people: Mapping[int, frozenset[SubjectKey]]
) -> dict[int, dict[str, frozenset[Place]]]:
    """Number -> batch -> where it left something: requests that began to erase, and are not done.

    Any key in common makes it perhaps the same person: whoever only looks must not be told that this is all. What was
    erased may have taken the way to the rest with it.
    """
    tagger = Tagger(workspace.keys.suppression)
    found: dict[int, dict[str, frozenset[Place]]] = {}
    with reading(workspace.ledger) as connection:
        for number, keys in people.items():
            tags = sorted({tagger.tag(standing.plain(key)) for key in keys})
            for start in range(0, len(tags), leftovers.TAGS):
                asked = _begun(tags[start : start + leftovers.TAGS]).where(leftovers.of_scope(scope))
                for row in connection.execute(asked):
                    if places := _left(row.found or {}, row.verified or {}):
                        batches = found.setdefault(number, {})
                        batches[row.uid] = batches.get(row.uid, frozenset()) | places
    return found


def _begun(tags: Sequence[bytes]) -> sa.Select[Any, Any, Any]:
    return (
        sa.select(schema.batch.c.uid, schema.item.c.found, schema.item.c.verified)
        .select_from(schema.item)
        .join(schema.chunk, schema.chunk.c.id == schema.item.c.chunk_id)
        .join(schema.batch, schema.batch.c.id == schema.item.c.batch_id)
        .where(
            schema.item.c.id.in_(sa.select(schema.suppression.c.item_id).where(schema.suppression.c.tag.in_(tags))),
            schema.chunk.c.touched,
            sa.or_(schema.item.c.outcome.is_(None), schema.item.c.outcome.in_([one.value for one in _OPEN])),
        )
    )


def under(lines: Sequence[Line], others: Sequence[Unfinished]) -> list[Line]:
    """The lines, with those failed that say "not found" of a place where another request is not finished."""
    places = frozenset(place for one in others for place in one.places)
    return [
        line._replace(outcome=Outcome.FAILED)
        if line.outcome is Outcome.NOT_FOUND and (line.store, line.collection) in places
        else line
        for line in lines
    ]


def wait_for_running(others: Mapping[int, Sequence[Unfinished]], people: Sequence[Item]) -> None:
    """Put this chunk off while another request about one of these people is at work.

    Raises:
        TransientError: One is.
    """
    if any(one.running for item in people for one in others.get(item.id, ())):
        raise TransientError("another request of the same person is at work, and not finished yet.")


def words(others: Sequence[Unfinished]) -> str:
    """What to tell who reads of the failure; nothing if there are none."""
    if not others:
        return ""
    named = ", ".join(sorted({one.batch for one in others}))
    return f"; another request of this person is not finished: {named}"


def _others(chunk_id: int, persons: Sequence[str]) -> sa.Select[Any, Any, Any, Any, Any, Any, Any]:
    """Requests that began to erase and have no end that says that all is gone, beside each person of a chunk."""
    ours, theirs, proof = (schema.suppression.alias(name) for name in ("ours", "theirs", "proof"))
    person, other = schema.item.alias("person"), schema.item
    return (
        sa.select(
            person.c.id.label("asked"),
            other.c.id,
            other.c.found,
            other.c.verified,
            schema.batch.c.uid,
            schema.batch.c.state,
            schema.chunk.c.state.label("chunk_state"),
        )
        .select_from(person)
        .join(ours, ours.c.item_id == person.c.id)
        .join(theirs, sa.and_(theirs.c.tag == ours.c.tag, theirs.c.item_id != ours.c.item_id))
        .join(other, other.c.id == theirs.c.item_id)
        .join(schema.chunk, schema.chunk.c.id == other.c.chunk_id)
        .join(schema.batch, schema.batch.c.id == other.c.batch_id)
        .where(
            person.c.chunk_id == chunk_id,
            sa.or_(
                ours.c.namespace.in_(persons),
                ~sa.exists().where(proof.c.item_id == person.c.id, proof.c.namespace.in_(persons)),
                ~sa.exists().where(proof.c.item_id == other.c.id, proof.c.namespace.in_(persons)),
            ),
            schema.chunk.c.touched,
            sa.or_(other.c.outcome.is_(None), other.c.outcome.in_([one.value for one in _OPEN])),
        )
    )


def _at_work(batch: str, chunk: str) -> bool:
    return batch in {state.value for state in RUNNING} and chunk in {ChunkState.READY.value, ChunkState.RUNNING.value}


def _left(found: Record, verified: Record) -> frozenset[tuple[str, str]]:
    """Where something was due, and no verification since saw that nothing is."""

    def due(record: Record, store: str, name: str) -> object:
        seen: Mapping[str, list[object]] = record.get(store, {})
        return seen[name][0] if name in seen else None

    return frozenset(
        (store, name)
        for store, collections in found.items()
        for name in collections
        if due(found, store, name) and due(verified, store, name) != 0
    )
