"""Settle step: states that nothing due came back, and destroys the keys that open the sealed identifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from expunge_orchestrator.execution import (
    concurrent_requests,
    evidence,
    failure_text,
    outcome_facts,
    outcome_writer,
    planner_samples,
    settling_search,
)
from expunge_orchestrator.execution.evidence import Evidence
from expunge_orchestrator.execution.outcome_writer import OutcomeWriter
from expunge_orchestrator.execution.planner_samples import Samples
from expunge_orchestrator.execution.settling_steps import with_residue
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import Transaction, closable_people
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import collection_lines, earlier_lines, request_facts, statement_bodies
from expunge_orchestrator.receipts.statement_issuer import StatementDraft
from expunge_orchestrator.rules import outcome_decision, owed, pipeline, successive_looks
from expunge_orchestrator.rules.outcome_decision import ChunkDecision, ChunkFacts, PersonFacts, Way
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_reports import consistency


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is stated beside the decision.

    Attributes:
        evidence: As in every step that ends people.
        again: Who were looked at once more after the review (items).
        came_back: Those of them of whom more is gone than an earlier statement says.
        kept: Of whom a law or the storage keeps something: they settle, and the keys to it are kept.
        samples: Item -> what became of planners' samples of the person.
    """

    evidence: Evidence
    again: Collection[int]
    came_back: Collection[int]
    kept: Sequence[Item]
    samples: Mapping[int, Samples]


def settle(context: StepContext) -> StepWrite:
    """State that nothing due came back, and destroy the keys that open the sealed identifiers.

    Of whom something due is left, or something that the map does not explain, fails alone, or is ended by an operator:
    the others settle.
    """
    if (waits := settling_search.to_wait_for_search(context)) is not None:
        return lambda _connection: waits
    residue = with_residue(context)
    decision = outcome_decision.decide(_gather(context, {item.id for item in residue}))
    return _apply(context, decision, _explain(context, decision, residue))


def _gather(context: StepContext, again: Collection[int]) -> ChunkFacts:
    """What is known of people of whom an answer was stated.

    Only an answer that was partial can say that something was left before. What is stated as gone is read of people of
    whom something is to be told: what came `back` (items), or what a search left.
    """
    people = context.concluded
    partly = [item for item in people if item.outcome == Result.PARTIALLY_ERASED]
    before = concurrent_requests.about(context, partly).before
    searched = settling_search.findings_of(context, people)
    told = [item for item in people if item.id in again or (item.id in searched and searched[item.id].left)]
    gone = earlier_lines.gone_so_far(context.workspace.ledger, told)
    known: dict[int, PersonFacts] = {}
    for item in people:
        seen = item.reverified if item.id in again else item.reviewed
        came = successive_looks.found_of(item.reviewed, seen, item.erased_again)
        known[item.id] = PersonFacts(
            successive_looks.merge_counts(item.found, item.verified, came),
            seen,
            item.erased,
            gone=gone.get(item.series, {}),
            before=before.get(item.id, ()),
            search=searched.get(item.id),
        )
    return outcome_facts.of_chunk(context, known)


def _explain(context: StepContext, decision: ChunkDecision, residue: Sequence[Item]) -> _Beside:
    """Ask what is stated beside the decision; people with residue were erased again together."""
    settled, again = decision.on_way(Way.ANSWERED), {item.id for item in residue}
    over = [item for item in context.concluded if item.id in settled]
    kept = [item for item in over if collection_lines.kept_for_a_time(settled[item.id].lines)]
    came_back = {number for number in settled.keys() & again if collection_lines.more_is_gone(settled[number].lines)}
    samples = planner_samples.drawn_for(context, over, came_back)
    return _Beside(evidence.gathered(context, decision, residue, kept), again, came_back, kept, samples)


def _apply(context: StepContext, decision: ChunkDecision, beside: _Beside) -> StepWrite:
    """Who settles is done; the others, and people whom an operator ends, go in chunks of their own."""
    verified_again = beside.again and not context.ending

    def write(connection: Transaction) -> Transition:
        looked = pipeline.RE_VERIFY if verified_again else pipeline.REVIEW
        writer = outcome_writer.begun(connection, context, decision, beside.evidence, looked=looked)
        _fail(writer)
        writer.hold_people()
        _erased_again(writer, beside.came_back)
        _settled(writer, beside)
        writer.end_people()
        writer.keys_kept.extend(beside.kept)
        return writer.apply(Transition(state=ChunkState.DONE))

    return write


def _fail(writer: OutcomeWriter) -> None:
    why: set[str] = set()
    failed = list(writer.on_way(Way.FAILED))
    for item, end in failed:
        beside = writer.evidence
        left = failure_text.failure(end.lines, beside.searched.get(item.id), beside.reasons[item.id])
        why.add(left if item.reason is None else f"{left}; {item.reason}")
    said = f"settling, {len(failed)} of {len(writer.context.items)} people: {'; '.join(sorted(why))}"
    writer.fail_people(pipeline.REVIEW, said)


def _erased_again(writer: OutcomeWriter, came_back: Collection[int]) -> None:
    context, beside = writer.context, writer.evidence
    wait = settling_search.longest_wait(context.workspace, context.batch)
    still_open = owed.settling_check(beside.at + wait, beside.copies)
    grounds = grounds_of(context.workspace.data_map)
    drafts = []
    for item, end in writer.on_way(Way.ANSWERED):
        if item.id in came_back:
            body = statement_bodies.re_erased(
                context.batch,
                end.lines,
                grounds,
                writer.seen,
                writer.cited,
                cutoffs=context.cutoffs,
                unread=context.unread(item),
            )
            drafts.append(StatementDraft(item.id, item.series, "re-erased", item.subjects, body, still_open))
    writer.statements.append(drafts)


def _settled(writer: OutcomeWriter, beside: _Beside) -> None:
    context, told, reviewed = writer.context, beside.evidence, writer.looked_at(pipeline.REVIEW)
    contact_kept = request_facts.contact_kept(writer.connection, context.batch)
    drafts = []
    nothing_left: dict[datetime, list[int]] = {}
    for item, end in writer.on_way(Way.ANSWERED):
        looked = writer.seen if item.id in beside.again else reviewed
        body = statement_bodies.settled(
            context.batch,
            end.lines,
            looked,
            writer.cited,
            told.searched.get(item.id),
            contact_kept=contact_kept,
            openable_until=told.openable_until,
            samples=beside.samples.get(item.id, {}),
            unread=context.unread(item),
        )
        still_open = owed.places(len(collection_lines.still_there(end.lines)), told.copies)
        drafts.append(StatementDraft(item.id, item.series, "settled", item.subjects, body, still_open))
        if not still_open.items and not consistency.leaves_something(body):
            nothing_left.setdefault(looked, []).append(item.id)
    writer.statements.append(drafts)
    for looked, people in nothing_left.items():  # from then on backup copies alone are followed
        closable_people.note_nothing_left(writer.connection, people, looked)
