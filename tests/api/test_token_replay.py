"""A person's token is used up by a call that is refused, too: what was written is rolled back, the use is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import ACCOUNT, GRACE, URL, ApiHarness, once, open_api
from tests.support.installation import CompanyStack

from expunge_orchestrator.ledger import token_uses

REFUSED: dict[str, tuple[str, str, dict[str, Any] | None, int]] = {
    "no such scope": ("POST", URL, {"scope": "nothing"}, 422),
    "a member that is not known": ("POST", URL, {**ACCOUNT, "user_id": 1}, 422),
    "not there": ("POST", f"{URL}/rq_{'0' * 24}/cancel", None, 404),
    "not a person's": (
        "POST",
        "/v1/erasure_requests",
        {"controller": "calltrack", "identifiers": {"user_id": "1"}},
        403,
    ),
    "not a person's to read": ("GET", "/v1/erasure_requests", None, 403),
}


def slug(answer: Any) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).rsplit("/", 1)[1]


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_call_uses_the_token_up(api: ApiHarness, name: str) -> None:
    method, path, body, status = REFUSED[name]
    (holder,) = api.installation.calltrack.take_holders()
    headers = once(api.person(user_id=holder))
    refused = api.client.request(method, path, json=body, headers=headers)
    assert refused.status_code == status, refused.text
    again = api.client.request(method, path, json=body, headers=headers)
    assert slug(again) == slug(refused), "the same call again is the same call"
    other = api.client.post(URL, json=ACCOUNT, headers=headers)
    assert slug(other) == (401, "token-replayed")
    assert api.client.get(URL, headers=api.person(user_id=holder)).json() == []


def test_too_late_to_undo(api: ApiHarness) -> None:
    """Refused in the transaction that would have written."""
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder))).json()
    api.at += GRACE + timedelta(minutes=1)
    api.work()
    token = api.person(user_id=holder)
    late = api.client.post(f"{URL}/{made['id']}/cancel", headers=token)
    assert slug(late) == (409, "too-late")
    assert slug(api.client.get(URL, headers=token)) == (401, "token-replayed")


def test_a_key_that_was_left_away(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    token = api.person(user_id=holder)
    assert slug(api.client.post(URL, json=ACCOUNT, headers=token)) == (400, "idempotency-key-missing")
    assert slug(api.client.post(URL, json=ACCOUNT, headers=once(token))) == (401, "token-replayed")


def test_a_used_token_stays_used_when_the_clock_is_set_back(api: ApiHarness) -> None:
    """The clock was ahead: what had run out by it was forgotten, and by the right one is good once more."""
    (holder,) = api.installation.calltrack.take_holders()
    used, fresh = api.person(user_id=holder), api.person(user_id=holder)
    assert api.client.post(URL, json=ACCOUNT, headers=once(used)).status_code == 201
    ledger = api.installation.workspace.ledger
    with ledger.begin() as connection:
        assert token_uses.forget_expired(connection, api.at + timedelta(hours=1)) == 1
    # Set right again, nobody can tell a used token of that time from a fresh one: none of them is good.
    for token in (used, fresh):
        assert slug(api.client.get(URL, headers=token)) == (401, "token-replayed")
    with ledger.begin() as connection:
        assert token_uses.forget_expired(connection, api.at + timedelta(hours=2)) == 0
    assert slug(api.client.get(URL, headers=used)) == (401, "token-replayed")
    api.at += timedelta(minutes=1)
    assert api.client.get(URL, headers=api.person(user_id=holder)).status_code == 200


def test_a_call_beyond_the_limit_uses_nothing_up(calltrack: CompanyStack, tmp_path: Path) -> None:
    """It was not looked at: after a while the same token is good for whatever call it was signed for."""
    with open_api(calltrack, tmp_path, api={"calls_per_minute": 1}) as api:
        (holder,) = api.installation.calltrack.take_holders()
        assert api.client.get(URL, headers=api.person(user_id=holder)).status_code == 200
        token = api.person(user_id=holder)
        statuses = [api.client.post(URL, json=ACCOUNT, headers=once(token)).status_code for _ in range(3)]
        assert 401 not in statuses
        assert 429 in statuses
