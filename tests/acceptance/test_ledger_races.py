"""What two processes do to one ledger in the same moment, step by step, whichever of them is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import event
from tests.support.cancellation import ACTOR, failed_half_way, refused, residual
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import make_caller, make_holder
from tests.support.servers import wait_until
from tests.support.store_inspector import StoreInspector, changed

from expunge_config.errors import UsageError
from expunge_connectors.contract import no_beat
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_control, batch_lifecycle, operator_cancel, operator_end
from expunge_orchestrator.execution.fencing import claim
from expunge_orchestrator.execution.runner import RunObserver, run_step
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import approval, forgotten_plans


@pytest.fixture
def fleet(calltrack: CompanyStack, postgres_ledger: SecretStr, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose ledger is on Postgres: two transactions can be open there at once."""
    with fresh_installation(calltrack, tmp_path / "expunge", ledger_url=postgres_ledger) as installation:
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
    batch_lifecycle.start(installation.workspace, batch)
    while batch.pipeline[chunk_of(installation, batch).step] != name:
        assert step(installation, batch), installation.failures(batch)


# Two requests of one person ------------------------------------------------------------------------------------------


def test_a_request_that_is_ended_while_another_looks_for_others(
    installation: Installation, inspector: StoreInspector
) -> None:
    """It is at work, or among what was left: between the two looks it is not nowhere."""
    ann = make_caller(inspector)
    first = failed_half_way(installation, ann)
    operator_end.end(installation.workspace, first, ACTOR)
    second = installation.plan(ann.csv, ann.controller)
    until(installation, second, "conclude")

    def ends() -> None:
        while step(installation, first):
            pass
        assert len(residual(installation)) == 1

    with after_reading(installation.workspace.ledger, "FROM residual_keys", "suppression AS ours", then=ends):
        step(installation, second)
    assert installation.events(second) == [["accepted"]]
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.events(second) == [["accepted", "erased"]]
    assert not any(ann.left(inspector).values())


# A cancel and the step that erases ------------------------------------------------------------------------------------


def test_a_cancel_is_met_before_the_store_is_asked(fleet: Installation, inspector: StoreInspector) -> None:
    """The step was taken, and has not asked the store yet: once the cancel is written, nobody is touched any more."""
    ann = make_holder(inspector)
    batch = fleet.plan(ann.csv)
    until(fleet, batch, "erase:main")
    delivery = claim(fleet.workspace, chunk_of(fleet, batch).id, no_beat)
    assert delivery is not None
    was = inspector.contents()
    assert operator_cancel.cancel(fleet.workspace.ledger, batch, ACTOR)
    following = run_step(delivery, RunObserver())
    assert following is not None
    assert following.name == "withdraw"
    assert run_step(following, RunObserver()) is None
    with fleet.workspace.ledger.begin() as connection:
        batch_lifecycle.refresh(connection)
    assert changed(was, inspector.contents()) == {}
    assert fleet.again(batch).state is BatchState.CANCELLED
    assert fleet.events(batch) == [["accepted", "cancelled"]]


