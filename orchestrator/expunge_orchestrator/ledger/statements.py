"""Signed statements in the ledger: heads of series, documents that they cite, and where each stands in the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import parse
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.bulk_writes import write_rows
from expunge_orchestrator.ledger.database import insert_unless_there
from expunge_orchestrator.ledger.tables import document, statement
from expunge_reports import consistency

# Built once: a step of one person asks the ledger as often as a step of thousands.
_LAST_OF_EACH = (
    sa.select(
        statement.c.series,
        sa.func.max(statement.c.seq).label("seq"),
        *(
            sa.func.max(sa.case((statement.c.event.in_(sorted(events)), 1), else_=0)).label(name)
            for name, events in (
                ("answered", consistency.ANSWERED),
                ("denied", {"denied"}),
                ("cancelled", {"cancelled"}),
                ("over", consistency.OVER),
                ("closed", {"closed"}),
            )
        ),
    )
    .where(statement.c.series.in_(sa.bindparam("of", expanding=True)))
    .group_by(statement.c.series)
    .subquery()
)
_HEADS = sa.select(
    statement.c.series,
    statement.c.seq,
    statement.c.envelope,
    statement.c.issued_at,
    _LAST_OF_EACH.c.answered,
    _LAST_OF_EACH.c.denied,
    _LAST_OF_EACH.c.cancelled,
    _LAST_OF_EACH.c.over,
    _LAST_OF_EACH.c.closed,
).join(_LAST_OF_EACH, (_LAST_OF_EACH.c.series == statement.c.series) & (_LAST_OF_EACH.c.seq == statement.c.seq))
_ISSUED = sa.insert(statement)
_LAST_INDEX = sa.select(sa.func.max(statement.c.log_index))
_UNLOGGED = sa.select(statement.c.leaf).where(statement.c.log_index.is_(None))
_PENDING = (
    sa.select(statement.c.id, statement.c.leaf)
    .where(statement.c.log_index.is_(None))
    .order_by(statement.c.id)
    .limit(sa.bindparam("most"))
)
_LAST_LOOK_TOLD = (
    sa.select(sa.func.max(statement.c.issued_at))
    .join(tables.item, tables.item.c.id == statement.c.item_id)
    .where(tables.item.c.chunk_id == sa.bindparam("chunk"), statement.c.event.in_(sorted(consistency.LINES)))
)
_LOGGED = sa.update(statement).where(statement.c.id == sa.bindparam("row")).values(log_index=sa.bindparam("index"))


class LastStatement(NamedTuple):
    """The last statement of a series, and which kinds were made before."""

    series: str
    seq: int
    envelope: bytes
    issued_at: str
    answered: bool
    denied: bool
    cancelled: bool
    over: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A statement's row, and its index in the log."""

    row: int
    index: int


class IssuedStatement(NamedTuple):
    """A statement as it is exported; `log_index` is None until it is in the log."""

    envelope: bytes
    log_index: int | None


class Series(NamedTuple):
    """One receipt: a series of statements about one request of one person."""

    series: str
    batch: str
    line: int
    events: Sequence[str]


