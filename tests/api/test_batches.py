"""Lists over HTTP: planned once, approved by somebody else, carried out, watched, told line by line."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from httpx2 import Response
from tests.support.api import ApiHarness, listed, once
from tests.support.bulk_people import poisoned
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading

URL = "/v1/batches"


def test_planned_started_watched_told(api: ApiHarness) -> None:
    operator = api.key(Role.OPERATOR)
    controller, text = listed(api, 0, 3)
    headers = {**once(operator), "Content-Type": "text/csv"}
    made = api.client.post(URL, params={"controller": controller}, content=text, headers=headers)
    assert made.status_code == 201, made.text
    again = api.client.post(URL, params={"controller": controller}, content=text, headers=headers)
    assert (again.status_code, again.json()) == (200, made.json())
    at, digest = f"{URL}/{made.json()['id']}", made.json()["digest"]
    assert api.client.post(f"{at}/start", json={"digest": "0" * 64}, headers=operator).status_code == 409
    assert api.client.post(f"{at}/start", json={"digest": digest}, headers=operator).status_code == 202
    api.work()
    with api.client.stream("GET", f"{at}/events", headers=operator) as watched:
        assert "event: end" in watched.read().decode()
    told = api.client.get(f"{at}/results", params={"limit": 2}, headers=operator).json()
    rest = api.client.get(f"{at}/results", params={"limit": 2, "cursor": told["next_cursor"]}, headers=operator).json()
    assert [(one["line"], one["outcome"]) for one in told["items"] + rest["items"]] == [
        (n, "erased") for n in (1, 2, 3)
    ]
    assert rest["next_cursor"] is None


def test_a_plan_names_no_batch_of_another_controller(api: ApiHarness, inspector: StoreInspector) -> None:
    """Whoever names an address in a plan of one client is not told that its owner deletes their account just now."""
    holder = make_holder(inspector)
    with poisoned(inspector, [holder.id]):
        wish = {"scope": "account", "waive_grace": True}
        api.client.post("/v1/me/erasure_requests", json=wish, headers=once(api.person(user_id=holder.id)))
        api.work()
    client, operator = api.key(Role.REQUESTER, controllers=("client:44",)), api.key(Role.OPERATOR)

    def also_in(headers: dict[str, str], controller: str, people: str) -> list[int]:
        query = {"controller": controller}
        answer = api.client.post("/v1/batches", params=query, content=people, headers=once(headers))
        return list(answer.json()["concurrent_batches"].values())

    ways = (f"email\n{holder.email}\n", f"phone\n{holder.phone}\n")
    assert [also_in(who, "client:44", one) for who in (client, operator) for one in ways] == [[]] * 4
    assert also_in(operator, "calltrack", ways[0]) == [1]


def test_a_data_type_that_was_made_up_is_not_repeated(api: ApiHarness) -> None:
    """It may be somebody's name or address. Which types there are stands in the remedy."""
    operator, controller = api.key(Role.OPERATOR), listed(api, 0, 1)[0]
    wish = {"controller": controller, "identifiers": {"caller_id": "1"}, "data_types": ["calls", "ann_secret"]}

    def planned(*types: str) -> Response:
        query = {"controller": controller, "data_type": list(types)}
        return api.client.post(URL, params=query, content="email\na@b.example\n", headers=once(operator))

    by_name = planned("calls", "ann_secret"), api.client.post("/v1/erasure_requests", json=wish, headers=once(operator))
    by_address = planned("calls", "ann.secret@mail.example")
    for refused, status in (*((one, 409) for one in by_name), (by_address, 422)):
        assert refused.status_code == status, refused.text
        assert "secret" not in refused.text
    assert by_address.json()["errors"][0]["at"] == "query.data_type.1"
    assert {one.json()["remedy"] for one in by_name} == {"Data types of client are calls, leads."}


