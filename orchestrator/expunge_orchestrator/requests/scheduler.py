"""Request scheduler: plans each due request as a batch of one and starts it. Idempotent and crash-safe.

Controllers take turns, and so do those who ask: thousands of requests of one keep nobody else's waiting (ADR 12).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import UnknownMemberError
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.errors import BatchBlockedError, StoreMismatchError
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.request_tables import request, request_open
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import planner
from expunge_orchestrator.requests import plan_replacement, repository
from expunge_orchestrator.requests.plan_replacement import ConflictError, ReplanReason
from expunge_orchestrator.requests.repository import Request
from expunge_orchestrator.requests.request_states import RequestState
from expunge_orchestrator.requests.response_deadlines import ANSWER_BY
from expunge_orchestrator.requests.withdrawal import close, deny_unplannable
from expunge_orchestrator.workspace import Workspace

_LOG = logging.getLogger("expunge.worker")

LONGEST_PAUSE = timedelta(minutes=15)
"""Between two attempts at a request that cannot be planned: a store is down, or `check` finds an error."""

_SOMEBODY_LOOKS = "Find out which store answers at its address. If it is the right one, retry: it is then planned anew."

UNUSABLE = "member-unusable"
"""Why a request is denied that is for a member whose records cannot be told by the name that was given."""

AT_ONCE = 50
"""So many are fenced in one transaction, and begun in one pass; more where more controllers have one each."""

_EARLIEST_FIRST = (ANSWER_BY.nulls_last(), request.c.due_at, request.c.id)
"""Of one controller's: by when it is to be answered; then since when it is due."""


def start_due(workspace: Workspace, at: datetime, stopped: Callable[[], bool] = lambda: False) -> int:
    """Plan and begin every request whose time has come. Returns how many were begun.

    A plan that is void is replaced first. What cannot be planned now keeps its state, says why, and is tried again
    after a pause that doubles; what never can be is denied. Told to stop, it ends with the request that it is at; the
    others stay due.
    """
    lock_due(workspace, at)
    for one in takewhile(lambda _: not stopped(), plan_replacement.drifted(workspace, at)):
        _attempt(workspace, one, at, _plan_after_drift)
    to_start = takewhile(lambda _: not stopped(), _to_start(workspace, at))
    return sum(_attempt(workspace, one, at, _start) for one in to_start)


def lock_due(workspace: Workspace, at: datetime) -> int:
    """From here on, what has come due cannot be taken back. Returns how many."""
    with reading(workspace.ledger) as connection:
        due = sa.and_(request.c.state == RequestState.SCHEDULED.value, request.c.due_at <= stamp(at))
        ids = list(connection.scalars(sa.select(_in_turn(due).c.id)))
    if not ids:
        return 0
    with workspace.ledger.begin() as connection:
        return connection.execute(
            sa.update(request)
            .where(request.c.id.in_(ids), request.c.state == RequestState.SCHEDULED.value)
            .values(state=RequestState.STARTING.value, state_at=stamp(at))
        ).rowcount


def _to_start(workspace: Workspace, at: datetime) -> list[Request]:
    """Fenced and not planned; planned and not begun (a plan that waited for approval may have it now), or void."""
    with reading(workspace.ledger) as connection:
        chosen = _in_turn(
            sa.or_(
                request.c.state == RequestState.STARTING.value,
                sa.and_(
                    request.c.state == RequestState.STARTED.value,
                    sa.or_(
                        tables.batch.c.state == BatchState.PLANNED.value,
                        plan_replacement.is_void(workspace),
                    ),
                ),
            ),
            sa.or_(request.c.not_before.is_(None), request.c.not_before <= stamp(at)),
        )
        query = repository.QUERY.join(chosen, chosen.c.id == request.c.id).order_by(chosen.c.place)
        return [repository.from_row(row) for row in connection.execute(query).mappings()]


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
            ANSWER_BY.label("answer_by"),
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


Attempt = Callable[[Workspace, Request, datetime], bool]


def _attempt(workspace: Workspace, wanted: Request, at: datetime, attempt: Attempt) -> bool:
    """Do it, or write down why it cannot be done now, and when it is tried again."""
    try:
        return attempt(workspace, wanted, at)
    except ConflictError:
        return False  # another process planned it at this moment; its plan counts
    except BatchBlockedError:
        return False  # somebody has to approve it first, or paused it
    except StoreMismatchError as error:
        _put_off(workspace, wanted, at, f"{error.message} {_SOMEBODY_LOOKS}")
    except UnknownMemberError as error:
        _deny(workspace, wanted, at, error.message)
    except ExpungeError as error:
        _put_off(workspace, wanted, at, error.message)
    except Exception as error:  # noqa: BLE001 - a defect that one request runs into must not keep the others waiting
        _LOG.error("defect: %s", type(error).__name__)  # no text and no traceback: they may hold values
        _put_off(workspace, wanted, at, f"A defect of Expunge ({type(error).__name__}).")
    return False


