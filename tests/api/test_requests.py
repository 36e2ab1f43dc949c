"""Requests of controllers: only their own, once, with the receipt at the end."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from tests.support.api import ApiHarness, bearer, once, open_api, signed_by_hand
from tests.support.installation import CompanyStack

from expunge_orchestrator.auth.principals import Role

URL = "/v1/erasure_requests"


def wish(api: ApiHarness, client: int, at: int = 0) -> dict[str, object]:
    return {
        "controller": f"client:{client}",
        "identifiers": {"caller_id": str(api.installation.calltrack.company.callers_of(client)[at])},
    }


def test_from_request_to_receipt(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[1].id
    key = api.key(Role.REQUESTER, controllers=(f"client:{client}",))
    made = api.client.post(URL, json=wish(api, client), headers=once(key))
    assert made.status_code == 201, made.text
    at = f"{URL}/{made.json()['id']}"
    assert api.client.get(f"{at}/receipt", headers=key).json()["type"].endswith("/no-receipt")
    api.work()
    told = api.client.get(at, headers=key).json()
    assert told["state"] == "erased", told
    receipt = api.client.get(f"{at}/receipt", headers=key)
    assert receipt.status_code == 200
    assert told["receipt_id"] in receipt.text
    shown = api.client.get(f"{at}/receipt", headers={**key, "Accept": "text/html"})
    assert shown.text.startswith("<!doctype html>")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    openings = api.client.post(f"{at}/openings", json={"identifiers": wish(api, client)["identifiers"]}, headers=key)
    assert list(openings.json()["openings"]) == ["caller_id"]
    batch = api.client.get(f"/v1/batches/{told['batch_id']}", headers=key).json()
    assert batch["outcomes"] == {"erased": 1}


def test_another_clients_is_not_there(api: ApiHarness) -> None:
    mine, other = (one.id for one in api.installation.calltrack.company.clients[:2])
    key = api.key(Role.REQUESTER, controllers=(f"client:{mine}",))
    refused = api.client.post(URL, json=wish(api, other), headers=once(key))
    assert refused.status_code == 404
    theirs = api.client.post(URL, json=wish(api, other, 3), headers=once(api.key(Role.REQUESTER))).json()
    for path in ("", "/receipt"):
        assert api.client.get(f"{URL}/{theirs['id']}{path}", headers=key).status_code == 404
    assert api.client.post(f"{URL}/{theirs['id']}/cancel", headers=key).status_code == 404
    assert api.client.get(URL, headers=key).json()["items"] == []


def test_a_key_twice_for_two_wishes(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[0].id
    headers = once(api.key(Role.REQUESTER))
    first = api.client.post(URL, json=wish(api, client, 5), headers=headers)
    again = api.client.post(URL, json=wish(api, client, 5), headers=headers)
    other = api.client.post(URL, json=wish(api, client, 6), headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["type"].endswith("/idempotency-key-reused")


def test_lists_go_on_where_they_stopped(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[0].id
    key = api.key(Role.REQUESTER)
    made = [api.client.post(URL, json=wish(api, client, n), headers=once(key)).json()["id"] for n in range(7, 12)]
    seen, cursor = [], None
    while True:
        page = api.client.get(URL, params={"limit": 2, **({"cursor": cursor} if cursor else {})}, headers=key).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_denied(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[0].id
    made = api.client.post(URL, json=wish(api, client, 12), headers=once(api.key(Role.REQUESTER))).json()
    operator = api.key(Role.OPERATOR)
    denied = api.client.post(f"{URL}/{made['id']}/deny", json={"reason": "identity-not-proven"}, headers=operator)
    assert (denied.json()["state"], denied.json()["reason"]) == ("denied", "identity-not-proven")
    api.work()
    assert api.client.get(f"{URL}/{made['id']}", headers=operator).json()["batch_id"] is None
    assert api.client.post(f"{URL}/{made['id']}/cancel", headers=operator).status_code == 409


def test_no_identifier_comes_back(api: ApiHarness) -> None:
    told = {"controller": "client:42", "identifiers": {"no-such": "ann.secret@mail.example", "phone": "ann.secret"}}
    refused = api.client.post(URL, json=told, headers=once(api.key(Role.REQUESTER)))
    assert refused.status_code == 422
    assert "secret" not in refused.text
    strange = {
        "controller": "client:42",
        "ann.secret@mail.example": "x",
        "identifiers": {"ann.secret@mail.example": "x"},
    }
    refused = api.client.post(URL, json=strange, headers=once(api.key(Role.REQUESTER)))
    assert (refused.status_code, "secret" in refused.text) == (422, False), refused.text
    assert json.loads(refused.text)["errors"]


def test_what_no_receipt_can_state_is_refused(calltrack: CompanyStack, tmp_path: Path) -> None:
    """Where the map's normaliser keeps every character; by a body and by a token, as by a list."""
    text = (files("expunge_demo.calltrack") / "datamap.yaml").read_text()
    (tmp_path / "map.yaml").write_text(text.replace("normaliser: email/2", "normaliser: exact/1"))
    with open_api(calltrack, tmp_path / "home", data_map=tmp_path / "map.yaml") as api:
        operator = {**api.key(Role.OPERATOR), "Content-Type": "application/json"}
        for value in (" secret", "secret\u2003", "secre\u0301t", "\ud800secret"):
            asked = json.dumps({"controller": "client:42", "identifiers": {"email": value}})
            answers = [api.client.post(one, content=asked, headers=once(operator)) for one in (URL, "/v1/locate")]
            claims = api.claims(user_id="1", email=value)
            token = signed_by_hand({"alg": "ES256", "kid": api.app.key.kid}, claims, api.app.key)
            answers.append(api.client.get("/v1/me/erasure_requests", headers=bearer(token)))
            assert [one.status_code for one in answers] == [422, 422, 401], [one.text for one in answers]
            assert not [one for one in answers if "secre" in one.text]
        assert api.client.get(URL, headers=operator).json()["items"] == []


def test_some_data_types_only(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[1].id
    key = once(api.key(Role.REQUESTER))
    unknown = api.client.post(URL, json={**wish(api, client, 20), "data_types": ["invoices"]}, headers=key)
    assert (unknown.status_code, unknown.json()["type"].rsplit("/", 1)[1]) == (409, "not-possible-now")
    made = api.client.post(URL, json={**wish(api, client, 20), "data_types": ["calls", "leads"]}, headers=key)
    assert (made.status_code, made.json()["data_types"]) == (201, None), "all of them is no limit"
    part = {**wish(api, client, 21), "data_types": ["leads"]}
    alone = api.client.post(URL, json=part, headers=once(api.key(Role.REQUESTER)))
    assert alone.status_code == 409
    assert "cannot be erased alone" in alone.json()["detail"]
    assert len(api.client.get(URL, headers=api.key(Role.AUDITOR)).json()["items"]) == 1