def test_a_cancel_that_comes_when_the_store_was_asked_is_too_late(
    fleet: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = fleet.plan(ann.csv)
    until(fleet, batch, "erase:recordings")
    with pytest.raises(BatchBlockedError):
        operator_cancel.cancel(fleet.workspace.ledger, batch, ACTOR)
    assert fleet.again(batch).state is BatchState.EXECUTING
    assert fleet.erase(batch).state is BatchState.ERASED


def test_whoever_dies_before_the_call_has_called(fleet: Installation, inspector: StoreInspector) -> None:
    """Between the mark and the call nobody can tell which of the two came to pass."""

    class DiedError(BaseException):
        """As a process that is killed."""

    def dies(*_: object) -> int:
        raise DiedError

    ann = make_holder(inspector)
    batch = fleet.plan(ann.csv)
    until(fleet, batch, "erase:main")
    dying: Any = FaultyConnector(fleet.workspace.stores["main"], erase=dies)
    delivery = claim(fleet.with_stores({"main": dying}), chunk_of(fleet, batch).id, no_beat)
    assert delivery is not None
    with pytest.raises(DiedError):
        run_step(delivery, RunObserver())
    with pytest.raises(BatchBlockedError, match="can be withdrawn"):
        operator_cancel.cancel(fleet.workspace.ledger, batch, ACTOR)
    assert fleet.erase(batch).state is BatchState.ERASED, fleet.failures(batch)
    assert not any(ann.left(inspector).values())


def test_an_overtaken_delivery_asks_no_store_to_erase(fleet: Installation, inspector: StoreInspector) -> None:
    """Another worker took the chunk: who was not touched yet is not touched by this one."""
    ann = make_holder(inspector)
    batch = fleet.plan(ann.csv)
    until(fleet, batch, "erase:main")
    slow = claim(fleet.workspace, chunk_of(fleet, batch).id, no_beat)
    quick = claim(fleet.workspace, chunk_of(fleet, batch).id, no_beat)
    assert slow is not None
    assert quick is not None
    was = inspector.contents()
    assert run_step(slow, RunObserver()) is None
    assert changed(was, inspector.contents()) == {}
    with reading(fleet.workspace.ledger) as connection:
        assert not connection.scalar(sa.select(tables.item.c.touched))
    assert run_step(quick, RunObserver()) is not None


# Two processes and the state of one batch ----------------------------------------------------------------------------


def test_a_pause_is_not_overwritten_by_who_follows_the_chunks(fleet: Installation, inspector: StoreInspector) -> None:
    batch = fleet.plan(make_holder(inspector).csv)
    ledger = fleet.workspace.ledger
    until(fleet, batch, "conclude")
    step(fleet, batch)  # the chunk is done, the batch is not followed yet
    pause = lambda: batch_control.pause(ledger, batch, ACTOR)  # noqa: E731 - what happens in that moment
    with after_reading(ledger, "FROM chunk", then=pause), ledger.begin() as connection:
        batch_lifecycle.sync_state(connection, [batch.id])
    assert fleet.again(batch).state is BatchState.PAUSED
    batch_control.resume(fleet.workspace, batch, ACTOR)
    assert fleet.again(batch).state is BatchState.ERASED


def test_a_cancel_is_not_overwritten_either(fleet: Installation, inspector: StoreInspector) -> None:
    batch = fleet.plan(make_holder(inspector).csv)
    ledger = fleet.workspace.ledger
    until(fleet, batch, "recount")
    stuck: Any = FaultyConnector(fleet.workspace.stores["recordings"], count=refused)
    delivery = claim(fleet.with_stores({"recordings": stuck}), chunk_of(fleet, batch).id, no_beat)
    assert delivery is not None
    assert run_step(delivery, RunObserver()) is None  # the chunk has failed, the batch is not followed yet
    cancel = lambda: operator_cancel.cancel(ledger, batch, ACTOR)  # noqa: E731 - what happens in that moment
    with after_reading(ledger, "FROM chunk", then=cancel), ledger.begin() as connection:
        batch_lifecycle.sync_state(connection, [batch.id])
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
    begin = lambda: batch_lifecycle.start(fleet.workspace, batch)  # noqa: E731 - what happens in that moment
    with after_reading(fleet.workspace.ledger, "batch.created_at <", then=begin):
        assert forgotten_plans.forget_stale(impatient) == 1  # it was looked at
    assert fleet.again(batch).state is BatchState.EXECUTING
    assert fleet.erase(batch).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())