def heads(connection: sa.Connection, series: Collection[str]) -> list[LastStatement]:
    """The heads of these series; those without a statement are left out."""
    return [
        LastStatement(
            row.series,
            row.seq,
            row.envelope,
            row.issued_at,
            bool(row.answered),
            bool(row.denied),
            bool(row.cancelled),
            bool(row.over),
            bool(row.closed),
        )
        for row in connection.execute(_HEADS, {"of": list(series)})
    ]


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Signed statements. UNIQUE(series, seq) refuses a second one."""
    write_rows(connection, _ISSUED, rows)


def keep_document(connection: sa.Connection, digest: str, body: bytes) -> None:
    """A document that statements cite, once."""
    insert_unless_there(connection, document, {"digest": digest, "body": body})


def documents(connection: sa.Connection, digests: Collection[str]) -> dict[str, bytes]:
    """Digest -> document."""
    rows = connection.execute(sa.select(document.c.digest, document.c.body).where(document.c.digest.in_(digests)))
    return {row.digest: row.body for row in rows}


def how_many_logged(connection: sa.Connection) -> int:
    """How many statements are noted to be in the log: indexes are noted in order, so the highest one tells."""
    last = connection.scalar(_LAST_INDEX)
    return 0 if last is None else int(last) + 1


def unlogged_leaves(connection: sa.Connection) -> set[bytes]:
    """Leaves of the statements whose index is not noted."""
    return set(connection.scalars(_UNLOGGED))


def is_noted(connection: sa.Connection, index: int) -> bool:
    """Whether a statement is noted to stand there in the log."""
    return connection.scalar(sa.select(statement.c.id).where(statement.c.log_index == index)) is not None


def pending(connection: sa.Connection, limit: int) -> dict[bytes, int]:
    """Leaf -> row of the oldest statements whose index is not noted, in the order in which they were issued."""
    return {row.leaf: row.id for row in connection.execute(_PENDING, {"most": limit})}


def note_places(connection: sa.Connection, places: Iterable[Place]) -> None:
    """Where statements stand in the log."""
    write_rows(connection, _LOGGED, [{"row": place.row, "index": place.index} for place in places])


def of_series(connection: sa.Connection, series: str) -> list[IssuedStatement]:
    """The statements of a series, in order."""
    rows = connection.execute(
        sa.select(statement.c.envelope, statement.c.log_index)
        .where(statement.c.series == series)
        .order_by(statement.c.seq)
    )
    return [IssuedStatement(*row) for row in rows]


def all_of(connection: sa.Connection, series: Collection[str]) -> list[tuple[str, bytes]]:
    """(series, envelope) of every statement of these series."""
    rows = connection.execute(sa.select(statement.c.series, statement.c.envelope).where(statement.c.series.in_(series)))
    return [(row.series, row.envelope) for row in rows]


def last_of(connection: sa.Connection, series: Collection[str], events: Collection[str]) -> dict[str, bytes]:
    """Series -> the last of its statements of one of these events; those without one are left out."""
    last = (
        sa.select(statement.c.series, sa.func.max(statement.c.seq).label("seq"))
        .where(statement.c.series.in_(series), statement.c.event.in_(sorted(events)))
        .group_by(statement.c.series)
        .subquery()
    )
    rows = connection.execute(
        sa.select(statement.c.series, statement.c.envelope).join(
            last, (last.c.series == statement.c.series) & (last.c.seq == statement.c.seq)
        )
    )
    return {row.series: row.envelope for row in rows}


def last_look_told(connection: sa.Connection, chunk_id: int) -> datetime | None:
    """When the last statement about a chunk's people was made that states each collection, and so a look."""
    at = connection.scalar(_LAST_LOOK_TOLD, {"chunk": chunk_id})
    return None if at is None else parse(at)


def people_with(connection: sa.Connection, items: Collection[int], event: str | None = None) -> set[int]:
    """Those of these people (items) of whom a statement was made; of this kind, if one is named."""
    query = sa.select(statement.c.item_id).where(statement.c.item_id.in_(items))
    return set(connection.scalars(query if event is None else query.where(statement.c.event == event)))


def subjects_of(connection: sa.Connection, series: str) -> Sequence[str] | None:
    """Digests of the openings of the identifiers that a series is about; None: there is no such series."""
    found: Sequence[str] | None = connection.scalar(
        sa.select(tables.item.c.subjects).where(tables.item.c.series == series)
    )
    return found


def series_list(connection: sa.Connection, batch_uid: str | None, tags: Collection[bytes] | None) -> list[Series]:
    """Series with their events.

    Args:
        connection: Reads.
        batch_uid: Only those of this batch.
        tags: Only those of people with one of these suppression tags.
    """
    query = (
        sa.select(tables.item.c.series, tables.item.c.line, tables.batch.c.uid, statement.c.event)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .join(statement, statement.c.item_id == tables.item.c.id)
        .order_by(tables.item.c.id, statement.c.seq)
    )
    if batch_uid is not None:
        query = query.where(tables.batch.c.uid == batch_uid)
    if tags is not None:
        query = query.where(
            tables.item.c.id.in_(sa.select(tables.suppression.c.item_id).where(tables.suppression.c.tag.in_(tags)))
        )
    found: dict[str, tuple[str, int, list[str]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.series, (row.uid, row.line, []))[2].append(row.event)
    return [Series(series, uid, line, events) for series, (uid, line, events) in found.items()]
