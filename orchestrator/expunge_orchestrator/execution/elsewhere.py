"""Elsewhere: other requests about the same people that are not finished, so that nobody is told too much (law 1).

A request that erased a person's rows and stopped before the objects took the way to these with it: whoever asks again
finds nothing there, and "not found" would be untrue. So a collection in which another request found something, and has
not verified that it is gone, is not done for this request either. Not seen: one that was cancelled half-way, whose
traces are destroyed; its last statement lists what it left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from expunge_config.datamap import IdentityKind
from expunge_connectors.errors import TransientError
from expunge_orchestrator import standing
from expunge_orchestrator.execution.context import Context
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.records import RUNNING, ChunkState, Item
from expunge_orchestrator.outcomes import Line, Outcome, Record, Result
from expunge_orchestrator.tags import Tagger

_OPEN = (Result.FAILED, Result.ON_HOLD)
# So many tags in one question: both databases take that many parameters.
_TAGS = 500


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


def unfinished(context: Context, people: Sequence[Item]) -> dict[int, list[Unfinished]]:
    """Item -> other requests about the same person that left something, for those that have any.

    The same person: a person key in common or, where this request knows none, any key in common.
    """
    tagger = Tagger(context.workspace.keys.suppression)
    persons = {name for name, one in context.workspace.data_map.identities.items() if one.kind is IdentityKind.PERSON}
    with reading(context.workspace.ledger) as connection:
        if connection.execute(_others().limit(1)).first() is None:
            return {}
        by_tag: dict[bytes, list[int]] = {}
        for item in people:
            keys = set(map(standing.plain, context.unsealed(item)))
            proofs = {key for key in keys if key.namespace in persons}
            for key in proofs or keys:
                by_tag.setdefault(tagger.tag(key), []).append(item.id)
        tags = list(by_tag)
        found: dict[int, dict[int, Unfinished]] = {}
        for start in range(0, len(tags), _TAGS):
            asked = _others().where(schema.suppression.c.tag.in_(tags[start : start + _TAGS]))
            for row in connection.execute(asked):
                if places := _left(row.found or {}, row.verified or {}):
                    for number in by_tag[row.tag]:
                        if number != row.id:
                            found.setdefault(number, {})[row.id] = Unfinished(
                                row.uid, _at_work(row.state, row.chunk_state), places
                            )
    return {number: list(others.values()) for number, others in found.items()}


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


def _others() -> sa.Select[Any, Any, Any, Any, Any, Any, Any]:
    """Requests that began to erase and have no end that says that all is gone."""
    return (
        sa.select(
            schema.suppression.c.tag,
            schema.item.c.id,
            schema.item.c.found,
            schema.item.c.verified,
            schema.batch.c.uid,
            schema.batch.c.state,
            schema.chunk.c.state.label("chunk_state"),
        )
        .join(schema.item, schema.item.c.id == schema.suppression.c.item_id)
        .join(schema.chunk, schema.chunk.c.id == schema.item.c.chunk_id)
        .join(schema.batch, schema.batch.c.id == schema.item.c.batch_id)
        .where(
            schema.chunk.c.touched,
            sa.or_(schema.item.c.outcome.is_(None), schema.item.c.outcome.in_([one.value for one in _OPEN])),
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
