"""Four-eyes approval of exactly one plan, by its digest."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_orchestrator.auth.persons import share_a_person
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError, NotConfirmedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_status import current_public_state
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.rules import plan_limits_and_drift


def approve(connection: sa.Connection, batch: Batch, digest: str, approver: str) -> bool:
    """Approve a plan that waits for it. Of several who approve it at once, one did; who says so again changes nothing.

    Returns:
        Whether it was approved now; False: this approver had approved exactly this plan before.

    Raises:
        UsageError: It does not wait for anybody (any more).
        NotConfirmedError: The digest is not the plan's, or the approver is who asked for it.
    """
    if batch.state is not BatchState.AWAITING_APPROVAL:
        return _again(connection, batch, digest, approver)
    if digest != batch.plan_digest:
        raise NotConfirmedError(
            "Nothing was approved: the digest given is not the plan's.",
            remedy=f"Look at the plan again: expunge status {batch.uid}",
        )
    if share_a_person(approver, batch.requested_by, issued_keys(connection)):
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
    connection.execute(
        sa.insert(tables.approval).values(batch_id=batch.id, approver=approver, digest=digest, at=stamp(now()))
    )
    return True


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

    Raises:
        BatchBlockedError: There is none.
    """
    excess = batch.plan.get("exceeded") or []
    if not excess and batch.state is not BatchState.AWAITING_APPROVAL:
        return
    approvers = connection.scalars(
        sa.select(tables.approval.c.approver).where(
            tables.approval.c.batch_id == batch.id, tables.approval.c.digest == batch.plan_digest
        )
    )
    keys = issued_keys(connection)
    approved = any(not share_a_person(one, batch.requested_by, keys) for one in approvers)
    if not approved or batch.state is BatchState.AWAITING_APPROVAL:
        exceeded = "; ".join(map(plan_limits_and_drift.describe, excess))
        raise BatchBlockedError(
            f"Nothing was touched: the plan waits for approval ({exceeded}).",
            remedy=f"Somebody else than {batch.requested_by}: expunge approve {batch.uid} --digest {batch.plan_digest}",
        )
