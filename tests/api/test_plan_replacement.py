"""A request whose plan is void is planned anew by itself; where somebody has to look, its status says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, once, open_api
from tests.support.data_map_text import document_of, write_document
from tests.support.people import make_holder
from tests.support.plan_replacement import ask, plan_only, planned_under_another_map, plans_of
from tests.support.statements import assert_chain_intact, destroyed, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import planner
from expunge_orchestrator.receipts import receipt_export
from expunge_orchestrator.requests import scheduler


@contextmanager
def limited_door(inspector: StoreInspector, home: Path, limits: Mapping[str, int]) -> Iterator[ApiHarness]:
    document = document_of(inspector.calltrack.settings(home).data_map)
    path = home / "limited.yaml"
    write_document(path, {**document, "limits": dict(limits)})
    with open_api(inspector.calltrack, home / "api", data_map=path) as api:
        yield api


def told(api: ApiHarness, uid: str) -> dict[str, Any]:
    return dict(api.client.get(f"/v1/erasure_requests/{uid}", headers=api.key(Role.OPERATOR)).json())


def test_the_map_changed_before_it_was_begun(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_holder(inspector)
    uid = ask(api, ann.id)
    plan_only(api, monkeypatch)
    first = told(api, uid)["batch_id"]
    planned_under_another_map(api, uid)
    api.work()
    after = told(api, uid)
    assert (after["state"], after["failure"]) == ("erased", None)
    assert after["batch_id"] != first
    assert plans_of(api) == [(first, "cancelled"), (after["batch_id"], "erased")]
    plan = api.client.get(f"/v1/erasure_requests/{uid}/plan", headers=api.key(Role.OPERATOR)).json()
    assert plan["replaces"] == {"batch_id": first, "reason": "map-changed"}
    old = api.client.get(f"/v1/batches/{first}", headers=api.key(Role.OPERATOR)).json()
    (reason,) = old["reasons"]
    assert reason.startswith(f"Replaced by {after['batch_id']}: the data map changed")
    with reading(api.installation.workspace.ledger) as connection:
        kept = connection.execute(
            sa.select(tables.item.c.wrapped_key, tables.item.c.sealed_identifiers)
            .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
            .where(tables.batch.c.uid == first)
        ).one()
    assert tuple(kept) == (None, None), "the identifiers are sealed once, in the plan in force"
    trail = api.client.get("/v1/audit_log", headers=api.key(Role.AUDITOR)).json()["items"]
    assert [(one["actor"], one["target"], one["result"]) for one in trail if one["action"] == "plan.replace"] == [
        ("worker", uid, "map-changed")
    ]


def test_one_that_waits_for_approval_is_replaced_and_approved_anew(inspector: StoreInspector, tmp_path: Path) -> None:
    """Whoever approves must not approve what cannot be carried out; an approval of the void plan is none of the new."""
    ann = make_holder(inspector)
    with limited_door(inspector, tmp_path, {"people": 0}) as api:
        approver = api.key(Role.APPROVER)
        uid = ask(api, ann.id)
        api.work()
        first = told(api, uid)
        assert first["state"] == "awaiting-approval"
        old = api.client.get(f"/v1/batches/{first['batch_id']}/plan", headers=approver).json()
        planned_under_another_map(api, uid)
        api.work()
        second = told(api, uid)
        assert (second["state"], second["failure"]) == ("awaiting-approval", None)
        assert second["batch_id"] != first["batch_id"]
        at = f"/v1/batches/{first['batch_id']}/approve"
        late = api.client.post(at, json={"digest": old["digest"]}, headers=approver)
        assert (late.status_code, api.client.get(at[:-8], headers=approver).json()["state"]) == (409, "cancelled")
        new = api.client.get(f"/v1/batches/{second['batch_id']}/plan", headers=approver).json()
        assert new["replaces"] == {"batch_id": first["batch_id"], "reason": "map-changed"}
        at = f"/v1/batches/{second['batch_id']}/approve"
        assert api.client.post(at, json={"digest": old["digest"]}, headers=approver).status_code == 409
        assert api.client.post(at, json={"digest": new["digest"]}, headers=approver).status_code == 200
        api.work()
        assert told(api, uid)["state"] == "erased"
        assert ann.left(inspector)["main.messages"] == 0


def test_one_that_nobody_approved_in_time_is_counted_anew(inspector: StoreInspector, tmp_path: Path) -> None:
    ann = make_holder(inspector)
    with limited_door(inspector, tmp_path, {"people": 0}) as api:
        uid = ask(api, ann.id)
        api.work()
        first = told(api, uid)["batch_id"]
        made = stamp(now() - api.installation.settings.plan_lifetime - timedelta(minutes=1))
        with api.installation.workspace.ledger.begin() as connection:
            connection.execute(sa.update(tables.batch).values(created_at=made))
        api.work()
        second = told(api, uid)
        assert (second["state"], second["batch_id"] != first) == ("awaiting-approval", True)
        plan = api.client.get(f"/v1/erasure_requests/{uid}/plan", headers=api.key(Role.OPERATOR)).json()
        assert plan["replaces"] == {"batch_id": first, "reason": "too-old"}


def test_another_store_is_for_somebody_to_look_at(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_holder(inspector)
    uid = ask(api, ann.id)
    plan_only(api, monkeypatch)
    first = told(api, uid)["batch_id"]
    with api.installation.workspace.ledger.begin() as connection:
        plan = connection.execute(sa.select(tables.batch.c.plan).where(tables.batch.c.uid == first)).scalar_one()
        plan["stores"]["main"]["identity"] = "0" * 64
        connection.execute(sa.update(tables.batch).where(tables.batch.c.uid == first).values(plan=plan))
    for _ in range(2):
        api.work()
        api.at += timedelta(hours=1)
    waiting = told(api, uid)
    assert (waiting["state"], waiting["batch_id"]) == ("planned", first)
    assert waiting["failure"] == (
        "The store main is not the one that the plan was made for. Find out which store answers at its address."
        " If it is the right one, retry: it is then planned anew."
    )
    assert ann.left(inspector)["main.messages"] == 1
    operator = api.key(Role.OPERATOR)
    taken = api.client.post(f"/v1/erasure_requests/{uid}/retry", headers=operator)
    assert (taken.status_code, taken.json()["failure"]) == (200, None)
    api.work()
    assert told(api, uid)["state"] == "erased"
    trail = api.client.get("/v1/audit_log", headers=api.key(Role.AUDITOR)).json()["items"]
    assert [one["result"] for one in trail if one["action"] == "plan.replace"] == ["other-store"]
    assert [one["actor"] for one in trail if one["action"] == "plan.replace"] != ["worker"]


def test_more_was_there_than_was_planned(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drift: stopped before anything was deleted, planned anew with what is there, and carried out."""
    ann = make_holder(inspector)
    uid = ask(api, ann.id)
    plan_only(api, monkeypatch)
    inspector.sql("INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, 40)", ann.id)
    api.work()
    stopped = told(api, uid)
    assert (stopped["state"], ann.left(inspector)["main.messages"]) == ("failed", 41)
    api.at += timedelta(hours=1)
    api.work()
    api.at += timedelta(hours=1)
    api.work()
    after = told(api, uid)
    assert (after["state"], after["failure"]) == ("erased", None)
    assert plans_of(api) == [(stopped["batch_id"], "cancelled"), (after["batch_id"], "erased")]
    assert ann.left(inspector)["main.messages"] == 0
    plan = api.client.get(f"/v1/erasure_requests/{uid}/plan", headers=api.key(Role.OPERATOR)).json()
    assert plan["replaces"] == {"batch_id": stopped["batch_id"], "reason": "drift"}
    assert plan["stores"]["main"]["collections"]["messages"]["due"] == 41
    with reading(api.installation.workspace.ledger) as connection:
        said = [
            connection.scalars(
                sa.select(tables.statement.c.event)
                .join(tables.item, tables.item.c.id == tables.statement.c.item_id)
                .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
                .where(tables.batch.c.uid == batch)
                .order_by(tables.statement.c.seq)
            ).all()
            for batch, _ in plans_of(api)
        ]
    assert said == [["accepted", "cancelled"], ["accepted", "erased"]]


