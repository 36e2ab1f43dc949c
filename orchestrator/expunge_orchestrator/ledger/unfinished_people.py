"""Unfinished people: whom a request began to erase, and is not done with, beside others who have a key in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_connectors.contract import Scope
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import of_scope
from expunge_orchestrator.ledger.states import RUNNING, ChunkState
from expunge_orchestrator.ledger.suppression_list import TAGS_AT_ONCE
from expunge_orchestrator.rules.outcomes import Result

_OPEN = (Result.FAILED, Result.ON_HOLD)


class UnfinishedPerson(NamedTuple):
    """Somebody in another request.

    Attributes:
        batch: That request's batch (uid).
        outcome: Of the person there, if there is one.
        found: Count record, before anything was erased.
        verified: Count record, after it.
    """

    batch: str
    outcome: str | None
    found: Mapping[str, Any] | None
    verified: Mapping[str, Any] | None


class SamePerson(NamedTuple):
    """Somebody in another request who is perhaps the one who is `asked` about.

    Attributes:
        asked: The item that was asked about.
        item_id: The item in the other request.
        person: What is known of it.
        running: That request is at work on it at this moment.
    """

    asked: int
    item_id: int
    person: UnfinishedPerson
    running: bool


def beside(connection: sa.Connection, chunk_id: int, scope: Scope, persons: Collection[str]) -> list[SamePerson]:
    """Beside the people of a chunk: a person key in common or, where either knows none, any key in common.

    Args:
        connection: Reads.
        chunk_id: The chunk.
        scope: The controller's requests only.
        persons: Identities that are one person's.
    """
    blanks = {"chunk": chunk_id, "persons": sorted(persons), "controller": scope.controller, "member": scope.member}
    return [
        SamePerson(
            row.asked,
            row.id,
            UnfinishedPerson(row.uid, row.outcome, row.found, row.verified),
            _at_work(row.state, row.chunk_state),
        )
        for row in connection.execute(_BESIDE, blanks)
    ]


def with_tags(connection: sa.Connection, scope: Scope, tags: Sequence[bytes]) -> list[UnfinishedPerson]:
    """Those of this controller's requests who have one of these suppression tags."""
    tagged = tables.suppression.c
    return [
        UnfinishedPerson(*row)
        for start in range(0, len(tags), TAGS_AT_ONCE)
        for row in connection.execute(
            sa.select(tables.batch.c.uid, tables.item.c.outcome, tables.item.c.found, tables.item.c.verified)
            .select_from(tables.item)
            .join(tables.chunk, tables.chunk.c.id == tables.item.c.chunk_id)
            .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
            .where(
                tables.item.c.id.in_(
                    sa.select(tagged.item_id).where(tagged.tag.in_(tags[start : start + TAGS_AT_ONCE]))
                ),
                tables.item.c.touched,
                _not_over(),
                of_scope(scope),
            )
        )
    ]


def _not_over() -> sa.ColumnElement[bool]:
    item = tables.item.c
    return sa.or_(
        item.outcome.is_(None),
        item.outcome.in_([one.value for one in _OPEN]),
        # What is kept for a time is found by these keys alone until `settled` hands them on.
        sa.and_(item.outcome == Result.PARTIALLY_ERASED.value, item.wrapped_key.is_not(None)),
    )


def _at_work(batch: str, chunk: str) -> bool:
    return batch in {state.value for state in RUNNING} and chunk in {ChunkState.READY.value, ChunkState.RUNNING.value}


def _beside() -> sa.Select[Any, Any, Any, Any, Any, Any, Any, Any]:
    """Blanks: `chunk`, `persons` (the person identities), `controller` and `member`."""
    persons: sa.BindParameter[str] = sa.bindparam("persons", expanding=True)
    ours, theirs, proof = (tables.suppression.alias(name) for name in ("ours", "theirs", "proof"))
    person, other = tables.item.alias("person"), tables.item
    return (
        sa.select(
            person.c.id.label("asked"),
            other.c.id,
            other.c.found,
            other.c.verified,
            other.c.outcome,
            tables.batch.c.uid,
            tables.batch.c.state,
            tables.chunk.c.state.label("chunk_state"),
        )
        .select_from(person)
        .join(ours, ours.c.item_id == person.c.id)
        .join(theirs, sa.and_(theirs.c.tag == ours.c.tag, theirs.c.item_id != ours.c.item_id))
        .join(other, other.c.id == theirs.c.item_id)
        .join(tables.chunk, tables.chunk.c.id == other.c.chunk_id)
        .join(tables.batch, tables.batch.c.id == other.c.batch_id)
        .where(
            person.c.chunk_id == sa.bindparam("chunk"),
            tables.batch.c.controller == sa.bindparam("controller"),
            tables.batch.c.member.is_not_distinct_from(sa.bindparam("member", type_=sa.String)),
            sa.or_(
                ours.c.namespace.in_(persons),
                ~sa.exists().where(proof.c.item_id == person.c.id, proof.c.namespace.in_(persons)),
                ~sa.exists().where(proof.c.item_id == other.c.id, proof.c.namespace.in_(persons)),
            ),
            other.c.touched,
            _not_over(),
        )
    )


_BESIDE = _beside()  # built once, for a conclusion of one person does it as often as one of thousands
