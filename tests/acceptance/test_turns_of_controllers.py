"""Controllers take turns: many requests of one keep nobody else's waiting; one controller's go in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.api import ACCOUNT, URL, ApiHarness, once, open_api
from tests.support.installation import CompanyStack, Installation, fresh_installation

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import requests_due, tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.requests import scheduler
from expunge_orchestrator.rules import pipeline

AT_ONCE = 2
NOBODYS = 10**9
"""From here on, ids are nobody's."""


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHarness]:
    monkeypatch.setattr(requests_due, "AT_ONCE", AT_ONCE)
    with open_api(calltrack, tmp_path) as made:
        yield made


def ask(api: ApiHarness, *clients: int) -> list[str]:
    """Ask for somebody of each client with one key; the requests, in this order."""
    headers = api.key(Role.REQUESTER)
    made = []
    for one, client in enumerate(clients):
        wish = {"controller": f"client:{client}", "identifiers": {"caller_id": str(NOBODYS + one)}}
        answer = api.client.post("/v1/erasure_requests", json=wish, headers=once(headers))
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    return made


def started(api: ApiHarness) -> list[str]:
    """The requests that have a batch, in the order in which they got it."""
    with reading(api.installation.workspace.ledger) as connection:
        has_one = sa.select(request.c.uid).where(request.c.batch_id.is_not(None))
        return list(connection.scalars(has_one.order_by(request.c.batch_id)))


def test_a_single_request_waits_for_one_turn_of_a_client_with_many(api: ApiHarness) -> None:
    many = ask(api, *[42] * 3 * AT_ONCE)
    [one] = ask(api, 43)
    scheduler.start_due(api.installation.workspace, api.at)
    assert started(api) == [many[0], one]
    while len(started(api)) < len(many) + 1:
        assert scheduler.start_due(api.installation.workspace, api.at)
    assert started(api) == [many[0], one, *many[1:]]


def test_who_names_many_members_has_one_turn(api: ApiHarness) -> None:
    """Members that nobody has are controllers, too: their requests stand before nobody's."""
    many = ask(api, *range(9000, 9000 + 3 * AT_ONCE))
    [one] = ask(api, 43)
    scheduler.start_due(api.installation.workspace, api.at)
    assert started(api) == [many[0], one]


def test_everybody_has_a_turn_in_each_pass(api: ApiHarness) -> None:
    """More controllers than are begun at once: those whose many came first are not first in each pass."""
    first, second, third = (ask(api, client, client) for client in (42, 43, 44))
    holder = api.installation.calltrack.take_holders()[0]
    person = api.client.post(
        URL, json={**ACCOUNT, "waive_grace": True}, headers=once(api.person(user_id=str(holder)))
    ).json()["id"]
    scheduler.start_due(api.installation.workspace, api.at)
    passed = started(api)
    assert sorted(passed) == sorted([first[0], second[0], third[0], person])
    scheduler.start_due(api.installation.workspace, api.at)
    assert sorted(started(api)[4:]) == sorted([first[1], second[1], third[1]])


def test_what_was_fenced_before_keeps_nobody_waiting(api: ApiHarness) -> None:
    """Many that can no longer be taken back stand before nobody's either."""
    many = ask(api, *[42] * 3 * AT_ONCE)
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).values(state=RequestState.STARTING.value))
    [one] = ask(api, 43)
    scheduler.start_due(api.installation.workspace, api.at)
    assert started(api) == [many[0], one]


@pytest.fixture
def chunked(calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    with fresh_installation(calltrack, tmp_path / "expunge", chunk_size=1) as made:
        yield made


def test_chunks_of_batches_take_turns(chunked: Installation) -> None:
    """A worker that is free takes up whose turn was the longest ago, however many an earlier batch has."""
    people = {"client:42": 4, "client:43": 2, "client:44": 2, "calltrack": 1}
    workspace = chunked.workspace
    for controller, number in people.items():
        column = "user_id" if controller == "calltrack" else "caller_id"
        lines = "".join(f"{NOBODYS + one}\n" for one in range(number))
        assert batch_lifecycle.start(workspace, chunked.plan(f"{column}\n{lines}", controller))
    concluded: list[int] = []

    def done(chunk: int, step: str) -> None:
        if step == pipeline.CONCLUDE:
            concluded.append(chunk)

    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        run(workspace, writer, RunObserver(step_done=done), workers=1)
    with reading(workspace.ledger) as connection:
        rows = connection.execute(sa.select(tables.chunk.c.id, tables.batch.c.member).join(tables.batch)).all()
    member = {row.id: row.member for row in rows}
    assert [member[one] for one in concluded] == ["42", "43", "44", None, "42", "43", "44", "42", "42"]
    theirs = [one for one in concluded if member[one] == "42"]
    assert theirs == sorted(theirs)