def _start(workspace: Workspace, wanted: Request, at: datetime) -> bool:
    uid = wanted.batch_uid or _plan(workspace, wanted, at)
    with reading(workspace.ledger) as connection:
        batch = batch_by_uid(connection, uid)
    because = plan_replacement.void(workspace, batch)
    if because is not None:
        batch = plan_replacement.replan(workspace, wanted, because, at)
    if batch.state is not BatchState.PLANNED:
        return False
    return batch_lifecycle.start(workspace, batch)


def _plan_after_drift(workspace: Workspace, wanted: Request, at: datetime) -> bool:
    plan_replacement.replan(workspace, wanted, ReplanReason.DRIFT, at, pause=_pause(workspace, wanted))
    return True


def _plan(workspace: Workspace, wanted: Request, at: datetime) -> str:
    assert wanted.wrapped_key is not None
    assert wanted.sealed_identifiers is not None
    seal = ItemCipher(workspace.keys.wrapping)
    keys = seal.open(wanted.wrapped_key, Sealed.IDENTIFIERS, wanted.uid, wanted.sealed_identifiers)

    def belongs(connection: sa.Connection, batch_id: int) -> None:
        """In the transaction that freezes the plan: the request has this batch, and the batch alone has the keys."""
        moved = connection.execute(
            sa.update(request)
            .where(request.c.id == wanted.id, request.c.state == RequestState.STARTING.value)
            .values(
                state=RequestState.STARTED.value,
                state_at=stamp(at),
                batch_id=batch_id,
                wrapped_key=None,
                sealed_identifiers=None,
                failure=None,
                attempts=0,
                not_before=None,
            )
        ).rowcount
        if not moved:
            raise ConflictError

    batch = planner.create_plan(
        workspace,
        [keys],
        wanted.scope,
        lambda _done: None,
        None if wanted.data_types is None else frozenset(wanted.data_types),
        requested_by=wanted.asked_by,
        frozen=belongs,
    )
    return batch.uid


def _deny(workspace: Workspace, wanted: Request, at: datetime, failure: str) -> None:
    """Under this name it is not planned tomorrow either. One that was planned before waits: the store has changed."""
    if wanted.state is not RequestState.STARTING:
        _put_off(workspace, wanted, at, failure)
        return
    with workspace.ledger.begin() as connection:
        deny_unplannable(connection, wanted, at, UNUSABLE, _short(failure))


def _short(failure: str) -> str:
    return failure.splitlines()[0][: tables.LONGEST_REASON]


def _put_off(workspace: Workspace, wanted: Request, at: datetime, failure: str) -> None:
    pause = _pause(workspace, wanted)
    with workspace.ledger.begin() as connection:
        connection.execute(
            sa.update(request)
            .where(request.c.id == wanted.id)
            .values(
                attempts=request.c.attempts + 1,
                not_before=stamp(at + pause),
                failure=_short(failure),
            )
        )


def _pause(workspace: Workspace, wanted: Request) -> timedelta:
    """Before the next attempt."""
    doubled: timedelta = workspace.settings.retry_pause * 2 ** min(wanted.attempts, 16)
    return min(doubled, LONGEST_PAUSE)


def retry_immediately(connection: sa.Connection, wanted: Request) -> bool:
    """Let a request that could not be planned be tried again at once. False: it was planned since it was read."""
    changed = connection.execute(
        sa.update(request)
        .where(request.c.id == wanted.id, request.c.state == RequestState.STARTING.value)
        .values(not_before=None, attempts=0)
    )
    return bool(changed.rowcount)


def deferred(connection: sa.Connection) -> list[Request]:
    """Requests that could not be begun so far, with the reason (`failure`); the oldest first."""
    query = repository.QUERY.where(
        request.c.failure.is_not(None),
        request.c.state.in_([RequestState.STARTING.value, RequestState.STARTED.value]),
        sa.or_(
            tables.batch.c.state.is_(None),
            tables.batch.c.state.in_([BatchState.PLANNED.value, BatchState.AWAITING_APPROVAL.value]),
        ),
    ).order_by(request.c.id)
    return [repository.from_row(row) for row in connection.execute(query).mappings()]


def close_ended(workspace: Workspace) -> int:
    """Let people ask anew whose request is over. Returns how many requests that concerns."""
    over = [BatchState.SETTLED.value, BatchState.CANCELLED.value]
    with workspace.ledger.begin() as connection:
        ids = list(
            connection.scalars(
                sa.select(request.c.id)
                .join(tables.batch, tables.batch.c.id == request.c.batch_id)
                .where(tables.batch.c.state.in_(over), request.c.id.in_(sa.select(request_open.c.request_id)))
            )
        )
        for number in ids:
            close(connection, number)
    return len(ids)