def test_a_person_is_ended_once(fleet: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    batch = failed_half_way(fleet, ann)
    assert operator_end.end(fleet.workspace, batch, ACTOR)
    assert not operator_end.end(fleet.workspace, batch, ACTOR), "they are at it"
    with pytest.raises(BatchBlockedError):
        operator_cancel.cancel(fleet.workspace.ledger, batch, ACTOR)
    assert fleet.erase(batch).state is BatchState.SETTLED, fleet.failures(batch)
    assert fleet.events(batch) == [["accepted", "partially-erased"]]
    assert len(residual(fleet)) == 1
    with pytest.raises(BatchBlockedError):
        operator_end.end(fleet.workspace, batch, ACTOR)


# A second pair of eyes, and a cancel ---------------------------------------------------------------------------------


def unapproved(fleet: Installation, inspector: StoreInspector) -> Batch:
    """A plan that waits for an approval, as a limit of its map would have it."""
    batch = fleet.plan(make_holder(inspector).csv)
    excess = [{"limit": "people", "place": None, "value": 1, "allowed": 0}]
    with fleet.workspace.ledger.begin() as connection:
        connection.execute(
            sa.update(tables.batch).values(
                state=BatchState.AWAITING_APPROVAL.value, plan={**batch.plan, "exceeded": excess}
            )
        )
    return fleet.again(batch)


def withdrawn(fleet: Installation, batch: Batch) -> None:
    """Whatever was said beside the cancel: it is withdrawn whole."""
    assert fleet.again(batch).state is BatchState.CANCELLING
    attach(fleet.workspace, batch, only=batch.id)
    assert fleet.again(batch).state is BatchState.CANCELLED
    assert fleet.events(batch) == [["accepted", "cancelled"]]


def test_a_plan_that_is_cancelled_while_it_is_approved(fleet: Installation, inspector: StoreInspector) -> None:
    """Both at the same moment: the approval comes too late, and is none."""
    batch = unapproved(fleet, inspector)
    ledger = fleet.workspace.ledger
    cancels = lambda: operator_cancel.cancel(ledger, batch, ACTOR)  # noqa: E731 - what happens in that moment
    with ledger.begin() as connection, after_reading(ledger, "FROM batch", then=cancels):
        found = batch_by_uid(connection, batch.uid)
        with pytest.raises(UsageError, match="cancelling"):
            approval.approve(connection, found, batch.plan_digest, "bob")
    with reading(ledger) as connection:
        assert connection.scalars(sa.select(tables.approval.c.approver)).all() == []
    withdrawn(fleet, batch)


def test_a_plan_that_is_cancelled_while_it_begins(fleet: Installation, inspector: StoreInspector) -> None:
    """It was approved, and nothing of it is begun."""
    batch = unapproved(fleet, inspector)
    ledger = fleet.workspace.ledger
    with ledger.begin() as connection:
        assert approval.approve(connection, batch, batch.plan_digest, "bob")
    cancels = lambda: operator_cancel.cancel(ledger, batch, ACTOR)  # noqa: E731 - what happens in that moment
    with after_reading(ledger, "FROM approval", then=cancels), pytest.raises(UsageError, match="cancelling"):
        batch_control.start(fleet.workspace, fleet.again(batch), batch_lifecycle.nothing)
    withdrawn(fleet, batch)


@pytest.mark.parametrize("then", ["approved", "begun"])
def test_a_plan_that_is_approved_or_begun_while_it_is_cancelled(
    fleet: Installation, inspector: StoreInspector, then: str
) -> None:
    """The other comes while the cancel is at it: it waits for the cancel's end, and finds the batch withdrawn."""
    batch = unapproved(fleet, inspector)
    ledger = fleet.workspace.ledger
    other: list[Future[object]] = []

    def approves() -> None:
        with ledger.begin() as connection:
            approval.approve(connection, batch, batch.plan_digest, "bob")

    def begins() -> None:
        batch_control.start(fleet.workspace, approved, batch_lifecycle.nothing)

    if then == "begun":
        approves()
    approved = fleet.again(batch)
    with ThreadPoolExecutor(1) as pool:

        def meanwhile() -> None:
            other.append(pool.submit(approves if then == "approved" else begins))
            wait_until(lambda: waiting(fleet))

        with after_reading(ledger, "FROM item JOIN chunk", then=meanwhile):
            operator_cancel.cancel(ledger, batch, ACTOR)
        with pytest.raises(UsageError, match="cancelling"):
            other[0].result()
    withdrawn(fleet, batch)


def waiting(fleet: Installation) -> bool:
    """Whether a session of the ledger waits for another one."""
    found = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with reading(fleet.workspace.ledger) as connection:
        return bool(connection.scalar(sa.text(found)))
