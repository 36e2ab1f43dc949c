"""`retry` over HTTP: as the command does it, and truthful where there was nothing to take up."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.support.api import Door, once
from tests.support.cancellation import half_way
from tests.support.faulty_connector import Instead
from tests.support.people import make_caller
from tests.support.store_inspector import Probe, changed

from expunge_connectors.errors import TerminalError, TransientError
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger.batches import batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.requests import scheduler

LEFT = {
    "cache.caller_cache": {"people": 1, "records": 1},
    "cache.recent_callers": {"people": 1, "records": 1},
    "recordings.recordings": {"people": 1, "records": 2},
}


def slug(answer: object) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).rsplit("/", 1)[1]  # type: ignore[attr-defined]


def ask(door: Door, caller: int, client: int = 42) -> str:
    asked = {"controller": f"client:{client}", "identifiers": {"caller_id": str(caller)}}
    made = door.client.post("/v1/requests", json=asked, headers=once(door.key(Role.REQUESTER)))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def audited(door: Door, action: str) -> int:
    trail = door.client.get("/v1/audit", headers=door.key(Role.AUDITOR)).json()["items"]
    return sum(one["action"] == action and one["result"] == "done" for one in trail)


def test_nothing_to_take_up_is_said(door: Door, probe: Probe) -> None:
    operator = door.key(Role.OPERATOR)
    uid = ask(door, make_caller(probe).id)
    at = f"/v1/requests/{uid}"
    assert slug(door.client.post(f"{at}/retry", headers=operator)) == (409, "not-possible-now")
    scheduler.lock_due(door.office.workspace, door.at)
    assert slug(door.client.post(f"{at}/retry", headers=operator)) == (409, "not-possible-now"), "it is its turn now"
    door.work()
    told = door.client.get(at, headers=operator).json()
    assert told["state"] == "erased"
    for path in (at, f"/v1/batches/{told['batch']}"):
        assert slug(door.client.post(f"{path}/retry", headers=operator)) == (409, "not-possible-now")
    assert (audited(door, "request.retry"), audited(door, "batch.retry")) == (0, 0), (
        "the audit trail says what was done"
    )


def test_what_could_not_be_planned_is_tried_at_once(door: Door, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = ask(door, make_caller(probe).id)
    with monkeypatch.context() as patched:

        def down(*_: object, **__: object) -> None:
            raise TransientError("The store cannot be reached.")

        patched.setattr("expunge_orchestrator.planning.planner.create_plan", down)
        scheduler.start_due(door.office.workspace, door.at)
    with door.office.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).values(not_before="2999-01-01T00:00:00Z"))  # after many attempts
    door.work()
    told = door.client.get(f"/v1/requests/{uid}", headers=door.key(Role.OPERATOR)).json()
    assert (told["state"], told["failure"]) == ("planning", "The store cannot be reached.")
    assert door.client.post(f"/v1/requests/{uid}/retry", headers=door.key(Role.OPERATOR)).status_code == 200
    door.work()
    assert door.client.get(f"/v1/requests/{uid}", headers=door.key(Role.OPERATOR)).json()["state"] == "erased"
    assert audited(door, "request.retry") == 1


def test_while_the_hold_is_in_force_nothing_is_taken_up(door: Door, probe: Probe) -> None:
    operator, ann = door.key(Role.OPERATOR), make_caller(probe)
    wish = {"people": [{"caller_id": str(ann.id)}], "ground": "Court order 4 C 17/26", "controller": "client:42"}
    placed = door.client.post("/v1/holds", json=wish, headers=operator).json()
    uid = ask(door, ann.id)
    door.work()
    told = door.client.get(f"/v1/requests/{uid}", headers=operator).json()
    assert told["state"] == "on-hold"
    for path in (f"/v1/requests/{uid}", f"/v1/batches/{told['batch']}"):
        assert slug(door.client.post(f"{path}/retry", headers=operator)) == (409, "waits-for-somebody")
    assert door.client.post(f"/v1/holds/{placed['id']}/lift", headers=operator).status_code == 200
    door.work()
    assert door.client.get(f"/v1/requests/{uid}", headers=operator).json()["state"] == "erased"


def test_what_failed_is_taken_up(door: Door, probe: Probe) -> None:
    operator, ann = door.key(Role.OPERATOR), make_caller(probe)
    uid = ask(door, ann.id)
    scheduler.start_due(door.office.workspace, door.at)
    stores = door.office.workspace.stores

    def refused(*_: object) -> int:
        raise TerminalError("A trigger refused.")

    broken = door.office.with_stores({"main": Instead(stores["main"], erase=refused)})  # type: ignore[dict-item]
    with reading(broken.ledger) as connection:
        (batch,) = batches(connection)
    door.office.erase(batch, broken)
    assert door.client.get(f"/v1/requests/{uid}", headers=operator).json()["state"] == "failed"
    taken = door.client.post(f"/v1/requests/{uid}/retry", headers=operator)
    assert (taken.status_code, taken.json()["state"]) == (200, "executing")
    door.work()
    assert door.client.get(f"/v1/requests/{uid}", headers=operator).json()["state"] == "erased"


@pytest.mark.parametrize("of", ["batch", "request"])
def test_what_a_cancel_left_is_shown_confirmed_and_taken_up(door: Door, probe: Probe, of: str) -> None:
    operator, ann = door.key(Role.OPERATOR), make_caller(probe)
    batch = half_way(door.office, ann)
    path = f"/v1/batches/{batch.uid}"
    told = door.client.get(path, headers=operator).json()
    assert (told["state"], told["left"]) == ("cancelled", LEFT)
    if of == "request":
        path = f"/v1/requests/{_of_a_request(door, ann.id, batch.id)}"
    was = probe.contents()
    for given in (None, {}, {"confirm": "0" * 64}):
        assert slug(door.client.post(f"{path}/retry", json=given, headers=operator)) == (409, "not-confirmed")
    assert changed(was, probe.contents()) == {}
    taken = door.client.post(f"{path}/retry", json={"confirm": batch.plan_digest}, headers=operator)
    assert (taken.status_code, taken.json()["state"]) == (200, "executing")
    door.work()
    told = door.client.get(f"/v1/batches/{batch.uid}", headers=operator).json()
    assert (told["state"], told["left"], told["leftInPart"]) == ("erased", {}, 0)
    assert not any(ann.left(probe).values())
    again = door.client.post(f"{path}/retry", json={"confirm": batch.plan_digest}, headers=operator)
    assert slug(again) == (409, "not-possible-now")


def _of_a_request(door: Door, caller: int, batch: int) -> str:
    """The batch is that of a request."""
    uid = ask(door, caller)
    with door.office.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).where(request.c.uid == uid).values(state="started", batch_id=batch))
    return uid
