"""Kept keys in the ledger: sealed keys to what ended requests left, and the places in which it was left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from expunge_connectors.contract import Scope
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import of_scope
from expunge_orchestrator.ledger.suppression_list import TAGS_AT_ONCE
from expunge_orchestrator.rules import successive_looks

_ANY = sa.select(tables.residual_keys.c.item_id).limit(1)
_COUNTS = (tables.item.c.found, tables.item.c.verified, tables.item.c.reviewed, tables.item.c.reverified)


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """What one person's request kept when it ended.

    Attributes:
        item_id: The person in that request.
        series: The series under which the keys are sealed.
        uid: That request's batch.
        places: (store, collection, whether the kept keys alone led to everything that was seen there).
        seen: What was last seen of the person.
    """

    item_id: int
    series: str
    uid: str
    wrapped_key: bytes = field(repr=False)
    sealed_keys: bytes = field(repr=False)
    places: Sequence[tuple[str, str, bool]]
    seen: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeptUntil:
    """What one person's request kept, and has had its day by now (see `KeptKeys`).

    Attributes:
        subjects: What the series of statements is about.
    """

    item_id: int
    batch_id: int
    series: str
    subjects: Sequence[str]
    wrapped_key: bytes = field(repr=False)
    sealed_keys: bytes = field(repr=False)
    places: Sequence[tuple[str, str, bool]]


def insert(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection,
    item_id: int,
    wrapped: bytes,
    sealed: bytes,
    places: Iterable[tuple[str, str, bool]],
    look_on: date | None,
) -> None:
    """Keep a person's sealed keys, in the transaction that ends the request."""
    connection.execute(
        sa.insert(tables.residual_keys).values(
            item_id=item_id,
            wrapped_key=wrapped,
            sealed_keys=sealed,
            places=sorted(map(list, places)),
            look_on=look_on and look_on.isoformat(),
            at=stamp(now()),
        )
    )


def due_for_look(connection: sa.Connection, today: date, after: int, most: int) -> list[KeptUntil]:
    """People of whom everything that is kept has had its day, in the order of their items, beyond one of them."""
    kept, item = tables.residual_keys.c, tables.item.c
    query = (
        sa.select(
            kept.item_id, item.batch_id, item.series, item.subjects, kept.wrapped_key, kept.sealed_keys, kept.places
        )
        .join(tables.item, item.id == kept.item_id)
        .where(kept.look_on <= today.isoformat(), kept.item_id > after)
        .order_by(kept.item_id)
        .limit(most)
    )
    return [
        KeptUntil(
            row.item_id,
            row.batch_id,
            row.series,
            list(row.subjects),
            row.wrapped_key,
            row.sealed_keys,
            [(store, name, reached) for store, name, reached in row.places],
        )
        for row in connection.execute(query)
    ]


def put_off_look(connection: sa.Connection, items: Collection[int], day: date) -> None:
    """Look at them again on that day."""
    kept = tables.residual_keys
    connection.execute(sa.update(kept).where(kept.c.item_id.in_(items)).values(look_on=day.isoformat()))


def take(connection: sa.Connection, items: Collection[int]) -> frozenset[int]:
    """Destroy what leads to what was kept of these people; returns of whom it was there still."""
    kept = tables.residual_keys
    return frozenset(
        connection.scalars(sa.delete(kept).where(kept.c.item_id.in_(items)).returning(kept.c.item_id)).all()
    )


def destroy(connection: sa.Connection, items: Collection[int]) -> None:
    """Destroy what leads to the rest of people of whom nothing is left."""
    if items:
        connection.execute(sa.delete(tables.residual_keys).where(tables.residual_keys.c.item_id.in_(items)))


def any_kept(connection: sa.Connection) -> bool:
    """Whether anything is kept, of anybody."""
    return connection.execute(_ANY).first() is not None


def with_tags(connection: sa.Connection, scope: Scope, tags: Sequence[bytes]) -> list[KeptKeys]:
    """What is kept of people of this controller with one of these suppression tags, in the order of their items."""
    query = (
        sa.select(
            tables.residual_keys.c.item_id,
            tables.residual_keys.c.wrapped_key,
            tables.residual_keys.c.sealed_keys,
            tables.residual_keys.c.places,
            tables.item.c.series,
            *_COUNTS,
            tables.batch.c.uid,
        )
        .join(tables.suppression, tables.suppression.c.item_id == tables.residual_keys.c.item_id)
        .join(tables.item, tables.item.c.id == tables.residual_keys.c.item_id)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
    )
    rows = {
        row.item_id: row
        for start in range(0, len(tags), TAGS_AT_ONCE)
        for row in connection.execute(
            query.where(of_scope(scope), tables.suppression.c.tag.in_(tags[start : start + TAGS_AT_ONCE]))
        )
    }
    return [
        KeptKeys(
            row.item_id,
            row.series,
            row.uid,
            row.wrapped_key,
            row.sealed_keys,
            [(store, name, reached) for store, name, reached in row.places],
            successive_looks.last_seen(row.found, row.verified, row.reviewed, row.reverified),
        )
        for _, row in sorted(rows.items())
    ]
