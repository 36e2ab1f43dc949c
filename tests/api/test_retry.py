"""`retry` over HTTP: as the command does it, and truthful where there was nothing to take up."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, once
from tests.support.faulty_connector import FaultyConnector
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import TerminalError, TransientError
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger.batches import batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.requests import scheduler


def slug(answer: object) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).rsplit("/", 1)[1]  # type: ignore[attr-defined]


def ask(api: ApiHarness, caller: int, client: int = 42) -> str:
    asked = {"controller": f"client:{client}", "identifiers": {"caller_id": str(caller)}}
    made = api.client.post("/v1/erasure_requests", json=asked, headers=once(api.key(Role.REQUESTER)))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def audited(api: ApiHarness, action: str) -> int:
    trail = api.client.get("/v1/audit_log", headers=api.key(Role.AUDITOR)).json()["items"]
    return sum(one["action"] == action and one["result"] == "done" for one in trail)


def test_nothing_to_take_up_is_said(api: ApiHarness, inspector: StoreInspector) -> None:
    operator = api.key(Role.OPERATOR)
    uid = ask(api, make_caller(inspector).id)
    at = f"/v1/erasure_requests/{uid}"
    assert slug(api.client.post(f"{at}/retry", headers=operator)) == (409, "not-possible-now")
    scheduler.lock_due(api.installation.workspace, api.at)
    assert slug(api.client.post(f"{at}/retry", headers=operator)) == (409, "not-possible-now"), "it is its turn now"
    api.work()
    told = api.client.get(at, headers=operator).json()
    assert told["state"] == "erased"
    for path in (at, f"/v1/batches/{told['batch_id']}"):
        assert slug(api.client.post(f"{path}/retry", headers=operator)) == (409, "not-possible-now")
    assert (audited(api, "erasure_request.retry"), audited(api, "batch.retry")) == (0, 0), (
        "the audit trail says what was done"
    )


def test_what_could_not_be_planned_is_tried_at_once(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = ask(api, make_caller(inspector).id)
    with monkeypatch.context() as patched:

        def down(*_: object, **__: object) -> None:
            raise TransientError("The store cannot be reached.")

        patched.setattr("expunge_orchestrator.planning.planner.create_plan", down)
        scheduler.start_due(api.installation.workspace, api.at)
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).values(not_before="2999-01-01T00:00:00Z"))  # after many attempts
    api.work()
    told = api.client.get(f"/v1/erasure_requests/{uid}", headers=api.key(Role.OPERATOR)).json()
    assert (told["state"], told["failure"]) == ("planning", "The store cannot be reached.")
    assert api.client.post(f"/v1/erasure_requests/{uid}/retry", headers=api.key(Role.OPERATOR)).status_code == 200
    api.work()
    assert api.client.get(f"/v1/erasure_requests/{uid}", headers=api.key(Role.OPERATOR)).json()["state"] == "erased"
    assert audited(api, "erasure_request.retry") == 1


def test_while_the_hold_is_in_force_nothing_is_taken_up(api: ApiHarness, inspector: StoreInspector) -> None:
    operator, ann = api.key(Role.OPERATOR), make_caller(inspector)
    wish = {"people": [{"caller_id": str(ann.id)}], "ground": "Court order 4 C 17/26", "controller": "client:42"}
    placed = api.client.post("/v1/legal_holds", json=wish, headers=operator).json()
    uid = ask(api, ann.id)
    api.work()
    told = api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()
    assert told["state"] == "on-hold"
    for path in (f"/v1/erasure_requests/{uid}", f"/v1/batches/{told['batch_id']}"):
        assert slug(api.client.post(f"{path}/retry", headers=operator)) == (409, "waits-for-somebody")
    assert api.client.post(f"/v1/legal_holds/{placed['id']}/lift", headers=operator).status_code == 200
    api.work()
    assert api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()["state"] == "erased"


def test_what_failed_is_taken_up(api: ApiHarness, inspector: StoreInspector) -> None:
    operator, ann = api.key(Role.OPERATOR), make_caller(inspector)
    uid = ask(api, ann.id)
    scheduler.start_due(api.installation.workspace, api.at)
    stores = api.installation.workspace.stores

    def refused(*_: object) -> int:
        raise TerminalError("A trigger refused.")

    broken = api.installation.with_stores({"main": FaultyConnector(stores["main"], erase=refused)})  # type: ignore[dict-item]
    with reading(broken.ledger) as connection:
        (batch,) = batches(connection)
    api.installation.erase(batch, broken)
    assert api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()["state"] == "failed"
    taken = api.client.post(f"/v1/erasure_requests/{uid}/retry", headers=operator)
    assert (taken.status_code, taken.json()["state"]) == (200, "executing")
    api.work()
    assert api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()["state"] == "erased"