def test_whoever_asked_cannot_approve(api: ApiHarness) -> None:
    """With the map's limit of people at 0, four eyes are the rule: see test_four_eyes."""
    operator, approver = api.key(Role.OPERATOR), api.key(Role.APPROVER)
    controller, text = listed(api, 5, 1)
    made = api.client.post(URL, params={"controller": controller}, content=text, headers=once(operator)).json()
    refused = api.client.post(f"{URL}/{made['id']}/approve", json={"digest": made["digest"]}, headers=operator)
    assert refused.status_code == 403
    waits = api.client.post(f"{URL}/{made['id']}/approve", json={"digest": made["digest"]}, headers=approver)
    assert (waits.status_code, waits.json()["type"].rsplit("/", 1)[1]) == (409, "not-possible-now")


def test_auditors_read_and_write_nothing(api: ApiHarness) -> None:
    auditor, operator = api.key(Role.AUDITOR), api.key(Role.OPERATOR)
    controller, text = listed(api, 6, 1)
    made = api.client.post(URL, params={"controller": controller}, content=text, headers=once(operator)).json()
    assert api.client.get(f"{URL}/{made['id']}/plan", headers=auditor).json()["digest"] == made["digest"]
    assert api.client.post(f"{URL}/{made['id']}/cancel", headers=auditor).status_code == 403
    api.at += timedelta(minutes=2)  # by then the minute's refusals are counted
    trail = api.client.get("/v1/audit_log", headers=auditor).json()["items"]
    assert [(one["action"], one["result"]) for one in trail[-2:]] == [
        ("batch.create", "done"),
        ("batch.cancel", "role-missing"),
    ]
    assert api.client.get("/v1/audit_log", headers=operator).status_code == 403


def test_holds_and_what_is_held(api: ApiHarness) -> None:
    operator = api.key(Role.OPERATOR)
    controller, _ = listed(api, 7, 1)
    caller = api.installation.calltrack.company.callers_of(int(controller.partition(":")[2]))[7]
    wish = {"people": [{"caller_id": str(caller)}], "ground": "Court order 4 C 17/26", "controller": controller}
    placed = api.client.post("/v1/legal_holds", json=wish, headers=operator)
    assert placed.status_code == 201, placed.text
    asked = {"controller": controller, "identifiers": {"caller_id": str(caller)}}
    made = api.client.post("/v1/erasure_requests", json=asked, headers=once(operator)).json()
    api.work()
    assert api.client.get(f"/v1/erasure_requests/{made['id']}", headers=operator).json()["state"] == "on-hold"
    assert api.client.post(f"/v1/legal_holds/{placed.json()['id']}/lift", headers=operator).status_code == 200
    api.work()
    assert api.client.get(f"/v1/erasure_requests/{made['id']}", headers=operator).json()["state"] == "erased"


def test_a_hold_of_nobody_is_refused(api: ApiHarness) -> None:
    """Whoever is told that people are held relies on it: of each there is something to know them by."""
    operator = api.key(Role.OPERATOR)
    somebody, nobody = {"caller_id": "1"}, dict[str, str]()
    for people in ([nobody], [somebody, nobody]):
        wish = {"people": people, "ground": "Court order 4 C 17/26"}
        refused = api.client.post("/v1/legal_holds", json=wish, headers=operator)
        assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "call-unusable")
        assert refused.json()["errors"] == [{"at": f"body.people.{len(people) - 1}", "error": "too_short"}]
    assert api.client.get("/v1/legal_holds", headers=operator).json()["items"] == []


def test_a_hold_on_a_member_in_another_spelling_is_refused(api: ApiHarness) -> None:
    """Nothing asks in that spelling, so it would keep nothing; a batch for it is refused in the same words."""
    operator, (controller, text) = api.key(Role.OPERATOR), listed(api, 7, 1)
    otherwise = controller.replace(":", ":0")
    batch = api.client.post(URL, params={"controller": otherwise}, content=text, headers=once(operator))
    hold = {"ground": "Court order 4 C 17/26", "controller": otherwise}
    refused = api.client.post("/v1/legal_holds", json=hold, headers=operator)
    assert (refused.status_code, refused.json()) == (batch.status_code, batch.json())
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "people-unusable")
    assert api.client.get("/v1/legal_holds", headers=operator).json()["items"] == []


