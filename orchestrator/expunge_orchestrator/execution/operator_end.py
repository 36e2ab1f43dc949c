"""Operator end: ends people whom a store refuses for good, or keeps waiting, on an operator's word (ADR 8).

Nothing more is erased of them. Every place is looked at once more; who has something due left ends `partially-erased`,
each place named, and the keys that lead there are kept with the places. Who has nothing due left ends as anybody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_lifecycle, operator_retry
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.holds.legal_holds import held_in_chunk
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import Transaction, batch_transitions, chunks
from expunge_orchestrator.ledger import stuck_people as ledger_stuck
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import WITHOUT_KEYS, Item, bulk_update
from expunge_orchestrator.ledger.kept_keys import Place, ResidualCount
from expunge_orchestrator.ledger_check import require_log_in_sync
from expunge_orchestrator.receipts import (
    collection_lines,
    request_facts,
    standard_sentences,
    statement_bodies,
    statement_issuer,
)
from expunge_orchestrator.rules import outcomes, owed, pipeline
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import grounds_of
from expunge_orchestrator.rules.scope import types_of
from expunge_orchestrator.subjects import residual_keys
from expunge_orchestrator.subjects.residual_keys import ResidualPlace
from expunge_orchestrator.workspace import Workspace
from expunge_reports.statement import OpenCopies


@dataclass(frozen=True, slots=True)
class StuckPeople:
    """The people of a batch who failed or wait for what may never come, by what can become of them.

    Attributes:
        endable: Chunk -> people (items) who can be ended: a store was asked to erase, or an end was stated.
        held: Chunk -> people of whom a hold is in force.
        withdrawable: Chunk -> people whom a cancel withdraws: no store was asked to erase.
        places: What is due of the endable ones as last seen.
    """

    endable: Mapping[int, Sequence[int]]
    held: Mapping[int, Sequence[int]]
    withdrawable: Mapping[int, Sequence[int]]
    places: Mapping[Place, ResidualCount]

    @property
    def number(self) -> int:
        """How many can be ended."""
        return _number(self.endable)

    @property
    def others(self) -> list[str]:
        """What becomes of the others, in words."""
        told = []
        if number := _number(self.withdrawable):
            told.append(f"Nothing was erased of {number}: `expunge retry` tries again, `expunge cancel` withdraws.")
        if number := _number(self.held):
            told.append(f"A hold is in force of {number}: lift it first (`expunge holds list`).")
        return told


_STAYS = ("state", "step", "failure", "attempts", "stuck_at", "not_before", "settle_at")
"""What people keep who are not ended, in a chunk of their own."""


def _number(people: Mapping[int, Sequence[int]]) -> int:
    return sum(map(len, people.values()))


def stuck_people(connection: Transaction, workspace: Workspace, batch: Batch) -> StuckPeople:
    """Look at the chunks of a batch that failed or wait."""
    rows = ledger_stuck.in_batch(connection, batch.id)
    persons = workspace.data_map.person_identities
    in_chunk: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        in_chunk[row.chunk_id].append(row.id)
    data_types = types_of(batch.scope, workspace.data_map)
    in_force = {
        number
        for chunk_id, people in in_chunk.items()
        for number, held in held_in_chunk(connection, batch.scope, chunk_id, people, persons).items()
        if held.on_types(data_types)
    }
    endable, held, withdrawable = (defaultdict[int, list[int]](list) for _ in range(3))
    people_in, records_in = Counter[Place](), Counter[Place]()
    for row in rows:
        if row.withdrawable:
            withdrawable[row.chunk_id].append(row.id)
        elif row.outcome == Result.AMBIGUOUS:
            continue  # denied: nothing of theirs is due, they go where their chunk goes
        elif row.id in in_force:
            held[row.chunk_id].append(row.id)
        else:
            endable[row.chunk_id].append(row.id)
            for (store, name), due in outcomes.due_places(row.seen).items():
                people_in[store, name] += 1
                records_in[store, name] += due
    places = {place: ResidualCount(number, records_in[place]) for place, number in sorted(people_in.items())}
    return StuckPeople(endable, held, withdrawable, places)


def end(
    workspace: Workspace, batch: Batch, actor: str, also: batch_lifecycle.OnCommit = batch_lifecycle.nothing
) -> bool:
    """Let the stuck people of a batch who can be ended end where they are. The runner looks at them and concludes.

    Said again while it does, it changes nothing: whoever said so may have died, or lost the answer. In a paused batch
    it does so as well, for nothing is erased. The others stay what they are, in chunks of their own. The check of map
    and stores is not asked: a right that was taken away is an error there, and may be the reason. Names of the ledger
    that the map does not have are: under others nothing would be seen, and nothing stated as left.

    Returns:
        Whether anybody is ended by this; False: they are at it.

    Raises:
        BatchBlockedError: Nobody can be ended.
        LedgerBehindError: The ledger is older than its log.
        FindingsError: The ledger names what the map does not have.
    """
    workspace.refuse_unmapped_names()
    log = read_log(workspace.settings, workspace.data_map.operator, workspace.keys)
    require_log_in_sync(workspace.ledger, log)
    with workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with the placing of holds
        stuck = stuck_people(connection, workspace, batch)
        if not stuck.number and ledger_stuck.count_ending(connection, batch.id):
            return False
        if not stuck.number:
            raise BatchBlockedError(
                "Nobody of this batch can be ended: an end is for people whom a store refuses, or keeps waiting, after"
                " erasing had begun.",
                remedy=" ".join(stuck.others) or f"expunge status {batch.uid} shows how far it is.",
            )
        for chunk_id in stuck.endable:
            row = ledger_stuck.lock(connection, chunk_id)
            if row is None:
                continue  # taken up at this moment
            if others := [*stuck.withdrawable.get(chunk_id, ()), *stuck.held.get(chunk_id, ())]:
                chunks.split(connection, row, others, {name: getattr(row, name) for name in _STAYS})
            erasing = row.step <= pipeline.first(batch.pipeline, pipeline.CONCLUDE)
            step = pipeline.first(batch.pipeline, pipeline.VERIFY if erasing else pipeline.REVIEW)
            operator_retry.take_up(connection, chunk_id, step, ending=True)
        batch_transitions.update(connection, batch.id, {"changed_by": actor})
        batch_lifecycle.sync_state(connection, [batch.id])
        also(connection)
    return True


@dataclass(frozen=True, slots=True)
class EndedPerson:
    """A person who ends with something left, with the lines that say so and the places that the kept keys lead to.

    Attributes:
        reason: Why something is left, in words.
    """

    item: Item
    lines: Sequence[CollectionOutcome]
    places: Sequence[ResidualPlace]
    reason: str


def ended_people(
    context: StepContext, judged: Mapping[int, Sequence[CollectionOutcome]], unfinished: Iterable[Item]
) -> list[EndedPerson]:
    """Those of an ending chunk's unfinished people of whom every place was looked at and no hold is in force.

    A place in a store that is not built as it was planned may be left out: it is stated as left, with what was found.
    """
    if not context.ending:
        return []
    unseen = context.following().any_out_of_sight
    data_types = types_of(context.batch.scope, context.workspace.data_map)
    in_force = {number for number, held in context.held.items() if held.on_types(data_types)}
    people = [
        item
        for item in unfinished
        if item.id not in in_force
        and all(line.verified is not None or line.store in unseen for line in judged[item.id])
    ]
    lines = {
        item.id: [_left(item, line) if line.outcome is Outcome.FAILED else line for line in judged[item.id]]
        for item in people
    }
    places = residual_places(context, people, lines)
    return [
        EndedPerson(
            item,
            lines[item.id],
            places[item.id],
            _reason(judged[item.id]),
        )
        for item in people
    ]


def _reason(lines: Sequence[CollectionOutcome]) -> str:
    if any(line.verified is None for line in lines):
        return standard_sentences.UNSEEN
    failed = any(line.outcome is Outcome.FAILED for line in lines)
    if not failed:
        return standard_sentences.UNEXPLAINED
    return standard_sentences.ENDED_WHOLE if collection_lines.nothing_went(lines) else standard_sentences.ENDED


def _left(item: Item, line: CollectionOutcome) -> CollectionOutcome:
    """The line of a collection in which something is left, or that was not looked at: then all that was ever found."""
    if line.verified is not None:
        return line._replace(outcome=Outcome.LEFT)
    records = (item.found, item.verified, item.reviewed, item.reverified)
    most = max(line.gone_before, *(outcomes.records_in(one, line.store, line.collection) for one in records))
    return line._replace(
        outcome=Outcome.LEFT, found=RecordCounts(due=most), verified=RecordCounts(due=most), unseen=True
    )


def residual_places(
    context: StepContext, people: Sequence[Item], lines: Mapping[int, Sequence[CollectionOutcome]]
) -> dict[int, list[ResidualPlace]]:
    """Item -> where something is left of these people or kept by the storage, and whether the kept keys lead there.

    The stores are asked once more, by these keys alone: what only an e-mail led to is not found by them. A store that
    cannot be asked answers nothing: a later request judges by the data map, which says what leads there.
    """
    if not people:
        return {}
    context = context.following()
    data_map = context.workspace.data_map
    left = {
        item.id: {
            (line.store, line.collection): line.verified
            for line in lines[item.id]
            if line.verified is not None and (_left_here(line) or outcomes.kept_by_storage(line.verified))
        }
        for item in people
    }
    found: dict[int, Mapping[Place, RecordCounts]] = {item.id: {} for item in people}
    for store in sorted({store for places in left.values() for store, _ in places}):
        theirs = [item for item in people if any(one == store for one, _ in left[item.id])]
        if context.out_of_sight(store):
            continue
        subjects = [
            replace(one, keys=residual_keys.lasting(one.keys, data_map))
            for one in context.subjects(theirs, store, to_look=True)
        ]
        counts = context.workspace.stores[store].verify(subjects, context.batch.scope, context.cutoffs[store])
        for number, tallies in counts.items():
            found[number] = {**found[number], **{(store, name): one for name, one in tallies.items()}}
    return {
        number: [
            ResidualPlace(*place, reached=_records(found[number].get(place)) >= _records(seen))
            for place, seen in places.items()
        ]
        for number, places in left.items()
    }


def _left_here(line: CollectionOutcome) -> bool:
    """Whether this request left something: to what an earlier one left, that one's keys lead."""
    assert line.verified is not None
    return line.outcome is Outcome.LEFT and (line.verified.due > 0 or not line.left_before)


