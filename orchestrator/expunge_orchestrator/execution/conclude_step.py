"""Conclude step: states each person's outcome in one statement, or decides what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expunge_connectors.errors import TransientError
from expunge_orchestrator.execution import (
    concurrent_requests,
    evidence,
    failure_text,
    outcome_facts,
    outcome_writer,
    settling_search,
)
from expunge_orchestrator.execution.evidence import Evidence
from expunge_orchestrator.execution.outcome_writer import OutcomeWriter
from expunge_orchestrator.execution.step_context import MAX_ROUNDS, StepContext, StepWrite, Transition
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.chunks import LONGEST_FAILURE
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import earlier_lines, standard_sentences, statement_bodies
from expunge_orchestrator.receipts.outcome_bodies import OutcomeBodies
from expunge_orchestrator.receipts.statement_issuer import StatementDraft
from expunge_orchestrator.rules import outcome_decision, owed, pipeline
from expunge_orchestrator.rules.outcome_decision import ChunkDecision, ChunkFacts, Move, PersonFacts, Way
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.subjects.residual_keys import ResidualKeys


def conclude(context: StepContext) -> StepWrite:
    """Say for each person what happened; go back for another round while something due is left."""
    facts, residual = _gather(context)
    decision = outcome_decision.decide(facts)
    if decision.move is not Move.ON:
        return _not_yet(context, decision.move)
    return _apply(context, facts, decision, evidence.gathered(context, decision, context.active), residual)


def _gather(context: StepContext) -> tuple[ChunkFacts, Mapping[int, Sequence[ResidualKeys]]]:
    """What is known of people without an outcome, and what ended requests about them left."""
    people = context.active
    about = concurrent_requests.about(context, people)
    # In the first round nothing is stated of anybody.
    gone = earlier_lines.gone_so_far(context.workspace.ledger, people) if context.round else {}
    known = {
        item.id: PersonFacts(
            item.found,
            item.verified,
            item.erased,
            gone=gone.get(item.series, {}),
            others=about.unfinished.get(item.id, ()),
            before=about.before.get(item.id, ()),
        )
        for item in people
    }
    may_go_on = context.repeats + 1 < MAX_ROUNDS and not context.ending
    return outcome_facts.of_chunk(context, known, another_round=may_go_on), about.residual


def _not_yet(context: StepContext, move: Move) -> StepWrite:
    """Where nothing is stated of anybody yet.

    Raises:
        TransientError: The chunk waits for another request.
    """
    if move is Move.WAIT:
        raise TransientError("another request of the same person is at work, and not finished yet.")
    again = pipeline.first(context.batch.pipeline, pipeline.RESOLVE)
    return lambda _connection: Transition(step=again)


def _apply(
    context: StepContext,
    facts: ChunkFacts,
    decision: ChunkDecision,
    beside: Evidence,
    residual: Mapping[int, Sequence[ResidualKeys]],
) -> StepWrite:
    """Who is answered waits for the settling check; the others go in chunks of their own."""

    def write(connection: Transaction) -> Transition:
        writer = outcome_writer.begun(connection, context, decision, beside, looked=pipeline.VERIFY)
        _answer(writer, facts)
        writer.end_people()
        _fail(writer, facts)
        writer.hold_people()
        writer.keep_found()
        done = [item for item, _ in writer.on_way(Way.ANSWERED)]
        over = concurrent_requests.finished(context, done, residual)
        return writer.apply(Transition(state=ChunkState.WAITING), seen_to_the_end=over)

    return write


def _answer(writer: OutcomeWriter, facts: ChunkFacts) -> None:
    """State what became of whom nothing due is left, and deny those who are ambiguous, unless that is stated."""
    context, data_map = writer.context, writer.context.workspace.data_map
    conclusions = OutcomeBodies(
        context.batch,
        cutoffs=context.cutoffs,
        grounds=facts.grounds,
        map_digest=context.workspace.map_digest,
        normalisers=sorted({one.normaliser for one in data_map.identities.values()}),
        counted=writer.counted_at(),
        at=writer.seen,
        context=[writer.cited],
    )
    wait = context.workspace.settings.settling + settling_search.longest_wait(context.workspace, context.batch)
    still_open = owed.settling_check(writer.evidence.at + wait, writer.evidence.copies)
    drafts = [
        StatementDraft(
            item.id, item.series, "denied", item.subjects, statement_bodies.denied(context.batch, item.reason or "")
        )
        for item in _not_denied(writer)
    ]
    for item, end in writer.on_way(Way.ANSWERED):
        before = facts.people[item.id].before
        before = before if before and any(line.left_before for line in end.lines) else ()
        body = conclusions.body(
            end.lines, end.result, context.unread(item), standard_sentences.LEFT_BEFORE if before else None
        )
        drafts.append(StatementDraft(item.id, item.series, end.result.value, item.subjects, body, still_open))
        reason = failure_text.describe_left(before) if before else None
        writer.columns.append({"id": item.id, "outcome": end.result.value, "reason": reason})
    writer.statements.append(drafts)


def _not_denied(writer: OutcomeWriter) -> list[Item]:
    """The ambiguous people of a chunk who were not told so already."""
    ambiguous = {item.id: item for item in writer.context.items if item.outcome == Result.AMBIGUOUS}
    denied = ledger_statements.people_with(writer.connection, ambiguous, "denied") if ambiguous else set()
    return [item for number, item in ambiguous.items() if number not in denied]


def _fail(writer: OutcomeWriter, facts: ChunkFacts) -> None:
    """Note why people fail, and let them do so in a chunk of their own."""
    why: dict[int, str] = {}
    for item, end in writer.on_way(Way.FAILED):
        named = failure_text.describe(facts.people[item.id].others)[:400]
        left = failure_text.failure(end.lines, reasons=writer.evidence.reasons[item.id])
        why[item.id] = f"{left[: LONGEST_FAILURE - len(named)]}{named}"
        writer.columns.append({"id": item.id, "outcome": end.result.value, "reason": why[item.id]})
    writer.fail_people(
        pipeline.RESOLVE,
        f"{len(why)} of {len(writer.context.items)} people: {'; '.join(sorted(set(why.values())))}",
    )
