"""Outcome writer: the only writer of what was decided about a chunk's people, in the step's transaction (ADR 29)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from expunge_orchestrator import backup_copies
from expunge_orchestrator.execution import poison_isolation
from expunge_orchestrator.execution.evidence import Evidence
from expunge_orchestrator.execution.step_context import StepContext, Transition
from expunge_orchestrator.ledger import Transaction, kept_keys
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.batches import first_done, in_order, last_done, verified_at
from expunge_orchestrator.ledger.items import WITHOUT_KEYS, Item, bulk_update, destroy_keys
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import (
    collection_lines,
    request_facts,
    standard_sentences,
    statement_bodies,
    statement_issuer,
)
from expunge_orchestrator.receipts.statement_issuer import StatementDraft
from expunge_orchestrator.rules import owed, pipeline
from expunge_orchestrator.rules.outcome_decision import ChunkDecision, PersonEnd, Way, WhyLeft
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_orchestrator.subjects import residual_keys


@dataclass(frozen=True, slots=True)
class OutcomeWriter:
    """What is written of a chunk's people: collected, and then written by `apply`.

    Attributes:
        cited: The document about backup copies.
        done: The chunk's steps -> when each was done last.
        looked_before: When the last statement was made that told of an earlier look; None: there was none.
        seen: When the stores were looked at last.
        statements: In waves: of two about one person the second stands in a later wave.
        columns: Rows of people: `id`, and the columns that change.
        keys_kept: People whose keys to what is left are kept.
        apart: Who goes another way than the chunk.
    """

    connection: Transaction
    context: StepContext
    decision: ChunkDecision
    evidence: Evidence
    cited: str
    done: Mapping[str, datetime]
    looked_before: datetime | None
    seen: datetime
    statements: list[Sequence[StatementDraft]] = field(default_factory=list)
    columns: list[Mapping[str, object]] = field(default_factory=list)
    keys_kept: list[Item] = field(default_factory=list)
    apart: dict[Transition, list[int]] = field(default_factory=lambda: defaultdict(list))

    def on_way(self, way: Way) -> Iterator[tuple[Item, PersonEnd]]:
        """The people who go this way, in order."""
        for item in self.context.items:
            end = self.decision.people.get(item.id)
            if end is not None and end.way is way:
                yield item, end

    def looked_at(self, verb: str) -> datetime:
        """When the stores were looked at by another verb of the pipeline."""
        return verified_at(self.done, verb, self.evidence.at, self.looked_before)

    def counted_at(self) -> datetime:
        """When the people were counted for the first time, before anything of theirs was erased."""
        first = first_done(self.connection, self.context.chunk_id, pipeline.RECOUNT)
        return in_order(self.done, first, self.seen)

    def hold_people(self) -> None:
        """Let people on hold wait in chunks of their own, and state it where it may be told.

        A finding of the blind search serves one settling check: they wait for another.
        """
        grounds, drafts = grounds_of(self.context.workspace.data_map), []
        for item, end in self.on_way(Way.HELD):
            assert end.hold is not None
            searched, settling = self.evidence.searched.get(item.id), item.outcome is not None
            if not end.hold.undisclosed:
                body = statement_bodies.on_hold(
                    self.context.batch,
                    end.lines,
                    end.hold,
                    cutoffs=self.context.cutoffs,
                    grounds=grounds,
                    at=self.seen,
                    context=self.cited,
                    searched=searched if searched is not None and searched.left else None,
                    unread=self.context.unread(item),
                )
                still_open = owed.end_of_hold(self.evidence.copies)
                drafts.append(StatementDraft(item.id, item.series, end.result.value, item.subjects, body, still_open))
            row: dict[str, object] = {"id": item.id, "held": end.hold.uids}
            if settling:
                row["searched"] = None
            elif not end.hold.undisclosed:
                until = "" if end.hold.until is None else f", until {end.hold.until.isoformat()}"
                row |= {"outcome": end.result.value, "reason": f"on hold: {end.hold.ground}{until}"}
            self.columns.append(row)
            step = pipeline.first(self.context.batch.pipeline, pipeline.REVIEW if settling else pipeline.RESOLVE)
            failure = None if end.hold.undisclosed else "on hold"
            self.apart[Transition(step, ChunkState.HELD, failure)].append(item.id)
        self.statements.append(drafts)

    def end_people(self) -> None:
        """State what is left of people whom an operator ends, keep what leads there, and destroy their keys.

        No settling check follows. Their suppression entries stay: what was erased is to stay so after a restore, and
        the kept keys are found by them.
        """
        grounds, drafts = grounds_of(self.context.workspace.data_map), []
        contact_kept = request_facts.contact_kept(self.connection, self.context.batch)
        for item, end in self.on_way(Way.ENDED):
            searched, reason = self.evidence.searched.get(item.id), _reason(end)
            still_there = collection_lines.still_there(end.lines)
            body = statement_bodies.ended(
                self.context.batch,
                end.lines,
                cutoffs=self.context.cutoffs,
                grounds=grounds,
                at=self.seen,
                context=self.cited,
                reason=reason,
                kept=bool(still_there),
                contact_kept=contact_kept,
                openable_until=self.evidence.openable_until,
                searched=searched,
                unread=self.context.unread(item),
            )
            left = len(still_there) + (0 if searched is None else len(searched.left))
            still_open = owed.places(left, self.evidence.copies)
            drafts.append(StatementDraft(item.id, item.series, end.result.value, item.subjects, body, still_open))
            if self.evidence.places[item.id]:  # nothing in the map leads to the others
                self.keys_kept.append(item)
            self.columns.append({"id": item.id, "outcome": end.result.value, "reason": reason, **WITHOUT_KEYS})
            self.apart[Transition(state=ChunkState.DONE)].append(item.id)
        self.statements.append(drafts)

    def fail_people(self, verb: str, said: str) -> None:
        """Let people fail in a chunk of their own, to be taken up at a verb."""
        if failed := [item.id for item, _ in self.on_way(Way.FAILED)]:
            self.apart[poison_isolation.failed_at(self.context, verb, said)] = failed

    def keep_found(self) -> None:
        """Keep what is stated as found: by that the settling check goes, which states beside it what goes again."""
        found = {item.id: item.found for item in self.context.items}
        people = self.decision.people.items()
        self.columns.extend({"id": one, "found": end.found} for one, end in people if end.found != found[one])

    def apply(self, onward: Transition, seen_to_the_end: Sequence[int] = ()) -> Transition:
        """Write it all; let people who go another way do so in chunks of their own. A chunk that is done has no keys.

        Args:
            onward: Where the chunk goes with everybody else.
            seen_to_the_end: Kept keys of earlier requests (items) of which nothing is left.

        Returns:
            Where the chunk goes with those who are left in it.
        """
        for drafts in self.statements:
            statement_issuer.issue(self.connection, self.context.workspace.keys, drafts, self.evidence.at)
        for rows in _by_columns(self.columns):
            bulk_update(self.connection, rows)
        for item in self.keys_kept:
            places, person = self.evidence.places[item.id], self.context.subject(item)
            end = self.decision.people[item.id]
            look_on = collection_lines.kept_until(end.lines, item.verified) if end.way is Way.ANSWERED else None
            residual_keys.keep(self.connection, self.context.workspace, item, places, person, look_on)
        kept_keys.destroy(self.connection, seen_to_the_end)
        for way, people in self.apart.items():
            if way != onward and poison_isolation.split_off(self.connection, self.context, people, way) is not None:
                return way
        if onward.state is ChunkState.DONE:
            destroy_keys(self.connection, self.context.chunk_id)
        return onward


def begun(
    connection: Transaction, context: StepContext, decision: ChunkDecision, evidence: Evidence, *, looked: str
) -> OutcomeWriter:
    """A writer with nothing to write yet. It notes which backup copies were seen, and keeps the document that it cites.

    Args:
        connection: Of the step.
        context: Of the step.
        decision: What is written.
        evidence: What is stated beside it.
        looked: The verb by which the stores were looked at last.
    """
    backup_copies.record(connection, evidence.listings)
    cited = statement_issuer.store_document(connection, evidence.document)
    done = last_done(connection, context.chunk_id)
    before = ledger_statements.last_look_told(connection, context.chunk_id)
    seen = verified_at(done, looked, evidence.at, before)
    return OutcomeWriter(connection, context, decision, evidence, cited, done, before, seen)


def _by_columns(rows: Iterable[Mapping[str, object]]) -> Iterable[list[Mapping[str, object]]]:
    found: dict[tuple[str, ...], list[Mapping[str, object]]] = defaultdict(list)
    for row in rows:
        found[tuple(row)].append(row)
    return found.values()


def _reason(end: PersonEnd) -> str:
    match end.why_left:
        case WhyLeft.UNSEEN:
            return standard_sentences.UNSEEN
        case WhyLeft.UNEXPLAINED:
            return standard_sentences.UNEXPLAINED
        case _ if collection_lines.nothing_went(end.lines):
            return standard_sentences.ENDED_WHOLE
        case _:
            return standard_sentences.ENDED