def test_located(api: ApiHarness) -> None:
    controller, _ = listed(api, 8, 1)
    caller = api.installation.calltrack.company.callers_of(int(controller.partition(":")[2]))[8]
    sought = {"controller": controller, "identifiers": {"caller_id": str(caller)}}
    found = api.client.post("/v1/locate", json=sought, headers=api.key(Role.OPERATOR))
    assert found.status_code == 200, found.text
    assert found.json()["people"][0]["answer"] == "held"


def test_the_log_is_public(api: ApiHarness) -> None:
    trust = api.client.get("/v1/trust")
    assert trust.status_code == 200
    assert api.client.get("/v1/log/checkpoint").text.startswith("receipts.calltrack.example")
    assert api.client.get("/v1/log/tile/%2e%2e/checkpoint").status_code == 404
    assert api.client.get("/v1/log/tile/0/000/%2e%2e/%2e%2e/%2e%2e/%2e%2e/keys/wrapping.key").status_code in {404, 422}
    assert api.client.get("/healthz").text == "ok\n"
    assert "expunge_api_calls_total" in api.client.get("/metrics").text


def test_keys_by_an_administrator(api: ApiHarness) -> None:
    admin = api.key(Role.ADMIN)
    issued = api.client.post("/v1/api_keys", json={"roles": ["auditor"], "controllers": ["client"]}, headers=admin)
    assert issued.status_code == 201, issued.text
    secret = {"Authorization": f"Bearer {issued.json()['secret']}"}
    assert api.client.get("/v1/erasure_requests", headers=secret).status_code == 200
    assert api.client.post(f"/v1/api_keys/{issued.json()['id']}/revoke", headers=admin).status_code == 200
    assert api.client.get("/v1/erasure_requests", headers=secret).status_code == 401
    assert api.client.get("/v1/erasure_requests", headers=admin).status_code == 403


def test_when_the_people_of_a_list_asked(api: ApiHarness) -> None:
    """By the column, else by the parameter; the same call later answers with the same plan."""
    operator, (controller, text) = api.key(Role.OPERATOR), listed(api, 12, 2)
    first, second = api.at - timedelta(days=9), api.at - timedelta(days=20)
    header, *callers = text.split()
    content = f"{header},received_at\n{callers[0]},{first.isoformat()}\n{callers[1]},\n"
    query, headers = {"controller": controller, "received_at": second.isoformat()}, once(operator)
    made = api.client.post(URL, params=query, content=content, headers=headers)
    assert made.status_code == 201, made.text
    of_plan = sa.select(tables.item.c.received_at).join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
    with reading(api.installation.workspace.ledger) as connection:
        told = of_plan.where(tables.batch.c.uid == made.json()["id"]).order_by(tables.item.c.line)
        assert connection.scalars(told).all() == [stamp(first), stamp(second)]
    again = api.client.post(URL, params=query, content=content, headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    otherwise = api.client.post(
        URL, params=query | {"received_at": first.isoformat()}, content=content, headers=headers
    )
    assert (otherwise.status_code, otherwise.json()["type"].rsplit("/", 1)[1]) == (422, "idempotency-key-reused")


def test_a_time_at_which_nobody_can_have_asked_is_refused(api: ApiHarness) -> None:
    operator, (controller, text) = api.key(Role.OPERATOR), listed(api, 12, 1)
    for told, slug in (
        ((api.at + timedelta(seconds=1)).isoformat(), "received-later"),
        ("2001-02-03", "received-long-ago"),
        ("ann@mail.example", "call-unusable"),
        ("1" * 41, "call-unusable"),
    ):
        query = {"controller": controller, "received_at": told}
        refused = api.client.post(URL, params=query, content=text, headers=once(operator))
        assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, slug), refused.text
        assert told not in refused.text
    lines = text.replace("\n", ",received_at\n", 1).replace("\n", ",ann@mail.example\n")
    lines = lines.replace("received_at,ann@mail.example", "received_at")
    refused = api.client.post(URL, params={"controller": controller}, content=lines, headers=once(operator))
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "people-unusable"), refused.text
    assert "line 2, column received_at: is neither a day" in refused.text
    assert "ann@" not in refused.text
