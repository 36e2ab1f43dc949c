"""Operator end: ends people whom a store refuses for good, or keeps waiting, on an operator's word (ADR 8).

Nothing more is erased of them. Every place is looked at once more; who has something due left ends `partially-erased`,
each place named, and the keys that lead there are kept with the places. Who has nothing due left ends as anybody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_lifecycle, operator_retry
from expunge_orchestrator.holds.legal_holds import held_in_chunk
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import Transaction, batch_transitions, chunks
from expunge_orchestrator.ledger import stuck_people as ledger_stuck
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.kept_keys import ResidualCount
from expunge_orchestrator.ledger_check import require_log_in_sync
from expunge_orchestrator.receipts import (
    statement_issuer,
)
from expunge_orchestrator.rules import outcomes, pipeline
from expunge_orchestrator.rules.outcomes import Place, Result
from expunge_orchestrator.rules.scope import types_of
from expunge_orchestrator.workspace import Workspace


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
