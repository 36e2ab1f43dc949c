"""Conclude step: states each person's outcome in one statement, or decides what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expunge_orchestrator import backup_copies
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import (
    concurrent_requests,
    failure_text,
    hold_enforcement,
    leftover_reasons,
    operator_end,
    poison_isolation,
    settling_search,
)
from expunge_orchestrator.execution.concurrent_requests import ConcurrentRequest, LeftBefore
from expunge_orchestrator.execution.step_context import MAX_ROUNDS, StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import Transaction, kept_keys
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.batches import first_done, in_order, last_done, verified_at
from expunge_orchestrator.ledger.chunks import LONGEST_FAILURE
from expunge_orchestrator.ledger.items import Item, bulk_update, update_items
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import (
    earlier_lines,
    shared_documents,
    standard_sentences,
    statement_bodies,
    statement_issuer,
)
from expunge_orchestrator.receipts.outcome_bodies import OutcomeBodies
from expunge_orchestrator.rules import outcomes, owed, pipeline
from expunge_orchestrator.rules.outcomes import CollectionOutcome, CountRecord, Result
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_orchestrator.subjects.residual_keys import ResidualKeys


def conclude(context: StepContext) -> StepWrite:
    """Say for each person what happened; go back for another round while something due is left."""
    others, residual = concurrent_requests.unfinished(context, context.active)
    before = concurrent_requests.left_before(context, context.active, residual)
    judged = _judged(context, others, before)
    unreached = {
        number: concurrent_requests.describe_left(before[number]) for number in before if _left_before(judged[number])
    }
    results = {number: outcomes.result(lines) for number, lines in judged.items()}
    unfinished = [item for item in context.active if results[item.id] is Result.FAILED]
    kept = hold_enforcement.explained(context, judged, unfinished)
    waiting = {one.item.id for one in kept}
    failed = [item for item in unfinished if item.id not in waiting]
    concurrent_requests.wait_for_running(others, failed)
    left = operator_end.ended_people(context, judged, failed)
    over = {one.item.id for one in left}
    failed = [item for item in failed if item.id not in over]
    if failed and context.repeats + 1 < MAX_ROUNDS and not context.ending:
        again = pipeline.first(context.batch.pipeline, pipeline.RESOLVE)
        return lambda _connection: Transition(step=again)
    reasons = leftover_reasons.reasons(context, failed, judged, context.active)
    listings, missing = backup_copies.observe_with_missing(context.workspace.backups, context.workspace.ledger)
    at = now()  # later than what was looked at, which takes its time
    held = backup_copies.possibly_containing(listings, dict.fromkeys(context.batch.actions, at), missing)
    copies = backup_copies.outstanding(held)
    still_open = owed.settling_check(
        at + context.workspace.settings.settling + settling_search.longest_wait(context.workspace, context.batch),
        copies,
    )
    grounds = grounds_of(context.workspace.data_map)

    def write(connection: Transaction) -> Transition:
        backup_copies.record(connection, listings)
        cited = statement_issuer.store_document(
            connection, shared_documents.copies_document(listings, held, context.workspace.data_map)
        )
        done_at = last_done(connection, context.chunk_id)
        verified = verified_at(done_at, pipeline.VERIFY, at)
        conclusions = OutcomeBodies(
            context.batch,
            cutoffs=context.cutoffs,
            grounds=grounds,
            map_digest=context.workspace.map_digest,
            normalisers=sorted({one.normaliser for one in context.workspace.data_map.identities.values()}),
            counted=in_order(done_at, first_done(connection, context.chunk_id, pipeline.RECOUNT), verified),
            at=verified,
            context=[cited],
        )
        drafts, ended = [], []
        ambiguous = _not_denied(connection, [item for item in context.items if item.outcome == Result.AMBIGUOUS])
        for item in context.items:
            if item.id in ambiguous:
                drafts.append(_draft(item, "denied", statement_bodies.denied(context.batch, item.reason or "")))
            elif item.id in results and results[item.id] is not Result.FAILED:
                result = results[item.id]
                reason = standard_sentences.LEFT_BEFORE if item.id in unreached else None
                told = conclusions.body(judged[item.id], result, context.unread(item), reason)
                drafts.append(
                    statement_issuer.StatementDraft(item.id, item.series, result.value, item.subjects, told, still_open)
                )
                ended.append({"id": item.id, "outcome": result.value, "reason": unreached.get(item.id)})
        done = [item for item in context.active if results[item.id] is not Result.FAILED]
        _finish(connection, context, done, residual)
        statement_issuer.issue(connection, context.workspace.keys, drafts, at)
        searched = settling_search.findings_of(context, [one.item for one in left])
        operator_end.state_ended(
            connection,
            context,
            left,
            searched,
            at=at,
            seen=verified,
            cited=cited,
            copies=copies,
            openable_until=backup_copies.last_day_of_ledger(listings, at, missing),
        )
        why = {
            item.id: f"{left_over[: LONGEST_FAILURE - len(named)]}{named}"
            for item in failed
            for left_over in [failure_text.failure(judged[item.id], reasons=reasons[item.id])]
            for named in [concurrent_requests.describe(others.get(item.id, ()))[:400]]
        }
        ended += [
            {"id": number, "outcome": Result.FAILED.value, "reason": reason[:LONGEST_FAILURE]}
            for number, reason in why.items()
        ]
        bulk_update(connection, ended)
        aside = hold_enforcement.park(connection, context, kept, cited, at, verified, copies)
        if aside is not None:
            return aside
        ended_here = poison_isolation.split_off(
            connection, context, [one.item for one in left], Transition(state=ChunkState.DONE)
        )
        return (
            ended_here
            or poison_isolation.split_failed(connection, context, failed, pipeline.RESOLVE, _said(context, why))
            or Transition(state=ChunkState.WAITING)
        )

    return write


def _finish(
    connection: Transaction, context: StepContext, done: Sequence[Item], left: Mapping[int, Sequence[ResidualKeys]]
) -> None:
    """Destroy what these people's requests have seen to the end of what was `left`, and keep what is stated as found.

    By that the settling check goes: what is erased again is told beside it.
    """
    anew = [item for item in context.active if _found(item) != item.found]
    update_items(connection, [{"id": item.id, "found": _found(item)} for item in anew])
    kept_keys.destroy(connection, concurrent_requests.finished(context, done, left))


def _found(item: Item) -> CountRecord:
    return outcomes.found_of(item.found, item.verified, item.erased)


def _judged(
    context: StepContext,
    others: Mapping[int, Sequence[ConcurrentRequest]],
    before: Mapping[int, Sequence[LeftBefore]],
) -> dict[int, list[CollectionOutcome]]:
    """Item -> its lines, none of which says more than other requests allow, or takes back what was stated."""
    people = context.active
    # In the first round nothing is stated of anybody.
    gone = earlier_lines.gone_so_far(context.workspace.ledger, people) if context.round else {}
    return {
        item.id: concurrent_requests.as_left(
            concurrent_requests.downgrade(
                outcomes.with_gone(
                    outcomes.lines(context.actions, _found(item), item.verified), gone.get(item.series, {})
                ),
                others.get(item.id, ()),
            ),
            before.get(item.id, ()),
        )
        for item in people
    }


def _left_before(lines: Sequence[CollectionOutcome]) -> bool:
    return any(line.left_before for line in lines)


def _said(context: StepContext, why: Mapping[int, str]) -> str:
    """What a chunk says of those who failed."""
    return f"{len(why)} of {len(context.items)} people: {'; '.join(sorted(set(why.values())))}"


def _not_denied(connection: Transaction, ambiguous: Sequence[Item]) -> set[int]:
    """Those of the ambiguous people of a chunk who were not told so already."""
    people = {item.id for item in ambiguous}
    return people - ledger_statements.people_with(connection, people, "denied") if people else people


def _draft(item: Item, event: str, body: Mapping[str, object]) -> statement_issuer.StatementDraft:
    return statement_issuer.StatementDraft(item.id, item.series, event, item.subjects, body)
