"""What is told of a batch comes from sums: of a batch at rest its people are read once, and never an older state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from tests.support.api import ApiHarness, open_api
from tests.support.holds import key, lift, place
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator import json_views
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import batch_lifecycle, operator_cancel
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import batch_sums, tables
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch

OF_PEOPLE = ("found", "verified", "reviewed", "reverified", "unread", "outcome", "reason")
NOBODYS = 10**9
"""From here on, ids are nobody's."""


@pytest.fixture(params=["sqlite", "postgres"])
def api(
    inspector: StoreInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ApiHarness]:
    """Chunks of three, whose sums are kept though they are few."""
    monkeypatch.setattr(batch_sums, "FEW", 0)
    ledger = {"ledger_url": request.getfixturevalue("postgres_ledger")} if request.param == "postgres" else {}
    with open_api(inspector.calltrack, tmp_path, chunk_size=3, **ledger) as made:
        yield made


@contextmanager
def people_read(ledger: sa.Engine) -> Iterator[list[str]]:
    """The statements that read what is counted of people."""
    seen: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if any(f"item.{name}" in statement for name in OF_PEOPLE):
            seen.append(statement)

    event.listen(ledger, "before_cursor_execute", heard)
    try:
        yield seen
    finally:
        event.remove(ledger, "before_cursor_execute", heard)


def listed(*people: int) -> str:
    return "caller_id\n" + "".join(f"{one}\n" for one in people)


def counted_anew(api: ApiHarness, batch: Batch) -> dict[str, Any]:
    workspace = replace(api.installation.workspace, sums=BatchSums())
    return json_views.batch_view(workspace, api.installation.again(batch))


def shown(api: ApiHarness, batch: Batch) -> dict[str, Any]:
    """The batch as it is told, which is as it is when all its people are counted."""
    told = json_views.batch_view(api.installation.workspace, api.installation.again(batch))
    assert told == counted_anew(api, batch)
    return told


def test_of_a_batch_at_rest_nobody_is_read_twice(api: ApiHarness, inspector: StoreInspector) -> None:
    """Nor for its events, or for a list of batches."""
    people = [make_caller(inspector).id for _ in range(2)]
    batch = api.installation.plan(listed(*people, *range(NOBODYS, NOBODYS + 5)), "client:42")
    batch_lifecycle.start(api.installation.workspace, batch)
    api.work()
    auditor, path = api.key(Role.AUDITOR), f"/v1/batches/{batch.uid}"
    first = api.client.get(path, headers=auditor).json()
    assert (first["outcomes"], first["collections"]["main.callers"]["found"]) == ({"erased": 2, "not-found": 5}, 2)
    with people_read(api.installation.workspace.ledger) as seen:
        assert api.client.get(path, headers=auditor).json() == first
        told = api.client.get(f"{path}/events", headers=auditor).text
        assert json.loads(told.rpartition("data: ")[2]) == first
        (one,) = api.client.get("/v1/batches", headers=auditor).json()["items"]
    assert one["outcomes"] == first["outcomes"]
    assert not seen
    api.settle()
    assert shown(api, batch)["settled"] == 7


def test_those_who_look_at_once_count_once(api: ApiHarness) -> None:
    batch = api.installation.plan(listed(*range(NOBODYS, NOBODYS + 9)), "client:42")
    with people_read(api.installation.workspace.ledger) as seen, ThreadPoolExecutor() as pool:
        told = [pool.submit(json_views.batch_view, api.installation.workspace, batch) for _ in range(8)]
        assert all(one.result() == told[0].result() for one in told)
    assert len(seen) == 2, "the people, and their records"


def test_of_a_batch_at_work_those_are_read_whose_chunk_moved(api: ApiHarness) -> None:
    batch = api.installation.plan(listed(*range(NOBODYS, NOBODYS + 12)), "client:42")
    batch_lifecycle.start(api.installation.workspace, batch)
    workspace = api.installation.workspace
    with workspace.ledger.connect() as connection:
        chunks = connection.scalar(sa.select(sa.func.count()).where(tables.chunk.c.batch_id == batch.id))
    assert chunks == 4
    shown(api, batch)
    with workspace.ledger.begin() as connection:
        moved = connection.scalar(sa.select(sa.func.min(tables.chunk.c.id)).where(tables.chunk.c.batch_id == batch.id))
        connection.execute(sa.update(tables.chunk).where(tables.chunk.c.id == moved).values(attempts=1))
    asked: list[Any] = []

    def heard(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "item.found" in statement:
            asked.append(parameters)

    event.listen(workspace.ledger, "before_cursor_execute", heard)
    try:
        json_views.batch_view(workspace, api.installation.again(batch))
    finally:
        event.remove(workspace.ledger, "before_cursor_execute", heard)
    (parameters,) = asked
    values = list(parameters.values()) if isinstance(parameters, dict) else list(parameters)
    assert values == [moved]


def test_it_is_never_told_as_it_was(api: ApiHarness, inspector: StoreInspector) -> None:
    """Looked at after every step, while people are held, let go, withdrawn and settled."""
    workspace, looks = api.installation.workspace, 0
    held = [make_caller(inspector).id for _ in range(3)]
    wanted = place(api.installation, [key("caller_id", held[0])]), place(api.installation, [key("caller_id", held[1])])
    batch = api.installation.plan(listed(*held, *range(NOBODYS, NOBODYS + 4)), "client:42")
    shown(api, batch)
    batch_lifecycle.start(workspace, batch)

    def looked(_chunk: int, _step: str) -> None:
        nonlocal looks
        looks += 1
        shown(api, batch)

    def work() -> dict[str, Any]:
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            run(workspace, writer, RunObserver(step_done=looked), workers=1)
        return shown(api, batch)

    assert work()["outcomes"] == {"on-hold": 2, "erased": 1, "not-found": 4}
    assert lift(api.installation, wanted[0]) == 1
    shown(api, batch)
    assert work()["outcomes"] == {"on-hold": 1, "erased": 2, "not-found": 4}
    operator_cancel.cancel(workspace.ledger, api.installation.again(batch), "somebody", lambda _connection: None)
    shown(api, batch)
    assert work()["outcomes"] == {"cancelled": 1, "erased": 2, "not-found": 4}
    api.settle()
    assert shown(api, batch)["settled"] == 6
    assert looks > 20


def test_sums_of_few_people_displace_nobodys(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is a batch of one: thousands of them are looked at between two looks at a long list."""
    monkeypatch.setattr(batch_sums, "FEW", 2)
    monkeypatch.setattr(batch_sums, "CHUNKS_KEPT", 1)
    long, *short = (
        api.installation.plan(listed(*range(NOBODYS, NOBODYS + number)), "client:42") for number in (3, 1, 2)
    )
    shown(api, long)
    with people_read(api.installation.workspace.ledger) as seen:
        for batch in short:
            json_views.batch_view(api.installation.workspace, batch)
        before = len(seen)
        json_views.batch_view(api.installation.workspace, long)
        assert 0 < before == len(seen)