def _records(seen: RecordCounts | None) -> int:
    return 0 if seen is None else seen.due + seen.retained


def state_ended(  # noqa: PLR0913 - what their statement says
    connection: Transaction,
    context: StepContext,
    ended: Sequence[EndedPerson],
    searched: Mapping[int, BlindFinding],
    *,
    at: datetime,
    seen: datetime,
    cited: str,
    copies: OpenCopies,
    openable_until: date | None,
) -> None:
    """State what is left of these people, keep what leads there, and destroy their keys. No settling check follows.

    Their suppression entries stay: what was erased is to stay so after a restore, and the kept keys are found by them.
    """
    grounds = grounds_of(context.workspace.data_map)
    contact_kept = request_facts.contact_kept(connection, context.batch)
    drafts = []
    for one in ended:
        found = searched.get(one.item.id)
        still_there = collection_lines.still_there(one.lines)
        body = statement_bodies.ended(
            context.batch,
            one.lines,
            cutoffs=context.cutoffs,
            grounds=grounds,
            at=seen,
            context=cited,
            reason=one.reason,
            kept=bool(still_there),
            contact_kept=contact_kept,
            openable_until=openable_until,
            searched=found,
        )
        left = len(still_there) + (0 if found is None else len(found.left))
        event = Result.PARTIALLY_ERASED.value
        drafts.append(
            statement_issuer.StatementDraft(
                one.item.id, one.item.series, event, one.item.subjects, body, owed.places(left, copies)
            )
        )
        if one.places:  # nothing in the map leads to the others
            residual_keys.keep(connection, context.workspace, one.item, one.places, context.subject(one.item))
    statement_issuer.issue(connection, context.workspace.keys, drafts, at)
    stated = {"outcome": Result.PARTIALLY_ERASED.value, **WITHOUT_KEYS}
    bulk_update(connection, [{"id": one.item.id, "reason": one.reason, **stated} for one in ended])
