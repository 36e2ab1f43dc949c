"""Who asks whether a sweep is at work refuses none that begins in that moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from expunge_orchestrator.errors import LedgerBusyError
from expunge_orchestrator.ledger import runner_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger'}")
    yield engine
    engine.dispose()


def test_a_sweep_waits_for_who_holds_its_lock_for_a_moment(ledger: sa.Engine) -> None:
    held, begun = threading.Event(), threading.Event()

    def ask() -> None:
        with runner_lock._alone(ledger, "sweep-lock", runner_lock._SWEEP):
            held.set()
            begun.wait(0.2)

    asking = threading.Thread(target=ask)
    asking.start()
    held.wait()
    with runner_lock.sweep_lock(ledger):
        begun.set()
    asking.join()


def test_a_second_sweep_is_refused_and_one_at_work_is_seen(ledger: sa.Engine) -> None:
    assert not runner_lock.sweeping(ledger)
    with runner_lock.sweep_lock(ledger):
        assert runner_lock.sweeping(ledger)
        with pytest.raises(LedgerBusyError), runner_lock.sweep_lock(ledger):
            pass
    assert not runner_lock.sweeping(ledger)
