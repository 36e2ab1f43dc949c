"""A command whose ledger another process is running waits for it instead of failing, and the work is done once."""

from __future__ import annotations

import threading
import time

import sqlalchemy as sa
from tests.support.installation import Installation

from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.execution.runner import rests
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.runner_lock import runner_lock
from expunge_orchestrator.ledger.states import BatchState


def test_erase_waits_for_the_running_process_and_then_does_the_work(installation: Installation) -> None:
    batch = installation.plan(f"user_id\n{installation.calltrack.take_holders()[0]}\n")
    ended = threading.Event()

    def erase() -> None:
        installation.erase(batch)
        ended.set()

    thread = threading.Thread(target=erase)
    with runner_lock(installation.workspace.ledger):
        thread.start()
        time.sleep(1.0)
        assert not ended.is_set()
        assert installation.outcomes(batch) == {"open": 1}
    thread.join(timeout=60)
    assert ended.is_set()
    assert installation.outcomes(batch) == {"partially-erased": 1}


def test_a_batch_whose_chunks_are_through_has_not_ended_before_it_says_so(installation: Installation) -> None:
    """Between the last chunk's end and the batch's: whoever waits would call it unfinished, with nobody open."""
    batch = installation.plan(f"user_id\n{installation.calltrack.take_holders()[0]}\n")
    installation.erase(batch)
    ledger = installation.workspace.ledger
    with ledger.begin() as connection:
        connection.execute(
            sa.update(tables.batch).where(tables.batch.c.id == batch.id).values(state=BatchState.EXECUTING.value)
        )
    with reading(ledger) as connection:
        assert not rests(connection, installation.workspace, installation.again(batch))
    attach(installation.workspace, batch)
    assert installation.again(batch).state is BatchState.ERASED
