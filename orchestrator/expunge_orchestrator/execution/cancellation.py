"""Cancellation: withdraws people for whom no store was asked to erase, and nobody else (ADR 8)."""

from __future__ import annotations

from collections.abc import Iterable

from expunge_orchestrator.clock import now
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import Ledger, Transaction, chunks, withdrawable_people
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.batches import successor
from expunge_orchestrator.ledger.items import WITHOUT_KEYS, bulk_update
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.ledger.suppression_list import remove_entries
from expunge_orchestrator.ledger.withdrawable_people import ToWithdraw
from expunge_orchestrator.receipts import (
    acceptance,
    request_facts,
    shared_documents,
    statement_bodies,
    statement_issuer,
)
from expunge_orchestrator.rules.outcomes import Result

WITHDRAW = "withdraw"
"""Stands in the step log; it is no step of a pipeline, because it may take the place of several."""


def set_batch_apart(connection: Transaction, batch_id: int) -> None:
    """Let the withdrawable people of a cancelled batch be withdrawn, but for those in whose chunk a step is running."""
    _set_apart(connection, withdrawable_people.lock_in_batch(connection, batch_id))


def set_chunk_apart(connection: Transaction, chunk_id: int) -> None:
    """Let the withdrawable people of a cancelled batch's chunk be withdrawn, of which the caller has the next step."""
    _set_apart(connection, withdrawable_people.lock_in_chunk(connection, chunk_id))


def set_interrupted_apart(ledger: Ledger) -> None:
    """Let people of cancelled batches be withdrawn in whose chunk a step was running when its process was killed.

    Of a paused batch nobody else would: its chunks are not taken. To be called under the runner lock, before any step.
    """
    with ledger.begin() as connection:
        _set_apart(connection, withdrawable_people.lock_interrupted(connection))


def _set_apart(connection: Transaction, found: Iterable[ToWithdraw]) -> None:
    """Let these people be withdrawn, each chunk's in one of their own. The others go on."""
    for one in found:
        values = {
            "state": ChunkState.WITHDRAWING.value,
            "step": one.chunk.step,
            "not_before": None,
            "failure": None,
            "bisection_id": None,
        }
        if one.all:
            chunks.update(connection, [one.chunk.id], values)
        else:
            chunks.split(connection, one.chunk, one.people, values)


def withdraw(context: StepContext) -> StepWrite:
    """State that nothing was erased; destroy the identifiers, and what would erase these people after a restore.

    No store is asked.
    """
    at = now()

    def write(connection: Transaction) -> Transition:
        data_map = context.workspace.data_map
        plan = statement_issuer.store_document(connection, shared_documents.plan_document(context.batch, data_map))
        people = [item.id for item in context.items]
        known = ledger_statements.people_with(connection, people)
        unknown = [item for item in context.items if item.id not in known]
        opening = acceptance.drafts(connection, context.batch, data_map, unknown, plan)
        statement_issuer.issue(connection, context.workspace.keys, opening, at)
        following = successor(connection, context.batch)
        body = statement_bodies.cancelled(
            context.batch,
            plan,
            contact_kept=request_facts.contact_kept(connection, following or context.batch),
            continuation=request_facts.continuation(connection, following),
        )
        ending = [
            statement_issuer.StatementDraft(item.id, item.series, "cancelled", item.subjects, body, final=True)
            for item in context.items
        ]
        statement_issuer.issue(connection, context.workspace.keys, ending, at)
        ended = {"outcome": Result.CANCELLED.value, "reason": None}
        bulk_update(connection, [{"id": number, **ended, **WITHOUT_KEYS} for number in people])
        remove_entries(connection, people)
        return Transition(state=ChunkState.CANCELLED)

    return write
