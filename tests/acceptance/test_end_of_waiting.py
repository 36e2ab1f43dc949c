"""`expunge end` takes people who wait as well: for a lock, for a store, for a settling check that cannot begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
import yaml
from tests.support.cancellation import end, keys_left
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import ConnectorError, LockTimeoutError, TransientError
from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.errors import BatchBlockedError, FindingsError
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import batch_status
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("fresh_inspections")


@contextmanager
def patient(calltrack: CompanyStack, home: Path) -> Iterator[Installation]:
    """An installation that tries again in an hour."""
    with fresh_installation(calltrack, home, retry_pause=timedelta(hours=1)) as made:
        yield made


def run_until_it_waits(installation: Installation, batch: Batch, workspace: Workspace) -> None:
    """The runner, told to stop when a chunk is put off: it would sleep."""

    def waits() -> bool:
        with reading(installation.workspace.ledger) as connection:
            return any(one["attempts"] for one in batch_status.chunk_states(connection, batch))

    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        run(workspace, writer, RunObserver(told_to_stop=waits))


def locked(*_: object) -> NoReturn:
    raise LockTimeoutError("store recordings: a lock was not to be had in time.")


def down(*_: object) -> NoReturn:
    raise TransientError("store recordings: no connection.")


def waiting_for(installation: Installation, person: SeededPerson, verb: str, why: object) -> Batch:
    batch = installation.plan(person.csv)
    stuck = FaultyConnector(installation.workspace.stores["recordings"], **{verb: why})  # type: ignore[arg-type]
    batch_lifecycle.start(installation.workspace, batch)
    workspace = installation.with_stores({"recordings": stuck})  # type: ignore[dict-item]
    run_until_it_waits(installation, batch, workspace)
    assert installation.again(batch).state is BatchState.EXECUTING
    return batch


def test_people_who_wait_for_a_lock_can_be_ended(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    with patient(calltrack, tmp_path / "expunge") as installation:
        ann = make_holder(inspector)
        batch = waiting_for(installation, ann, "erase", locked)
        assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
        assert installation.events(batch) == [["accepted", "partially-erased"]]
        (said,) = statements_of(installation, batch, "partially-erased")
        left = {name for name, (outcome, *_) in lines_of(said.body).items() if outcome == "left"}
        assert left == {name for name, number in ann.left(inspector).items() if number}
        assert_chain_intact(installation, batch)


def test_who_waits_for_a_verification_and_has_nothing_left_ends_as_anybody(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    with patient(calltrack, tmp_path / "expunge") as installation:
        batch = waiting_for(installation, make_holder(inspector), "verify", down)
        assert end(installation, batch).state is BatchState.ERASED, installation.failures(batch)
        assert installation.events(batch) == [["accepted", "erased"]]


def test_people_of_whom_nothing_was_erased_go_on_waiting(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    with patient(calltrack, tmp_path / "expunge") as installation:
        batch = waiting_for(installation, make_holder(inspector), "count", down)
        with pytest.raises(BatchBlockedError, match="Nobody of this batch can be ended") as refused:
            end(installation, batch)
        assert "expunge cancel" in str(refused.value.remedy)
        assert installation.again(batch).state is BatchState.EXECUTING


def erased(installation: Installation, inspector: StoreInspector) -> Batch:
    batch = installation.plan(make_holder(inspector).csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    return batch


def test_a_settling_check_that_cannot_begin_says_why_and_can_be_ended(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, other = erased(installation, inspector), erased(installation, inspector)
    with pytest.raises(BatchBlockedError):
        end(installation, batch)  # it waits for nothing but its time
    inspector.sql(f"REVOKE DELETE ON messages FROM {ROLE}")
    try:
        with pytest.raises(FindingsError):
            installation.settle()
        assert "settling check not begun" in installation.failures(batch)
        assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    finally:
        inspector.sql(f"GRANT DELETE ON messages TO {ROLE}")
    assert installation.events(batch) == [["accepted", "erased", "settled"]]
    assert keys_left(installation, batch) == 0
    assert_chain_intact(installation, batch)
    installation.settle()
    assert installation.again(other).state is BatchState.SETTLED
    assert installation.failures(other) == ""


def test_a_store_that_is_gone_for_good_is_taken_out_of_the_map_and_ended(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch = erased(installation, inspector)
    without_cache(installation)
    installation.settle()
    assert installation.again(batch).state is BatchState.FAILED
    assert "The data map has no store cache any more" in installation.failures(batch)
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    (said,) = statements_of(installation, batch, "partially-erased")
    assert "not looked at any more" in str(said.body["reason"])
    outcomes = {name: outcome for name, (outcome, *_) in lines_of(said.body).items()}
    assert {outcome for name, outcome in outcomes.items() if name.startswith("cache.")} == {"left"}
    assert "left" not in {outcome for name, outcome in outcomes.items() if not name.startswith("cache.")}
    assert keys_left(installation, batch) == 0
    assert_chain_intact(installation, batch)


def without_cache(installation: Installation) -> None:
    """The operator takes the store out of the map and the settings; the next process reads them."""
    document = yaml.safe_load(Path(installation.settings.data_map).read_text("utf-8"))
    del document["stores"]["cache"]
    other = installation.home / "datamap.yaml"
    other.write_text(yaml.safe_dump(document), "utf-8")
    installation.close()
    stores = {name: one for name, one in installation.settings.stores.items() if name != "cache"}
    installation.settings = installation.settings.model_copy(update={"data_map": other, "stores": stores})


def test_a_store_that_does_not_answer_is_written_down_too(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch = erased(installation, inspector)
    silent = FaultyConnector(installation.workspace.stores["recordings"], inspect=down)
    with pytest.raises(ConnectorError):
        installation.settle(installation.with_stores({"recordings": silent}))  # type: ignore[dict-item]
    assert "settling check not begun: store recordings: no connection." in installation.failures(batch)
