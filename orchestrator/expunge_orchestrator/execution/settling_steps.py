"""Settling steps: review after the settling time, erase again if needed, then destroy the item's key."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator import backup_copies
from expunge_orchestrator.clock import now
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution import (
    concurrent_requests,
    failure_text,
    hold_enforcement,
    leftover_reasons,
    operator_end,
    planner_samples,
    poison_isolation,
    resolve_step,
    settling_search,
    stores_followed,
)
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.execution.store_erasure import erase_in_store
from expunge_orchestrator.execution.verify_step import look_again, record_counts
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.batches import last_done, verified_at
from expunge_orchestrator.ledger.items import Item, bulk_update, destroy_keys
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import (
    collection_lines,
    earlier_lines,
    request_facts,
    shared_documents,
    statement_bodies,
    statement_issuer,
)
from expunge_orchestrator.rules import outcomes, owed, pipeline
from expunge_orchestrator.rules.outcomes import CollectionOutcome, CountRecord, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_orchestrator.rules.scope import restrict_to
from expunge_orchestrator.subjects import attributions, residual_keys


def review(context: StepContext) -> StepWrite:
    """Look again in one store, after the settling time.

    A review that is repeated, because the chunk stopped after it, keeps what the earlier one found due: it may have
    been erased again since, and is to be told. Of people who are ended it is the last look.
    """
    if context.store not in context.actions:
        return lambda _connection: Transition()
    if context.ending and not context.mapped(context.store):
        counts = look_again(context, context.concluded, _last_looks(context.concluded))
        return record_counts(context, context.concluded, counts, "reverified")
    context.require_planned_store()
    context = context.following()
    counts = look_again(context, context.concluded, _last_looks(context.concluded))
    found = {
        item.id: outcomes.max_due(counts[item.id], item.reviewed.get(context.store, {}))
        for item in context.concluded
        if item.id in counts
    }
    reviewed = record_counts(context, context.concluded, found, "reviewed")
    if not context.ending:
        return reviewed
    seen = record_counts(context, context.concluded, counts, "reverified")

    def write(connection: Transaction) -> Transition:
        reviewed(connection)
        return seen(connection)

    return write


def _last_looks(people: Sequence[Item]) -> dict[int, CountRecord]:
    """Item -> what the answer's verification saw, or a review since: what was erased again after that is not known."""
    return {item.id: outcomes.last_seen(item.verified, item.reviewed) for item in people}


def re_resolve(context: StepContext) -> StepWrite:
    """For those of whom something came back: the keys that it leads to are durable before it is erased.

    And for those of whom it was said meanwhile whose the records under a value are (`subjects.attributions`).

    If it is nobody, the chunk settles at once. Nor is anything learnt of anybody while `check` shows an error: by a map
    that does not fit it may be somebody else's, and it is kept.
    """
    again = [] if context.ending else _looked_at_again(context)
    if not again:
        onward = pipeline.first(context.batch.pipeline, pipeline.SETTLE)
        return lambda _connection: Transition(step=onward)
    if (refused := _refused(context, again)) is not None:
        return refused
    return resolve_step.resolve_people(context.following(), again)


def re_count(context: StepContext) -> StepWrite:
    """What their late keys lead to is found by now, durably, before it is erased: the review did not know of it."""
    again = [] if context.ending else [item for item in _looked_at_again(context) if item.reason is None]
    if not again:
        return lambda _connection: Transition()
    context = context.following()
    rows: dict[int, dict[str, Any]] = {item.id: {"id": item.id, "reviewed": dict(item.reviewed)} for item in again}
    for store, names in context.actions.items():
        here = replace(context, store=store)
        here.require_planned_store()
        for number, seen in restrict_to(
            look_again(here, again, _last_looks(again)), context.batch.actions[store]
        ).items():
            record = rows[number]["reviewed"]
            record[store] = outcomes.pack(outcomes.max_due(seen, record.get(store, {})), names)

    def write(connection: Transaction) -> Transition:
        bulk_update(connection, list(rows.values()))
        return Transition()

    return write


