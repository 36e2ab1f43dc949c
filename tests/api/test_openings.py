"""Openings: what binds a receipt to a person is given only to who names that person's identifiers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from httpx2 import Response
from tests.support.api import ApiHarness, bearer, once

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import audit

URL = "/v1/erasure_requests"


def finished(api: ApiHarness, client: int, number: int) -> tuple[str, dict[str, str]]:
    """A request that is carried out, and the identifiers that it was made with."""
    identifiers = {"caller_id": str(api.installation.calltrack.company.callers_of(client)[number])}
    wish = {"controller": f"client:{client}", "identifiers": identifiers}
    made = api.client.post(URL, json=wish, headers=once(api.key(Role.OPERATOR)))
    assert made.status_code == 201, made.text
    api.work()
    return made.json()["id"], identifiers


def openings(api: ApiHarness, headers: Mapping[str, str], request: str, identifiers: Mapping[str, str]) -> Response:
    given = {"identifiers": dict(identifiers)}
    return api.client.post(f"{URL}/{request}/openings", json=given, headers=dict(headers))


@pytest.mark.parametrize("how", ["key", "token"])
def test_with_another_persons_identifiers_there_is_nothing(api: ApiHarness, how: str) -> None:
    """One's own request, and somebody else's identifiers: answered as identifiers that nobody has."""
    mine, other = (one.id for one in api.installation.calltrack.company.clients[:2])
    request, own = finished(api, mine, 40)
    _, of_the_same_client = finished(api, mine, 41)
    theirs, of_another_client = finished(api, other, 40)
    controller = f"client:{mine}"
    headers = (
        api.key(Role.REQUESTER, controllers=(controller,))
        if how == "key"
        else api.staff("requester", controllers=controller)
    )
    nobodys = openings(api, headers, request, {"caller_id": "999999999"})
    assert nobodys.status_code == 422
    for others in (of_the_same_client, of_another_client):
        refused = openings(api, headers, request, others)
        assert (refused.status_code, refused.content) == (nobodys.status_code, nobodys.content)
    assert list(openings(api, headers, request, own).json()["openings"]) == ["caller_id"]
    # Beside one that fits, another that does not opens nothing.
    mixed = openings(api, headers, request, {**own, "email": "somebody@mail.example"})
    assert list(mixed.json()["openings"]) == ["caller_id"]
    # Another client's request is not there, whosever identifiers are named: its own ones, too.
    absent = openings(api, headers, f"rq_{'0' * 24}", own)
    assert absent.status_code == 404
    for named in (own, of_another_client):
        assert openings(api, headers, theirs, named).content == absent.content
    # What was refused is not in the audit trail as done.
    with reading(api.installation.workspace.ledger) as connection:
        told = sa.select(audit.c.target).where(audit.c.action == "opening.make")
        assert list(connection.scalars(told)) == [request, request]


def test_a_person_opens_what_their_own_identifiers_bind(api: ApiHarness) -> None:
    """With the follow-up code of one's own request and another person's identifiers; with a token that names both."""
    mine, other = api.installation.calltrack.take_holders(2)
    wish = {"scope": "information", "waive_grace": True}
    made = api.client.post("/v1/me/erasure_requests", json=wish, headers=once(api.person(user_id=mine))).json()
    api.client.post("/v1/me/erasure_requests", json=wish, headers=once(api.person(user_id=other)))
    api.work()

    def followed(user: int) -> Response:
        given = {"identifiers": {"user_id": str(user)}}
        return api.client.post(
            "/v1/follow_up/erasure_request/openings", json=given, headers=bearer(made["follow_up_token"])
        )

    assert list(followed(mine).json()["openings"]) == ["user_id"]
    nobodys = followed(999999999)
    assert nobodys.status_code == 422
    assert followed(other).content == nobodys.content
    at = f"/v1/me/erasure_requests/{made['id']}/openings"
    assert api.client.post(at, headers=api.person(user_id=other)).status_code == 404
    both = api.person(user_id=mine, email="somebody@mail.example")
    assert list(api.client.post(at, headers=both).json()["openings"]) == ["user_id"]
