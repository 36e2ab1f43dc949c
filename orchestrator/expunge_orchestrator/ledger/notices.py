"""Notices in the ledger: webhooks and letters to be delivered, claimed one by one, kept for a while, forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import requests, tables
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.request_tables import notice, request, request_tag
from expunge_orchestrator.ledger.requests import Origin, Request
from expunge_orchestrator.ledger.states import BatchState

NEVER = "9999-12-31T00:00:00Z"
"""`not_before` of what was given up. Who sets it to now has it tried again."""

_OVER = sa.or_(
    request.c.state.in_([RequestState.CANCELLED.value, RequestState.DENIED.value]),
    tables.batch.c.state.in_([BatchState.CANCELLED.value, BatchState.SETTLED.value]),
)
"""From then on the person can ask anew."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Not delivered: to be tried again, and given up."""

    waiting: int
    given_up: int


def requests_with_news(
    connection: sa.Connection,
    after: int,
    limit: int,
    *,
    final: Collection[str],
    told_of: Mapping[BatchState, str],
) -> list[Request]:
    """Candidates in the order of their number: what may be told of them was not told yet.

    Args:
        connection: Reads.
        after: Only those with a higher number.
        limit: How many at the most.
        final: `told` of those of whom nothing follows; they are not looked at again.
        told_of: State of a batch -> `told` once that was told.
    """
    state, last = tables.batch.c.state, request.c.told
    news = sa.or_(_OVER, *(sa.and_(state == one.value, last != word) for one, word in told_of.items()))
    query = requests.QUERY.where(
        request.c.id > after, sa.or_(last.is_(None), sa.and_(last.not_in(sorted(final)), news))
    ).order_by(request.c.id)
    return requests.read(connection, query.limit(limit))


def has_earlier_untold(connection: sa.Connection, wanted: Request, final: Collection[str]) -> bool:
    """Whether the end of an earlier request of this person is not told yet."""
    ours, theirs = request_tag.alias(), request_tag.alias()
    query = (
        sa.select(request.c.id)
        .join(theirs, theirs.c.request_id == request.c.id)
        .join(ours, ours.c.tag == theirs.c.tag)
        .outerjoin(tables.batch, tables.batch.c.id == request.c.batch_id)
        .where(
            ours.c.request_id == wanted.id,
            request.c.id < wanted.id,
            request.c.origin == Origin.PERSON.value,
            _OVER,
            sa.or_(request.c.told.is_(None), request.c.told.not_in(sorted(final))),
        )
        .limit(1)
    )
    return connection.scalar(query) is not None


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Notices to be delivered, in the transaction of what they tell."""
    if rows:
        connection.execute(sa.insert(notice), rows)


def outstanding(connection: sa.Connection) -> Outstanding:
    """How many are not delivered."""
    given_up = notice.c.not_before == NEVER
    row = connection.execute(
        sa.select(
            sa.func.count().filter(sa.not_(given_up)).label("waiting"), sa.func.count().filter(given_up).label("lost")
        ).where(notice.c.delivered_at.is_(None))
    ).one()
    return Outstanding(row.waiting, row.lost)


def due(
    connection: sa.Connection, at: datetime, limit: int, *, but: Collection[str], of_accounts: Collection[str]
) -> Sequence[Mapping[str, Any]]:
    """The first rows to be delivered now: no earlier one of the same request and channel waits.

    Args:
        connection: Reads.
        at: Now.
        limit: How many at the most.
        but: Channels that are left alone.
        of_accounts: Events that keep their order over all requests of a person.
    """
    before = notice.alias()
    ours, theirs = request_tag.alias(), request_tag.alias()
    of_the_person = (
        sa.select(theirs.c.request_id)
        .join(ours, ours.c.tag == theirs.c.tag)
        .where(ours.c.request_id == notice.c.request_id)
        .correlate(notice)
    )
    accounts = sorted(of_accounts)
    earlier = sa.select(before.c.id).where(
        sa.or_(
            before.c.request_id == notice.c.request_id,
            sa.and_(notice.c.event.in_(accounts), before.c.event.in_(accounts), before.c.request_id.in_(of_the_person)),
        ),
        before.c.channel == notice.c.channel,
        before.c.id < notice.c.id,
        before.c.delivered_at.is_(None),
        before.c.not_before != NEVER,
    )
    query = (
        sa.select(notice)
        .where(
            notice.c.delivered_at.is_(None),
            notice.c.not_before <= stamp(at),
            notice.c.channel.not_in(list(but)),
            ~earlier.exists(),
        )
        .order_by(notice.c.id)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def claim(connection: sa.Connection, row: Mapping[str, Any], until: datetime) -> bool:
    """Take a row that was read for one attempt. False: another process took it since."""
    taken = connection.execute(
        sa.update(notice)
        .where(notice.c.id == row["id"], notice.c.attempts == row["attempts"])
        .values(attempts=notice.c.attempts + 1, not_before=stamp(until))
    )
    return bool(taken.rowcount)


def update(connection: sa.Connection, number: int, values: Mapping[str, Any]) -> None:
    """What became of an attempt; nothing, where it is delivered already."""
    connection.execute(sa.update(notice).where(notice.c.id == number, notice.c.delivered_at.is_(None)).values(**values))


def any_delivered_before(connection: sa.Connection, moment: datetime) -> bool:
    """Whether `forget_delivered` has something to do."""
    old = sa.select(notice.c.id).where(notice.c.delivered_at < stamp(moment)).limit(1)
    return connection.scalar(old) is not None


def forget_delivered(connection: sa.Connection, before: datetime) -> None:
    """Drop what was delivered before."""
    connection.execute(sa.delete(notice).where(notice.c.delivered_at < stamp(before)))
