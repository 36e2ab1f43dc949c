"""Two callers who made up the same Idempotency-Key do not meet."""

from __future__ import annotations

from tests.support.api import ACCOUNT, URL, ApiHarness

from expunge_orchestrator.auth.principals import Role

KEY = {"Idempotency-Key": "1"}


def test_two_persons(api: ApiHarness) -> None:
    one, other = api.installation.calltrack.take_holders(2)
    made = [
        api.client.post(URL, json=wish, headers={**api.person(user_id=holder), **KEY})
        for holder, wish in ((one, ACCOUNT), (other, ACCOUNT), (one, ACCOUNT))
    ]
    assert [answer.status_code for answer in made] == [201, 201, 200], [answer.text for answer in made]
    ids = [answer.json()["id"] for answer in made]
    assert ids[0] == ids[2] != ids[1]
    for holder, its in ((one, ids[0]), (other, ids[1])):
        found = api.client.get(URL, headers=api.person(user_id=holder)).json()
        assert [told["id"] for told in found] == [its]


def test_two_clients(api: ApiHarness) -> None:
    """Also with other wishes, which under one caller's key are refused."""
    clients = [one.id for one in api.installation.calltrack.company.clients[3:5]]
    keys = [api.key(Role.REQUESTER, controllers=(f"client:{client}",)) for client in clients]
    wishes = [
        {
            "controller": f"client:{client}",
            "identifiers": {"caller_id": str(api.installation.calltrack.company.callers_of(client)[0])},
        }
        for client in clients
    ]
    made = [
        api.client.post("/v1/erasure_requests", json=wishes[at], headers={**keys[at], **KEY}) for at in (0, 1, 0, 1)
    ]
    assert [answer.status_code for answer in made] == [201, 201, 200, 200], [answer.text for answer in made]
    ids = [answer.json()["id"] for answer in made]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    for key, its in zip(keys, ids, strict=False):
        assert [told["id"] for told in api.client.get("/v1/erasure_requests", headers=key).json()["items"]] == [its]
