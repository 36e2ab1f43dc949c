"""Restrictions over HTTP: placed for people, told, and lifted once these are informed (ADR 32)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.api import ApiHarness

from expunge_orchestrator.auth.principals import Role

URL = "/v1/legal_holds"
WISH: dict[str, Any] = {"people": [{"caller_id": "17"}], "ground": "ticket 4711", "restriction": "objection"}


def test_it_is_lifted_once_the_person_is_informed(api: ApiHarness) -> None:
    operator = api.key(Role.OPERATOR)
    placed = api.client.post(URL, json=WISH, headers=operator)
    assert placed.status_code == 201, placed.text
    told = placed.json()
    assert (told["kind"], told["informed_on"]) == ("restriction", None)
    assert told["ground"].startswith("Restriction of processing, GDPR Art. 18(1)(d): ")
    today = told["placed_at"][:10]
    for body in (None, {}, {"informed_on": "2020-01-01"}, {"informed_on": "2999-01-01"}):
        refused = api.client.post(f"{URL}/{told['id']}/lift", json=body, headers=operator)
        assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "not-informed"), body
    lifted = api.client.post(f"{URL}/{told['id']}/lift", json={"informed_on": today}, headers=operator)
    assert lifted.status_code == 200, lifted.text
    assert lifted.json()["informed_on"] == today
    again = api.client.post(f"{URL}/{told['id']}/lift", json={"informed_on": today}, headers=operator)
    assert again.status_code == 409


@pytest.mark.parametrize(
    "more", [{"people": []}, {"until": "2999-01-01"}, {"undisclosed": True}, {"kind": "exemption"}]
)
def test_what_is_no_restriction_is_refused(api: ApiHarness, more: dict[str, Any]) -> None:
    operator = api.key(Role.OPERATOR)
    wish = {**WISH, "controller": "client:42", **more}
    refused = api.client.post(URL, json=wish, headers=operator)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "restriction-unusable")
    assert api.client.get(URL, headers=operator).json()["items"] == []
