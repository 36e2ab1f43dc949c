"""A person's own deletion: who they are stands in the token, one request at a time, undone until it begins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from tests.support.api import ACCOUNT, GRACE, URL, ApiHarness, bearer, once
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.planning import forgotten_plans
from expunge_orchestrator.requests import scheduler


def test_asked_waited_erased(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder)))
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["state"], told["cancellable"], told["batch_id"]) == ("scheduled", True, None)
    assert told["starts_at"].startswith((api.at + GRACE).date().isoformat())
    api.at += GRACE - timedelta(minutes=1)
    api.work()
    assert _state(api, holder, told["id"]) == "scheduled"
    api.at += timedelta(minutes=2)
    api.work()
    assert _state(api, holder, told["id"]) == "partially-erased"
    followed = api.client.get(URL, headers=api.person(user_id=holder)).json()[0]
    assert followed["receipt_id"].startswith("er_")


def test_repeated_it_is_the_same_request(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    headers = once(api.person(user_id=holder))
    first = api.client.post(URL, json=ACCOUNT, headers=headers)
    again = api.client.post(URL, json=ACCOUNT, headers=headers)
    other_key = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder)))
    assert [one.status_code for one in (first, again, other_key)] == [201, 200, 200]
    assert len({one.json()["id"] for one in (first, again, other_key)}) == 1
    told = {one.json()["follow_up_token"] for one in (first, again, other_key)}
    assert len(told) == 1, "whoever could have made it and did not hear the answer is told again"
    assert (
        api.client.get("/v1/follow_up/erasure_request", headers=bearer(str(told.pop()))).json()["id"]
        == first.json()["id"]
    )


def test_an_answer_that_was_lost(api: ApiHarness) -> None:
    """Without grace it runs by the time of the repeat, and is over by the next; told it is to nobody else."""
    holder, other = api.installation.calltrack.take_holders(2)
    key, wish = {"Idempotency-Key": "lost"}, {**ACCOUNT, "waive_grace": True}
    lost = api.client.post(URL, json=wish, headers={**api.person(user_id=holder), **key}).json()
    api.work()
    running = api.client.post(URL, json=wish, headers={**api.person(user_id=holder), **key}).json()
    api.settle()
    over = api.client.post(URL, json=wish, headers={**api.person(user_id=holder), **key}).json()
    assert (over["id"], over["state"], running["id"]) == (lost["id"], "settled", lost["id"])
    assert (running["follow_up_token"], over["follow_up_token"]) == (lost["follow_up_token"], lost["follow_up_token"])
    assert (
        api.client.get("/v1/follow_up/erasure_request/receipt", headers=bearer(over["follow_up_token"])).status_code
        == 200
    )
    own = api.client.post(URL, json=wish, headers={**api.person(user_id=other), **key}).json()
    assert own["id"] != lost["id"]
    assert own["follow_up_token"] != lost["follow_up_token"]
    looks = {URL: api.person(user_id=holder), "/v1/follow_up/erasure_request": bearer(lost["follow_up_token"])}
    looks |= {f"/v1/erasure_requests/{lost['id']}": api.key(Role.OPERATOR), "/v1/audit_log": api.key(Role.AUDITOR)}
    for path, headers in looks.items():
        looked = api.client.get(path, headers=headers)
        assert looked.status_code == 200
        assert secret_of(lost) not in looked.text, "to look is not to ask"


def test_a_secret_that_was_made_otherwise(api: ApiHarness) -> None:
    """Under other keys, or by an earlier version: what would open nothing is not told."""
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder))).json()
    assert secret_of(made) not in str(kept(api, made["id"]))
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).where(request.c.uid == made["id"]).values(follow_up=bytes(32)))
    again = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder)))
    assert (again.status_code, again.json()["follow_up_token"]) == (200, None)


def secret_of(made: dict[str, Any]) -> str:
    return str(made["follow_up_token"]).split("_", 2)[2]


def kept(api: ApiHarness, uid: str) -> dict[str, Any]:
    with reading(api.installation.workspace.ledger) as connection:
        return dict(connection.execute(sa.select(request).where(request.c.uid == uid)).mappings().one())


def test_a_token_is_good_for_one_call(api: ApiHarness) -> None:
    holder, other = api.installation.calltrack.take_holders(2)
    token = api.person(user_id=holder)
    assert api.client.post(URL, json=ACCOUNT, headers=once(token)).status_code == 201
    replayed = api.client.get(URL, headers=token)
    assert (replayed.status_code, replayed.json()["type"].rsplit("/", 1)[1]) == (401, "token-replayed")
    assert replayed.headers["content-type"] == "application/problem+json"
    assert api.client.get(URL, headers=api.person(user_id=other)).json() == []


def test_undone_and_asked_again(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    first = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder))).json()
    undone = api.client.post(f"{URL}/{first['id']}/cancel", headers=api.person(user_id=holder))
    assert (undone.status_code, undone.json()["state"]) == (200, "cancelled")
    second = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder)))
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    api.at += GRACE
    api.work()
    late = api.client.post(f"{URL}/{second.json()['id']}/cancel", headers=api.person(user_id=holder))
    assert (late.status_code, late.json()["type"].rsplit("/", 1)[1]) == (409, "too-late")
    assert _state(api, holder, first["id"]) == "cancelled"


def test_somebody_elses_request_is_not_there(api: ApiHarness) -> None:
    holder, other = api.installation.calltrack.take_holders(2)
    made = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder))).json()
    for path, method in ((f"{URL}/{made['id']}", "GET"), (f"{URL}/{made['id']}/cancel", "POST")):
        assert api.client.request(method, path, headers=api.person(user_id=other)).status_code == 404
    assert _state(api, holder, made["id"]) == "scheduled"


def test_waived(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(URL, json={**ACCOUNT, "waive_grace": True}, headers=once(api.person(user_id=holder)))
    assert made.status_code == 201
    api.work()
    assert _state(api, holder, made.json()["id"]) == "partially-erased"


def test_a_scope_takes_its_data_types_and_nothing_else(api: ApiHarness, inspector: StoreInspector) -> None:
    holder = make_holder(inspector)
    was = inspector.contents()
    wish = {"scope": "information", "waive_grace": True}
    made = api.client.post(URL, json=wish, headers=once(api.person(user_id=holder.id)))
    assert (made.status_code, made.json()["data_types"]) == (201, ["exports", "messages"])
    api.work()
    assert _state(api, holder.id, made.json()["id"]) == "erased"
    assert changed(was, inspector.contents()) == {"table messages": (1, 0), "bucket calltrack-exports": (1, 0)}


def test_information_only_and_then_the_account(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    wish = {"scope": "information", "waive_grace": True}
    made = api.client.post(URL, json=wish, headers=once(api.person(user_id=holder))).json()
    assert made["data_types"] == ["exports", "messages"]
    api.work()
    assert _state(api, holder, made["id"]) in {"erased", "not-found"}
    api.settle()
    whole = api.client.post(URL, json={**ACCOUNT, "waive_grace": True}, headers=once(api.person(user_id=holder)))
    assert whole.status_code == 201, "the first one is over, the person can ask anew"
    api.work()
    assert _state(api, holder, whole.json()["id"]) == "partially-erased"


def test_a_person_can_do_nothing_else(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    wish = {"controller": "calltrack", "identifiers": {"user_id": str(holder)}}
    refused = api.client.post("/v1/erasure_requests", json=wish, headers=once(api.person(user_id=holder)))
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (403, "role-missing")
    assert api.client.get("/v1/erasure_requests", headers=api.person(user_id=holder)).status_code == 403
    smuggled = api.client.post(URL, json={**ACCOUNT, "user_id": 1}, headers=once(api.person(user_id=holder)))
    assert smuggled.status_code == 422


def test_no_token_no_answer(api: ApiHarness) -> None:
    assert api.client.get(URL).status_code == 401
    assert api.client.get(URL, headers=bearer("nonsense")).status_code == 401


def _state(api: ApiHarness, holder: int, request: str) -> str:
    return str(api.client.get(f"{URL}/{request}", headers=api.person(user_id=holder)).json()["state"])


def test_undone_by_the_secret_of_the_first_answer(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder))).json()
    follow = bearer(made["follow_up_token"])
    assert api.client.get("/v1/follow_up/erasure_request", headers=follow).json()["id"] == made["id"]
    assert api.client.get(URL, headers=follow).status_code == 403
    assert api.client.post("/v1/follow_up/erasure_request/cancel", headers=follow).json()["state"] == "cancelled"
    assert api.client.get("/v1/follow_up/erasure_request/receipt", headers=follow).status_code == 404
    wrong = bearer(made["follow_up_token"][:-1] + ("a" if made["follow_up_token"][-1] != "a" else "b"))
    assert api.client.get("/v1/follow_up/erasure_request", headers=wrong).status_code == 401


def test_a_request_that_waits_for_approval_never_runs_out(api: ApiHarness) -> None:
    """A plan that nobody carries out is forgotten; what somebody asked for is not."""
    (holder,) = api.installation.calltrack.take_holders()
    wish = {**ACCOUNT, "waive_grace": True}
    made = api.client.post(URL, json=wish, headers=once(api.person(user_id=holder))).json()
    workspace = api.installation.workspace
    scheduler.lock_due(workspace, api.at)
    with workspace.ledger.begin() as connection:
        row = connection.execute(sa.select(request.c.id).where(request.c.uid == made["id"])).one()
    batch = api.installation.plan(f"user_id\n{holder}\n")
    with workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).where(request.c.id == row.id).values(state="started", batch_id=batch.id))
        connection.execute(
            sa.update(tables.batch).where(tables.batch.c.id == batch.id).values(created_at="2020-01-01T00:00:00Z")
        )
    assert forgotten_plans.forget_stale(workspace) == 0
