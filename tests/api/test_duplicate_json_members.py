"""JSON that names a member twice is refused, whatever its Content-Type: of two people it would be the last one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.support.api import Door, once, opened_door
from tests.support.installation import Town

from expunge_orchestrator.api import call_context
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.auth.principals import Role

URL = "/v1/requests"

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


def said(door: Door, kind: str | None, body: str | bytes) -> tuple[int, str]:
    headers = once(door.key(Role.REQUESTER)) | ({} if kind is None else {"Content-Type": kind})
    answer = door.client.post(URL, content=body, headers=headers)
    return answer.status_code, answer.json().get("type", "").rsplit("/", 1)[-1]


def asked(door: Door) -> int:
    return len(door.client.get(URL, headers=door.key(Role.OPERATOR)).json()["items"])


@pytest.mark.parametrize("kind", READ)
def test_refused_under_every_name_of_json(door: Door, kind: str) -> None:
    client = door.office.town.company.clients[0].id
    for body in TWICE.values():
        assert said(door, kind, body % client) == (422, "call-unusable")
    assert asked(door) == 0
    once_only = json.dumps({"controller": f"client:{client}", "identifiers": {"caller_id": "1"}})
    assert said(door, kind, once_only)[0] == 201, "it is read where nothing is said twice"


@pytest.mark.parametrize("kind", NOT_READ)
def test_refused_where_it_is_not_called_json(door: Door, kind: str | None) -> None:
    """Also without any Content-Type; said once, too."""
    client = door.office.town.company.clients[0].id
    once_only = json.dumps({"controller": f"client:{client}", "identifiers": {"caller_id": "1"}})
    for body in (*(one % client for one in TWICE.values()), once_only):
        assert said(door, kind, body) == (422, "call-unusable")
    assert asked(door) == 0


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig"])
def test_refused_in_every_coding_that_is_read(door: Door, coding: str) -> None:
    client = door.office.town.company.clients[0].id
    for body in TWICE.values():
        assert said(door, "application/json", (body % client).encode(coding)) in {
            (422, "call-unusable"),
            (400, "call-unusable"),
        }
    assert asked(door) == 0


@pytest.mark.parametrize("depth", [1, 100, 900, 1000, 100_000])
def test_what_is_too_deep_to_be_looked_through_is_not_let_through(depth: int) -> None:
    """What reads it afterwards may stand a little less deep in the stack, and be able to."""
    body = b"[" * depth + b'{"a": 1, "a": 2}' + b"]" * depth
    with pytest.raises(ProblemError):
        call_context.reject_duplicate_members(body)


@pytest.mark.parametrize("kind", [None, "text/csv", "application/json"])
def test_a_list_is_read_as_a_list(door: Door, monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    """It is large, and as JSON it would be looked through for seconds."""
    monkeypatch.setattr(call_context, "reject_duplicate_members", lambda _body: pytest.fail("looked through"))
    headers = once(door.key(Role.OPERATOR)) | ({} if kind is None else {"Content-Type": kind})
    query = {"controller": f"client:{door.office.town.company.clients[0].id}"}
    answer = door.client.post("/v1/batches", params=query, content='{"a": 1, "a": 2}', headers=headers)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (422, "people-unusable")


@pytest.mark.parametrize(("size", "waits"), [(1000, True), (100_000, False)])
def test_nobody_waits_while_a_long_body_is_looked_through(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, *, waits: bool
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
    with opened_door(town, tmp_path, api={"max_body": 200_000}) as door:
        body = " " * size + TWICE["a person"] % door.office.town.company.clients[0].id
        assert said(door, "application/json", body) == (422, "call-unusable")
        assert asked(door) == 0
    assert waiting == [waits]
