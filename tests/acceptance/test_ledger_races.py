"""What two processes do to one ledger in the same moment, step by step, whichever of them is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import event
from tests.support.cancellation import ACTOR, leftovers
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_control, batch_states, remainders
from expunge_orchestrator.execution.fencing import claim
from expunge_orchestrator.execution.runner import RunObserver, run_step
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading


@pytest.fixture
def fleet(calltrack: CompanyStack, database: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose ledger is on Postgres: two transactions can be open there at once."""
    url = database.replace("postgresql://", "postgresql+psycopg://", 1)
    with fresh_installation(calltrack, tmp_path / "expunge", ledger_url=SecretStr(url)) as installation:
        yield installation


@contextmanager
def after_reading(ledger: sa.Engine, *words: str, then: Callable[[], object]) -> Iterator[None]:
    """Once, right after the first statement that reads any of these: what another process does in that moment."""
    waiting = [then]

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if waiting and statement.startswith("SELECT") and any(word in statement for word in words):
            waiting.pop()()

    event.listen(ledger, "after_cursor_execute", executed)
    try:
        yield
    finally:
        event.remove(ledger, "after_cursor_execute", executed)
    assert not waiting, "the moment never came"


def chunk_of(installation: Installation, batch: Batch) -> sa.Row[Any]:
    with reading(installation.workspace.ledger) as connection:
        return connection.execute(sa.select(tables.chunk).where(tables.chunk.c.batch_id == batch.id)).one()


def step(installation: Installation, batch: Batch) -> bool:
    """One step of a batch of one chunk; whether it may go on."""
    delivery = claim(installation.workspace, chunk_of(installation, batch).id, no_beat)
    return delivery is not None and run_step(delivery, RunObserver()) is not None


def until(installation: Installation, batch: Batch, name: str) -> None:
    """Carry the batch out up to a step."""
    batch_states.start(installation.workspace, batch)
    while batch.pipeline[chunk_of(installation, batch).step] != name:
        assert step(installation, batch), installation.failures(batch)


# Two requests of one person ------------------------------------------------------------------------------------------


def test_a_request_that_is_cancelled_while_another_looks_for_others(
    installation: Installation, inspector: StoreInspector
) -> None:
    """It is at work, or among what was left: between the two looks it is not nowhere."""
    ann = make_caller(inspector)
    first = installation.plan(ann.csv, ann.controller)
    until(installation, first, "erase:recordings")
    batch_control.cancel(installation.workspace.ledger, first, ACTOR)
    second = installation.plan(ann.csv, ann.controller)
    until(installation, second, "conclude")

    def ends() -> None:
        while step(installation, first):
            pass
        assert leftovers(installation)[0] == 1

    with after_reading(installation.workspace.ledger, "FROM leftover", "suppression AS ours", then=ends):
        step(installation, second)
    assert installation.events(second) == [["accepted"]]
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.events(second) == [["accepted", "erased"]]
    assert not any(ann.left(inspector).values())


# Two processes and the state of one batch ----------------------------------------------------------------------------


def test_a_pause_is_not_overwritten_by_who_follows_the_chunks(fleet: Installation, inspector: StoreInspector) -> None:
    batch = fleet.plan(make_holder(inspector).csv)
    ledger = fleet.workspace.ledger
    until(fleet, batch, "conclude")
    step(fleet, batch)  # the chunk is done, the batch is not followed yet
    pause = lambda: batch_control.pause(ledger, batch, ACTOR)  # noqa: E731 - what happens in that moment
    with after_reading(ledger, "FROM chunk", then=pause), ledger.begin() as connection:
        batch_states.sync_state(connection, [batch.id])
    assert fleet.again(batch).state is BatchState.PAUSED
    batch_control.resume(ledger, batch, ACTOR)
    assert fleet.again(batch).state is BatchState.ERASED


def test_a_cancel_is_not_overwritten_either(fleet: Installation, inspector: StoreInspector) -> None:
    def refused(*_: object) -> int:
        raise TerminalError("store recordings: refused.")

    batch = fleet.plan(make_holder(inspector).csv)
    ledger = fleet.workspace.ledger
    until(fleet, batch, "erase:recordings")
    stuck: Any = FaultyConnector(fleet.workspace.stores["recordings"], erase=refused)
    delivery = claim(fleet.with_stores({"recordings": stuck}), chunk_of(fleet, batch).id, no_beat)
    assert delivery is not None
    assert run_step(delivery, RunObserver()) is None  # the chunk has failed, the batch is not followed yet
    cancel = lambda: batch_control.cancel(ledger, batch, ACTOR)  # noqa: E731 - what happens in that moment
    with after_reading(ledger, "FROM chunk", then=cancel), ledger.begin() as connection:
        batch_states.sync_state(connection, [batch.id])
    assert fleet.again(batch).state is BatchState.CANCELLING
    assert fleet.again(batch).cancelled


def test_a_plan_that_is_begun_is_not_forgotten_as_stale(fleet: Installation, inspector: StoreInspector) -> None:
    """Its keys would be destroyed under the running erasure."""
    ann = make_holder(inspector)
    batch = fleet.plan(ann.csv)
    impatient = replace(
        fleet.workspace, settings=fleet.settings.model_copy(update={"plan_lifetime": timedelta(hours=1)})
    )
    with fleet.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.batch).values(created_at=stamp(now() - timedelta(hours=2))))
    begin = lambda: batch_states.start(fleet.workspace, batch)  # noqa: E731 - what happens in that moment
    with after_reading(fleet.workspace.ledger, "batch.created_at <", then=begin):
        assert batch_states.forget_stale_plans(impatient) == 1  # it was looked at
    assert fleet.again(batch).state is BatchState.EXECUTING
    assert fleet.erase(batch).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())


def test_what_was_left_is_taken_up_once(fleet: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    batch = fleet.plan(ann.csv, ann.controller)
    until(fleet, batch, "erase:recordings")
    batch_control.cancel(fleet.workspace.ledger, batch, ACTOR)
    while step(fleet, batch):
        pass
    batch_states.refresh(fleet.workspace)
    again = fleet.again(batch)
    assert again.state is BatchState.CANCELLED
    remainders.take_up(fleet.workspace, again, ACTOR)
    with pytest.raises(BatchBlockedError):
        remainders.take_up(fleet.workspace, again, ACTOR)
    assert fleet.erase(batch).state is BatchState.ERASED, fleet.failures(batch)
    assert not any(ann.left(inspector).values())
    with reading(fleet.workspace.ledger) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.chunk)) == 2