def test_the_receipt_of_a_replaced_plan_names_the_one_in_which_the_request_goes_on(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plan ended, not the request: the ledger still opens the identifiers, sealed for the series of the next."""
    ann = make_holder(inspector)
    uid = ask(api, ann.id)
    plan_only(api, monkeypatch)
    inspector.sql("INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, 40)", ann.id)
    api.work()
    api.at += timedelta(hours=1)
    api.work()
    installation = api.installation
    with reading(installation.workspace.ledger) as connection:
        first, second = (batch_by_uid(connection, uid) for uid, _ in plans_of(api))
        following = connection.execute(sa.select(tables.item).where(tables.item.c.batch_id == second.id)).one()
    assert following.wrapped_key is not None
    (said,) = statements_of(installation, first, "cancelled")
    assert said.body["continuedIn"] == following.series
    assert str(said.body["reason"]).startswith("Planned anew before anything was erased")
    assert not destroyed(said)
    assert_chain_intact(installation, first)
    receipt = receipt_export.exported(installation.workspace, said.series)
    assert f"the request goes on in another receipt: {following.series}" in receipt_export.as_html(
        installation.workspace, receipt, api.at
    )
    api.at += timedelta(hours=1)
    api.work()
    assert told(api, uid)["receipt_id"] == following.series


def test_whose_address_passed_on_meanwhile_is_not_planned_for_somebody_else(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    asked = {"controller": "calltrack", "identifiers": {"email": ann.email}}
    uid = api.client.post("/v1/erasure_requests", json=asked, headers=once(api.key(Role.REQUESTER))).json()["id"]
    plan_only(api, monkeypatch)
    planned_under_another_map(api, uid)
    inspector.sql("UPDATE users SET email = 'elsewhere-' || email WHERE id = %s", ann.id)
    inspector.sql("UPDATE users SET email = %s WHERE id = %s", ann.email, bob.id)
    was = (ann.left(inspector)["main.users"], bob.left(inspector)["main.users"])
    api.work()
    assert told(api, uid)["state"] == "ambiguous"
    assert (ann.left(inspector)["main.users"], bob.left(inspector)["main.users"]) == was == (1, 1)


def test_two_workers_replace_it_once(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_holder(inspector)
    uid = ask(api, ann.id)
    plan_only(api, monkeypatch)
    planned_under_another_map(api, uid)
    workspace, meet = api.installation.workspace, threading.Barrier(2)
    planned = planner.create_plan

    def together(*args: Any, **named: Any) -> Batch:
        meet.wait(60)
        return planned(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(planner, "create_plan", together)
        workers = [threading.Thread(target=scheduler.start_due, args=(workspace, api.at)) for _ in range(2)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    assert [state for _, state in plans_of(api)] == ["cancelled", "executing"]
    api.work()
    assert told(api, uid)["state"] == "erased"
