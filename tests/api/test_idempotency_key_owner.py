"""Two callers who made up the same Idempotency-Key do not meet."""

from __future__ import annotations

from tests.support.api import ACCOUNT, URL, Door

from expunge_orchestrator.auth.principals import Role

KEY = {"Idempotency-Key": "1"}


def test_two_persons(door: Door) -> None:
    one, other = door.office.town.take_holders(2)
    made = [
        door.client.post(URL, json=wish, headers={**door.person(user_id=holder), **KEY})
        for holder, wish in ((one, ACCOUNT), (other, ACCOUNT), (one, ACCOUNT))
    ]
    assert [answer.status_code for answer in made] == [201, 201, 200], [answer.text for answer in made]
    ids = [answer.json()["id"] for answer in made]
    assert ids[0] == ids[2] != ids[1]
    for holder, its in ((one, ids[0]), (other, ids[1])):
        found = door.client.get(URL, headers=door.person(user_id=holder)).json()
        assert [told["id"] for told in found] == [its]


def test_two_clients(door: Door) -> None:
    """Also with other wishes, which under one caller's key are refused."""
    clients = [one.id for one in door.office.town.company.clients[3:5]]
    keys = [door.key(Role.REQUESTER, controllers=(f"client:{client}",)) for client in clients]
    wishes = [
        {
            "controller": f"client:{client}",
            "identifiers": {"caller_id": str(door.office.town.company.callers_of(client)[0])},
        }
        for client in clients
    ]
    made = [door.client.post("/v1/requests", json=wishes[at], headers={**keys[at], **KEY}) for at in (0, 1, 0, 1)]
    assert [answer.status_code for answer in made] == [201, 201, 200, 200], [answer.text for answer in made]
    ids = [answer.json()["id"] for answer in made]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    for key, its in zip(keys, ids, strict=False):
        assert [told["id"] for told in door.client.get("/v1/requests", headers=key).json()["items"]] == [its]
