"""Four-eyes approval of exactly one plan, by its digest. It counts as long as the key with which it was given."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.api_keys import ApiKey
from expunge_orchestrator.auth.persons import persons_of
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError, NotConfirmedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_status import current_public_state
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.request_tables import api_key
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState
from expunge_orchestrator.rules import plan_limits_and_drift

_BEGUN = (BatchState.EXECUTING, BatchState.ON_HOLD, BatchState.FAILED)
_ERASING = sa.exists().where(tables.item.c.batch_id == tables.batch.c.id, tables.item.c.touched)
"""A store was asked to erase something of somebody, or was about to be."""


def approve(connection: sa.Connection, batch: Batch, digest: str, approver: str, key: str | None = None) -> bool:
    """Approve a plan that waits for it. Of several who approve it at once, one did; who says so again changes nothing.

    Args:
        connection: In a transaction that writes.
        batch: As it was read.
        digest: Of the plan that was looked at.
        approver: Who says so.
        key: With which API key, if with one.

    Returns:
        Whether it was approved now; False: this approver had approved exactly this plan before.

    Raises:
        UsageError: It does not wait for anybody (any more).
        NotConfirmedError: The digest is not the plan's, the approver is who asked for it, or the key was revoked.
    """
    if key is not None and not api_keys.stands(connection, key):
        raise NotConfirmedError("Nothing was approved: the key was revoked.", remedy="Somebody else approves the plan.")
    if batch.state is not BatchState.AWAITING_APPROVAL:
        return _again(connection, batch, digest, approver)
    if digest != batch.plan_digest:
        raise NotConfirmedError(
            "Nothing was approved: the digest given is not the plan's.",
            remedy=f"Look at the plan again: expunge status {batch.uid}",
        )
    keys = issued_keys(connection)
    persons, requesters = persons_of(approver, keys), persons_of(batch.requested_by, keys)
    if not persons.isdisjoint(requesters):
        raise NotConfirmedError(
            "Nothing was approved: whoever asked for it cannot approve it.",
            remedy="Somebody else looks at the plan and approves it, under a login or EXPUNGE_ACTOR of their own."
            " A key that somebody issued is that person's, too.",
        )
    moved = connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch.id, tables.batch.c.state == BatchState.AWAITING_APPROVAL.value)
        .values(state=BatchState.PLANNED.value, state_at=stamp(now()), changed_by=approver)
    ).rowcount
    if not moved:  # at this moment somebody else approved it, withdrew it, or it ran out
        return _again(connection, batch_by_uid(connection, batch.uid), digest, approver)
    theirs = tables.approval.c
    connection.execute(  # one with a key that was revoked since
        sa.delete(tables.approval).where(theirs.batch_id == batch.id, theirs.approver == approver)
    )
    connection.execute(
        sa.insert(tables.approval).values(
            batch_id=batch.id,
            approver=approver,
            digest=digest,
            at=stamp(now()),
            key=key,
            persons=sorted(persons),
            requester_persons=sorted(requesters),
        )
    )
    return True


def revoke_key(connection: sa.Connection, uid: str, by: str, at: datetime) -> ApiKey:
    """End an API key, and with it what it approved, unless that has erased something. Done again, it changes nothing.

    Plans that were not begun wait for approval again. What was begun and has erased nothing is paused; it is not
    resumed, for its plan has no approval. Of whom something may be erased already, the rest goes: half of a person
    would help nobody.

    Raises:
        UsageError: There is none of that id.
    """
    ended = api_keys.revoke(connection, uid, at)
    batch = tables.batch.c
    approved = batch.id.in_(sa.select(tables.approval.c.batch_id).where(tables.approval.c.key == uid))
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
    return ended


def _again(connection: sa.Connection, batch: Batch, digest: str, approver: str) -> bool:
    """False where this approver's approval of this plan is there already.

    Raises:
        UsageError: It is not.
    """
    approval = tables.approval.c
    own = sa.select(approval.digest).where(approval.batch_id == batch.id, approval.approver == approver)
    if not batch.cancelled and digest == batch.plan_digest == connection.scalar(own):
        return False
    raise UsageError(
        f"This batch is {current_public_state(connection, batch)}: it waits for no approval.",
        remedy="`expunge status` lists the batches; those that wait are awaiting-approval.",
    )


def require_approved(connection: sa.Connection, batch: Batch) -> None:
    """A plan beyond a limit is carried out only with an approval of exactly its digest by somebody else than asked.

    Persons are those of the moment of the approval: a key that is issued later makes it neither better nor worse. One
    that was given with a key that was revoked since is none. A batch of which a store was asked to erase goes on.

    Raises:
        BatchBlockedError: There is none.
    """
    excess = batch.plan.get("exceeded") or []
    if not excess and batch.state is not BatchState.AWAITING_APPROVAL:
        return
    begun = batch.state not in UNBEGUN
    if (
        begun
        and connection.execute(sa.select(tables.batch.c.id).where(tables.batch.c.id == batch.id, _ERASING)).first()
    ):
        return
    given = tables.approval.c
    approvals = connection.execute(
        sa.select(given.persons, given.requester_persons)
        .outerjoin(api_key, api_key.c.uid == given.key)
        .where(given.batch_id == batch.id, given.digest == batch.plan_digest, api_key.c.revoked_at.is_(None))
    ).all()
    approved = any(set(one.persons).isdisjoint(one.requester_persons) for one in approvals)
    if approved and batch.state is not BatchState.AWAITING_APPROVAL:
        return
    if begun:
        raise BatchBlockedError(
            "Nothing was erased: the key with which the plan was approved was revoked since. It can only be cancelled.",
            remedy=f"expunge cancel {batch.uid}, then plan these people again and have that approved.",
        )
    exceeded = "; ".join(map(plan_limits_and_drift.describe, excess))
    raise BatchBlockedError(
        f"Nothing was touched: the plan waits for approval ({exceeded}).",
        remedy=f"Somebody else than {batch.requested_by}: expunge approve {batch.uid} --digest {batch.plan_digest}",
    )
