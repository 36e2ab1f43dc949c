"""Approvals of plans: given, taken back with the key with which they were given, and looked up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.request_tables import api_key
from expunge_orchestrator.ledger.states import BatchState

_BEGUN = (BatchState.EXECUTING, BatchState.ON_HOLD, BatchState.FAILED)
_ERASING = sa.exists().where(tables.item.c.batch_id == tables.batch.c.id, tables.item.c.touched)
"""A store was asked to erase something of somebody, or was about to be."""


class Approval(NamedTuple):
    """Which persons stood behind who approved, and behind who asked, at that moment."""

    persons: Sequence[str]
    requester_persons: Sequence[str]


def let_begin(connection: sa.Connection, batch_id: int, approver: str) -> bool:
    """The plan waits no longer. False: somebody approved or withdrew it since it was read, or it ran out."""
    return bool(
        connection.execute(
            sa.update(tables.batch)
            .where(tables.batch.c.id == batch_id, tables.batch.c.state == BatchState.AWAITING_APPROVAL.value)
            .values(state=BatchState.PLANNED.value, state_at=stamp(now()), changed_by=approver)
        ).rowcount
    )


def insert(  # noqa: PLR0913 - the row's columns
    connection: sa.Connection,
    batch_id: int,
    *,
    approver: str,
    digest: str,
    key: str | None,
    persons: Collection[str],
    requesters: Collection[str],
) -> None:
    """Who approved it; in place of an earlier one of theirs, with a key that was revoked since."""
    theirs = tables.approval.c
    connection.execute(sa.delete(tables.approval).where(theirs.batch_id == batch_id, theirs.approver == approver))
    connection.execute(
        sa.insert(tables.approval).values(
            batch_id=batch_id,
            approver=approver,
            digest=digest,
            at=stamp(now()),
            key=key,
            persons=sorted(persons),
            requester_persons=sorted(requesters),
        )
    )


def digest_approved_by(connection: sa.Connection, batch_id: int, approver: str) -> str | None:
    """The digest of the plan that this approver approved; None: they did not."""
    theirs = tables.approval.c
    return connection.scalar(sa.select(theirs.digest).where(theirs.batch_id == batch_id, theirs.approver == approver))


def standing(connection: sa.Connection, batch_id: int, digest: str) -> list[Approval]:
    """The approvals of exactly this plan, but for those with a key that was revoked since."""
    given = tables.approval.c
    rows = connection.execute(
        sa.select(given.persons, given.requester_persons)
        .outerjoin(api_key, api_key.c.uid == given.key)
        .where(given.batch_id == batch_id, given.digest == digest, api_key.c.revoked_at.is_(None))
    )
    return [Approval(*row) for row in rows]


def is_erasing(connection: sa.Connection, batch_id: int) -> bool:
    """Whether a store was asked to erase something of the batch, or was about to be."""
    found = sa.select(tables.batch.c.id).where(tables.batch.c.id == batch_id, _ERASING)
    return connection.execute(found).first() is not None


def take_back(connection: sa.Connection, key: str, by: str, at: datetime) -> None:
    """What was approved with this key has no approval any more, unless it has erased something.

    Plans that were not begun wait again. What was begun and has erased nothing is paused.
    """
    batch = tables.batch.c
    approved = batch.id.in_(sa.select(tables.approval.c.batch_id).where(tables.approval.c.key == key))
    connection.execute(
        sa.update(tables.batch)
        .where(approved, batch.state == BatchState.PLANNED.value)
        .values(state=BatchState.AWAITING_APPROVAL.value, state_at=stamp(at), changed_by=by)
    )
    connection.execute(
        sa.update(tables.batch)
        .where(approved, batch.state.in_([state.value for state in _BEGUN]), ~_ERASING)
        .values(state=BatchState.PAUSED.value, state_at=stamp(at), paused_at=stamp(at), changed_by=by)
    )
