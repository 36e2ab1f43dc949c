"""The audit trail and what it tells are one transaction: where it cannot be noted it is not done, and it is told so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from tests.support.api import ApiHarness, once, open_api
from tests.support.cancellation import failed_half_way
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack
from tests.support.people import make_caller, make_holder
from tests.support.plan_replacement import ask, plan_only, planned_under_another_map, plans_of
from tests.support.store_inspector import StoreInspector, inspector

from expunge_connectors.errors import TerminalError, TransientError
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger import tables as schema
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import audit, request
from expunge_orchestrator.requests import scheduler

__all__ = ["inspector"]


REFUSING = {
    "sqlite": (
        (
            "CREATE TRIGGER full_trail BEFORE INSERT ON audit WHEN new.action LIKE '{}'"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        ),
        "DROP TRIGGER full_trail",
    ),
    "postgresql": (
        (
            "CREATE FUNCTION full_trail() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;"
            " CREATE TRIGGER full_trail BEFORE INSERT ON audit FOR EACH ROW WHEN (new.action LIKE '{}')"
            " EXECUTE FUNCTION full_trail()"
        ),
        "DROP FUNCTION full_trail CASCADE",
    ),
}
"""What makes a ledger refuse notes, and what lets it take them again."""


@contextmanager
def no_notes(ledger: sa.Engine, action: str = "%") -> Iterator[None]:
    """The database itself refuses to add to the trail."""
    refuse, take = REFUSING[ledger.dialect.name]
    with ledger.begin() as connection:
        connection.execute(sa.text(refuse.format(action)))
    yield
    with ledger.begin() as connection:
        connection.execute(sa.text(take))


def ledgers_state(ledger: sa.Engine) -> list[Any]:
    """Whatever these calls change."""
    with reading(ledger) as connection:
        tables = (schema.batch, schema.chunk, schema.item, schema.cutoff, request, audit)
        return [connection.execute(sa.select(one).order_by(*one.primary_key)).all() for one in tables]


def together(api: ApiHarness, call: str, body: Mapping[str, Any] | None = None, notes: int = 1) -> None:
    """Refused where it cannot be noted, with everything as it was; then done and noted, once."""
    ledger, operator = api.installation.workspace.ledger, api.key(Role.OPERATOR)
    before = ledgers_state(ledger)
    with no_notes(ledger):
        answer = api.client.post(call, json=body, headers=operator)
        assert answer.status_code >= 500, answer.text
        assert ledgers_state(ledger) == before
    answer = api.client.post(call, json=body, headers=operator)
    assert answer.status_code in {200, 202}, answer.text
    *after, noted = ledgers_state(ledger)
    assert after != before[:-1]
    assert [one.target for one in noted[len(before[-1]) :]] == notes * [call.split("/")[3]]


def planned(api: ApiHarness, inspector: StoreInspector) -> tuple[str, str]:
    """Where a planned list of one caller is, and the digest of its plan."""
    ann = make_caller(inspector)
    query, operator = {"controller": ann.controller}, api.key(Role.OPERATOR)
    made = api.client.post("/v1/batches", params=query, content=ann.csv, headers=once(operator)).json()
    return f"/v1/batches/{made['id']}", made["digest"]


def fails(api: ApiHarness, at: str) -> None:
    """Carry a batch out on a database that refuses."""

    def refuses(*_: object) -> int:
        raise TerminalError("A trigger refused.")

    installation = api.installation
    with reading(installation.workspace.ledger) as connection:
        batch = batch_by_uid(connection, at.rpartition("/")[2])
    broken = FaultyConnector(installation.workspace.stores["main"], erase=refuses)
    installation.erase(batch, installation.with_stores({"main": broken}))  # type: ignore[dict-item]


def test_started_paused_resumed_cancelled(api: ApiHarness, inspector: StoreInspector) -> None:
    at, digest = planned(api, inspector)
    together(api, f"{at}/start", {"digest": digest})
    together(api, f"{at}/pause")
    together(api, f"{at}/resume")
    together(api, f"{at}/cancel")
    noted = [one.action for one in ledgers_state(api.installation.workspace.ledger)[-1][-4:]]
    assert noted == ["batch.start", "batch.pause", "batch.resume", "batch.cancel"]


@pytest.mark.usefixtures("fresh_inspections")
def test_what_cannot_be_resumed_stays_paused(api: ApiHarness, inspector: StoreInspector) -> None:
    """A table that the map does not know came in the meantime: nothing is changed, and nothing is noted as done."""
    at, digest = planned(api, inspector)
    operator, ledger = api.key(Role.OPERATOR), api.installation.workspace.ledger
    api.client.post(f"{at}/start", json={"digest": digest}, headers=operator)
    api.client.post(f"{at}/pause", headers=operator)
    before = ledgers_state(ledger)
    inspector.sql("CREATE TABLE of_callers (id bigint PRIMARY KEY, caller_id bigint REFERENCES callers (id))")
    try:
        refused = api.client.post(f"{at}/resume", headers=operator)
    finally:
        inspector.sql("DROP TABLE of_callers")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "findings-block")
    assert ledgers_state(ledger) == before
    assert api.client.post(f"{at}/resume", headers=operator).json()["state"] == "executing"


def test_what_failed_is_taken_up(api: ApiHarness, inspector: StoreInspector) -> None:
    at, _ = planned(api, inspector)
    fails(api, at)
    together(api, f"{at}/retry")


def test_what_a_store_refused_is_ended(api: ApiHarness, inspector: StoreInspector) -> None:
    batch = failed_half_way(api.installation, make_caller(inspector))
    together(api, f"/v1/batches/{batch.uid}/end", {"digest": batch.plan_digest})


def test_what_is_not_held_any_more_is_taken_up(api: ApiHarness, inspector: StoreInspector) -> None:
    ann, operator = make_caller(inspector), api.key(Role.OPERATOR)
    wish = {"people": [{"caller_id": str(ann.id)}], "ground": "4 C 17/26", "controller": ann.controller}
    assert api.client.post("/v1/legal_holds", json=wish, headers=operator).status_code == 201
    query = {"controller": ann.controller}
    made = api.client.post("/v1/batches", params=query, content=ann.csv, headers=once(operator)).json()
    at = f"/v1/batches/{made['id']}"
    assert api.client.post(f"{at}/start", json={"digest": made["digest"]}, headers=operator).status_code == 202
    api.work()
    assert api.client.get(at, headers=operator).json()["state"] == "on-hold"
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(
            sa.update(schema.hold).values(until="2026-01-01")
        )  # it has run out, and no worker looked yet
    together(api, f"{at}/retry")


def test_a_request_that_could_not_be_planned(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_caller(inspector)
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    made = api.client.post("/v1/erasure_requests", json=wish, headers=once(api.key(Role.OPERATOR))).json()
    with monkeypatch.context() as patched:

        def down(*_: object, **__: object) -> None:
            raise TransientError("The store cannot be reached.")

        patched.setattr("expunge_orchestrator.planning.planner.create_plan", down)
        scheduler.start_due(api.installation.workspace, api.at)
    together(api, f"/v1/erasure_requests/{made['id']}/retry")


def void(api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch) -> str:
    """A request whose plan was made and not begun, and is void by now."""
    uid = ask(api, make_holder(inspector).id)
    plan_only(api, monkeypatch)
    planned_under_another_map(api, uid)
    return uid


def test_a_void_plan_is_replaced_and_begun(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two notes: of the plan that was replaced, and of what was taken up."""
    together(api, f"/v1/erasure_requests/{void(api, inspector, monkeypatch)}/retry", notes=2)


