"""`start` over HTTP: 202 is said only of what is begun by it or runs by that very plan; the trail has what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import Response
from tests.support.api import ApiHarness, once
from tests.support.faulty_connector import FaultyConnector
from tests.support.people import SeededPerson, make_caller
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import start_preconditions
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Listed:
    """A planned list of one caller, and an operator."""

    api: ApiHarness
    ann: SeededPerson
    at: str
    digest: str
    operator: Mapping[str, str]

    @property
    def batch(self) -> Batch:
        with reading(self.api.installation.workspace.ledger) as connection:
            return batch_by_uid(connection, self.at.rpartition("/")[2])

    def post(self, verb: str, body: Any = None) -> Response:
        return self.api.client.post(f"{self.at}/{verb}", json=body, headers=self.operator)

    def start(self) -> Response:
        return self.post("start", {"digest": self.digest})

    def hold(self, *, undisclosed: bool) -> None:
        wish = {"people": [{"caller_id": str(self.ann.id)}], "ground": "4 C 17/26", "undisclosed": undisclosed}
        assert self.api.client.post("/v1/legal_holds", json=wish, headers=self.operator).status_code == 201

    def audited(self) -> int:
        """How often the trail says that it was started."""
        trail = self.api.client.get("/v1/audit_log", headers=self.api.key(Role.AUDITOR)).json()["items"]
        return sum((one["action"], one["result"]) == ("batch.start", "done") for one in trail)


@pytest.fixture
def listed(api: ApiHarness, inspector: StoreInspector) -> Listed:
    ann, operator = make_caller(inspector), api.key(Role.OPERATOR)
    query = {"controller": ann.controller}
    made = api.client.post("/v1/batches", params=query, content=ann.csv, headers=once(operator))
    assert made.status_code == 201, made.text
    return Listed(api, ann, f"/v1/batches/{made.json()['id']}", made.json()["digest"], operator)


def refused(answer: Response) -> str:
    """Why nothing was started."""
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"].rsplit("/", 1)[1] == "not-possible-now"
    return str(answer.json()["detail"])


def test_started_again_while_it_runs(listed: Listed) -> None:
    """An answer was lost: it is said again, and the trail has it once."""
    answers = [listed.start() for _ in range(3)]
    assert [(one.status_code, one.json()["state"]) for one in answers] == [(202, "executing")] * 3
    assert listed.audited() == 1


def test_what_is_over_is_not_started(listed: Listed) -> None:
    assert listed.start().status_code == 202
    listed.api.work()
    assert refused(listed.start()) == "Nothing was started: this batch is erased."
    listed.api.settle()
    assert refused(listed.start()) == "Nothing was started: this batch is settled."
    assert listed.audited() == 1


def test_what_was_withdrawn_is_not_started(listed: Listed, inspector: StoreInspector) -> None:
    had = listed.ann.left(inspector)
    assert listed.post("cancel").status_code == 200
    assert refused(listed.start()) == "Nothing was started: this batch is cancelling."
    listed.api.work()
    assert refused(listed.start()) == "Nothing was started: this batch is cancelled."
    assert (listed.audited(), listed.ann.left(inspector)) == (0, had)


def test_withdrawn_at_this_moment(listed: Listed, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it was read and before it was begun."""
    had, ground = listed.ann.left(inspector), start_preconditions.planned_ground

    def meanwhile(workspace: Workspace, batch: Batch) -> Any:
        assert listed.post("cancel").status_code == 200
        return ground(workspace, batch)

    monkeypatch.setattr(start_preconditions, "planned_ground", meanwhile)
    assert refused(listed.start()) == "Nothing was started: this batch is cancelling."
    listed.api.work()
    assert (listed.batch.state, listed.audited(), listed.ann.left(inspector)) == ("cancelled", 0, had)


def test_begun_by_another_at_this_moment(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are told that it runs; one of them started it."""
    ground = start_preconditions.planned_ground

    def meanwhile(workspace: Workspace, batch: Batch) -> Any:
        monkeypatch.setattr(start_preconditions, "planned_ground", ground)
        assert listed.start().status_code == 202
        return ground(workspace, batch)

    monkeypatch.setattr(start_preconditions, "planned_ground", meanwhile)
    answer = listed.start()
    assert (answer.status_code, answer.json()["state"], listed.audited()) == (202, "executing", 1)


def test_what_failed_is_retried_and_not_started(listed: Listed) -> None:
    def refuses(*_: object) -> int:
        raise TerminalError("A trigger refused.")

    installation = listed.api.installation
    broken = FaultyConnector(installation.workspace.stores["main"], erase=refuses)
    installation.erase(listed.batch, installation.with_stores({"main": broken}))  # type: ignore[dict-item]
    assert refused(listed.start()) == "Nothing was started: this batch is failed."
    assert listed.audited() == 0


@pytest.mark.parametrize("undisclosed", [True, False])
def test_what_a_hold_keeps(listed: Listed, *, undisclosed: bool) -> None:
    """One that may not be told looks like work in hand, here too."""
    listed.hold(undisclosed=undisclosed)
    assert listed.start().status_code == 202
    listed.api.work()
    assert listed.batch.state == "on-hold"
    again = listed.start()
    if undisclosed:
        assert (again.status_code, again.json()["state"]) == (202, "executing")
    else:
        assert refused(again) == "Nothing was started: this batch is on-hold."
    assert listed.audited() == 1


def test_the_document_says_so(api: ApiHarness) -> None:
    told = api.client.get("/openapi.json").json()["paths"]["/v1/batches/{batch_id}/start"]["post"]["responses"]
    assert "started" in told["409"]["description"]
    assert set(told["409"]["content"]) == {"application/problem+json"}
