"""A command whose ledger another process is running waits for it instead of failing, and the work is done once."""

from __future__ import annotations

import threading
import time

from tests.support.installation import Installation

from expunge_orchestrator.ledger.runner_lock import runner_lock


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
