"""Legal holds and API keys come in pages, as all lists; what others may not see takes no place in one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import ApiHarness

HOLDS, KEYS = "/v1/legal_holds", "/v1/api_keys"
ROLE = {HOLDS: "operator", KEYS: "admin"}


def fill(api: ApiHarness, path: str) -> tuple[str, list[str]]:
    """Six, by turns for two clients: the first client, and ids, the newest first."""
    controllers, made = [f"client:{one.id}" for one in api.installation.calltrack.company.clients[:2]], []
    for number in range(6):
        hold = {"controller": controllers[number % 2], "data_type": "calls", "ground": f"4 C {number}/26"}
        key = {"controllers": [controllers[number % 2]], "roles": ["auditor"]}
        answer = api.client.post(path, json=hold if path == HOLDS else key, headers=api.staff(ROLE[path]))
        assert answer.status_code == 201, answer.text
        made.insert(0, answer.json()["id"])
    return controllers[0], made


def pages(api: ApiHarness, path: str, headers: dict[str, str], **query: Any) -> list[list[str]]:
    """Ids, page by page."""
    found: list[list[str]] = []
    while not found or "cursor" in query:
        answer = api.client.get(path, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        found.append([one["id"] for one in answer.json()["items"]])
        query.pop("cursor", None)
        if answer.json()["next_cursor"] is not None:
            query["cursor"] = answer.json()["next_cursor"]
    return found


@pytest.mark.parametrize("path", [HOLDS, KEYS])
def test_pages_hold_everything_once_the_newest_first(api: ApiHarness, path: str) -> None:
    controller, made = fill(api, path)
    every, own = api.staff(ROLE[path]), api.staff(ROLE[path], controllers=controller)
    assert pages(api, path, every, limit=4) == [made[:4], made[4:]]
    assert pages(api, path, every, limit=3) == [made[:3], made[3:]], "no empty page stands at the end"
    assert pages(api, path, own, limit=2) == [[made[1], made[3]], [made[5]]]
    assert pages(api, path, own, limit=3) == [[made[1], made[3], made[5]]]
    assert pages(api, path, every) == [made]


@pytest.mark.parametrize("path", [HOLDS, KEYS])
def test_a_page_is_bounded(api: ApiHarness, path: str) -> None:
    headers = api.staff(ROLE[path])
    for query in ("limit=0", "limit=201", "limit=x", "limit=-1"):
        assert api.client.get(f"{path}?{query}", headers=headers).status_code == 422, query
    for cursor in ("x", "MA", "LTE", "MS4w", "\u0661", "a" * 30):
        answer = api.client.get(path, params={"cursor": cursor}, headers=headers)
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (400, "cursor-unusable"), cursor


def test_a_page_of_holds_is_filled_with_those_in_force(api: ApiHarness) -> None:
    """What is over takes no place in it."""
    operator, (_, made) = api.staff("operator"), fill(api, HOLDS)
    for uid in made[:2]:
        assert api.client.post(f"{HOLDS}/{uid}/lift", headers=operator).status_code == 200
        assert api.client.post(f"{HOLDS}/{uid}/lift", headers=operator).status_code == 409
    today = {"data_type": "calls", "ground": "x", "until": api.at.date().isoformat()}
    over = {**today, "until": (api.at.date() + timedelta(days=400)).isoformat()}
    new = [api.client.post(HOLDS, json=wish, headers=operator).json()["id"] for wish in (today, over)]
    assert pages(api, HOLDS, operator, limit=2) == [new[::-1], made[2:4], made[4:]]
    assert pages(api, HOLDS, operator, limit=4, include_ended=True) == [[*new[::-1], *made[:2]], made[2:]]
