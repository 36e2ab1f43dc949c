"""Deadlines of requests: both clocks from the first answer on, extended once, found by who has to answer in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.api import ApiHarness, once
from tests.support.holds import key, lift, place

from expunge_orchestrator import deadlines
from expunge_orchestrator.api import metrics
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.json_views import snake_case
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import statement as statements
from expunge_reports import trust
from expunge_reports.verify import verifier

URL = "/v1/erasure_requests"
_TAKEN = iter(range(40, 400))


def ask(api: ApiHarness, **members: object) -> dict[str, Any]:
    client = api.installation.calltrack.company.clients[0].id
    caller = api.installation.calltrack.company.callers_of(client)[next(_TAKEN)]
    wish = {"controller": f"client:{client}", "identifiers": {"caller_id": str(caller)}, **members}
    made = api.client.post(URL, json=wish, headers=once(api.key(Role.REQUESTER)))
    assert made.status_code == 201, made.text
    told: dict[str, Any] = made.json()
    return told


def test_both_clocks_stand_in_the_first_answer(api: ApiHarness) -> None:
    earlier = api.at - timedelta(days=20)
    told = ask(api, controller_received_at=earlier.isoformat())
    spec = api.installation.workspace.data_map.controllers["client"].deadline
    assert spec is not None
    assert told["deadlines"] == snake_case(deadlines.document(deadlines.calculate(spec, api.at, earlier)))
    assert (told["deadlines"]["first"], told["answer_by"]) == ("statute", told["deadlines"]["answer_by"])
    assert told["deadlines"]["warning"].startswith("The statutory clock ends on ")


def test_who_was_promised_nothing_has_none(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    wish = {"scope": "account"}
    told = api.client.post("/v1/me/erasure_requests", json=wish, headers=once(api.person(user_id=holder))).json()
    assert (told["deadlines"], told["answer_by"]) == (None, None)


def test_extended_once_and_it_stands_on_the_receipt(api: ApiHarness) -> None:
    told = ask(api, controller_received_at=(api.at - timedelta(days=3)).isoformat())
    at, operator = f"{URL}/{told['id']}", api.key(Role.OPERATOR)
    api.at += timedelta(days=2)
    longer = api.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=operator)
    assert longer.status_code == 200, longer.text
    law = next(one for one in longer.json()["deadlines"]["clocks"] if one["clock"] == "statute")
    assert law["extension"]["reason"] == "The complexity of the request"
    assert law["extended_to"] > law["due_at"]
    assert longer.json()["deadlines"]["first"] == "promise"
    again = api.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=operator)
    assert (again.status_code, slug(again)) == (409, "extension-refused")
    api.work()
    page = api.client.get(f"{at}/receipt", headers={**operator, "Accept": "text/html"}).text
    assert "The complexity of the request" in page
    answered = api.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=operator)
    assert (answered.status_code, slug(answered)) == (409, "already-over")
    trail = api.client.get("/v1/audit_log", headers=api.staff("auditor")).json()["items"]
    assert [one["target"] for one in trail if one["action"] == "erasure_request.extend"] == [told["id"]]


def test_an_extension_of_a_request_that_waits_is_stated_at_once(api: ApiHarness) -> None:
    """Or whoever reads `accepted` would call the request late on the day that no longer counts."""
    client = api.installation.calltrack.company.clients[0].id
    caller = str(api.installation.calltrack.company.callers_of(client)[next(_TAKEN)])
    placed = place(api.installation, [key("caller_id", caller)])
    wish = {"controller": f"client:{client}", "identifiers": {"caller_id": caller}}
    told = api.client.post(URL, json=wish, headers=once(api.key(Role.REQUESTER))).json()
    at, operator = f"{URL}/{told['id']}", api.key(Role.OPERATOR)
    api.at += timedelta(days=1)
    api.work()
    longer = api.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=operator)
    assert longer.status_code == 200, longer.text
    api.work()
    data = api.client.get(f"{at}/receipt", headers=operator).content
    pinned = trust.parse(receipt_export.trust_file(api.installation.workspace))
    until = datetime.fromisoformat(longer.json()["answer_by"])
    assert until > datetime.fromisoformat(told["answer_by"])
    verdicts = [verifier.verify(data, pinned, [], until + timedelta(seconds=one)) for one in (0, 1)]
    assert (verdicts[0].contradictions, verdicts[0].authentic) == ((), True)
    assert [one.event for one in verdicts[0].statements] == ["accepted", "on-hold", "extended"]
    copies = verdicts[0].statements[1].open.copies  # what was erased before the hold is in them
    assert copies.count > 0
    assert verdicts[0].statements[-1].open == statements.Open(1, until, copies)
    assert [one.overdue_since for one in verdicts] == [None, until]
    lift(api.installation, placed)


def test_a_promise_is_moved_to_a_business_day_and_not_beyond_the_law(api: ApiHarness) -> None:
    api.at = datetime(2026, 11, 2, 9, tzinfo=UTC)  # 30 business days: 2026-12-14; a month: 2026-12-02
    at = f"{URL}/{ask(api)['id']}/extend"
    key = api.key(Role.REQUESTER)

    def asked(**members: str) -> Any:
        return api.client.post(at, json={"reason": "number-of-requests", **members}, headers=key)

    assert slug(asked(clock="promise", until="2026-12-15")) == "extension-refused"  # the law ends before
    assert slug(asked(clock="promise")) == "extension-refused"
    assert slug(asked(until="2026-12-15")) == "extension-refused"
    assert asked().status_code == 200
    assert slug(asked(clock="promise", until="2026-12-25")) == "extension-refused"
    moved = asked(clock="promise", until="2026-12-28")
    assert moved.status_code == 200, moved.text
    assert moved.json()["deadlines"]["clocks"][0]["extension"]["last_day"] == "2026-12-28"


def test_what_is_over_is_not_extended(api: ApiHarness) -> None:
    told = ask(api)
    api.at += timedelta(days=40)
    late = api.client.post(f"{URL}/{told['id']}/extend", json={"reason": "complexity"}, headers=api.staff("operator"))
    assert (late.status_code, slug(late)) == (409, "extension-refused")


def test_who_may_not_extend(api: ApiHarness) -> None:
    told, other = ask(api), api.installation.calltrack.company.clients[1].id
    body = {"reason": "complexity"}
    for headers, status in (
        (api.staff("auditor"), 403),
        (api.key(Role.REQUESTER, controllers=(f"client:{other}",)), 404),
    ):
        refused = api.client.post(f"{URL}/{told['id']}/extend", json=body, headers=headers)
        assert refused.status_code == status


def test_what_must_be_answered_soon_is_found_and_counted(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "GOOD_FOR", 0.0)
    soon, late = ask(api, controller_received_at=(api.at - timedelta(days=28)).isoformat()), ask(api)
    operator = api.key(Role.OPERATOR)

    def due(before: datetime) -> list[str]:
        listed = api.client.get(URL, params={"due_before": before.isoformat()}, headers=operator)
        assert listed.status_code == 200, listed.text
        return [one["id"] for one in listed.json()["items"]]

    assert due(api.at + timedelta(days=7)) == [soon["id"]]
    assert due(api.at + timedelta(days=70)) == [late["id"], soon["id"]]
    api.at += timedelta(days=10)
    numbers = api.client.get("/metrics").text
    assert 'expunge_requests_due{when="overdue"} 1.0' in numbers
    assert 'expunge_requests_due{when="within-3-days"} 1.0' in numbers
    api.work()
    assert due(api.at + timedelta(days=70)) == []
    assert 'expunge_requests_due{when="overdue"} 0.0' in api.client.get("/metrics").text


def test_the_earliest_deadline_is_begun_first(api: ApiHarness) -> None:
    late, soon = ask(api), ask(api, controller_received_at=(api.at - timedelta(days=9)).isoformat())
    api.work()
    batches = api.client.get("/v1/batches", headers=api.staff("operator")).json()["items"]  # the newest first
    begun = {api.client.get(f"{URL}/{one['id']}", headers=api.staff("operator")).json()["batch_id"]: one["id"]
             for one in (late, soon)}  # fmt: skip
    assert [begun[one["id"]] for one in batches] == [late["id"], soon["id"]]


def test_how_the_person_was_identified_stands_on_the_receipt(api: ApiHarness) -> None:
    evidence = {"kind": "callback", "checked_at": "2026-11-20T10:00:00+01:00", "reference": "T-2026-118"}
    told = ask(api, evidence=evidence)
    api.work()
    at, operator = f"{URL}/{told['id']}/receipt", api.staff("operator")
    page = api.client.get(at, headers={**operator, "Accept": "text/html"}).text
    assert "Called back at a known number or address" in page
    assert "2026-11-20 09:00:00 UTC" in page
    assert "T-2026-118" in page
    (holder,) = api.installation.calltrack.take_holders()
    wish = {"scope": "account", "waive_grace": True}
    own = api.client.post("/v1/me/erasure_requests", json=wish, headers=once(api.person(user_id=holder))).json()
    api.work()
    page = api.client.get(f"{URL}/{own['id']}/receipt", headers={**operator, "Accept": "text/html"}).text
    assert "Signed in to the account" in page


def test_nobody_was_identified_in_the_future(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[0].id
    wish = {"controller": f"client:{client}", "identifiers": {"caller_id": "1"}}
    for seconds, status in ((1, 422), (0, 201)):
        checked = {"kind": "callback", "checked_at": (api.at + timedelta(seconds=seconds)).isoformat()}
        told = api.client.post(URL, json=wish | {"evidence": checked}, headers=once(api.key(Role.REQUESTER)))
        assert told.status_code == status, told.text
        assert (told.json().get("type", "").rpartition("/")[2] == "checked-later") == (status == 422)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "1999-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_instants_beyond_every_calendar_are_refused(api: ApiHarness, moment: str) -> None:
    client = api.installation.calltrack.company.clients[0].id
    wish = {"controller": f"client:{client}", "identifiers": {"caller_id": "1"}, "controller_received_at": moment}
    assert api.client.post(URL, json=wish, headers=once(api.key(Role.REQUESTER))).status_code == 422


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).rsplit("/", 1)[1]
