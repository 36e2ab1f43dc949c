"""A person's second wish while one is open: the same one is answered with what is there, another one is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import Response
from tests.support.api import ACCOUNT, URL, ApiHarness, once
from tests.support.concurrent_calls import at_once, posting

from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import repeat, request

INFORMATION = {"scope": "information"}
AT_ONCE = {**ACCOUNT, "waive_grace": True}


def ask(api: ApiHarness, wish: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    return api.client.post(URL, json=dict(wish), headers=dict(headers))


def refused(answer: Response) -> bool:
    return answer.status_code == 409 and str(answer.json()["type"]).endswith("/another-request-open")


def rows(api: ApiHarness, table: sa.Table) -> int:
    with reading(api.installation.workspace.ledger) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize(("open_one", "other"), [(INFORMATION, ACCOUNT), (ACCOUNT, INFORMATION), (ACCOUNT, AT_ONCE)])
def test_another_wish_is_refused_and_its_key_is_free(
    api: ApiHarness, open_one: dict[str, Any], other: dict[str, Any]
) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    made = ask(api, open_one, once(api.person(user_id=holder))).json()
    headers = once(api.person(user_id=holder))
    answer = ask(api, other, headers)
    assert refused(answer), answer.text
    assert made["id"] in answer.json()["remedy"]
    assert (rows(api, request), rows(api, repeat)) == (1, 1)
    # The token is used up: by this call, which may be repeated, and no other.
    assert refused(ask(api, other, headers))
    assert api.client.get(URL, headers={"Authorization": headers["Authorization"]}).status_code == 401
    # Taken back, it does not stand in the way, and the key is as good as new.
    undone = api.client.post(f"{URL}/{made['id']}/cancel", headers=api.person(user_id=holder))
    assert undone.status_code == 200
    again = ask(api, other, {**headers, **api.person(user_id=holder)})
    assert (again.status_code, again.json()["scope"]) == (201, other["scope"])


def test_what_was_made_under_a_key_is_told_whatever_is_open(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    first = once(api.person(user_id=holder))
    made = ask(api, INFORMATION, first).json()["id"]
    api.client.post(f"{URL}/{made}/cancel", headers=api.person(user_id=holder))
    assert ask(api, ACCOUNT, once(api.person(user_id=holder))).status_code == 201
    repeated = ask(api, INFORMATION, {**first, **api.person(user_id=holder)})
    assert (repeated.status_code, repeated.json()["id"], repeated.json()["state"]) == (200, made, "cancelled")
    reused = ask(api, AT_ONCE, {**first, **api.person(user_id=holder)})
    assert (reused.status_code, reused.json()["type"].rsplit("/", 1)[1]) == (422, "idempotency-key-reused")


def test_an_identifier_that_the_open_one_does_not_have(api: ApiHarness) -> None:
    """It would be looked for by nobody. One that is left away is covered."""
    (holder,) = api.installation.calltrack.take_holders()
    email = api.installation.calltrack.company.holder(holder).user.email
    made = ask(api, ACCOUNT, once(api.person(user_id=holder, email=email))).json()["id"]
    fewer = ask(api, ACCOUNT, once(api.person(user_id=holder)))
    assert (fewer.status_code, fewer.json()["id"]) == (200, made)
    assert refused(ask(api, ACCOUNT, once(api.person(user_id=holder, email="new@mail.example"))))


def test_two_wishes_at_once(api: ApiHarness) -> None:
    """One is taken in, whichever it is; those that are the same are answered with it, the others are refused."""
    (holder,) = api.installation.calltrack.take_holders()
    wishes = [ACCOUNT, INFORMATION] * 3
    jobs = [posting(api, URL, once(api.person(user_id=holder)), wish) for wish in wishes]
    answers = at_once(*jobs)
    assert sorted(one.status_code for one in answers) == [200, 200, 201, 409, 409, 409], [one.text for one in answers]
    won = next(one.json() for one in answers if one.status_code == 201)
    for wish, answer in zip(wishes, answers, strict=True):
        if wish["scope"] == won["scope"]:
            assert answer.json()["id"] == won["id"]
        else:
            assert refused(answer), answer.text
    assert rows(api, request) == 1


def test_the_document_names_it(api: ApiHarness) -> None:
    told = api.client.get("/openapi.json").json()["paths"][URL]["post"]["responses"]["409"]
    assert "another-request-open" in told["description"]
    assert "application/problem+json" in told["content"]
