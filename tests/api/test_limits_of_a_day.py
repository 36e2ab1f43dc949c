"""A limit is a day's: whoever asks for one person after the other asks for as many as with a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import ACCOUNT, URL, ApiHarness, bearer, once, open_api
from tests.support.concurrent_calls import at_once
from tests.support.installation import CompanyStack
from tests.support.people import make_caller, make_holder
from tests.support.plan_replacement import plan_only, planned_under_another_map
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import start_preconditions
from expunge_orchestrator.planning import planner

PEOPLE = 3


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    with open_api(calltrack, tmp_path) as made:
        limit(made, people=PEOPLE)
        yield made


def limit(api: ApiHarness, **limits: int) -> None:
    workspace = api.installation.workspace
    limits_ = workspace.data_map.limits.model_copy(update=limits)
    object.__setattr__(workspace, "data_map", workspace.data_map.model_copy(update={"limits": limits_}))


def asked(api: ApiHarness, inspector: StoreInspector, headers: Mapping[str, str]) -> str:
    """The state of a request for one more person."""
    ann = make_caller(inspector)
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    uid = api.client.post("/v1/erasure_requests", json=wish, headers=once(headers)).json()["id"]
    api.work()
    return str(plan_of(api, uid)["state"])


def plan_of(api: ApiHarness, uid: str) -> dict[str, Any]:
    key = api.key(Role.AUDITOR)
    batch = api.client.get(f"/v1/erasure_requests/{uid}", headers=key).json()["batch_id"]
    return dict(api.client.get(f"/v1/batches/{batch}/plan", headers=key).json())


def listed(api: ApiHarness, inspector: StoreInspector, headers: Mapping[str, str], number: int = 1) -> dict[str, Any]:
    """The plan of a list of so many people."""
    crowd = [make_caller(inspector) for _ in range(number)]
    content = "caller_id\n" + "".join(f"{one.id}\n" for one in crowd)
    params = {"controller": crowd[0].controller}
    made = api.client.post("/v1/batches", params=params, content=content, headers=once(headers))
    assert made.status_code == 201, made.text
    return dict(made.json())


def test_single_requests_add_up(api: ApiHarness, inspector: StoreInspector) -> None:
    """Over several keys of one holder, and of one issuer; another person's are counted by themselves."""
    admin = api.key(Role.ADMIN)
    issued = [api.client.post("/v1/api_keys", json={"roles": ["operator"]}, headers=admin).json() for _ in range(2)]
    of_holder = {"roles": ["operator"], "holder": issued[0]["holder"]}
    issued.append(api.client.post("/v1/api_keys", json=of_holder, headers=admin).json())
    keys = [bearer(one["secret"]) for one in issued]
    assert [asked(api, inspector, keys[number % 3]) for number in range(PEOPLE)] == ["erased"] * PEOPLE
    for key in keys:
        plan = listed(api, inspector, key)
        assert plan["state"] == "awaiting-approval"
        assert plan["exceeded"][0]["before"] >= PEOPLE
    assert listed(api, inspector, api.key(Role.OPERATOR))["state"] == "planned"


