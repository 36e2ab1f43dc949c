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
import yaml
from tests.support.api import Door, once, opened_door
from tests.support.people import make_holder
from tests.support.replanning import ask, plan_only, planned_under_another_map, plans_of
from tests.support.store_inspector import Probe

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import planner
from expunge_orchestrator.requests import scheduler


@contextmanager
def limited_door(probe: Probe, home: Path, limits: Mapping[str, int]) -> Iterator[Door]:
    document = yaml.safe_load(probe.town.settings(home).data_map.read_text(encoding="utf-8"))
    path = home / "limited.yaml"
    path.write_text(yaml.safe_dump({**document, "limits": dict(limits)}, sort_keys=False), encoding="utf-8")
    with opened_door(probe.town, home / "door", data_map=path) as door:
        yield door


def told(door: Door, uid: str) -> dict[str, Any]:
    return dict(door.client.get(f"/v1/requests/{uid}", headers=door.key(Role.OPERATOR)).json())


def test_the_map_changed_before_it_was_begun(door: Door, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_holder(probe)
    uid = ask(door, ann.id)
    plan_only(door, monkeypatch)
    first = told(door, uid)["batch"]
    planned_under_another_map(door, uid)
    door.work()
    after = told(door, uid)
    assert (after["state"], after["failure"]) == ("erased", None)
    assert after["batch"] != first
    assert plans_of(door) == [(first, "cancelled"), (after["batch"], "erased")]
    plan = door.client.get(f"/v1/requests/{uid}/plan", headers=door.key(Role.OPERATOR)).json()
    assert plan["replaces"] == {"batch": first, "because": "map-changed"}
    old = door.client.get(f"/v1/batches/{first}", headers=door.key(Role.OPERATOR)).json()
    (reason,) = old["reasons"]
    assert reason.startswith(f"Replaced by {after['batch']}: the data map changed")
    with reading(door.office.workspace.ledger) as connection:
        kept = connection.execute(
            sa.select(tables.item.c.wrapped_key, tables.item.c.sealed_identifiers)
            .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
            .where(tables.batch.c.uid == first)
        ).one()
    assert tuple(kept) == (None, None), "the identifiers are sealed once, in the plan in force"
    trail = door.client.get("/v1/audit", headers=door.key(Role.AUDITOR)).json()["items"]
    assert [(one["actor"], one["target"], one["result"]) for one in trail if one["action"] == "plan.replace"] == [
        ("worker", uid, "map-changed")
    ]


def test_one_that_waits_for_approval_is_replaced_and_approved_anew(probe: Probe, tmp_path: Path) -> None:
    """Whoever approves must not approve what cannot be carried out; an approval of the void plan is none of the new."""
    ann = make_holder(probe)
    with limited_door(probe, tmp_path, {"people": 0}) as door:
        approver = door.key(Role.APPROVER)
        uid = ask(door, ann.id)
        door.work()
        first = told(door, uid)
        assert first["state"] == "awaiting-approval"
        old = door.client.get(f"/v1/batches/{first['batch']}/plan", headers=approver).json()
        planned_under_another_map(door, uid)
        door.work()
        second = told(door, uid)
        assert (second["state"], second["failure"]) == ("awaiting-approval", None)
        assert second["batch"] != first["batch"]
        at = f"/v1/batches/{first['batch']}/approve"
        late = door.client.post(at, json={"digest": old["digest"]}, headers=approver)
        assert (late.status_code, door.client.get(at[:-8], headers=approver).json()["state"]) == (409, "cancelled")
        new = door.client.get(f"/v1/batches/{second['batch']}/plan", headers=approver).json()
        assert new["replaces"] == {"batch": first["batch"], "because": "map-changed"}
        at = f"/v1/batches/{second['batch']}/approve"
        assert door.client.post(at, json={"digest": old["digest"]}, headers=approver).status_code == 409
        assert door.client.post(at, json={"digest": new["digest"]}, headers=approver).status_code == 200
        door.work()
        assert told(door, uid)["state"] == "erased"
        assert ann.left(probe)["main.messages"] == 0


def test_one_that_nobody_approved_in_time_is_counted_anew(probe: Probe, tmp_path: Path) -> None:
    ann = make_holder(probe)
    with limited_door(probe, tmp_path, {"people": 0}) as door:
        uid = ask(door, ann.id)
        door.work()
        first = told(door, uid)["batch"]
        made = stamp(now() - door.office.settings.plan_lifetime - timedelta(minutes=1))
        with door.office.workspace.ledger.begin() as connection:
            connection.execute(sa.update(tables.batch).values(created_at=made))
        door.work()
        second = told(door, uid)
        assert (second["state"], second["batch"] != first) == ("awaiting-approval", True)
        plan = door.client.get(f"/v1/requests/{uid}/plan", headers=door.key(Role.OPERATOR)).json()
        assert plan["replaces"] == {"batch": first, "because": "too-old"}


def test_another_store_is_for_somebody_to_look_at(door: Door, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_holder(probe)
    uid = ask(door, ann.id)
    plan_only(door, monkeypatch)
    first = told(door, uid)["batch"]
    with door.office.workspace.ledger.begin() as connection:
        plan = connection.execute(sa.select(tables.batch.c.plan).where(tables.batch.c.uid == first)).scalar_one()
        plan["stores"]["main"]["identity"] = "0" * 64
        connection.execute(sa.update(tables.batch).where(tables.batch.c.uid == first).values(plan=plan))
    for _ in range(2):
        door.work()
        door.at += timedelta(hours=1)
    waiting = told(door, uid)
    assert (waiting["state"], waiting["batch"]) == ("planned", first)
    assert waiting["failure"] == (
        "The store main is not the one that the plan was made for. Find out which store answers at its address."
        " If it is the right one, retry: it is then planned anew."
    )
    assert ann.left(probe)["main.messages"] == 1
    operator = door.key(Role.OPERATOR)
    taken = door.client.post(f"/v1/requests/{uid}/retry", headers=operator)
    assert (taken.status_code, taken.json()["failure"]) == (200, None)
    door.work()
    assert told(door, uid)["state"] == "erased"
    trail = door.client.get("/v1/audit", headers=door.key(Role.AUDITOR)).json()["items"]
    assert [one["result"] for one in trail if one["action"] == "plan.replace"] == ["other-store"]
    assert [one["actor"] for one in trail if one["action"] == "plan.replace"] != ["worker"]


def test_more_was_there_than_was_planned(door: Door, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift: stopped before anything was deleted, planned anew with what is there, and carried out."""
    ann = make_holder(probe)
    uid = ask(door, ann.id)
    plan_only(door, monkeypatch)
    probe.sql("INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, 40)", ann.id)
    door.work()
    stopped = told(door, uid)
    assert (stopped["state"], ann.left(probe)["main.messages"]) == ("failed", 41)
    door.at += timedelta(hours=1)
    door.work()
    door.at += timedelta(hours=1)
    door.work()
    after = told(door, uid)
    assert (after["state"], after["failure"]) == ("erased", None)
    assert plans_of(door) == [(stopped["batch"], "cancelled"), (after["batch"], "erased")]
    assert ann.left(probe)["main.messages"] == 0
    plan = door.client.get(f"/v1/requests/{uid}/plan", headers=door.key(Role.OPERATOR)).json()
    assert plan["replaces"] == {"batch": stopped["batch"], "because": "drift"}
    assert plan["stores"]["main"]["collections"]["messages"]["due"] == 41
    with reading(door.office.workspace.ledger) as connection:
        said = [
            connection.scalars(
                sa.select(tables.statement.c.event)
                .join(tables.item, tables.item.c.id == tables.statement.c.item_id)
                .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
                .where(tables.batch.c.uid == batch)
                .order_by(tables.statement.c.seq)
            ).all()
            for batch, _ in plans_of(door)
        ]
    assert said == [["accepted", "cancelled"], ["accepted", "erased"]]


def test_whose_address_passed_on_meanwhile_is_not_planned_for_somebody_else(
    door: Door, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = make_holder(probe), make_holder(probe)
    asked = {"controller": "calltrack", "identifiers": {"email": ann.email}}
    uid = door.client.post("/v1/requests", json=asked, headers=once(door.key(Role.REQUESTER))).json()["id"]
    plan_only(door, monkeypatch)
    planned_under_another_map(door, uid)
    probe.sql("UPDATE users SET email = 'elsewhere-' || email WHERE id = %s", ann.id)
    probe.sql("UPDATE users SET email = %s WHERE id = %s", ann.email, bob.id)
    was = (ann.left(probe)["main.users"], bob.left(probe)["main.users"])
    door.work()
    assert told(door, uid)["state"] == "ambiguous"
    assert (ann.left(probe)["main.users"], bob.left(probe)["main.users"]) == was == (1, 1)


def test_two_workers_replace_it_once(door: Door, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_holder(probe)
    uid = ask(door, ann.id)
    plan_only(door, monkeypatch)
    planned_under_another_map(door, uid)
    workspace, meet = door.office.workspace, threading.Barrier(2)
    planned = planner.create_plan

    def together(*args: Any, **named: Any) -> Batch:
        meet.wait(60)
        return planned(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(planner, "create_plan", together)
        workers = [threading.Thread(target=scheduler.start_due, args=(workspace, door.at)) for _ in range(2)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    assert [state for _, state in plans_of(door)] == ["cancelled", "executing"]
    door.work()
    assert told(door, uid)["state"] == "erased"
