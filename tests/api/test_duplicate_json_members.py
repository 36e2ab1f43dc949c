"""JSON that names a member twice is refused, whatever its Content-Type: of two people it would be the last one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.support.api import ApiHarness, once, open_api
from tests.support.installation import CompanyStack

from expunge_orchestrator.api import call_context
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.auth.principals import Role

URL = "/v1/erasure_requests"

READ = (
    "application/json",
    "application/JSON",
    "APPLICATION/JSON",
    "Application/Json; charset=utf-8",
    "application/json;",
    "application/JSON; boundary=x, text/plain",
    "application/problem+json",
    "application/x+JSON",
)
"""What FastAPI reads as JSON."""

NOT_READ = (None, "", "text/plain", "text/json", "application/jsonx", "application/octet-stream")

TWICE = {
    "a member": '{"controller": "client:%d", "controller": "client:0", "identifiers": {"caller_id": "1"}}',
    "a person": '{"controller": "client:%d", "identifiers": {"caller_id": "1", "caller_id": "2"}}',
    "a person, said differently": '{"controller": "client:%d", "identifiers": {"email": "1", "em\\u0061il": "2"}}',
}


def said(api: ApiHarness, kind: str | None, body: str | bytes) -> tuple[int, str]:
    headers = once(api.key(Role.REQUESTER)) | ({} if kind is None else {"Content-Type": kind})
    answer = api.client.post(URL, content=body, headers=headers)
    return answer.status_code, answer.json().get("type", "").rsplit("/", 1)[-1]


def asked(api: ApiHarness) -> int:
    return len(api.client.get(URL, headers=api.key(Role.OPERATOR)).json()["items"])


@pytest.mark.parametrize("kind", READ)
def test_refused_under_every_name_of_json(api: ApiHarness, kind: str) -> None:
    client = api.installation.calltrack.company.clients[0].id
    for body in TWICE.values():
        assert said(api, kind, body % client) == (422, "call-unusable")
    assert asked(api) == 0
    once_only = json.dumps({"controller": f"client:{client}", "identifiers": {"caller_id": "1"}})
    assert said(api, kind, once_only)[0] == 201, "it is read where nothing is said twice"


@pytest.mark.parametrize("kind", NOT_READ)
def test_refused_where_it_is_not_called_json(api: ApiHarness, kind: str | None) -> None:
    """Also without any Content-Type; said once, too."""
    client = api.installation.calltrack.company.clients[0].id
    once_only = json.dumps({"controller": f"client:{client}", "identifiers": {"caller_id": "1"}})
    for body in (*(one % client for one in TWICE.values()), once_only):
        assert said(api, kind, body) == (422, "call-unusable")
    assert asked(api) == 0


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig"])
def test_refused_in_every_coding_that_is_read(api: ApiHarness, coding: str) -> None:
    client = api.installation.calltrack.company.clients[0].id
    for body in TWICE.values():
        assert said(api, "application/json", (body % client).encode(coding)) == (422, "call-unusable")
    assert asked(api) == 0


@pytest.mark.parametrize(
    "body",
    [b"[" * 990 + b"]" * 990, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"9" * 6000, b'"\xff"', b"{", b"", b"NaN", b"null"],
    ids=["deep", "deeper", "a number of 6,000 digits", "not UTF-8", "half", "empty", "NaN", "null"],
)
def test_what_cannot_be_read_is_call_unusable_whatever_is_wrong_with_it(api: ApiHarness, body: bytes) -> None:
    """Some of it FastAPI answers by itself, with 400."""
    assert said(api, "application/json", body) == (422, "call-unusable")
    assert asked(api) == 0


@pytest.mark.parametrize("depth", [1, 100, 900, 1000, 100_000])
def test_what_is_too_deep_to_be_looked_through_is_not_let_through(depth: int) -> None:
    """What reads it afterwards may stand a little less deep in the stack, and be able to."""
    body = b"[" * depth + b'{"a": 1, "a": 2}' + b"]" * depth
    with pytest.raises(ProblemError):
        call_context.reject_duplicate_members(body)


@pytest.mark.parametrize("kind", [None, "text/csv", "application/json"])
def test_a_list_is_read_as_a_list(api: ApiHarness, monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    """It is large, and as JSON it would be looked through for seconds."""
    monkeypatch.setattr(call_context, "reject_duplicate_members", lambda _body: pytest.fail("looked through"))
    headers = once(api.key(Role.OPERATOR)) | ({} if kind is None else {"Content-Type": kind})
    query = {"controller": f"client:{api.installation.calltrack.company.clients[0].id}"}
    answer = api.client.post("/v1/batches", params=query, content='{"a": 1, "a": 2}', headers=headers)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (422, "people-unusable")


@pytest.mark.parametrize(("size", "waits"), [(1000, True), (100_000, False)])
def test_nobody_waits_while_a_long_body_is_looked_through(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, *, waits: bool
) -> None:
    look, waiting = call_context.reject_duplicate_members, []

    def looking(body: bytes) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            waiting.append(False)
        else:
            waiting.append(True)
        look(body)

    monkeypatch.setattr(call_context, "reject_duplicate_members", looking)
    with open_api(calltrack, tmp_path, api={"max_body": 200_000}) as api:
        body = " " * size + TWICE["a person"] % api.installation.calltrack.company.clients[0].id
        assert said(api, "application/json", body) == (422, "call-unusable")
        assert asked(api) == 0
    assert waiting == [waits]
