"""Cancel a batch on an operator's word (ADR 8), in one ledger transaction; the runner then withdraws people.

A step that is running is let end: its writes count. `also` writes in that transaction.
"""

from __future__ import annotations

from expunge_config.errors import UsageError
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger import Ledger, Transaction, batch_transitions, withdrawable_people
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid, successor
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.states import BatchState


def cancel(ledger: Ledger, batch: Batch, actor: str, also: batch_lifecycle.OnCommit = batch_lifecycle.nothing) -> bool:
    """Withdraw the people of a batch for whom no store was asked to erase (ADR 8). False: it was cancelled before.

    The runner states it, person by person. Everybody else goes on as if there had been no cancel; of a paused batch,
    when it is resumed.

    Raises:
        UsageError: Its plan was replaced by another one: what was asked for goes on by that.
        BatchBlockedError: Nobody can be withdrawn. The batch stays what it is.
    """
    with ledger.begin() as connection:
        serialise_writers(connection)  # with the steps that are taken, and with what they touch
        marked = batch_transitions.mark_cancelled(connection, batch.id, actor)
        if marked and not withdrawable_people.any_in_batch(connection, batch.id):
            raise _too_late(batch)
        if not marked and successor(connection, batch) is not None:
            raise UsageError(
                "Nothing was withdrawn: this plan had been replaced by another one.",
                remedy="Look which batch the request has now (`batch`), and cancel that.",
            )
        if marked:
            batch_lifecycle.sync_state(connection, [batch.id])
        also(connection)
    return marked


def refuse_too_late(connection: Transaction, batch: Batch) -> None:
    """Make sure that a cancel came in time for somebody: the step that was running may have stated their end.

    Raises:
        BatchBlockedError: It came for nobody. The batch is what it would be without it.
    """
    now_is = batch_by_uid(connection, batch.uid)
    if not now_is.cancelled and now_is.state is not BatchState.CANCELLED:
        raise _too_late(batch)


def _too_late(batch: Batch) -> BatchBlockedError:
    return BatchBlockedError(
        "Nobody of this batch can be withdrawn: a store was asked to erase of everybody, or their end was stated.",
        remedy=f"expunge status {batch.uid} shows how far it is. What failed is finished by"
        f" `expunge retry {batch.uid}`, or ended by `expunge end {batch.uid}`.",
    )