def test_a_void_plan_is_replaced_and_cannot_be_begun(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two is there with its note, or not at all. The new plan is in force: the worker begins it, as any."""
    ledger, uid = api.installation.workspace.ledger, void(api, inspector, monkeypatch)
    call, operator = f"/v1/erasure_requests/{uid}/retry", api.key(Role.OPERATOR)
    noted = len(ledgers_state(ledger)[-1])
    with no_notes(ledger, "erasure_request.retry"):
        assert api.client.post(call, headers=operator).status_code >= 500
        assert [state for _, state in plans_of(api)] == ["cancelled", "planned"]
        with reading(ledger) as connection:
            assert not connection.execute(sa.select(schema.cutoff)).all()
    api.work()
    assert [state for _, state in plans_of(api)] == ["cancelled", "erased"]
    trail = ledgers_state(ledger)[-1][noted:]
    assert [(one.action, one.target) for one in trail] == [("plan.replace", uid)], "nobody's retry began it"


def test_all_of_it_with_the_ledger_on_postgres(
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    postgres_ledger: SecretStr,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_api(calltrack, tmp_path, ledger_url=postgres_ledger) as api:
        test_started_paused_resumed_cancelled(api, inspector)
        test_what_failed_is_taken_up(api, inspector)
        test_what_a_store_refused_is_ended(api, inspector)
        together(api, f"/v1/erasure_requests/{void(api, inspector, monkeypatch)}/retry", notes=2)


def test_refusals_of_a_minute_are_one_entry(api: ApiHarness) -> None:
    """Of one actor and action: whoever is refused decides how often, and must not fill the trail."""
    ours, theirs, auditor = api.key(Role.REQUESTER), api.key(Role.REQUESTER), api.key(Role.AUDITOR)
    for key, number in ((ours, 50), (theirs, 1)):
        for _ in range(number):
            assert api.client.get("/v1/audit_log", headers=key).status_code == 403
    assert api.client.get("/v1/api_keys", headers=ours).status_code == 403
    api.at += timedelta(minutes=1)
    assert api.client.get("/v1/audit_log", headers=ours).status_code == 403
    api.at += timedelta(minutes=2)
    told = api.client.get("/v1/audit_log", headers=auditor).json()["items"]
    assert [(one["action"], one["result"], one["count"]) for one in told] == [
        ("audit.read", "role-missing", 50),
        ("audit.read", "role-missing", 1),
        ("api_key.manage", "role-missing", 1),
        ("audit.read", "role-missing", 1),
    ]
    assert len({one["actor"] for one in told}) == 2


def test_who_follows_the_trail_by_cursor_is_told_every_count(api: ApiHarness) -> None:
    """An entry is told once its count grows no more; and nothing that stands behind it is told before it."""
    refused, auditor, admin = api.key(Role.REQUESTER), api.key(Role.AUDITOR), api.key(Role.ADMIN)
    place: dict[str, str] = {}

    def follow() -> list[tuple[str, int]]:
        page = api.client.get("/v1/audit_log", params=place, headers=auditor).json()
        if page["next_cursor"] is not None:
            place["cursor"] = page["next_cursor"]
        return [(one["result"], one["count"]) for one in page["items"]]

    def issue() -> None:
        wish = {"roles": ["auditor"], "controllers": ["client"]}
        assert api.client.post("/v1/api_keys", json=wish, headers=admin).status_code == 201

    def be_refused() -> None:
        assert api.client.get("/v1/audit_log", headers=refused).status_code == 403

    api.at = api.at.replace(second=58)
    be_refused()
    assert follow() == []
    assert place == {}, "where nothing is told yet, the next call begins there as well"
    for step in (issue, be_refused, issue):
        step()
        assert follow() == []
    api.at += timedelta(seconds=4)
    assert follow() == [], "a call of the minute before may still stand in the line of those who write"
    api.at -= timedelta(seconds=4)
    be_refused()
    api.at += timedelta(minutes=2)
    assert follow() == [("role-missing", 3), ("done", 1), ("done", 1)]
    issue()
    assert follow() == [("done", 1)], "what no count belongs to is told at once"
    be_refused()
    assert follow() == []
    api.at += timedelta(minutes=2)
    assert follow() == [("role-missing", 1)]
    assert follow() == []
