"""The worker of a server: a round that failed ends nothing, and told to stop it does no step more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, once, open_api
from tests.support.faulty_connector import FaultyConnector
from tests.support.holds import key, place
from tests.support.notifications import waited
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_config.search_settings import SearchSettings
from expunge_connectors.errors import TransientError
from expunge_orchestrator import backup_copies
from expunge_orchestrator.api import background_worker
from expunge_orchestrator.api.background_worker import Worker
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import batch_lifecycle, settling_time
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.requests import scheduler
from expunge_orchestrator.workspace import Workspace

OFTEN = {"tick": timedelta(milliseconds=50)}


def ask(api: ApiHarness, caller: int) -> Callable[[], str]:
    """Ask for a caller's erasure; how it stands, as often as one looks."""
    wish = {"controller": "client:42", "identifiers": {"caller_id": str(caller)}}
    made = api.client.post("/v1/erasure_requests", json=wish, headers=once(api.key(Role.REQUESTER)))
    assert made.status_code == 201, made.text
    auditor = api.key(Role.AUDITOR)
    return lambda: str(api.client.get(f"/v1/erasure_requests/{made.json()['id']}", headers=auditor).json()["state"])


def test_it_goes_on_after_rounds_that_failed(
    inspector: StoreInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the starter and of the runner, whether it was foreseen or not. What failed is told by its kind alone."""
    failures = [RuntimeError("ann.secret@mail.example"), TransientError("ann.secret@mail.example")]
    start, wake = scheduler.start_due, settling_time.start_due
    starter, runner = list(failures), list(failures)

    def starts(*given: Any) -> int:
        if starter:
            raise starter.pop()
        return start(*given)

    def wakes(workspace: Workspace) -> int:
        if runner:
            raise runner.pop()
        return wake(workspace)

    monkeypatch.setattr(scheduler, "start_due", starts)
    monkeypatch.setattr(settling_time, "start_due", wakes)
    with caplog.at_level(logging.INFO, "expunge.worker"), open_api(inspector.calltrack, tmp_path, api=OFTEN) as api:
        state = ask(api, make_caller(inspector).id)
        worker = Worker(api.installation.workspace, api.clock)
        worker.start()
        try:
            waited(lambda: state() in {"erased", "settled"})
        finally:
            worker.stop()
    assert sorted(caplog.messages) == ["defect: RuntimeError"] * 2 + ["put off: TransientError"] * 2
    assert "ann.secret" not in caplog.text


def test_told_to_stop_it_ends_with_the_step_that_runs(inspector: StoreInspector, tmp_path: Path) -> None:
    """Nothing further is begun, of these batches or of the one behind them; the next process does it."""
    with open_api(inspector.calltrack, tmp_path, api=OFTEN) as api:
        people = [make_caller(inspector) for _ in range(3)]
        asked = [ask(api, one.id) for one in people]
        assert scheduler.start_due(api.installation.workspace, api.at) == 3
        main = api.installation.workspace.stores["main"]
        reached, released = threading.Semaphore(0), threading.Event()

        def erase(*arguments: Any, **named: Any) -> Any:
            reached.release()
            assert released.wait(60)
            return main.erase(*arguments, **named)

        worker = Worker(api.installation.with_stores({"main": FaultyConnector(main, erase=erase)}), api.clock)  # type: ignore[dict-item]
        worker.start()
        assert reached.acquire(timeout=60)
        assert reached.acquire(timeout=60)
        stop_while_at_work(worker, released)  # a step that runs is let end
        assert [state() for state in asked] == ["executing"] * 3
        assert [ann.left(inspector)["main.callers"] for ann in people] == [0, 0, 1]
        api.work()
        assert [state() for state in asked] == ["erased"] * 3


def test_it_searches_the_stores_for_whom_it_settles(inspector: StoreInspector, tmp_path: Path) -> None:
    search = SearchSettings(every=timedelta(0), share=100)
    with open_api(inspector.calltrack, tmp_path, api=OFTEN, search=search) as api:
        state = ask(api, make_caller(inspector).id)
        worker = Worker(api.installation.workspace, api.clock)
        worker.start()
        try:
            waited(lambda: state() == "settled")
        finally:
            worker.stop()
        with reading(api.installation.workspace.ledger) as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(tables.blind_search)) == 1


def test_what_comes_due_is_taken_up_beside_a_run_that_does_not_end(
    inspector: StoreInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that are fed without a pause keep one from ending; here a step of a list ends only after all the others."""
    observe, looks = backup_copies.observe_place, threading.Semaphore(0)

    def looking(*given: Any) -> Any:
        looks.release()
        return observe(*given)

    monkeypatch.setattr(backup_copies, "observe_place", looking)
    monkeypatch.setattr(background_worker, "COPIES_EVERY", 0.0)
    with open_api(inspector.calltrack, tmp_path, api=OFTEN, settling=timedelta(days=1)) as api:
        installation = api.installation
        workspace, chunk = installation.workspace, tables.chunk.c
        held = make_caller(inspector)
        place(installation, [key("caller_id", held.id)], until=now().date() + timedelta(days=9))
        settles, waits = ask(api, make_caller(inspector).id), ask(api, held.id)
        api.work()
        assert (settles(), waits()) == ("erased", "on-hold")
        put_off = installation.plan(f"caller_id\n{make_caller(inspector).id}\n", "client:42")
        batch_lifecycle.start(workspace, put_off)
        later = {"attempts": workspace.settings.max_attempts, "not_before": stamp(now() + timedelta(hours=1))}
        with workspace.ledger.begin() as connection:
            connection.execute(sa.update(tables.chunk).where(chunk.batch_id == put_off.id).values(**later))
        assert batch_lifecycle.start(
            workspace, installation.plan(f"caller_id\n{make_caller(inspector).id}\n", "client:42")
        )
        main, released = workspace.stores["main"], threading.Event()
        fed = [threading.Semaphore(0)]

        def erase(*arguments: Any, **named: Any) -> Any:
            if fed:
                fed.pop().release()
                assert released.wait(200)
            return main.erase(*arguments, **named)

        at_work = fed[0]
        worker = Worker(installation.with_stores({"main": FaultyConnector(main, erase=erase)}), api.clock)  # type: ignore[dict-item]
        worker.start()
        try:
            assert at_work.acquire(timeout=60)
            with workspace.ledger.begin() as connection:
                due = sa.update(tables.chunk).values(settle_at=stamp(now()))
                connection.execute(due.where(chunk.settle_at.is_not(None)))
                connection.execute(sa.update(tables.hold).values(until=str(now().date() - timedelta(days=1))))
                come = sa.update(tables.chunk).values(not_before=stamp(now()))
                connection.execute(come.where(chunk.batch_id == put_off.id))
            waited(lambda: settles() == "settled")
            waited(lambda: waits() == "erased")
            waited(lambda: installation.outcomes(put_off) == {"erased": 1})
            while looks.acquire(blocking=False):
                pass
            assert looks.acquire(timeout=60), "the backup copies are not looked at"
            assert not released.is_set()
        finally:
            released.set()
            worker.stop()


def stop_while_at_work(worker: Worker, released: threading.Event) -> None:
    """It ends, but not before what it is at is released and done."""
    ending = threading.Thread(target=worker.stop)
    ending.start()
    ending.join(0.3)
    assert ending.is_alive()
    released.set()
    ending.join(60)
    assert not ending.is_alive()


def test_told_to_stop_it_plans_no_further_request(
    inspector: StoreInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many that are due it ends with the one that it plans; the next process plans the others."""
    plan, reached, released = scheduler._plan, threading.Event(), threading.Event()
    planned: list[str] = []

    def planning(*given: Any) -> str:
        reached.set()
        assert released.wait(60)
        planned.append(plan(*given))
        return planned[-1]

    monkeypatch.setattr(scheduler, "_plan", planning)
    with open_api(inspector.calltrack, tmp_path, api=OFTEN) as api:
        asked = [ask(api, 10**6 + number) for number in range(3)]
        worker = Worker(api.installation.workspace, api.clock)
        worker.start()
        assert reached.wait(60)
        stop_while_at_work(worker, released)  # the request that it is at is planned
        assert len(planned) == 1
        assert [state() for state in asked[1:]] == ["planning"] * 2
        api.work()
        assert len(planned) == 3