def re_erase(context: StepContext) -> StepWrite:
    """Erase again, only for people of whom the review found something due anywhere.

    Not for those whose identifiers lead to somebody else by now: the resolution has said so in their reason. Nor while
    `check` shows an error: the settling check may have begun in spite of what a stranger's rows say.
    """
    again = [] if context.ending else [item for item in with_residue(context) if item.reason is None]
    if not again or context.store not in context.actions:
        return lambda _connection: Transition()
    context.require_planned_store()
    if (refused := _refused(context, again)) is not None:
        return refused
    context = context.following()
    note = erase_in_store(context, hold_enforcement.groups_by_allowed_actions(context, again))

    def write(connection: Transaction) -> Transition:
        note(connection)
        return Transition()

    return write


def _refused(context: StepContext, people: Sequence[Item]) -> StepWrite | None:
    """While `check` shows an error these people fail in a chunk of their own, which looks again when it is taken up."""
    try:
        stores_followed.refuse_errors(context.workspace, context.batch)
    except FindingsError as error:
        why = f"settling: what came back is not erased again. {error}"
    else:
        return None

    def write(connection: Transaction) -> Transition:
        return poison_isolation.split_failed(connection, context, people, pipeline.REVIEW, why) or Transition()

    return write


def re_verify(context: StepContext) -> StepWrite:
    """Verify after erasing again, for the same people."""
    again = [] if context.ending else with_residue(context)
    if not again or context.store not in context.actions:
        return lambda _connection: Transition()
    context.require_planned_store()
    context = context.following()
    return record_counts(context, again, look_again(context, again, _last_looks(again)), "reverified")


def settle(context: StepContext) -> StepWrite:
    """State that nothing due came back, and destroy the keys that open the sealed identifiers.

    Of whom something due is left, or something that the map does not explain, fails alone, or is ended by an operator:
    the others settle.
    """
    waits = settling_search.to_wait_for_search(context)
    if waits is not None:
        return lambda _connection: waits
    again = {item.id for item in with_residue(context)}
    lines = concurrent_requests.with_left_before(
        context,
        context.concluded,
        {
            item.id: _lines(context, item, item.reverified if item.id in again else item.reviewed)
            for item in context.concluded
        },
    )
    unfinished = [item for item in context.concluded if outcomes.result(lines[item.id]) is Result.FAILED]
    searched = settling_search.findings_of(context, context.concluded)
    unexplained = {number: found for number, found in searched.items() if found.left}
    unfinished += [item for item in context.concluded if item.id in unexplained and item not in unfinished]
    lines |= _with_gone(context, lines, again.union(item.id for item in unfinished))
    kept = hold_enforcement.explained(context, lines, unfinished, unexplained)
    aside = {one.item.id for one in kept}
    left = operator_end.ended_people(context, lines, [item for item in unfinished if item.id not in aside])
    aside |= {one.item.id for one in left}
    failed = [item for item in unfinished if item.id not in aside]
    reasons = leftover_reasons.reasons(context, failed, lines, with_residue(context))
    aside |= {item.id for item in failed}
    over = [item for item in context.concluded if item.id not in aside]
    locked = [item for item in over if collection_lines.storage_retained(lines[item.id])]
    residual = operator_end.residual_places(context, locked, lines)
    listings, missing = backup_copies.observe_with_missing(context.workspace.backups, context.workspace.ledger)
    came_back = {item.id for item in over if item.id in again and collection_lines.more_is_gone(lines[item.id])}
    samples = planner_samples.drawn_for(context, over, came_back)
    at = now()  # later than what was looked at, which takes its time
    held = backup_copies.possibly_containing(listings, dict.fromkeys(context.batch.actions, at), missing)
    openable_until = backup_copies.last_day_of_ledger(listings, at, missing)
    document = shared_documents.copies_document(listings, held, context.workspace.data_map)
    copies = backup_copies.outstanding(held)
    grounds = grounds_of(context.workspace.data_map)

    def write(connection: Transaction) -> Transition:
        why = {
            f"{failure_text.failure(lines[one.id], searched.get(one.id), reasons[one.id])}"
            f"{'' if one.reason is None else f'; {one.reason}'}"
            for one in failed
        }
        said = f"settling, {len(failed)} of {len(context.items)} people: {'; '.join(sorted(why))}"
        stopped = poison_isolation.split_failed(connection, context, failed, pipeline.REVIEW, said)
        if stopped is not None:
            return stopped
        backup_copies.record(connection, listings)
        cited = statement_issuer.store_document(connection, document)
        done_at = last_done(connection, context.chunk_id)
        reviewed = verified_at(done_at, pipeline.REVIEW, at)
        reverified = verified_at(done_at, pipeline.REVIEW if context.ending or not again else pipeline.RE_VERIFY, at)
        settling_search.forget(connection, [one.item.id for one in kept])
        waiting = hold_enforcement.park(connection, context, kept, cited, at, reverified, copies)
        if waiting is not None:
            return waiting
        erased_again = [
            statement_issuer.StatementDraft(
                item.id,
                item.series,
                "re-erased",
                item.subjects,
                statement_bodies.re_erased(
                    context.batch,
                    lines[item.id],
                    grounds,
                    reverified,
                    cited,
                    cutoffs=context.cutoffs,
                ),
                owed.settling_check(at + settling_search.longest_wait(context.workspace, context.batch), copies),
            )
            for item in over
            if item.id in came_back
        ]
        statement_issuer.issue(connection, context.workspace.keys, erased_again, at)
        contact_kept = request_facts.contact_kept(connection, context.batch)
        settled = [
            statement_issuer.StatementDraft(
                item.id,
                item.series,
                "settled",
                item.subjects,
                statement_bodies.settled(
                    context.batch,
                    lines[item.id],
                    reverified if item.id in again else reviewed,
                    cited,
                    searched.get(item.id),
                    contact_kept=contact_kept,
                    openable_until=openable_until,
                    samples=samples.get(item.id, {}),
                ),
                owed.places(len(collection_lines.still_there(lines[item.id])), copies),
            )
            for item in over
        ]
        statement_issuer.issue(connection, context.workspace.keys, settled, at)
        operator_end.state_ended(
            connection,
            context,
            left,
            searched,
            at=at,
            seen=reverified,
            cited=cited,
            copies=copies,
            openable_until=openable_until,
        )
        for item in locked:
            residual_keys.keep(connection, context.workspace, item, residual[item.id], context.subject(item))
        destroy_keys(connection, context.chunk_id)
        return Transition(state=ChunkState.DONE)

    return write


