"""The ledger on Postgres, as a fleet has it: the same path, and the same refusal of a second runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.fixtures.calltrack import Office, Town

from expunge_orchestrator.errors import LedgerBusyError
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


def test_a_second_runner_is_refused(elsewhere: Office) -> None:
    second = open_ledger(elsewhere.settings.ledger)
    with sole_runner(elsewhere.workspace.ledger), pytest.raises(LedgerBusyError), sole_runner(second):
        pass
    second.dispose()
