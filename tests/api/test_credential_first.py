"""Of a call without an accepted credential no body is read: nobody else waits for its bytes, or for their parsing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Message, Receive
from tests.support.api import ApiHarness, open_api
from tests.support.installation import CompanyStack
from tests.support.opendsr import certificate_in

from expunge_orchestrator.api import middleware
from expunge_orchestrator.auth.principals import Role

CREDENTIALS = (b"", b"Bearer xk_0123456789ab_guess", b"Bearer eyJhbGciOiJub25lIn0.e30.", b"Basic QTpC")


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    with open_api(calltrack, tmp_path, api={"opendsr": certificate_in(tmp_path)}) as made:
        yield made


def asked(api: ApiHarness, method: str, path: str, credential: bytes) -> tuple[int, int]:
    """The status of the answer, and how often a part of the body was asked for."""
    reads = 0

    async def receive() -> Message:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"{", "more_body": False}

    return asyncio.run(status_of(api, method, path, credential, receive)), reads


async def status_of(api: ApiHarness, method: str, path: str, credential: bytes, receive: Receive) -> int:
    status = 0

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"1")]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [*headers, *([(b"authorization", credential)] if credential else [])],
        "client": ("192.0.2.1", 1),
        "server": ("x", 80),
        "scheme": "http",
        "state": {},
    }
    await api.client.app(scope, receive, send)
    return status


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_no_operation_reads_a_body_before_the_credential(api: ApiHarness, credential: bytes) -> None:
    operations = [
        (method.upper(), prefix + re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", path))
        for prefix in ("", "/opendsr/v2")
        for path, operations in api.client.get(f"{prefix}/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        if method == "post" or "requestBody" in operation
    ]
    assert len(operations) > 20
    told = {operation: asked(api, *operation, credential) for operation in operations}
    assert told == dict.fromkeys(operations, (401, 0))


@pytest.mark.parametrize("path", ["/v1/erasure_requests", "/v1/batches/bt_0/pause"])
def test_a_body_that_does_not_come_is_not_waited_for(
    api: ApiHarness, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Long before the time for the call itself is over."""
    monkeypatch.setattr(middleware, "BODY_COMES", 0.05, raising=False)

    async def never() -> Message:
        return await asyncio.Future()

    credential = api.key(Role.OPERATOR)["Authorization"].encode()

    async def calling() -> int:
        call = asyncio.create_task(status_of(api, "POST", path, credential, never))
        done, _ = await asyncio.wait({call}, timeout=10)
        assert done, "it is waited for"
        return await call

    assert asyncio.run(calling()) == 503
