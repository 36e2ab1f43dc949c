"""The ledger on Postgres, as a fleet has it: the same path, and the same refusal of a second runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.acceptance.crowd import make_crowd, poisoned
from tests.acceptance.probe import Probe
from tests.acceptance.test_holds import key, lift, place
from tests.acceptance.test_stopping import cancel
from tests.fixtures.calltrack import Office, Town

from expunge_orchestrator.errors import LedgerBusyError
from expunge_orchestrator.execution import stopping
from expunge_orchestrator.ledger.database import open_ledger, sole_runner
from expunge_orchestrator.ledger.records import BatchState


@pytest.fixture
def elsewhere(town: Town, database: str, tmp_path: Path) -> Iterator[Office]:
    url = database.replace("postgresql://", "postgresql+psycopg://", 1)
    office = Office(town, tmp_path / "expunge", town.settings(tmp_path / "expunge", ledger_url=SecretStr(url)))
    office.found()
    yield office
    office.close()


def test_a_person_is_erased_and_settled(elsewhere: Office) -> None:
    batch = elsewhere.plan(f"user_id\n{elsewhere.town.take_holders()[0]}\n")
    elsewhere.erase(batch)
    assert elsewhere.outcomes(batch) == {"partially-erased": 1}
    elsewhere.settle()
    assert elsewhere.again(batch).state is BatchState.SETTLED


def test_holds_poison_and_cancelling_are_the_same_there(elsewhere: Office, probe: Probe) -> None:
    crowd = make_crowd(probe, 6)
    batch = elsewhere.plan(crowd.csv)
    placed = place(elsewhere, [key("user_id", crowd.ids[0])])
    with poisoned(probe, [crowd.ids[3]]):
        assert elsewhere.erase(batch).state is BatchState.FAILED
        assert elsewhere.outcomes(batch) == {"erased": 4, "failed": 1, "on-hold": 1}
        assert crowd.messages(probe) == [crowd.ids[0], crowd.ids[3]]
        stopping.pause(elsewhere.workspace.ledger, batch, "ops")
        stopping.resume(elsewhere.workspace.ledger, batch, "ops")
        assert cancel(elsewhere, batch).state is BatchState.CANCELLED
    assert elsewhere.outcomes(batch) == {"erased": 4, "cancelled": 2}
    assert crowd.messages(probe) == [crowd.ids[0], crowd.ids[3]]
    again = elsewhere.plan(crowd.csv)
    assert elsewhere.erase(again).state is BatchState.ON_HOLD
    assert lift(elsewhere, placed) == 1
    assert elsewhere.erase(again).state is BatchState.ERASED
    assert crowd.messages(probe) == []


def test_a_second_runner_is_refused(elsewhere: Office) -> None:
    second = open_ledger(elsewhere.settings.ledger)
    with sole_runner(elsewhere.workspace.ledger), pytest.raises(LedgerBusyError), sole_runner(second):
        pass
    second.dispose()