def _lines(context: StepContext, item: Item, seen: CountRecord) -> Sequence[CollectionOutcome]:
    came = outcomes.found_of(item.reviewed, seen, item.erased_again)
    found = outcomes.merge_counts(item.found, item.verified, came)
    return outcomes.lines(context.actions, outcomes.found_of(found, seen, item.erased), seen)


def _with_gone(
    context: StepContext, lines: Mapping[int, Sequence[CollectionOutcome]], told: Container[int]
) -> dict[int, Sequence[CollectionOutcome]]:
    """The lines of people of whom something is to be told (items), with what is stated as gone."""
    people = [item for item in context.concluded if item.id in told]
    gone = earlier_lines.gone_so_far(context.workspace.ledger, people)
    return {item.id: outcomes.with_gone(lines[item.id], gone.get(item.series, {})) for item in people}


def _looked_at_again(context: StepContext) -> list[Item]:
    """Those with residue, and those of whom two people said whose a value is."""
    residue = {item.id for item in with_residue(context)}

    def known() -> dict[int, frozenset[SubjectKey]]:
        subjects = (context.subject(item) for item in context.concluded if item.sealed_keys is not None)
        return {one.number: one.keys | one.unclear | (one.refused or frozenset()) for one in subjects}

    said = attributions.decided(context.workspace, context.batch.scope, known)
    return [item for item in context.concluded if item.id in residue or item.id in said]


def with_residue(context: StepContext) -> list[Item]:
    """People of whom the review found something due, or whom some store left out of its answer."""
    return [
        item
        for item in context.concluded
        if any(line.outcome is Outcome.FAILED for line in outcomes.lines(context.actions, item.reviewed, item.reviewed))
    ]
