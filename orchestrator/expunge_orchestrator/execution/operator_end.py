"""Operator end: ends people whom a store refuses for good, or keeps waiting, on an operator's word (ADR 8).

Nothing more is erased of them. Every place is looked at once more; who has something due left ends `partially-erased`,
each place named, and the keys that lead there are kept with the places. Who has nothing due left ends as anybody.
"""

from __future__ import annotations

from collections import defaultdict

from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_lifecycle, operator_retry
from expunge_orchestrator.holds.legal_holds import held_in_chunk
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import Transaction, batch_transitions, chunks
from expunge_orchestrator.ledger import stuck_people as ledger_stuck
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger_check import require_log_in_sync
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.scope import types_of
from expunge_orchestrator.rules.stuck_people import StuckPeople, sorted_out
from expunge_orchestrator.workspace import Workspace

_STAYS = ("state", "step", "failure", "attempts", "stuck_at", "not_before", "settle_at")
"""What people keep who are not ended, in a chunk of their own."""


def stuck_people(connection: Transaction, workspace: Workspace, batch: Batch) -> StuckPeople:
    """Look at the chunks of a batch that failed or wait."""
    people = ledger_stuck.in_batch(connection, batch.id)
    persons = workspace.data_map.person_identities
    in_chunk: dict[int, list[int]] = defaultdict(list)
    for one in people:
        in_chunk[one.chunk_id].append(one.id)
    data_types = types_of(batch.scope, workspace.data_map)
    on_hold = {
        number
        for chunk_id, theirs in in_chunk.items()
        for number, hold in held_in_chunk(connection, batch.scope, chunk_id, theirs, persons).items()
        if hold.on_types(data_types)
    }
    return sorted_out(people, on_hold)


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