def test_a_list_counts_for_the_day_and_not_for_the_next(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = api.key(Role.OPERATOR)
    assert listed(api, inspector, key, PEOPLE)["state"] == "planned"
    (excess,) = listed(api, inspector, key)["exceeded"]
    assert excess == {"limit": "people", "place": None, "value": PEOPLE + 1, "allowed": PEOPLE, "before": PEOPLE}
    today = planner.now()
    monkeypatch.setattr(planner, "now", lambda: today + timedelta(days=1))
    assert listed(api, inspector, key, PEOPLE)["state"] == "planned"


def test_each_controllers_people_are_counted_by_themselves(api: ApiHarness, inspector: StoreInspector) -> None:
    """What one asked for a client leaves what the same one may ask for another."""
    key = api.key(Role.OPERATOR)
    assert listed(api, inspector, key, PEOPLE)["state"] == "planned"
    assert listed(api, inspector, key)["state"] == "awaiting-approval"
    ann = make_holder(inspector)
    params = {"controller": "calltrack"}
    made = api.client.post("/v1/batches", params=params, content=ann.csv, headers=once(key))
    assert (made.json()["state"], made.json()["exceeded"]) == ("planned", [])


def test_of_two_at_once_one_waits(api: ApiHarness, inspector: StoreInspector) -> None:
    admin = api.key(Role.ADMIN)
    issued = [api.client.post("/v1/api_keys", json={"roles": ["operator"]}, headers=admin).json() for _ in range(4)]
    plans = [partial(listed, api, inspector, bearer(one["secret"]), 2) for one in issued]
    states = [one["state"] for one in at_once(*plans)]
    assert sorted(states) == ["awaiting-approval"] * 3 + ["planned"]


def test_what_people_ask_for_themselves_is_nobodys(api: ApiHarness, inspector: StoreInspector) -> None:
    for _ in range(PEOPLE + 2):
        ann = make_holder(inspector)
        wish = {**ACCOUNT, "waive_grace": True}
        made = api.client.post(URL, json=wish, headers=once(api.person(user_id=ann.id)))
        assert made.status_code == 201, made.text
        api.work()
        assert plan_of(api, made.json()["id"])["state"] == "erased"


def test_a_plan_that_replaces_another_counts_once(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(api, people=1)
    ann, key = make_caller(inspector), api.key(Role.OPERATOR)
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    uid = api.client.post("/v1/erasure_requests", json=wish, headers=once(key)).json()["id"]
    plan_only(api, monkeypatch)
    for _ in range(3):
        planned_under_another_map(api, uid)
        plan_only(api, monkeypatch)
    assert plan_of(api, uid)["exceeded"] == []
    assert "replaces" in plan_of(api, uid)
    assert listed(api, inspector, key)["exceeded"][0]["value"] == 2


def days_on(monkeypatch: pytest.MonkeyPatch, api: ApiHarness, days: int) -> None:
    """Plans are made so many days later, and begun; whoever works is called then."""
    at = planner.now() + timedelta(days=days)
    for module in (planner, start_preconditions):
        monkeypatch.setattr(module, "now", lambda: at)
    api.at += timedelta(days=days)


def wished(api: ApiHarness, inspector: StoreInspector, headers: Mapping[str, str]) -> str:
    ann = make_caller(inspector)
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    return str(api.client.post("/v1/erasure_requests", json=wish, headers=once(headers)).json()["id"])


def test_what_waits_is_replaced_on_another_day_and_waits_on(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for nothing beyond the plan that waited, and the next day's sum is empty: nobody approved it yet."""
    key = api.key(Role.OPERATOR)
    assert listed(api, inspector, key, PEOPLE)["state"] == "planned"
    uid = wished(api, inspector, key)
    api.work()
    first = plan_of(api, uid)
    assert first["state"] == "awaiting-approval"
    for _ in range(2):
        days_on(monkeypatch, api, 1)
        planned_under_another_map(api, uid)
        api.work()
    last = plan_of(api, uid)
    assert last["replaces"]["batch_id"] != first["id"], "the second that came instead"
    assert (last["state"], last["exceeded"]) == ("awaiting-approval", first["exceeded"])
    assert listed(api, inspector, key, PEOPLE)["state"] == "planned", "of this day nothing was counted"


def test_what_was_within_the_limit_is_replaced_on_another_day_and_stays_within(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = api.key(Role.OPERATOR)
    uid = wished(api, inspector, key)
    plan_only(api, monkeypatch)
    days_on(monkeypatch, api, 1)
    assert listed(api, inspector, key, PEOPLE)["state"] == "planned"
    planned_under_another_map(api, uid)
    api.work()
    plan = plan_of(api, uid)
    assert (plan["state"], plan["exceeded"], "replaces" in plan) == ("erased", [], True)


def test_what_was_within_the_limit_stays_within_after_others_of_its_day(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = api.key(Role.OPERATOR)
    uid = wished(api, inspector, key)
    plan_only(api, monkeypatch)
    assert listed(api, inspector, key, PEOPLE)["state"] == "awaiting-approval"
    planned_under_another_map(api, uid)
    api.work()
    plan = plan_of(api, uid)
    assert (plan["state"], plan["exceeded"], "replaces" in plan) == ("erased", [], True)
