"""Four-eyes approval of exactly one plan, by its digest. It counts as long as the key with which it was given."""

from __future__ import annotations

from datetime import datetime

from expunge_config.errors import UsageError
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.api_keys import ApiKey
from expunge_orchestrator.auth.persons import persons_of
from expunge_orchestrator.errors import BatchBlockedError, NotConfirmedError
from expunge_orchestrator.ledger import Transaction, approvals, key_rows
from expunge_orchestrator.ledger.batch_status import current_public_state
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.states import UNBEGUN, BatchState
from expunge_orchestrator.rules import plan_limits_and_drift


def approve(connection: Transaction, batch: Batch, digest: str, approver: str, key: str | None = None) -> bool:
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
    if key is not None and not key_rows.stands(connection, key):
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
    if not approvals.let_begin(connection, batch.id, approver):
        return _again(connection, batch_by_uid(connection, batch.uid), digest, approver)
    approvals.insert(
        connection, batch.id, approver=approver, digest=digest, key=key, persons=persons, requesters=requesters
    )
    return True


def revoke_key(connection: Transaction, uid: str, by: str, at: datetime) -> ApiKey:
    """End an API key, and with it what it approved, unless that has erased something. Done again, it changes nothing.

    Plans that were not begun wait for approval again. What was begun and has erased nothing is paused; it is not
    resumed, for its plan has no approval. Of whom something may be erased already, the rest goes: half of a person
    would help nobody.

    Raises:
        UsageError: There is none of that id.
    """
    ended = api_keys.revoke(connection, uid, at)
    approvals.take_back(connection, uid, by, at)
    return ended


def _again(connection: Transaction, batch: Batch, digest: str, approver: str) -> bool:
    """False where this approver's approval of this plan is there already.

    Raises:
        UsageError: It is not.
    """
    own = approvals.digest_approved_by(connection, batch.id, approver)
    if not batch.cancelled and digest == batch.plan_digest == own:
        return False
    raise UsageError(
        f"This batch is {current_public_state(connection, batch)}: it waits for no approval.",
        remedy="`expunge status` lists the batches; those that wait are awaiting-approval.",
    )


def require_approved(connection: Transaction, batch: Batch) -> None:
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
    if begun and approvals.is_erasing(connection, batch.id):
        return
    given = approvals.standing(connection, batch.id, batch.plan_digest)
    approved = any(set(one.persons).isdisjoint(one.requester_persons) for one in given)
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
