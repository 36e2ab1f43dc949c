"""Requests whose time has come: to be started, to be planned anew, to be answered, or over. Reads only.

Controllers take turns, and so do those who ask: thousands of requests of one keep nobody else's waiting (ADR 12).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import requests, tables
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.request_tables import request, request_open
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState, ChunkState
from expunge_orchestrator.rules.outcomes import Result

AT_ONCE = 50
"""So many are fenced in one transaction, and begun in one pass; more where more controllers have one each."""

_ANSWER_BY = request.c.deadlines["answerBy"].as_string()
"""When what ends first is over; null where no clock runs."""

_EARLIEST_FIRST = (_ANSWER_BY.nulls_last(), request.c.due_at, request.c.id)
"""Of one controller's: by when it is to be answered; then since when it is due."""

_UNANSWERED = sa.exists().where(
    tables.item.c.batch_id == request.c.batch_id,
    sa.or_(tables.item.c.outcome.is_(None), tables.item.c.outcome.in_([Result.FAILED.value, Result.ON_HOLD.value])),
)
"""No end was stated to the person yet. What a settling check finds later is no new question."""


def scheduled(connection: sa.Connection, at: datetime) -> list[int]:
    """Ids of the first ones that have come due and can still be taken back."""
    due = sa.and_(request.c.state == RequestState.SCHEDULED.value, request.c.due_at <= stamp(at))
    return list(connection.scalars(sa.select(_in_turn(due).c.id)))


def to_start(connection: sa.Connection, at: datetime, map_digest: str, oldest: str) -> list[Request]:
    """Fenced and not planned; planned and not begun (a plan that waited for approval may have it now), or void.

    Args:
        connection: Reads.
        at: What was put off beyond it is not among them.
        map_digest: Of today's data map: a plan under another one is void.
        oldest: When the oldest plan was made that is not void by its age.
    """
    void = sa.and_(
        tables.batch.c.state.in_([state.value for state in UNBEGUN]),
        sa.or_(tables.batch.c.map_digest != map_digest, tables.batch.c.created_at < oldest),
    )
    chosen = _in_turn(
        sa.or_(
            request.c.state == RequestState.STARTING.value,
            sa.and_(
                request.c.state == RequestState.STARTED.value,
                sa.or_(tables.batch.c.state == BatchState.PLANNED.value, void),
            ),
        ),
        _not_put_off(at),
    )
    return requests.read(connection, requests.QUERY.join(chosen, chosen.c.id == request.c.id).order_by(chosen.c.place))


def _in_turn(*which: sa.ColumnElement[bool]) -> sa.Subquery:
    """The first of these requests (`id`), and which comes when (`place`): everybody's first, then everybody's second.

    A request comes in the later one of two turns: of the controller, and of who asks, who may name members that nobody
    has. The first ones are in it, however many there are.
    """

    def turn(*of: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        return sa.func.row_number().over(partition_by=of, order_by=_EARLIEST_FIRST)

    ours = (
        sa.select(
            request.c.id,
            turn(request.c.controller, request.c.member).label("of_controller"),
            turn(request.c.asked_by).label("of_asker"),
            _ANSWER_BY.label("answer_by"),
            request.c.due_at,
        )
        .outerjoin(tables.batch, tables.batch.c.id == request.c.batch_id)
        .where(*which)
        .subquery()
    )
    later = sa.case((ours.c.of_controller > ours.c.of_asker, ours.c.of_controller), else_=ours.c.of_asker)
    order = (later, ours.c.answer_by.nulls_last(), ours.c.due_at, ours.c.id)
    placed = sa.select(
        ours.c.id, later.label("turn"), sa.func.row_number().over(order_by=order).label("place")
    ).subquery()
    return (
        sa.select(placed.c.id, placed.c.place).where(sa.or_(placed.c.turn == 1, placed.c.place <= AT_ONCE)).subquery()
    )


def stopped_untouched(connection: sa.Connection, step: int, at: datetime | None) -> list[Request]:
    """Requests whose batch failed in this step, before anything was deleted.

    Args:
        connection: Reads.
        step: Its place in the pipeline.
        at: What was put off beyond it is not among them; None: that, too.
    """
    stopped = tables.chunk.c
    query = requests.QUERY.join(tables.chunk, stopped.batch_id == tables.batch.c.id).where(
        request.c.state == RequestState.STARTED.value,
        tables.batch.c.state == BatchState.FAILED.value,
        stopped.state == ChunkState.FAILED.value,
        stopped.step == step,
        ~sa.exists().where(tables.item.c.batch_id == tables.batch.c.id, tables.item.c.touched),
    )
    return requests.read(connection, query if at is None else query.where(_not_put_off(at)))


def deferred(connection: sa.Connection) -> list[Request]:
    """Requests that could not be begun so far, with the reason (`failure`); the oldest first."""
    query = requests.QUERY.where(
        request.c.failure.is_not(None),
        request.c.state.in_([RequestState.STARTING.value, RequestState.STARTED.value]),
        sa.or_(
            tables.batch.c.state.is_(None),
            tables.batch.c.state.in_([BatchState.PLANNED.value, BatchState.AWAITING_APPROVAL.value]),
        ),
    ).order_by(request.c.id)
    return requests.read(connection, query)


def over_and_open(connection: sa.Connection) -> list[int]:
    """Ids of the requests whose batch is over, and beside which the person cannot ask anew yet."""
    over = [BatchState.SETTLED.value, BatchState.CANCELLED.value]
    return list(
        connection.scalars(
            sa.select(request.c.id)
            .join(tables.batch, tables.batch.c.id == request.c.batch_id)
            .where(tables.batch.c.state.in_(over), request.c.id.in_(sa.select(request_open.c.request_id)))
        )
    )


def unanswered_by(moment: datetime) -> sa.ColumnElement[bool]:
    """Requests that are to be answered by then and are not; in terms of `requests.QUERY`, which joins their batch."""
    waiting = sa.or_(
        request.c.state.in_([RequestState.SCHEDULED.value, RequestState.STARTING.value]),
        sa.and_(request.c.state == RequestState.STARTED.value, _UNANSWERED),
    )
    return sa.and_(waiting, stamp(moment) >= _ANSWER_BY)


def how_many_unanswered_by(connection: sa.Connection, moment: datetime) -> int:
    """How many requests are not answered and are to be by then, or were to be."""
    waiting = (
        sa.select(sa.func.count())
        .select_from(request.outerjoin(tables.batch, tables.batch.c.id == request.c.batch_id))
        .where(unanswered_by(moment))
    )
    return int(connection.execute(waiting).scalar_one())


def is_answered(connection: sa.Connection, number: int) -> bool:
    """Whether an end was stated to everybody of the request's batch."""
    ended = sa.select(request.c.id).where(request.c.id == number, request.c.batch_id.is_not(None), ~_UNANSWERED)
    return connection.execute(ended).first() is not None


def _not_put_off(at: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(request.c.not_before.is_(None), request.c.not_before <= stamp(at))
